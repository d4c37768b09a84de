"""The catalog of clauses: the rows that a run has, of the items that pytest collected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gf.engine.clauses import Clause, Row, clauses_among, row_of
from pytest_gf.engine.house import Candidate
from pytest_gf.engine.pytest_state import parameter_names

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.facts import Facts
    from pytest_gf.engine.options import Settings
    from pytest_gf.engine.run import Run


def select(config: pytest.Config, items: list[pytest.Item], run: Run) -> None:
    """Give rows the markers of the selections that take them. Deselect the clauses over an axis that has no values."""
    empty = {axis for axis in run.axes.names if not run.axes.values(axis)}
    clauses = list(clauses_among(items))
    left_out = [item for item, _ in clauses if empty & set(params_of(item))]
    for item, clause in clauses:
        candidate = _candidate(item, clause, run.graph.facts)
        for selection in run.house.selections:
            if item not in left_out and selection.takes(candidate, run):
                item.add_marker(selection.marker)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def rows_of(items: Iterable[pytest.Item], settings: Settings) -> dict[str, Row]:
    """Return the row of each item that is a clause, by node id, in the order of collection."""
    rows: dict[str, Row] = {}
    for item, clause in clauses_among(items):
        row = row_of(clause, params_of(item), settings.axes)
        note = settings.note(tuple(row.params))
        rows[item.nodeid] = replace(row, title=f"{row.title} ({note})") if note else row
    return rows


def params_of(item: pytest.Item) -> dict[str, str]:
    """Return the axis values of an item."""
    callspec = getattr(item, "callspec", None)
    return {name: str(value) for name, value in callspec.params.items()} if callspec else {}


def _candidate(item: pytest.Item, clause: Clause, facts: Facts) -> Candidate:
    known = [name for name in parameter_names(item) if name in facts.facts]
    changes = any(fact.changes for fact in facts.closure(*known).values())
    markers = frozenset(mark.name for mark in item.iter_markers())
    return Candidate(markers, params_of(item), changes, clause.id)
