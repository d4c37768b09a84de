"""``--gf-plan``: what is reached, what a run would ask of which system, what it would change, and every right that it lacks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import ProbeError
from pytest_gf.engine.reach import reach

if TYPE_CHECKING:
    from pytest_gf.engine.house import PlanLine
    from pytest_gf.engine.nodes import Node, Plan
    from pytest_gf.engine.run import Run

Wanted = Sequence[tuple[str, Mapping[str, str]]]


def plan(run: Run, wanted: Mapping[str, Wanted]) -> Iterator[PlanLine]:
    """Yield the plan of a run. ``wanted`` has by row name the facts that the row asks for.

    Nothing is changed. It sends a HEAD request to each address, a request that shows whether an identity is accepted, and
    access reviews. A right that can't be reviewed is said to be unknown, not lacking.
    """
    try:
        target = run.target
    except ProbeError as failed:
        yield f"plan: {failed}", True
        return
    graph = run.graph
    planned = {row: graph.plan(facts) for row, facts in wanted.items()}
    nodes = {row: graph.with_needs(*direct) for row, direct in planned.items()}
    hard = {row: _required(graph, direct) for row, direct in planned.items()}
    every = [
        node
        for node in dict.fromkeys(node for of_row in nodes.values() for node in of_row)
        if run.house.applies(run, node)
    ]
    yield f"plan: {len(wanted)} rows, {len(every)} facts, on target {target.name} (vantage {target.vantage})", False
    yield from reach(run)
    yield from _asks(run, every)
    yield from _changes(run, every)
    yield from run.house.plan(run, nodes, hard)


def _required(graph: Plan, direct: Sequence[Node]) -> Sequence[Node]:
    """Return the facts that a row can't be judged without. A fact that only collects others counts with all of them."""
    required = graph.required(direct)
    collectors = [
        node for node in required if node.needs and not node.every and set(node.needs) <= set(node.fact.if_seen)
    ]
    return [*required, *graph.required(need for node in collectors for need in node.needs.values())]


def _asks(run: Run, nodes: Sequence[Node]) -> Iterator[PlanLine]:
    counts = Counter(ask for node in nodes for ask in node.fact.asks)
    addresses = {
        system: where(run.target.sections[section.name])
        for section in run.house.sections
        if section.name in run.target.sections
        for system, where in section.asks.items()
    }
    yield "it asks, at least:", False
    for system in sorted({ask.partition(" ")[0] for ask in counts}):
        where = addresses.get(system, "")
        operations = [
            f"{ask.partition(' ')[2]}{f' x{count}' if count > 1 else ''}"
            for ask, count in sorted(counts.items())
            if ask.startswith(f"{system} ")
        ]
        yield f"  {system} ({where or 'the target has no such section: nothing'}): {', '.join(operations)}", False


def _changes(run: Run, nodes: Sequence[Node]) -> Iterator[PlanLine]:
    words = dict.fromkeys(node.fact.changes for node in nodes if node.fact.changes)
    if not words:
        yield "it changes nothing", False
    for word in words:
        facts = ", ".join(dict.fromkeys(node.fact.name for node in nodes if node.fact.changes == word))
        allowed = run.target.permits(str(word))
        says = "" if allowed else f" - not allowed: add {word!r} to the target's allow"
        if allowed and not run.is_confirmed(str(word)):
            allowed, says = False, f" - not confirmed: --gf-confirm={run.house.confirm[str(word)]}"
        yield f"it {'changes' if allowed else 'would change'} ({word}): {facts}{says}", False


def within(seconds: float, lines: Iterable[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a plan until its time is over, then a line that says so. That line tells of a lack."""
    ends = time.monotonic() + seconds
    for line in lines:
        yield line
        if time.monotonic() > ends:
            yield f"plan: the rest was not asked within {seconds:g} s: is the cluster slow? (--gf-deadline)", True
            return
