"""The model of what is promised of the infrastructure repository and of machines: paths, words, addresses. Patterns are fnmatch's."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_gf.honey.formats.linear import Refused, linear


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class KnownAction(_Section, frozen=True):
    """``[[repository.quarantine.actions]]``: an action that pushes, at these versions (fnmatch), with which token, and what turns it off."""

    uses: str
    versions: tuple[str, ...]
    token_input: str = ""
    """The input that the token comes by; without one it is ATTIC_TOKEN in the environment."""
    switch: str = ""
    """The input that says whether it pushes; without one it always does."""
    off: str = "false"
    """The switch's value that turns pushing off."""
    default: str = "true"
    """The switch's value where nobody gives one."""
    script: str = ""
    """An input that it runs as a script."""


class Quarantine(_Section, frozen=True):
    """``[repository.quarantine]``: which workflows are pilots or publish, which files are examples or documents.

    ``actions``: those that push. ``quiet``: those that are known to push nothing, whatever they are given (fnmatch, without version).
    """

    pilots: tuple[str, ...] = ()
    publication: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    actions: tuple[KnownAction, ...] = ()
    quiet: tuple[str, ...] = ()


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

    ``private``: by what it names, a regular expression; where it has a group ``it``, that is what it names.
    """

    public: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()
    private: dict[str, str] = {}
    allow: tuple[Allowed, ...] = ()
    domains: tuple[str, ...] = ()
    """Domains of the infrastructure: a host below one is private or unknown unless it is among `public_hosts`."""
    public_hosts: tuple[str, ...] = ()


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

    name: str = ""
    """``owner/name`` of the checkout on its forge; without it, what compares it with a name is undecided."""
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


def patterns(rules: Repository) -> Iterator[tuple[str, str]]:
    """Yield every regular expression of the section, by its key."""
    for name, pattern in rules.topology.private.items():
        yield f"repository.topology.private.{name}", pattern
    for name, listed in (
        ("repository.retired.said", rules.retired.said),
        ("repository.canary.steps", tuple(step.was for step in rules.canary.steps)),
        ("repository.publication.claims", rules.publication.claims),
        *((f"repository.rotation.{kind}", words) for kind, words in rules.rotation.items()),
    ):
        for pattern in listed:
            yield name, pattern


def refused(rules: Repository) -> str:
    """Return the first pattern that can't be read in linear time, with its key and the reason; "" where there is none."""
    for name, pattern in patterns(rules):
        try:
            linear(pattern)
        except Refused as wrong:
            return f"{name}: {pattern!r} is no pattern of RE2's ({wrong}); write it without look-around and back-references"
    return ""
