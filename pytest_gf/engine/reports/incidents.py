"""Incidents: the rows of a run that are not as promised, grouped by their cause. The cause is data; no reason is read for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.lines import WIDTH, cut, number, wrapped
from pytest_gf.engine.reports.templates import lines_of
from pytest_gf.engine.trouble import Severity
from pytest_gf.engine.verdict import Verdict
from pytest_gf.engine.visible import visible

_TEXT = Path(__file__).with_name("incident.txt.jinja")
_MOST_VALUES = 6
_MOST_OF_A_STEP = 200
_UNNAMED: Mapping[Verdict, str] = {
    Verdict.VIOLATED: "not-as-promised",
    Verdict.ERROR: "not-judged",
    Verdict.FIXED: "still-waived",
}
"""The verdicts that make an incident, each with the kind of a row that names no cause: it is an incident of its own. What is
waived is known, and what is unproven can only be a consequence."""

Cause = tuple[str, str]
"""A kind and a subject."""


def incidents(verdicts: Sequence[Mapping[str, Any]], kinds: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a run's incidents, the worst first, as `engine.reports.form` has them; ``kinds`` says what each kind of cause is.

    Rows of one cause are one incident. A row's ``because`` names causes that would explain it: where one of them was seen in
    another row, this one is a consequence of that incident. So is an unproven row that waited for it.
    """
    groups: dict[Cause, list[Mapping[str, Any]]] = {}
    for row in verdicts:
        cause = cause_of(row)
        if cause is not None and row["verdict"] in _UNNAMED:
            groups.setdefault(cause, []).append(row)
    roots = {cause: _root(cause, groups) for cause in groups}
    by_cause = {
        cause: _incident(cause, rows, kinds[cause[0]]) for cause, rows in groups.items() if roots[cause] == cause
    }
    for cause, rows in groups.items():
        if roots[cause] != cause:
            by_cause[roots[cause]]["consequences"] += map(row_name, rows)
    for row in verdicts:
        behind = next((cause for cause in _because(row) if cause in roots), None)
        if row["verdict"] == Verdict.UNPROVEN and behind is not None:
            by_cause[roots[behind]]["consequences"].append(row_name(row))
    return sorted(by_cause.values(), key=_rank)


def _rank(incident: Mapping[str, Any]) -> tuple[int, int]:
    return list(Severity).index(incident["severity"]), -len(incident["rows"]) - len(incident["consequences"])


def cause_of(row: Mapping[str, Any]) -> Cause | None:
    """Return the cause of a row: the one that it names, or for a red row without one a cause of its own."""
    cause, unnamed = row["cause"], _UNNAMED.get(row["verdict"])
    if cause is not None:
        return cause["kind"], cause["subject"]
    return (unnamed, row_name(row)) if unnamed is not None else None


def _because(row: Mapping[str, Any]) -> list[Cause]:
    return [(cause["kind"], cause["subject"]) for cause in row["because"]]


def _root(cause: Cause, groups: Mapping[Cause, Sequence[Mapping[str, Any]]]) -> Cause:
    """Follow the causes that explain this one, and return the last of them. Two causes that explain each other stay two.

    A cause is explained where each of its rows names a cause that was seen.
    """
    passed = [cause]
    while True:
        behind = [
            [explaining for explaining in _because(row) if explaining in groups and explaining != passed[-1]]
            for row in groups[passed[-1]]
        ]
        if not all(behind):
            return passed[-1]
        if behind[0][0] in passed:
            return cause
        passed.append(behind[0][0])


def _incident(cause: Cause, rows: Sequence[Mapping[str, Any]], kind: Mapping[str, Any]) -> dict[str, Any]:
    steps = [*kind["first"], *(str(row["next_step"]) for row in rows if row["next_step"])]
    return {
        "kind": cause[0],
        "subject": cause[1],
        "severity": str(kind["severity"]),
        "title": kind["title"],
        "headline": _headline(rows),
        "since": None,
        "rows": [row_name(row) for row in rows],
        "consequences": [],
        "next_steps": list(dict.fromkeys(steps)),
        "avoid": list(kind["avoid"]),
        "tickets": list(kind["tickets"]),
        "page": kind["page"],
        "evidence": list(dict.fromkeys(str(path) for row in rows for path in row["evidence"])),
    }


def _headline(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the first line of a reason, cut where it is longer than a line that a server may say."""
    lines = (line.strip() for row in rows for line in str(row["reason"]).splitlines())
    return visible(next(filter(None, lines), rows[0]["title"]))


def block(place: int, incident: Mapping[str, Any], folder: str, width: int = WIDTH) -> Iterator[str]:
    """Yield the lines of an incident for a terminal, none wider than ``width``, nor than `WIDTH`."""
    said = lines_of(
        _TEXT, heading, cut, affected, in_short, number, incident=incident, folder=folder, most=_MOST_OF_A_STEP
    )
    for index, text in enumerate(said):
        begin, indent = ("   ", "      ") if index else (f"{place}. ", "   ")
        yield from wrapped(f"{begin}{text}", min(width, WIDTH), indent)


def named(incident: Mapping[str, Any]) -> str:
    """Return an incident's kind and subject."""
    return f"{incident['kind']} {incident['subject']}".strip()


def heading(incident: Mapping[str, Any]) -> str:
    """Return the cause of an incident, and what its kind is."""
    return f"{named(incident)} ({incident['severity']}): {incident['title']}"


def affected(incident: Mapping[str, Any]) -> list[tuple[str, Sequence[str]]]:
    """Return the red rows of an incident's cause, and those that followed from it where there are any."""
    groups = [("rows", incident["rows"]), ("because of it", incident["consequences"])]
    return [(word, rows) for word, rows in groups if rows]


def in_short(names: Sequence[str], most: int | None = None) -> str:
    """Return the names of these rows, of all clauses or of the first; rows of one clause are told together."""
    clauses: dict[str, list[str]] = {}
    for name in names:
        clause, _, values = name.partition("[")
        clauses.setdefault(clause, []).append(values.removesuffix("]"))
    clause_names = [clause if values == [""] else f"{clause}[{_first(values)}]" for clause, values in clauses.items()]
    more = f" and {len(clause_names) - most} more clauses" if most is not None and len(clause_names) > most else ""
    return f"{', '.join(clause_names[:most])}{more}"


def _first(values: Sequence[str]) -> str:
    more = [f"and {len(values) - _MOST_VALUES} more"] if len(values) > _MOST_VALUES else []
    return ", ".join([*values[:_MOST_VALUES], *more])
