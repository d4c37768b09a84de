"""The model of what is promised of the infrastructure repository and of machines: paths, words, addresses. Patterns are fnmatch's."""

from __future__ import annotations

import msgspec


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Quarantine(_Section, frozen=True):
    """``[repository.quarantine]``: which workflows are pilots or publish, which files are examples or documents."""

    pilots: tuple[str, ...] = ()
    publication: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()


class Stacks(_Section, frozen=True):
    """``[repository.stacks]``: where a stack's files and its materialized backend lie (``{stack}`` stands for it)."""

    folder: str = "tofu/stacks/{stack}"
    materialized: tuple[str, ...] = ()
    compatibility: tuple[str, ...] = ()
    """Paths in which TF_HTTP_* may still stand."""
    variables: dict[str, str] = {}
    """By setting of the backend, the variable that ``just tofu-init`` gives it from; where none is named, none is read."""


class Attachment(_Section, frozen=True):
    """``[repository.attachment]``: what a runner and a developer's machine get."""

    attic_server: str = ""
    attic_cache: str = ""
    bazel_cache: str = ""
    https_server: str = ""
    https_host: str = ""
    """The name below the domain that .envrc derives the HTTPS address from."""
    envrc: str = ".envrc"
    domain_variables: tuple[str, ...] = ()
    endpoint_variables: tuple[str, ...] = ()
    """Variables by which an operator gives a routable Bazel endpoint."""
    state_variables: tuple[str, ...] = ()
    """The single variables of the TOFU_BACKEND_S3_* family that ``just tofu-init`` needs; where none is known, only the family is judged."""
    status: str = ""
    """What ``just info`` reports where BAZEL_REMOTE_CACHE is empty."""


class Executor(_Section, frozen=True):
    """``[repository.executor]``: where target classes are declared eligible, and which words a class may have."""

    eligibility: str = ""
    states: tuple[str, ...] = ()
    eligible: tuple[str, ...] = ()


class Allowed(_Section, frozen=True):
    """A text that may stand where topology may not, and why."""

    text: str
    reason: str


class Topology(_Section, frozen=True):
    """``[repository.topology]``: which files are public (``internal``: but for these), which patterns name private topology.

    ``private``: by what it names, a regular expression.
    """

    public: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()
    private: dict[str, str] = {}
    allow: tuple[Allowed, ...] = ()


class Retired(_Section, frozen=True):
    """``[repository.retired]``: addresses and names that are no authority any more, and the words that say so beside them."""

    names: dict[str, str] = {}
    said: tuple[str, ...] = ()


class CanaryStep(_Section, frozen=True):
    """A step of the canary: the old command (a regular expression), or ``pytest -m marker`` with these options.

    ``keyword``: what ``-k`` may narrow it to; ``always``: it runs also after a red step.
    """

    name: str
    was: str
    marker: str
    keyword: str = ""
    options: tuple[str, ...] = ()
    always: bool = False


class Canary(_Section, frozen=True):
    """``[repository.canary]``: the canary workflow's file, name, lane, and its steps in their order."""

    workflows: tuple[str, ...] = ()
    name: str = ""
    lane: str = ""
    steps: tuple[CanaryStep, ...] = ()


class Publication(_Section, frozen=True):
    """``[repository.publication]``: FlakeHub's names, and what claims full remote execution (regular expressions)."""

    flake: str = ""
    hosts: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


class Repository(_Section, frozen=True):
    """``[repository]``: all that a checkout and a machine are judged by. ``archived``: files that are kept and no authority."""

    branch: str = "main"
    archived: tuple[str, ...] = ()
    quarantine: Quarantine = Quarantine()
    stacks: Stacks = Stacks()
    attachment: Attachment = Attachment()
    executor: Executor = Executor()
    topology: Topology = Topology()
    retired: Retired = Retired()
    canary: Canary = Canary()
    publication: Publication = Publication()
    rotation: dict[str, tuple[str, ...]] = {}
    """By kind of credential, the words (regular expressions) by which its rule is known."""
    page_ignores: dict[str, str] = {}
    """Sentences of the contract page that no statement covers, by their beginning, and why that is right."""
