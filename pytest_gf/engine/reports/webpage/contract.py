"""The contract as a page: every statement beside what this run says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.verdict import BADNESS, Verdict, worst

if TYPE_CHECKING:
    from pytest_gf.engine.contract import Contract

MOST_ROWS = 12
"""Rows of one statement that are named, the worst first."""


def page(contract: Contract, claims: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the contract's sections with their statements, each with a state: a verdict's name, or one of these.

    ``part``: proved in part. ``expected``: a red shows it. ``none``: nobody looked. ``claims`` are those of the record.
    """
    naming: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        for name in row["names"]:
            naming.setdefault(name, []).append(row)
    sections: dict[str, list[dict[str, Any]]] = {}
    for statement in contract.statements.values():
        shown = _statement(statement.id, claims, naming.get(statement.id, []))
        sections.setdefault(statement.section, []).append(
            shown | {"id": f"s-{statement.id}", "name": statement.id, "text": statement.text}
        )
    held_back = claims.get("held_back") if claims else ""
    return {
        "total": len(contract.statements),
        "proved": len(claims["whole"]) if claims else 0,
        "held_back": f"No live statement is proved whole: {held_back}." if held_back else "",
        "sections": [{"title": contract.sections.get(name, name), "statements": of} for name, of in sections.items()],
    }


def _statement(name: str, claims: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    state, word, note = _state(name, claims, rows)
    ordered = sorted(rows, key=lambda row: BADNESS[row["verdict"]])
    more = max(0, len(rows) - MOST_ROWS)
    shown = {"rows": ordered[:MOST_ROWS], "count": len(rows), "more": more}
    return {"state": state, "word": word, "note": note} | shown


def _state(name: str, claims: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """Return a statement's state, the word for it, and a note."""
    claims = claims or {}
    verdict = worst(row["verdict"] for row in rows) if rows else None
    part = name in claims.get("part", ())
    if name in claims.get("expected", {}):
        return "expected", "expected", "The red of these rows is what this statement says."
    if name in claims.get("whole", ()):
        return "holds", "holds", ""
    if verdict not in {None, Verdict.HOLDS}:
        return str(verdict), str(verdict), "In part it holds." if part else ""
    if part:
        return "part", "holds in part", ""
    return ("part", "not proved", "These rows hold, and don't prove it.") if rows else ("none", "not looked at", "")
