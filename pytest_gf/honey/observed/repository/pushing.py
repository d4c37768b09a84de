"""What can write to the Attic cache in a workflow, under one event: resolved through gates, inputs, actions, scripts and calls."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.commands import Word
from pytest_gf.honey.formats.expression import Truth, condition, texts, truth
from pytest_gf.honey.formats.expression_values import UNKNOWN, Set
from pytest_gf.honey.formats.workflow import INHERIT, Action, Defaults, Job, Step, Workflow
from pytest_gf.honey.formats.yaml_nodes import Malformed, Scalar
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.calling import Known, decided, local, local_action
from pytest_gf.honey.observed.repository.effect import HOOK, NAMES_ATTIC, NAMES_PUSH, Logs, Opaque, Runs, Sets, Writes
from pytest_gf.honey.observed.repository.following import Reached, Reader
from pytest_gf.honey.observed.repository.scene import EMPTY, TOKEN, UNSEEN, Scene, View, is_token
from pytest_gf.honey.observed.repository.searching import shown
from pytest_gf.honey.observed.repository.steps import is_shell, variants

DEEPEST = 10
"""Actions and workflows that call one another; GitHub allows as many."""
SWITCH = "push-cache"
_ASKS = re.compile(r"(?i)\b(?:always|failure|cancelled)\s*\(")


@dataclass(frozen=True)
class Push:
    """One place that can write, and how; ``undecided`` is the first expression that would have to be known ("" for none)."""

    path: str
    line: int
    how: str
    undecided: str = ""


def pushes(  # noqa: PLR0917  # What is judged, and what is around it.
    path: str, read: Workflow, scene: Scene, sources: Sources, known: Known, held: set[str] | None = None
) -> Iterator[Push]:
    """Yield every place in a workflow that can write to Attic under this event.

    ``held`` takes what can't be read and holds all the same, since no credential reaches it.
    """
    walk = _Walk(sources, known, held)
    yield from walk.workflow(path, read, View(scene, inputs=_given(read, scene)), _Trail())


def steps_push(path: str, steps: tuple[Step, ...], view: View, sources: Sources, known: Known) -> Iterator[Push]:
    """Yield every place in loose steps (an example's, an action's) that can write to Attic."""
    yield from _Walk(sources, known).steps(path, steps, view, _Trail(), _Job())


def _given(read: Workflow, scene: Scene) -> dict[str, Set]:
    """Return the inputs of a workflow as its own event gives them: those of a dispatch, or of an unseen caller."""
    inputs: dict[str, Set] = {}
    for name, declared in read.inputs.items():
        if name in scene.inputs:
            inputs[name] = scene.inputs[name]
        elif scene.event in {"workflow_dispatch", "workflow_call"} or "workflow_call" in read.triggers:
            options: Set = frozenset(declared.options) if declared.kind == "choice" else frozenset({True, False})
            inputs[name] = (
                options if declared.kind in {"choice", "boolean"} and scene.event == "workflow_dispatch" else UNSEEN
            )
    return inputs


@dataclass(frozen=True)
class _Trail:
    """How a place was reached: the undecided gate on the way, the outermost place, and how many calls deep."""

    undecided: str = ""
    path: str = ""
    line: int = 0
    depth: int = 0

    def through(self, gate: Truth, text: str) -> _Trail:
        return replace(self, undecided=_both(self.undecided, text)) if gate is Truth.UNDECIDED else self

    def at(self, path: str, line: int) -> _Trail:
        return replace(self, path=self.path or path, line=self.line or line, depth=self.depth + 1)

    def push(self, path: str, line: int, how: str, undecided: str = "") -> Push:
        where = f"{how} (in {path}:{line})" if self.path and self.path != path else how
        return Push(self.path or path, self.line or line, where, _both(self.undecided, undecided))


def _both(one: str, other: str) -> str:
    """Return both conditions that nobody knows, in the order in which they are met."""
    return "; ".join(dict.fromkeys(text for text in (one, other) if text))


@dataclass
class _Job:
    """What the steps of a job leave to those behind them."""

    env: dict[str, Set] = field(default_factory=dict)
    loose: bool = False
    logged_in: str = ""
    """Where it logged in at Attic."""
    written: dict[str, Word] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=Defaults)

    def over(self, view: View) -> View:
        """Return the view with what steps before wrote to GITHUB_ENV."""
        return (
            replace(view, env={**view.env, **self.env}, loose=view.loose or self.loose)
            if self.env or self.loose
            else view
        )

    def take(self, setting: Sets, view: View, *, sure: bool) -> None:
        """Take what a step writes to GITHUB_ENV; where it may not come to that, the old value stays possible."""
        if not setting.name:
            self.loose = True
            return
        name = setting.name.lower()
        value: Set = UNSEEN if setting.value is None else frozenset({setting.value})
        self.env[name] = value if sure and not setting.guard else value | self.over(view).variable(name)


class _Walk:
    """Goes through what a workflow runs. ``sources`` holds the local actions, workflows and scripts that it may call."""

    def __init__(self, sources: Sources, known: Known, held: set[str] | None = None) -> None:
        self.sources = sources
        self.known = known
        self.held = held if held is not None else set()

    def workflow(self, path: str, read: Workflow, view: View, trail: _Trail) -> Iterator[Push]:
        around = view.below(read.env)
        gates = {job.id: _gate(job.condition, around) for job in read.jobs}
        for job in read.jobs:
            gate = gates[job.id]
            if gate is not Truth.NEVER and not _skipped(job, gates):
                defaults = Defaults(
                    job.defaults.shell or read.defaults.shell, job.defaults.directory or read.defaults.directory
                )
                yield from self.job(path, job, defaults, around, trail.through(gate, _said(job.condition)))

    def job(self, path: str, job: Job, defaults: Defaults, view: View, trail: _Trail) -> Iterator[Push]:
        around = replace(view, matrix=job.matrix).below(job.env)
        if job.uses is not None:
            yield from self.call(path, job, around, trail)
        yield from self.steps(path, job.steps, around, trail, _Job(defaults=defaults))

    def steps(self, path: str, steps: tuple[Step, ...], view: View, trail: _Trail, job: _Job) -> Iterator[Push]:
        for step in steps:
            around = job.over(view).below(step.env)
            gate = _gate(step.condition, around)
            if gate is Truth.NEVER:
                continue
            reached = trail.through(gate, _said(step.condition))
            yield from self.hooks(path, step, around, reached, job)
            if step.uses is not None:
                yield from self.used(path, step, step.uses, around, reached, job)
            if step.run is not None:
                yield from self.scripted(path, step, step.run, around, reached, job)

    def scripted(  # noqa: PLR0917  # As `opaque`.
        self, path: str, step: Step, run: Scalar, view: View, trail: _Trail, job: _Job
    ) -> Iterator[Push]:
        # A block scalar begins on the line below its key.
        first = run.line + ("\n" in run.text)
        shell = step.shell or job.defaults.shell
        if shell is not None and not is_shell(shell.value):
            yield from self.strange(path, run, f"shell: {shell.value}", view, trail, job)
            return
        for text in variants(run.text, view):
            reader = self.reader(path, step, view, job)
            for reached in reader.reached(text):
                yield from self.effect(
                    path, first + reached.effect.offset, reached, view, trail, job, sure=step.condition is None
                )

    def reader(self, path: str, step: Step, view: View, job: _Job) -> Reader:
        given = step.directory or job.defaults.directory
        words = texts(given.value, view) if given is not None else EMPTY
        only = next(iter(words)) if len(words) == 1 else None
        directory = posixpath.normpath(only) if isinstance(only, str) and only else ""
        return Reader(
            self.sources, self.known.caches, view.known, job.written, "" if directory == "." else directory, path
        )

    def effect(  # noqa: PLR0917  # As `opaque`.
        self, path: str, line: int, reached: Reached, view: View, trail: _Trail, job: _Job, *, sure: bool
    ) -> Iterator[Push]:
        effect = reached.effect
        if isinstance(effect, Writes):
            yield trail.push(path, line, f"runs {effect.verb}{reached.where}", effect.unknown or effect.guard)
        elif isinstance(effect, Logs):
            job.logged_in = job.logged_in or f"attic login in {path}:{line}"
        elif isinstance(effect, Sets):
            job.take(effect, view, sure=sure)
        elif isinstance(effect, Opaque):
            yield from self.opaque(path, line, effect.unknown, f"{effect.text}\n{effect.unknown}", view, trail, job)

    def opaque(  # noqa: PLR0917  # One place in a walk: where, what, and what is around it.
        self, path: str, line: int, what: str, text: str, view: View, trail: _Trail, job: _Job
    ) -> Iterator[Push]:
        """Yield what can't be read, where a credential can reach it or its own text names Attic."""
        reach = view.credential or job.logged_in
        if reach or NAMES_ATTIC.search(text):
            why = f"{what}, and it can't be read" + (f"; {reach} reaches it" if reach else "; it names Attic")
            yield trail.push(path, line, "may write to Attic", why)
        else:
            self.held.add(f"{path}:{line}")

    def strange(  # noqa: PLR0917  # As `opaque`.
        self, path: str, run: Scalar, shell: str, view: View, trail: _Trail, job: _Job
    ) -> Iterator[Push]:
        """Yield what a step may do in a language that is no shell."""
        first = run.line + ("\n" in run.text)
        match = NAMES_PUSH.search(run.text)
        if match:
            line = first + run.text.count("\n", 0, match.start())
            yield trail.push(path, line, "may write to Attic", f"{shell} is not read, and it says {shown(match[0])}")
        elif NAMES_ATTIC.search(run.text):
            yield from self.opaque(path, first, shell, "", view, trail, job)

    def used(  # noqa: PLR0917  # As `opaque`.
        self, path: str, step: Step, uses: Scalar, view: View, trail: _Trail, job: _Job
    ) -> Iterator[Push]:
        """Yield what an action does: the one in this checkout if it is there, else what the contract's table says of it."""
        inputs = {name.lower(): texts(value.value, view) for name, value in step.inputs.items()}
        own = local_action(uses.text, self.sources)
        line = _at(step, uses)
        if own is not None and trail.depth < DEEPEST:
            yield from self.own(path, line, own, inputs, view, trail, job)
            return
        entry = self.known.entry(uses.text)
        if entry is not None:
            push = decided(entry, inputs, view)
            if push is not Truth.NEVER:
                unknown = f"{entry.switch or TOKEN} of {uses.text}" if push is Truth.UNDECIDED else ""
                yield trail.push(path, line, f"uses {uses.text}", unknown)
            script = step.inputs.get(entry.script)
            if script is not None:
                yield from self.scripted(path, replace(step, shell=None), script, view, trail, job)
            return
        said = [(name, value) for name, value in step.inputs.items() if NAMES_PUSH.search(value.text)]
        for name, value in said:
            why = f"what {uses.text} does with {name}, which says {shown(value.text)}"
            yield trail.push(path, value.line + ("\n" in value.text), "may write to Attic", why)
        if not said and not self.known.is_quiet(uses.text):
            given = _given_token(inputs)
            yield from self.opaque(path, line, f"uses {uses.text}{given}", f"{uses.text}{given}", view, trail, job)

    def hooks(self, path: str, step: Step, view: View, trail: _Trail, job: _Job) -> Iterator[Push]:
        """Yield what the hook does that an input or a variable tells Nix to run after each build."""
        for value in (*step.inputs.values(), *step.env.values()):
            for match in HOOK.finditer(value.text):
                call = Runs(0, "", "", "hook", match[1], (match[1],))
                line = value.line + ("\n" in value.text) + value.text.count("\n", 0, match.start())
                for reached in self.reader(path, step, view, job).followed(call):
                    yield from self.effect(path, line, reached, view, trail, job, sure=True)

    def own(  # noqa: PLR0917  # As `opaque`.
        self,
        path: str,
        line: int,
        own: tuple[str, Action | Malformed],
        inputs: Mapping[str, Set],
        view: View,
        trail: _Trail,
        job: _Job,
    ) -> Iterator[Push]:
        """Yield what an action of this checkout does."""
        where, action = own
        if isinstance(action, Malformed):
            yield trail.push(path, line, f"uses {where}", f"{where}:{action.line}: {action.what}")
            return
        defaults = {
            name: texts(declared.default.value, view) if declared.default else EMPTY
            for name, declared in action.inputs.items()
        }
        if action.using != "composite":
            main = self.sources.get(posixpath.normpath(posixpath.join(posixpath.dirname(where), action.main)), "")
            if NAMES_PUSH.search(main) or NAMES_ATTIC.search(main):
                yield trail.push(
                    path, line, f"uses {where}", f"{where} runs {action.main}, which is no shell and names Attic"
                )
            else:
                given = _given_token(inputs)
                yield from self.opaque(path, line, f"uses {where}{given}", given, view, trail, job)
            return
        inside = replace(view, inputs={**defaults, **inputs})
        below, job.defaults = job.defaults, Defaults()
        yield from self.steps(where, action.steps, inside, trail.at(path, line), job)
        job.defaults = below

    def call(self, path: str, job: Job, view: View, trail: _Trail) -> Iterator[Push]:
        """Yield what a reusable workflow does: one of this checkout as it stands, another as the contract's table says."""
        if job.uses is None:
            return
        uses = job.uses
        inputs: dict[str, Set] = {name.lower(): texts(value.value, view) for name, value in job.inputs.items()}
        secrets = view.secrets if job.secrets == INHERIT else _passed(job, view)
        where = local(uses.text, self.sources)
        text = self.sources.get(where) if where else None
        if text is not None and trail.depth < DEEPEST:
            try:
                read = workflows.workflow(text)
            except Malformed as wrong:
                yield trail.push(path, uses.line, f"calls {where}", f"{where}:{wrong.line}: {wrong.what}")
                return
            inside = View(view.scene, inputs=_typed(read, inputs, view), secrets=secrets)
            yield from self.workflow(where, read, inside, trail.at(path, uses.line))
            return
        token = (
            view.secret(TOKEN.lower()) if job.secrets == INHERIT else frozenset().union(EMPTY, *_attic(secrets or {}))
        )
        if truth(token) is Truth.NEVER or inputs.get(SWITCH) == frozenset({"false"}):
            return
        given = "secrets: inherit" if job.secrets == INHERIT else TOKEN
        entry = self.known.entry(uses.text)
        known = entry is not None and truth(token) is Truth.POSSIBLE and _on(inputs.get(SWITCH)) is Truth.POSSIBLE
        unknown = "" if known else f"what {uses.text} does with {given}"
        yield trail.push(path, uses.line, f"calls {uses.text} with {given}", unknown)


def _attic(secrets: Mapping[str, Set]) -> Iterator[Set]:
    """Yield the values of secrets that may be ATTIC_TOKEN: by their name, or by what they are."""
    for name, values in secrets.items():
        if name == TOKEN.lower() or any(map(is_token, values)):
            yield values


def _on(switch: Set | None) -> Truth:
    if switch is None:
        return Truth.POSSIBLE
    return truth(frozenset(UNKNOWN if value is UNKNOWN else value != "false" for value in switch))


def _given_token(inputs: Mapping[str, Set]) -> str:
    """Return which input is given ATTIC_TOKEN, in words; "" for none."""
    for name, values in inputs.items():
        if any(map(is_token, values)):
            return f" with {TOKEN} in {name}"
    return ""


def _typed(read: Workflow, given: Mapping[str, Set], view: View) -> dict[str, Set]:
    """Return a called workflow's inputs, those of the type boolean as booleans."""
    inputs: dict[str, Set] = {}
    for name, declared in read.inputs.items():
        default = texts(declared.default.value, view) if declared.default is not None else EMPTY
        values = given.get(name, default)
        flags: Set = frozenset({"true": True, "false": False}.get(str(value), value) for value in values)
        inputs[name] = flags if declared.kind == "boolean" else values
    return inputs


def _passed(job: Job, view: View) -> dict[str, Set]:
    given = job.secrets if isinstance(job.secrets, Mapping) else {}
    return {name.lower(): texts(value.value, view) for name, value in given.items()}


def _gate(text: Scalar | None, view: View) -> Truth:
    return Truth.POSSIBLE if text is None else condition(text.value, view)


def _skipped(job: Job, gates: Mapping[str, Truth]) -> bool:
    """Return whether GitHub skips a job with one that it needs: it does unless the job's own condition asks how that ended."""
    asks = job.condition is not None and _ASKS.search(job.condition.value)
    return not asks and any(gates.get(need) is Truth.NEVER for need in job.needs)


def _said(text: Scalar | None) -> str:
    return f"if: {text.value}" if text is not None else ""


def _at(step: Step, uses: Scalar) -> int:
    switch = step.inputs.get(SWITCH)
    return switch.line if switch is not None else uses.line
