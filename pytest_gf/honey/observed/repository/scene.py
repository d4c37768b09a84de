"""The events under which a workflow is looked at, and what its expressions may see then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_gf.honey.formats.expression import texts
from pytest_gf.honey.formats.expression_values import UNKNOWN, Named, Set, Value
from pytest_gf.honey.formats.yaml_nodes import Scalar

TOKEN = "ATTIC_TOKEN"  # noqa: S105  # The variable's name.
REPOSITORY = Named("this repository")
FORK = Named("a fork of it")
GIVEN_BY_RUNNER = ("ATTIC_SERVER", "ATTIC_CACHE", "BAZEL_REMOTE_CACHE")
"""Variables that a shared runner's set-up gives a job (statements S060 and S061)."""
UNSEEN: Set = frozenset({UNKNOWN})
EMPTY: Set = frozenset({""})
_PULL_REQUESTS = frozenset({f"pull_request{of}" for of in ("", "_target", "_review", "_review_comment")})


@dataclass(frozen=True)
class Scene:
    """One event: its name, the ref that it runs on, the default branch, and whether the secret ATTIC_TOKEN is there.

    ``bases``: the branches that a pull request may be for; ``heads``: those that it may come from. ``repository``: its name, "" where nobody says it.
    ``refs``: several refs that it may run on; ``ref`` counts where there are none.
    """

    event: str
    ref: str
    branch: str = "main"
    token: bool = True
    inputs: Mapping[str, Set] = field(default_factory=dict)
    bases: Set = frozenset()
    heads: Set = frozenset()
    repository: str = ""
    refs: Set = frozenset()

    def __str__(self) -> str:
        where = f"{self.event} on {'another branch' if self.refs else self.ref}"
        return where if self.token else f"{where} without {TOKEN}"

    def github(self, path: str) -> Set:
        """Return what ``github.PATH`` may be, in lower case."""
        refs: Set = self.refs or frozenset({self.ref})
        own = self.own
        known: dict[str, Set] = {
            "event_name": frozenset({self.event}),
            "ref": refs,
            "ref_name": frozenset(_ref_name(ref) if isinstance(ref, str) else ref for ref in refs),
            "ref_type": frozenset({"tag" if self.ref.startswith("refs/tags/") else "branch"}),
            "repository": own,
            "repository_owner": frozenset({self.repository.partition("/")[0]}) if self.repository else UNSEEN,
            "event.repository.full_name": own,
            "event.repository.default_branch": frozenset({self.branch}),
            "event.pull_request": EMPTY,
            "base_ref": EMPTY,
            "head_ref": EMPTY,
        }
        if self.event in _PULL_REQUESTS:
            known |= self._pull_request()
        if self.event == "workflow_run":
            known |= _WORKFLOW_RUN | {"event.workflow_run.head_repository.full_name": own | {FORK}}
        if self.event == "merge_group":
            bases = self.bases or {self.branch}
            into: Set = frozenset(UNKNOWN if base is UNKNOWN else f"refs/heads/{base}" for base in bases)
            known["event.merge_group.base_ref"] = into
        if path.startswith("event.inputs."):
            absent = UNSEEN if self.event == "workflow_dispatch" else EMPTY
            return self.inputs.get(path.removeprefix("event.inputs."), absent)
        if path.startswith("event.pull_request.") and self.event in {"push", "schedule"}:
            return EMPTY
        return known.get(path, UNSEEN)

    @property
    def own(self) -> Set:
        """This repository's name."""
        named: Value = self.repository or REPOSITORY
        return frozenset({named})

    def _pull_request(self) -> dict[str, Set]:
        bases: Set = frozenset(self.bases or {self.branch})
        heads: Set = frozenset(self.heads) or UNSEEN
        flags: Set = frozenset({True, False})
        return {
            "event.pull_request": frozenset({Named("the pull request")}),
            "event.pull_request.head.repo.full_name": self.own | {FORK},
            "event.pull_request.head.repo.fork": flags,
            "event.pull_request.merged": flags,
            "event.pull_request.draft": flags,
            "event.pull_request.base.ref": bases,
            "event.pull_request.base.repo.full_name": self.own,
            "event.pull_request.head.ref": heads,
            "head_ref": heads,
            "base_ref": bases,
        }


_WORKFLOW_RUN: dict[str, Set] = {
    "event.workflow_run.event": frozenset({"pull_request"}),
    "event.workflow_run.conclusion": frozenset({"success", "failure"}),
}


def _ref_name(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/").removeprefix("refs/pull/")


_ENDS: Set = frozenset({"success", "failure", "cancelled", "skipped"})
"""How a job or a step may end: each of these comes in life."""


def _is_end(path: str) -> bool:
    """Return whether a path is NAME.result, NAME.outcome or NAME.conclusion; an output may have such a name too."""
    name, _, what = path.partition(".")
    return bool(name) and what in {"result", "outcome", "conclusion"}


def is_token(value: Value) -> bool:
    """Return whether a value is a secret by which one may write to Attic, as far as its name says it."""
    return (
        isinstance(value, Named)
        and value.what.startswith("secret ")
        and "attic" in value.what
        and any(word in value.what for word in ("token", "auth", "key", "jwt", "secret_"))
    )


@dataclass(frozen=True)
class View:
    """What expressions see at one place: the scene, and the contexts around that place.

    ``loose``: a step before wrote variables that only a run would know, so that any of them may be there.
    """

    scene: Scene
    env: Mapping[str, Set] = field(default_factory=dict)
    inputs: Mapping[str, Set] = field(default_factory=dict)
    matrix: Mapping[str, frozenset[str | bool]] | None = field(default_factory=dict)
    secrets: Mapping[str, Set] | None = None
    """By name in lower case; None: those of the repository itself."""
    loose: bool = False

    def __call__(self, path: str) -> Set:  # noqa: PLR0911  # One for each context.
        """Return what a context's value may be; the path in lower case."""
        context, _, rest = path.partition(".")
        if context == "github":
            return self.scene.github(rest)
        if context == "env":
            return self.variable(rest)
        if context == "inputs":
            return self.inputs.get(rest, EMPTY)
        if context == "secrets":
            return self.secret(rest)
        if path == "job.status" or (context in {"needs", "steps"} and _is_end(rest)):
            return _ENDS
        if context == "matrix" and self.matrix is not None:
            is_above = any(name.startswith(f"{rest}.") for name in self.matrix)  # A mapping: true, and no text.
            return UNSEEN if is_above else frozenset(self.matrix.get(rest, {""}))
        return UNSEEN

    def variable(self, name: str) -> Set:
        """Return what a variable of ``env`` may be."""
        values = self.env.get(name.lower())
        if values is None:
            given = {known.lower() for known in GIVEN_BY_RUNNER}
            values = frozenset({Named(f"the runner's {name.upper()}")}) if name.lower() in given else EMPTY
        return values | UNSEEN if self.loose else values

    def secret(self, name: str) -> Set:
        """Return what a secret may be: it is taken to be there, but for ATTIC_TOKEN in a scene without it."""
        if self.secrets is not None and name != "github_token":
            return self.secrets.get(name, EMPTY)
        if name == TOKEN.lower() and not self.scene.token:
            return EMPTY
        return frozenset({Named(f"secret {name}")})

    def below(self, env: Mapping[str, Scalar]) -> View:
        """Return the view with these variables on top."""
        if not env:
            return self
        added = {name.lower(): texts(value.value, self) for name, value in env.items()}
        return replace(self, env={**self.env, **added})

    @property
    def known(self) -> dict[str, str]:
        """The variables that have one value that is known, by their names as shells spell them."""
        variables: dict[str, str] = {}
        for name, values in self.env.items():
            only = next(iter(values)) if len(values) == 1 else None
            if isinstance(only, str) and not self.loose:
                variables[name.upper()] = only
        return variables

    @property
    def credential(self) -> str:
        """The variable through which ATTIC_TOKEN can be had here; "" for none."""
        for name, values in self.env.items():
            said = any(is_token(value) for value in values)
            if said or (name == TOKEN.lower() and values - EMPTY):
                return name.upper()
        return ""
