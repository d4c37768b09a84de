"""The catalog of clauses: rows from collected items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_gf.engine.clauses import Row, clause_of, row_of

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.options import Settings


def rows_of(items: Iterable[pytest.Item], settings: Settings) -> dict[str, Row]:
    """Return the row of each item that is a clause, by node id, in the order of collection."""
    rows: dict[str, Row] = {}
    for item in items:
        clause = clause_of(getattr(item, "function", None))
        if clause is not None:
            row = row_of(clause, params_of(item), settings.axes)
            note = settings.note(tuple(row.params))
            rows[item.nodeid] = replace(row, title=f"{row.title} ({note})") if note else row
    return rows


def params_of(item: pytest.Item) -> dict[str, str]:
    """Return the axis values of an item."""
    callspec = getattr(item, "callspec", None)
    return {name: str(value) for name, value in callspec.params.items()} if callspec else {}
