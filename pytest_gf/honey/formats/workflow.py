"""GitHub workflows and composite actions: text in, what they run and when out, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pytest_gf.honey.formats.yaml_nodes import (
    Items,
    Malformed,
    Node,
    Scalar,
    Table,
    entries,
    items,
    read,
    within,
    words,
)

MOST_STEPS = 1_000
INHERIT = "inherit"


@dataclass(frozen=True)
class Step:
    """One step: it uses an action or runs a script."""

    line: int
    name: str
    id: str
    uses: Scalar | None
    run: Scalar | None
    condition: Scalar | None
    inputs: Mapping[str, Scalar]
    env: Mapping[str, Scalar]
    timeout: Scalar | None = None
    shell: Scalar | None = None
    directory: Scalar | None = None
    """Where it runs: `working-directory`."""


@dataclass(frozen=True)
class Defaults:
    """``defaults.run``: the shell and the folder of steps that say none."""

    shell: Scalar | None = None
    directory: Scalar | None = None


@dataclass(frozen=True)
class Job:
    """One job: steps, or a call of a reusable workflow with inputs and secrets (`INHERIT`: all of them)."""

    id: str
    line: int
    condition: Scalar | None
    env: Mapping[str, Scalar]
    steps: tuple[Step, ...]
    uses: Scalar | None
    inputs: Mapping[str, Scalar]
    secrets: Mapping[str, Scalar] | str
    runs_on: tuple[Scalar, ...]
    matrix: Mapping[str, frozenset[str | bool]] | None
    needs: tuple[str, ...]
    permissions: Node | None
    timeout: Scalar | None
    defaults: Defaults = field(default_factory=Defaults)


@dataclass(frozen=True)
class Input:
    """An input of an action, of a dispatch or of a call; ``default`` is None where it has none."""

    line: int
    default: Scalar | None
    kind: str = "string"
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workflow:
    """A workflow. ``triggers``: by event, what stands below it (None: nothing)."""

    name: str
    triggers: Mapping[str, Node | None]
    trigger_lines: Mapping[str, int]
    inputs: Mapping[str, Input]
    env: Mapping[str, Scalar]
    jobs: tuple[Job, ...]
    permissions: Node | None
    defaults: Defaults = field(default_factory=Defaults)


@dataclass(frozen=True)
class Action:
    """A composite action; ``steps`` is empty for one of another kind, which ``using`` names."""

    name: str
    using: str = "composite"
    main: str = ""
    """The file that an action of another kind runs."""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


def workflow(text: str) -> Workflow:
    """Read a workflow. Raises Malformed with the line for what GitHub would refuse too."""
    return workflow_of(_table(read(text), 1, "a workflow"))


def workflow_of(top: Table) -> Workflow:
    """Make a workflow of what was read. Raises Malformed."""
    triggers, lines = _triggers(top)
    jobs = entries(top.get("jobs"))
    if not jobs:
        raise Malformed(top.line, "a workflow without jobs")
    given = (within(triggers.get(event), "inputs") for event in ("workflow_dispatch", "workflow_call"))
    return Workflow(
        name=_text(top.get("name")),
        triggers=triggers,
        trigger_lines=lines,
        inputs={name: made for node in given for name, made in _inputs(node).items()},
        env=_scalars(top.get("env")),
        jobs=tuple(_job(key, _table(node, key.line, "a job")) for key, node in jobs),
        permissions=top.get("permissions"),
        defaults=_defaults(top),
    )


def action(text: str) -> Action:
    """Read an ``action.yml``. Raises Malformed."""
    top = _table(read(text), 1, "an action")
    using, main, steps = (within(top, "runs", name) for name in ("using", "main", "steps"))
    return Action(_text(top.get("name")), _text(using), _text(main), _inputs(top.get("inputs")), steps_of(steps))


def steps_of(node: Node | None) -> tuple[Step, ...]:
    """Return the steps of a sequence. Raises Malformed."""
    if node is None or (isinstance(node, Scalar) and not node.value):
        return ()
    if not isinstance(node, Items) or len(node.nodes) > MOST_STEPS:
        raise Malformed(node.line, f"steps are a list of at most {MOST_STEPS}")
    return tuple(_step(_table(item, item.line, "a step")) for item in node.nodes)


def _triggers(top: Table) -> tuple[dict[str, Node | None], dict[str, int]]:
    """Return the events of ``on``: a word, a list or a mapping. The runner reads it as a word, never as true."""
    node = top.get("on")
    events = entries(node) or [(item, None) for item in _listed(node)]
    return {key.text: below for key, below in events}, {key.text: key.line for key, _ in events}


def _job(key: Scalar, table: Table) -> Job:
    secrets = table.get("secrets")
    return Job(
        id=key.text,
        line=key.line,
        condition=_scalar(table.get("if")),
        env=_scalars(table.get("env")),
        steps=steps_of(table.get("steps")),
        uses=_scalar(table.get("uses")),
        inputs=_scalars(table.get("with")),
        secrets=INHERIT if _text(secrets) == INHERIT else _scalars(secrets),
        runs_on=_labels(table.get("runs-on")),
        matrix=_matrix(table.get("strategy")),
        needs=tuple(need.text for need in _listed(table.get("needs"))),
        permissions=table.get("permissions"),
        timeout=_scalar(table.get("timeout-minutes")),
        defaults=_defaults(table),
    )


def _step(table: Table) -> Step:
    return Step(
        line=table.line,
        name=_text(table.get("name")),
        id=_text(table.get("id")),
        uses=_scalar(table.get("uses")),
        run=_scalar(table.get("run")),
        condition=_scalar(table.get("if")),
        inputs=_scalars(table.get("with")),
        env=_scalars(table.get("env")),
        timeout=_scalar(table.get("timeout-minutes")),
        shell=_scalar(table.get("shell")),
        directory=_scalar(table.get("working-directory")),
    )


def _defaults(table: Table) -> Defaults:
    run = within(table, "defaults", "run")
    return Defaults(_scalar(within(run, "shell")), _scalar(within(run, "working-directory")))


def _labels(node: Node | None) -> tuple[Scalar, ...]:
    """Return the labels of ``runs-on`` in any of its four spellings; a group counts as one."""
    if isinstance(node, Table):
        return (*_listed(node.get("group")), *_listed(node.get("labels")))
    return _listed(node)


def _matrix(strategy: Node | None) -> dict[str, frozenset[str | bool]] | None:
    """Return the values of each axis of a matrix, ``include`` counted in; None where an expression makes it."""
    matrix = within(strategy, "matrix")
    if matrix is None:
        return {}
    if not isinstance(matrix, Table):
        return None
    axes: dict[str, set[str | bool]] = {}
    for key, node in matrix.entries:
        if key.text not in {"include", "exclude"}:
            if not isinstance(node, Items):
                return None
            _laid(axes, key.text.lower(), *node.nodes)
    for axis, gone in _excluded(matrix.get("exclude")):
        axes.get(axis, set()).discard(gone)
    include = matrix.get("include")
    if include is not None and not isinstance(include, Items):
        return None
    for key, node in (pair for entry in items(include) for pair in entries(entry)):
        _laid(axes, key.text.lower(), node)
    return {name: frozenset(words) for name, words in axes.items()}


def _laid(axes: dict[str, set[str | bool]], path: str, *nodes: Node) -> None:
    """Note values of a matrix; one that is a mapping by the paths of its members: ``matrix.target.name``."""
    for node in nodes:
        if isinstance(node, Scalar):
            axes.setdefault(path, set()).add(_typed(node))
        for key, below in entries(node):
            _laid(axes, f"{path}.{key.text.lower()}", below)


def _typed(node: Scalar) -> str | bool:
    """Return a value as expressions see it: a plain true is no text."""
    return {"true": True, "false": False}.get(node.value, node.value) if node.plain else node.value


def _excluded(node: Node | None) -> Iterator[tuple[str, str | bool]]:
    """Yield the values that no combination has, since `exclude` names them alone."""
    for combination in items(node):
        named = entries(combination)
        if len(named) == 1 and isinstance(named[0][1], Scalar):
            yield named[0][0].text.lower(), _typed(named[0][1])


def _inputs(node: Node | None) -> dict[str, Input]:
    inputs: dict[str, Input] = {}
    for key, below in entries(node):
        kind, options = _text(within(below, "type")) or "string", words(within(below, "options"))
        default = _scalar(within(below, "default"))
        inputs[key.text.lower()] = Input(key.line, default, kind, options)
    return inputs


def _table(node: Node | None, line: int, what: str) -> Table:
    if not isinstance(node, Table):
        raise Malformed(node.line if node is not None else line, f"{what} is a mapping")
    return node


def _scalars(node: Node | None) -> dict[str, Scalar]:
    return {key.text: below for key, below in entries(node) if isinstance(below, Scalar)}


def _scalar(node: Node | None) -> Scalar | None:
    return node if isinstance(node, Scalar) else None


def _text(node: Node | None) -> str:
    return node.value if isinstance(node, Scalar) else ""


def _listed(node: Node | None) -> tuple[Scalar, ...]:
    return tuple(item for item in items(node) or (node,) if isinstance(item, Scalar))
