"""What can write to the Attic cache in a workflow, under one event: resolved through gates, inputs, actions and calls."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.expression import Truth, condition, texts, truth
from pytest_gf.honey.formats.expression_values import UNKNOWN, Set, Value
from pytest_gf.honey.formats.shell import attic_commands
from pytest_gf.honey.formats.workflow import INHERIT, Action, Job, Step, Workflow
from pytest_gf.honey.formats.yaml_nodes import Malformed, Scalar
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.scene import EMPTY, TOKEN, UNSEEN, Scene, View

DEEPEST = 10
"""Actions and workflows that call one another; GitHub allows as many."""
SWITCH = "push-cache"
_PUSHES_BY_DEFAULT = ("nix-job", "nix-build")
_PUSHES_ALWAYS = ("greedy-cache",)
_ATTIC_ACTION = "ryanccn/attic-action"
_SETS_TOKEN = re.compile(rf"{TOKEN}=.*GITHUB_ENV", re.DOTALL)


@dataclass(frozen=True)
class Push:
    """One place that can write, and how; ``undecided`` is the first expression that would have to be known ("" for none)."""

    path: str
    line: int
    how: str
    undecided: str = ""


OWN = re.compile(r"tinyland-inc/(?:GloriousFlywheel|ci-templates)/(?P<path>\.github/[^@]+)@.+")
"""A call by name of what the checkout itself may hold."""


def local(uses: str, sources: Sources) -> str:
    """Return the path in this checkout that a call means: by ``./``, or by its own name where the path is there; else ""."""
    if uses.startswith("./"):
        return posixpath.normpath(uses)
    named = OWN.fullmatch(uses)
    if named is None:
        return ""
    path = named["path"].rstrip("/")
    known = (path, f"{path}/action.yml", f"{path}/action.yaml")
    return path if any(each in sources for each in known) else ""


def last(uses: str) -> str:
    """Return ``nix-job`` for ``owner/repository/.github/actions/nix-job@v1``."""
    return posixpath.basename(uses.partition("@")[0].rstrip("/"))


def pushes(path: str, read: Workflow, scene: Scene, sources: Sources) -> Iterator[Push]:
    """Yield every place in a workflow that can write to Attic under this event."""
    walk = _Walk(sources)
    yield from walk.workflow(path, read, View(scene, inputs=_given(read, scene)), _Trail())


def steps_push(path: str, steps: tuple[Step, ...], scene: Scene, sources: Sources) -> Iterator[Push]:
    """Yield every place in loose steps (an example's) that can write to Attic under this event."""
    yield from _Walk(sources).steps(path, steps, View(scene), _Trail())


def _given(read: Workflow, scene: Scene) -> dict[str, Set]:
    """Return the inputs of a workflow as its own event gives them: those of a dispatch, or of an unseen caller."""
    found: dict[str, Set] = {}
    for name, each in read.inputs.items():
        if name in scene.inputs:
            found[name] = scene.inputs[name]
        elif scene.event in {"workflow_dispatch", "workflow_call"} or "workflow_call" in read.triggers:
            options: Set = frozenset(each.options) if each.kind == "choice" else frozenset({True, False})
            found[name] = (
                options if each.kind in {"choice", "boolean"} and scene.event == "workflow_dispatch" else UNSEEN
            )
    return found


@dataclass(frozen=True)
class _Trail:
    """How a place was reached: the undecided gate on the way, the outermost place, and how many calls deep."""

    undecided: str = ""
    path: str = ""
    line: int = 0
    depth: int = 0

    def through(self, gate: Truth, text: str) -> _Trail:
        return replace(self, undecided=self.undecided or text) if gate is Truth.UNDECIDED else self

    def at(self, path: str, line: int) -> _Trail:
        return replace(self, path=self.path or path, line=self.line or line, depth=self.depth + 1)

    def push(self, path: str, line: int, how: str, undecided: str = "") -> Push:
        where = f"{how} (in {path}:{line})" if self.path and self.path != path else how
        return Push(self.path or path, self.line or line, where, self.undecided or undecided)


class _Walk:
    """Goes through what a workflow runs. ``sources`` holds the local actions and workflows that it may call."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def workflow(self, path: str, read: Workflow, view: View, trail: _Trail) -> Iterator[Push]:
        around = view.below(read.env)
        for job in read.jobs:
            gate = _gate(job.condition, around)
            if gate is not Truth.NEVER:
                yield from self.job(path, job, around, trail.through(gate, _said(job.condition)))

    def job(self, path: str, job: Job, view: View, trail: _Trail) -> Iterator[Push]:
        around = replace(view, matrix=job.matrix).below(job.env)
        if any(step.run is not None and _SETS_TOKEN.search(step.run.text) for step in job.steps):
            around = replace(around, env={**around.env, TOKEN.lower(): frozenset({"<written to GITHUB_ENV>"})})
        if job.uses is not None:
            yield from self.call(path, job, around, trail)
        yield from self.steps(path, job.steps, around, trail)

    def steps(self, path: str, steps: tuple[Step, ...], view: View, trail: _Trail) -> Iterator[Push]:
        for step in steps:
            around = view.below(step.env)
            gate = _gate(step.condition, around)
            if gate is Truth.NEVER:
                continue
            reached = trail.through(gate, _said(step.condition))
            if step.uses is not None:
                yield from self.used(path, step, step.uses, around, reached)
            if step.run is not None:
                yield from _scripted(path, step.run, reached)

    def used(self, path: str, step: Step, uses: Scalar, view: View, trail: _Trail) -> Iterator[Push]:
        """Yield what an action does: the one in this checkout if it is there, else what its name is known to do."""
        inputs = {name.lower(): texts(value.value, view) for name, value in step.inputs.items()}
        local = self._local(uses.text)
        if local is not None and trail.depth < DEEPEST:
            where, action = local
            laid = {
                name: texts(each.default.value, view) if each.default else EMPTY for name, each in action.inputs.items()
            }
            inside = replace(view, inputs={**laid, **inputs})
            yield from self.steps(where, action.steps, inside, trail.at(path, _at(step, uses)))
            return
        how = f"uses {uses.text}"
        for token, switch in _known(uses.text, inputs, view):
            push = _decided(token, switch)
            if push is not Truth.NEVER:
                unknown = f"{SWITCH} of {uses.text}" if push is Truth.UNDECIDED else ""
                yield trail.push(path, _at(step, uses), how, unknown)

    def call(self, path: str, job: Job, view: View, trail: _Trail) -> Iterator[Push]:
        """Yield what a reusable workflow does: one of this checkout as it stands, another as its secrets allow."""
        if job.uses is None:
            return
        inputs: dict[str, Set] = {name.lower(): texts(value.value, view) for name, value in job.inputs.items()}
        secrets = view.secrets if job.secrets == INHERIT else _passed(job, view)
        where = local(job.uses.text, self.sources)
        text = self.sources.get(where) if where else None
        if text is not None and trail.depth < DEEPEST:
            try:
                read = workflows.workflow(text)
            except Malformed:
                return  # A workflow that can't be read is a finding of its own, and GitHub does not run it.
            inside = View(view.scene, inputs=_typed(read, inputs, view), secrets=secrets)
            yield from self.workflow(where, read, inside, trail.at(path, job.uses.line))
            return
        token = view.secret(TOKEN.lower()) if job.secrets == INHERIT else (secrets or {}).get(TOKEN.lower(), EMPTY)
        push = _decided(token, inputs.get(SWITCH))
        if push is not Truth.NEVER:
            given = "secrets: inherit" if job.secrets == INHERIT else TOKEN
            unknown = f"{SWITCH} of {job.uses.text}" if push is Truth.UNDECIDED else ""
            yield trail.push(path, job.uses.line, f"calls {job.uses.text} with {given}", unknown)

    def _local(self, uses: str) -> tuple[str, Action] | None:
        folder = local(uses, self.sources)
        for name in ("action.yml", "action.yaml"):
            path = posixpath.join(folder, name)
            if path in self.sources:
                try:
                    return path, workflows.action(self.sources[path])
                except Malformed:
                    return None
        return None


def _typed(read: Workflow, given: Mapping[str, Set], view: View) -> dict[str, Set]:
    """Return a called workflow's inputs, those of the type boolean as booleans."""
    found: dict[str, Set] = {}
    for name, each in read.inputs.items():
        default = texts(each.default.value, view) if each.default is not None else EMPTY
        values = given.get(name, default)
        flags: Set = frozenset({"true": True, "false": False}.get(str(value), value) for value in values)
        found[name] = flags if each.kind == "boolean" else values
    return found


def _known(uses: str, inputs: Mapping[str, Set], view: View) -> Iterator[tuple[Set, Set | None]]:
    """Yield the token that an action pushes with, and what its switch says (None: not given), for the actions that push."""
    name = uses.partition("@")[0]
    if name == _ATTIC_ACTION:
        skip = inputs.get("skip-push", frozenset({"false"}))
        switch: Set = frozenset(UNKNOWN if each is UNKNOWN else "false" if each == "true" else "true" for each in skip)
        yield inputs.get("token", EMPTY), switch
    elif last(uses) in _PUSHES_BY_DEFAULT:
        yield view.variable(TOKEN), inputs.get(SWITCH)
    elif last(uses) in _PUSHES_ALWAYS:
        yield view.variable(TOKEN), None


def _decided(token: Set, switch: Set | None) -> Truth:
    """Return whether a push happens: there is a token, and the switch says anything but false."""
    pushing: Set = frozenset({True}) if switch is None else frozenset(_on(each) for each in switch)
    both = truth(token), truth(pushing)
    if Truth.NEVER in both:
        return Truth.NEVER
    return Truth.UNDECIDED if Truth.UNDECIDED in both else Truth.POSSIBLE


def _on(value: Value) -> Value:
    return UNKNOWN if value is UNKNOWN else value != "false"


def _scripted(path: str, run: Scalar, trail: _Trail) -> Iterator[Push]:
    for command in attic_commands(run.text):
        # A block scalar begins on the line below its key.
        line = run.line + command.offset + ("\n" in run.text)
        yield trail.push(path, line, f"runs attic {command.verb}", command.guard)


def _passed(job: Job, view: View) -> dict[str, Set]:
    given = job.secrets if isinstance(job.secrets, Mapping) else {}
    return {name.lower(): texts(value.value, view) for name, value in given.items()}


def _gate(text: Scalar | None, view: View) -> Truth:
    return Truth.POSSIBLE if text is None else condition(text.value, view)


def _said(text: Scalar | None) -> str:
    return f"if: {text.value}" if text is not None else ""


def _at(step: Step, uses: Scalar) -> int:
    switch = step.inputs.get(SWITCH)
    return switch.line if switch is not None else uses.line
