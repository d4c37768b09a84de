"""What can write to the Attic cache in a workflow, under one event: resolved through gates, inputs, actions, scripts and calls."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.commands import Word
from pytest_gf.honey.formats.expression import Truth, condition, texts, truth
from pytest_gf.honey.formats.expression_values import UNKNOWN, Set
from pytest_gf.honey.formats.workflow import INHERIT, Action, Defaults, Input, Job, Step, Workflow
from pytest_gf.honey.formats.yaml_nodes import Malformed, Scalar
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.calling import caches, decided, entry, is_quiet, local, local_action
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
    path: str, read: Workflow, scene: Scene, sources: Sources, rules: Repository, held: set[str] | None = None
) -> Iterator[Push]:
    """Yield every place in a workflow that can write to Attic under this event.

    ``held`` takes what can't be read and holds all the same, since no credential reaches it.
    """
    walk = _Walk(sources, rules, held)
    yield from walk.workflow(_Place(path, View(scene, inputs=_given(read, scene))), read)


def steps_push(path: str, steps: tuple[Step, ...], view: View, sources: Sources, rules: Repository) -> Iterator[Push]:
    """Yield every place in loose steps (an example's, an action's) that can write to Attic."""
    yield from _Walk(sources, rules).steps(_Place(path, view), steps)


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
        return replace(view, env={**view.env, **self.env}, loose=view.loose or self.loose)

    def take(self, setting: Sets, view: View, *, sure: bool) -> None:
        """Take what a step writes to GITHUB_ENV; where it may not come to that, the old value stays possible."""
        if not setting.name:
            self.loose = True
            return
        name = setting.name.lower()
        value: Set = UNSEEN if setting.value is None else frozenset({setting.value})
        self.env[name] = value if sure and not setting.guard else value | self.over(view).variable(name)


@dataclass(frozen=True)
class _Place:
    """Where a walk is: the file, what expressions see there, the job; and how it came there.

    ``undecided``: the gates on the way that nobody can tell; ``outermost``: path and line of the first call; ``depth``: how many there were.
    """

    path: str
    view: View
    job: _Job = field(default_factory=_Job)
    undecided: str = ""
    outermost: tuple[str, int] | None = None
    depth: int = 0

    def through(self, gate: Truth, text: Scalar | None) -> _Place:
        if gate is not Truth.UNDECIDED or text is None:
            return self
        return replace(self, undecided=_both(self.undecided, f"if: {text.value}"))

    def into(self, path: str, line: int, view: View) -> _Place:
        """Return the beginning of a file that is called on this line."""
        outermost = self.outermost or (self.path, line)
        return replace(self, path=path, view=view, outermost=outermost, depth=self.depth + 1)

    def push(self, line: int, how: str, undecided: str = "") -> Push:
        path, first = self.outermost or (self.path, line)
        where = how if path == self.path else f"{how} (in {self.path}:{line})"
        return Push(path, first, where, _both(self.undecided, undecided))


class _Walk:
    """Goes through what a workflow runs. ``sources`` holds the local actions, workflows and scripts that it may call."""

    def __init__(self, sources: Sources, rules: Repository, held: set[str] | None = None) -> None:
        self.sources = sources
        self.rules = rules
        self.held = held if held is not None else set()

    def workflow(self, start: _Place, read: Workflow) -> Iterator[Push]:
        around = start.view.below(read.env)
        gates = {job.id: _gate(job.condition, around) for job in read.jobs}
        for job in read.jobs:
            gate = gates[job.id]
            if gate is not Truth.NEVER and not _skipped(job, gates):
                own, above = job.defaults, read.defaults
                given = Defaults(own.shell or above.shell, own.directory or above.directory)
                inside = replace(around, matrix=job.matrix).below(job.env)
                place = replace(start, view=inside, job=_Job(defaults=given)).through(gate, job.condition)
                if job.uses is not None:
                    yield from self.call(place, job, job.uses)
                yield from self.steps(place, job.steps)

    def steps(self, place: _Place, steps: tuple[Step, ...]) -> Iterator[Push]:
        for step in steps:
            view = place.job.over(place.view).below(step.env)
            gate = _gate(step.condition, view)
            if gate is Truth.NEVER:
                continue
            here = replace(place, view=view).through(gate, step.condition)
            yield from self.hooks(here, step)
            if step.uses is not None:
                yield from self.used(here, step, step.uses)
            if step.run is not None:
                yield from self.scripted(here, step, step.run)

    def scripted(self, place: _Place, step: Step, run: Scalar) -> Iterator[Push]:
        shell = step.shell or place.job.defaults.shell
        if shell is not None and not is_shell(shell.value):
            yield from self.strange(place, run, f"shell: {shell.value}")
            return
        for text in variants(run.text, place.view):
            for reached in self.reader(place, step).reached(text):
                line = _begins(run) + reached.effect.offset
                yield from self.effect(place, line, reached, sure=step.condition is None)

    def reader(self, place: _Place, step: Step) -> Reader:
        given = step.directory or place.job.defaults.directory
        words = texts(given.value, place.view) if given is not None else EMPTY
        only = next(iter(words)) if len(words) == 1 else None
        directory = posixpath.normpath(only) if isinstance(only, str) and only else ""
        folder = "" if directory == "." else directory
        return Reader(self.sources, caches(self.rules), place.view.known, place.job.written, folder, place.path)

    def effect(self, place: _Place, line: int, reached: Reached, *, sure: bool) -> Iterator[Push]:
        effect, job = reached.effect, place.job
        if isinstance(effect, Writes):
            yield place.push(line, f"runs {effect.verb}{reached.where}", effect.unknown or effect.guard)
        elif isinstance(effect, Logs):
            job.logged_in = job.logged_in or f"attic login in {place.path}:{line}"
        elif isinstance(effect, Sets):
            job.take(effect, place.view, sure=sure)
        elif isinstance(effect, Opaque):
            yield from self.opaque(place, line, effect.unknown, f"{effect.text}\n{effect.unknown}")

    def opaque(self, place: _Place, line: int, what: str, text: str) -> Iterator[Push]:
        """Yield what can't be read, where a credential can reach it or its own text names Attic."""
        reach = place.view.credential or place.job.logged_in
        if reach or NAMES_ATTIC.search(text):
            why = f"{what}, and it can't be read" + (f"; {reach} reaches it" if reach else "; it names Attic")
            yield place.push(line, "may write to Attic", why)
        else:
            self.held.add(f"{place.path}:{line}")

    def strange(self, place: _Place, run: Scalar, shell: str) -> Iterator[Push]:
        """Yield what a step may do in a language that is no shell."""
        match = NAMES_PUSH.search(run.text)
        if match:
            line = _begins(run) + run.text.count("\n", 0, match.start())
            yield place.push(line, "may write to Attic", f"{shell} is not read, and it says {shown(match[0])}")
        elif NAMES_ATTIC.search(run.text):
            yield from self.opaque(place, _begins(run), shell, "")

    def used(self, place: _Place, step: Step, uses: Scalar) -> Iterator[Push]:
        """Yield what an action does: the one in this checkout if it is there, else what the contract's table says of it."""
        inputs = {name.lower(): texts(value.value, place.view) for name, value in step.inputs.items()}
        own = local_action(uses.text, self.sources)
        line = step.inputs.get(SWITCH, uses).line
        if own is not None and place.depth < DEEPEST:
            yield from self.own(place, line, own, inputs)
            return
        row = entry(uses.text, self.rules)
        if row is not None:
            push = decided(row, inputs, place.view)
            if push is not Truth.NEVER:
                unknown = f"{row.switch or TOKEN} of {uses.text}" if push is Truth.UNDECIDED else ""
                yield place.push(line, f"uses {uses.text}", unknown)
            script = step.inputs.get(row.script)
            if script is not None:
                yield from self.scripted(place, replace(step, shell=None), script)
            return
        said = [(name, value) for name, value in step.inputs.items() if NAMES_PUSH.search(value.text)]
        for name, value in said:
            why = f"what {uses.text} does with {name}, which says {shown(value.text)}"
            yield place.push(_begins(value), "may write to Attic", why)
        if not said and not is_quiet(uses.text, self.rules):
            given = f"{uses.text}{_given_token(inputs)}"
            yield from self.opaque(place, line, f"uses {given}", given)

    def hooks(self, place: _Place, step: Step) -> Iterator[Push]:
        """Yield what the hook does that an input or a variable tells Nix to run after each build."""
        for value in (*step.inputs.values(), *step.env.values()):
            for match in HOOK.finditer(value.text):
                call = Runs(0, "", "", "hook", match[1], (match[1],))
                line = _begins(value) + value.text.count("\n", 0, match.start())
                for reached in self.reader(place, step).followed(call):
                    yield from self.effect(place, line, reached, sure=True)

    def own(
        self, place: _Place, line: int, own: tuple[str, Action | Malformed], inputs: Mapping[str, Set]
    ) -> Iterator[Push]:
        """Yield what an action of this checkout does."""
        where, action = own
        if isinstance(action, Malformed):
            yield place.push(line, f"uses {where}", f"{where}:{action.line}: {action.what}")
        elif action.using == "composite":
            inside = replace(place.view, inputs={**defaults(action.inputs, place.view), **inputs})
            below, place.job.defaults = place.job.defaults, Defaults()
            yield from self.steps(place.into(where, line, inside), action.steps)
            place.job.defaults = below
        else:
            main = self.sources.get(posixpath.normpath(posixpath.join(posixpath.dirname(where), action.main)), "")
            if NAMES_PUSH.search(main) or NAMES_ATTIC.search(main):
                unread = f"{where} runs {action.main}, which is no shell and names Attic"
                yield place.push(line, f"uses {where}", unread)
            else:
                given = _given_token(inputs)
                yield from self.opaque(place, line, f"uses {where}{given}", given)

    def call(self, place: _Place, job: Job, uses: Scalar) -> Iterator[Push]:
        """Yield what a reusable workflow does: one of this checkout as it stands, another as the contract's table says."""
        view, inherits = place.view, job.secrets == INHERIT
        inputs: dict[str, Set] = {name.lower(): texts(value.value, view) for name, value in job.inputs.items()}
        secrets = view.secrets if inherits else _passed(job, view)
        where = local(uses.text, self.sources)
        text = self.sources.get(where) if where else None
        if text is not None and place.depth < DEEPEST:
            try:
                read = workflows.workflow(text)
            except Malformed as wrong:
                yield place.push(uses.line, f"calls {where}", f"{where}:{wrong.line}: {wrong.what}")
                return
            inside = View(view.scene, inputs=_typed(read, inputs, view), secrets=secrets)
            yield from self.workflow(place.into(where, uses.line, inside), read)
            return
        token = view.secret(TOKEN.lower()) if inherits else frozenset().union(EMPTY, *_attic(secrets or {}))
        if truth(token) is Truth.NEVER or inputs.get(SWITCH) == frozenset({"false"}):
            return
        given = "secrets: inherit" if inherits else TOKEN
        row = entry(uses.text, self.rules)
        known = row is not None and truth(token) is Truth.POSSIBLE and _on(inputs.get(SWITCH)) is Truth.POSSIBLE
        unknown = "" if known else f"what {uses.text} does with {given}"
        yield place.push(uses.line, f"calls {uses.text} with {given}", unknown)


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
    return next((f" with {TOKEN} in {name}" for name, values in inputs.items() if any(map(is_token, values))), "")


def defaults(declared: Mapping[str, Input], view: View) -> dict[str, Set]:
    """Return the inputs that nobody gives."""
    return {name: texts(one.default.value, view) if one.default else EMPTY for name, one in declared.items()}


def _typed(read: Workflow, given: Mapping[str, Set], view: View) -> dict[str, Set]:
    """Return a called workflow's inputs, those of the type boolean as booleans."""
    inputs = {name: given.get(name, default) for name, default in defaults(read.inputs, view).items()}
    for name, values in inputs.items():
        if read.inputs[name].kind == "boolean":
            inputs[name] = frozenset({"true": True, "false": False}.get(str(value), value) for value in values)
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


def _begins(text: Scalar) -> int:
    """Return the first line of a text; a block scalar begins on the line below its key."""
    return text.line + ("\n" in text.text)
