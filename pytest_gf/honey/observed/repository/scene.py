"""The events under which a workflow is looked at, and what its expressions may see then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_gf.honey.formats.expression import texts
from pytest_gf.honey.formats.expression_values import UNKNOWN, Set
from pytest_gf.honey.formats.yaml_nodes import Scalar

TOKEN = "ATTIC_TOKEN"  # noqa: S105  # The variable's name.
REPOSITORY = "<this repository>"
FORK = "<a fork of it>"
BASE = "<the base branch>"
GIVEN_BY_RUNNER = ("ATTIC_SERVER", "ATTIC_CACHE", "BAZEL_REMOTE_CACHE")
"""Variables that a shared runner's set-up gives a job (statements S060 and S061)."""
UNSEEN: Set = frozenset({UNKNOWN})
EMPTY: Set = frozenset({""})


@dataclass(frozen=True)
class Scene:
    """One event: its name, the ref that it runs on, the default branch, and whether the secret ATTIC_TOKEN is there."""

    event: str
    ref: str
    branch: str = "main"
    token: bool = True
    inputs: Mapping[str, Set] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.event} on {self.ref}" if self.token else f"{self.event} on {self.ref} without {TOKEN}"

    def github(self, path: str) -> Set:
        """Return what ``github.PATH`` may be, in lower case."""
        name = self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/").removeprefix("refs/pull/")
        known: dict[str, Set] = {
            "event_name": frozenset({self.event}),
            "ref": frozenset({self.ref}),
            "ref_name": frozenset({name}),
            "ref_type": frozenset({"tag" if self.ref.startswith("refs/tags/") else "branch"}),
            "repository": frozenset({REPOSITORY}),
            "event.repository.full_name": frozenset({REPOSITORY}),
            "event.repository.default_branch": frozenset({self.branch}),
            "event.pull_request": EMPTY,
            "base_ref": EMPTY,
            "head_ref": EMPTY,
        }
        if self.event in {"pull_request", "pull_request_target"}:
            known |= _PULL_REQUEST | {"base_ref": frozenset({self.branch})}
        if self.event == "workflow_run":
            known |= _WORKFLOW_RUN
        if self.event == "merge_group":
            known |= {"event.merge_group.base_ref": frozenset({f"refs/heads/{self.branch}"})}
        if path.startswith("event.inputs."):
            return self.inputs.get(path.removeprefix("event.inputs."), EMPTY)
        if path.startswith("event.pull_request.") and self.event in {"push", "schedule"}:
            return EMPTY
        return known.get(path, UNSEEN)


_PULL_REQUEST: dict[str, Set] = {
    "event.pull_request": frozenset({"<the pull request>"}),
    "event.pull_request.head.repo.full_name": frozenset({REPOSITORY, FORK}),
    "event.pull_request.head.repo.fork": frozenset({True, False}),
    "event.pull_request.merged": frozenset({True, False}),
    "event.pull_request.draft": frozenset({True, False}),
    "event.pull_request.base.ref": frozenset({"main"}),
    "event.pull_request.base.repo.full_name": frozenset({REPOSITORY}),
    "head_ref": frozenset({"<the branch of the pull request>"}),
}
_WORKFLOW_RUN: dict[str, Set] = {
    "event.workflow_run.event": frozenset({"pull_request"}),
    "event.workflow_run.conclusion": frozenset({"success", "failure"}),
    "event.workflow_run.head_repository.full_name": frozenset({REPOSITORY, FORK}),
}


@dataclass(frozen=True)
class View:
    """What expressions see at one place: the scene, and the contexts around that place."""

    scene: Scene
    env: Mapping[str, Set] = field(default_factory=dict)
    inputs: Mapping[str, Set] = field(default_factory=dict)
    matrix: Mapping[str, frozenset[str]] | None = field(default_factory=dict)
    secrets: Mapping[str, Set] | None = None
    """By name in lower case; None: those of the repository itself."""

    def __call__(self, path: str) -> Set:
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
        if context == "matrix" and self.matrix is not None:
            return frozenset(self.matrix.get(rest, {""}))
        return UNSEEN

    def variable(self, name: str) -> Set:
        """Return what a variable of ``env`` may be."""
        found = self.env.get(name.lower())
        if found is not None:
            return found
        given = {each.lower() for each in GIVEN_BY_RUNNER}
        return frozenset({f"<the runner's {name.upper()}>"}) if name.lower() in given else EMPTY

    def secret(self, name: str) -> Set:
        """Return what a secret may be: it is taken to be there, but for ATTIC_TOKEN in a scene without it."""
        if self.secrets is not None and name != "github_token":
            return self.secrets.get(name, EMPTY)
        if name == TOKEN.lower() and not self.scene.token:
            return EMPTY
        return frozenset({f"<secret {name}>"})

    def below(self, env: Mapping[str, Scalar]) -> View:
        """Return the view with these variables laid over."""
        laid = {name.lower(): texts(value.value, self) for name, value in env.items()}
        return View(self.scene, {**self.env, **laid}, self.inputs, self.matrix, self.secrets)
