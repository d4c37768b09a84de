"""Incidents: the rows of a run that are not as promised, gathered by their cause. Known by data, never by the words of a reason."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.verdict import Verdict
from pytest_gf.engine.visible import visible

WIDTH = 100
"""Columns of an incident's block."""
_MOST_NAMES = 6
_MOST_VALUES = 6
_UNNAMED: Mapping[Verdict, tuple[str, str]] = {
    Verdict.VIOLATED: ("not-as-promised", "something differs from the contract"),
    Verdict.ERROR: ("not-judged", "a row could not be judged"),
    Verdict.FIXED: ("still-waived", "what a waiver covers holds"),
}
"""The verdicts that make an incident, each with the kind and the title of a row that names no cause: it is an incident of its
own. What is waived is known, and what is unproven can only be a consequence."""

Cause = tuple[str, str]
"""A kind and a subject."""


def incidents(verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a run's incidents, the one with the most rows first: ``kind, subject, title, headline, rows, consequences, next_steps, evidence``.

    Rows of one cause are one incident. A row's ``because`` names causes that would explain it: where one of them was seen in
    another row, this one is a consequence of that incident. So is an unproven row that waited for it.
    """
    groups: dict[Cause, list[Mapping[str, Any]]] = {}
    for row in verdicts:
        if Verdict(row["verdict"]) in _UNNAMED:
            groups.setdefault(_cause(row), []).append(row)
    roots = {cause: _root(cause, groups) for cause in groups}
    found = {cause: _incident(cause, rows) for cause, rows in groups.items() if roots[cause] == cause}
    for cause, rows in groups.items():
        if roots[cause] != cause:
            found[roots[cause]]["consequences"] += map(row_name, rows)
    for row in verdicts:
        behind = next((cause for cause in _because(row) if cause in roots), None)
        if row["verdict"] == Verdict.UNPROVEN and behind is not None:
            found[roots[behind]]["consequences"].append(row_name(row))
    return sorted(found.values(), key=lambda each: -len(each["rows"]) - len(each["consequences"]))


def _cause(row: Mapping[str, Any]) -> Cause:
    named = row.get("cause")
    return (str(named["kind"]), str(named["subject"])) if named else (_UNNAMED[row["verdict"]][0], row_name(row))


def _title(row: Mapping[str, Any]) -> str:
    named = row.get("cause")
    return str(named["title"]) if named else _UNNAMED[row["verdict"]][1]


def _because(row: Mapping[str, Any]) -> list[Cause]:
    return [(str(each["kind"]), str(each["subject"])) for each in row.get("because") or ()]


def _root(cause: Cause, groups: Mapping[Cause, Sequence[Mapping[str, Any]]]) -> Cause:
    """Return the seen cause behind which no other one was seen. Two that name each other stay two."""
    passed = [cause]
    while True:
        behind = (each for row in groups[passed[-1]] for each in _because(row))
        before = next((each for each in behind if each in groups and each != passed[-1]), None)
        if before is None:
            return passed[-1]
        if before in passed:
            return cause
        passed.append(before)


def _incident(cause: Cause, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "kind": cause[0],
        "subject": cause[1],
        "title": _title(rows[0]),
        "headline": _headline(rows),
        "rows": [row_name(row) for row in rows],
        "consequences": [],
        "next_steps": list(dict.fromkeys(str(row["next_step"]) for row in rows if row["next_step"])),
        "evidence": list(dict.fromkeys(str(path) for row in rows for path in row["evidence"])),
    }


def _headline(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the first line of a reason, cut where it is longer than a line that a server may say."""
    lines = (line.strip() for row in rows for line in str(row["reason"]).splitlines())
    return visible(next(filter(None, lines), rows[0]["title"]))


def block(number: int, incident: Mapping[str, Any], folder: str) -> Iterator[str]:
    """Yield the lines of an incident for a terminal, none wider than `WIDTH`."""
    yield from _wrapped(f"{number}. {_heading(incident)}", "   ")
    yield from _wrapped(f"   seen: {incident['headline']}", "         ")
    if incident.get("since"):
        yield f"   since: {incident['since']}"
    for step in incident["next_steps"][:1]:
        yield from _wrapped(f"   do: {step}", "         ")
    for word, rows in _told(incident):
        yield from _wrapped(f"   {word} ({len(rows)}): {_few(rows, _MOST_NAMES)}", "         ")
    if incident["evidence"]:
        files = f"{len(incident['evidence'])} file{'s' * (len(incident['evidence']) > 1)}"
        yield from _wrapped(f"   evidence: {folder}/evidence/ ({files})", "         ")


def _heading(incident: Mapping[str, Any]) -> str:
    """Return the cause of an incident, and what its kind is."""
    named = f"{incident['kind']} {incident['subject']}".strip()
    return f"{named}: {incident['title']}" if incident["title"] else named


def section(record: Mapping[str, Any], plain: Callable[[str], str]) -> list[str]:
    """Return the lines of a Markdown page that head it; ``plain`` makes a text harmless in it."""
    lines: list[str] = []
    for incident in record["incidents"]:
        lines += [f"### {plain(_heading(incident))}", ""]
        lines += [f"- seen: {plain(incident['headline'])}"]
        lines += [f"- since: {plain(incident['since'])}"] if incident.get("since") else []
        lines += [f"- do: {plain(each)}" for each in incident["next_steps"][:1]]
        lines += [f"- {word} ({len(rows)}): {plain(_few(rows))}" for word, rows in _told(incident)]
        lines += [f"- evidence ({len(incident['evidence'])}): {plain(_files(incident['evidence']))}", ""]
    return [f"## Incidents ({len(record['incidents'])})", "", *lines] if lines else []


def _told(incident: Mapping[str, Any]) -> list[tuple[str, Sequence[str]]]:
    """Return the red rows of an incident's cause, and those that followed from it where there are any."""
    found = [("rows", incident["rows"]), ("because of it", incident["consequences"])]
    return [(word, rows) for word, rows in found if rows]


def _few(names: Sequence[str], most: int | None = None) -> str:
    """Return the names of these rows, of all clauses or of the first; rows of one clause are told together."""
    clauses: dict[str, list[str]] = {}
    for name in names:
        clause, _, values = name.partition("[")
        clauses.setdefault(clause, []).append(values.removesuffix("]"))
    told = [f"{clause}[{_first(values)}]" if values != [""] else clause for clause, values in clauses.items()]
    more = f" and {len(told) - most} more clauses" if most is not None and len(told) > most else ""
    return f"{', '.join(told[:most])}{more}"


def _files(paths: Sequence[str]) -> str:
    return ", ".join([*paths[:_MOST_NAMES], *["and others"] * (len(paths) > _MOST_NAMES)]) or "none"


def _first(values: Sequence[str]) -> str:
    more = [f"and {len(values) - _MOST_VALUES} more"] if len(values) > _MOST_VALUES else []
    return ", ".join([*values[:_MOST_VALUES], *more])


def _wrapped(text: str, indent: str) -> Iterable[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
