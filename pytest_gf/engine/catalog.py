"""The catalog of clauses: the rows that a run has, of the items that pytest collected, and what proves each statement."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_gf.engine.clauses import Clause, Row, clause_of, clauses_among, row_of
from pytest_gf.engine.facts import Fact, Facts
from pytest_gf.engine.house import Candidate
from pytest_gf.engine.pytest_state import parameter_names

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.axes import Axes
    from pytest_gf.engine.options import Settings
    from pytest_gf.engine.run import Run

_PYTESTS = {"clause", "parametrize", "skip"}
"""Markers that every clause has, or that only say what its axes are."""


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


@dataclass
class Collection:
    """Clauses and their markers by id, tests by the policy statement that they hold, and all facts."""

    facts: Facts = field(default_factory=lambda: Facts({}))
    clauses: dict[str, Clause] = field(default_factory=dict)
    markers: dict[str, list[str]] = field(default_factory=dict)
    upholding: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[pytest.Item], facts: Facts) -> Collection:
        """Return the collection of these items."""
        collection = cls(facts)
        for item in items:
            clause = clause_of(item)
            if clause is not None:
                collection.clauses[clause.id] = clause
                collection.markers[clause.id] = sorted({mark.name for mark in item.iter_markers()} - _PYTESTS)
            for mark in item.iter_markers("upholds"):
                test = item.nodeid.partition("[")[0]
                tests = collection.upholding.setdefault(mark.args[0], [])
                tests += [test] if test not in tests else []
        return collection

    def judged(self, clause: Clause) -> list[str]:
        """Return the names of the facts that a clause judges."""
        return [name for name in inspect.signature(clause.function).parameters if name in self.facts.facts]

    def behind(self, clause: Clause) -> dict[str, Fact]:
        """Return all facts that a clause needs, directly or through other facts."""
        return self.facts.closure(*self.judged(clause))

    def axes_of(self, clause: Clause) -> tuple[str, ...]:
        """Return the axes over which a clause has rows."""
        return self.facts.axes_behind(inspect.signature(clause.function).parameters)


def proving(clauses: Iterable[Clause], axes: Axes) -> dict[str, list[tuple[str, str]]]:
    """Return by statement the clauses or rows that prove it, each with how: "", "in part", or "by its red"."""
    proofs: dict[str, list[tuple[str, str]]] = {}
    for clause in clauses:
        for word in clause.proves:
            axis = word.strip("{}") if word.startswith("{") else ""
            named = [
                (name, f"{clause.id}[{value}]")
                for value in (axes.every(axis) if axis else ())
                for name in axes.statements(axis, value)
            ]
            for name, row in named or ([] if axis else [(word, clause.id)]):
                how = {"~": "in part", "!": "by its red"}.get(name[-1], "")
                proofs.setdefault(name.rstrip("~!"), []).append((row, how))
    return proofs


def says(function: object) -> str:
    """Return the first line of the docstring of a fact or a clause."""
    return (inspect.getdoc(function) or "").partition("\n")[0]
