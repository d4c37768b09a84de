"""Which rows a run has: a selection may take rows of others, and an axis without values has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_gf.engine import catalog
from pytest_gf.engine.clauses import clause_of
from pytest_gf.engine.house import Candidate

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.facts import Facts
    from pytest_gf.engine.run import Run


def select(config: pytest.Config, items: list[pytest.Item], facts: Facts, run: Run) -> None:
    """Give rows the markers of the selections that take them, and deselect clauses over an axis without values."""
    empty = {axis for axis in run.axes.names if not run.axes.values(axis)}
    clauses = [item for item in items if clause_of(getattr(item, "function", None)) is not None]
    left_out = [item for item in clauses if empty & set(catalog.params_of(item))]
    for item in clauses:
        candidate = _candidate(item, facts)
        for selection in run.house.selections:
            if item not in left_out and selection.takes(candidate, run):
                item.add_marker(selection.marker)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _candidate(item: pytest.Item, facts: Facts) -> Candidate:
    names = getattr(item, "_fixtureinfo").argnames  # noqa: B009  # Private, and mypy says so.
    known = [name for name in names if name in facts.facts]
    changes = any(fact.changes for name in known for fact in facts.closure(name).values())
    clause = clause_of(getattr(item, "function", None))
    markers = frozenset(mark.name for mark in item.iter_markers())
    return Candidate(markers, catalog.params_of(item), changes, clause.id if clause is not None else "")
