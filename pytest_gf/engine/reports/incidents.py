"""Incidents: the rows of a run that are not as promised, gathered by their cause. Known by data, never by the words of a reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.verdict import Verdict

UNKNOWN = "not-as-promised"
"""The kind of a red row whose value named no cause: it is an incident of its own."""
WIDTH = 100
"""Columns of an incident's block."""
_MOST_NAMES = 6
_HEADED = {Verdict.VIOLATED, Verdict.ERROR, Verdict.FIXED}
"""The verdicts that make an incident. What is waived is known, and what is unproven can only be a consequence."""

Cause = tuple[str, str]
"""A kind and a subject."""


def incidents(verdicts: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a run's incidents, the one with the most rows first: ``kind, subject, title, headline, rows, consequences, next_steps, evidence``.

    Rows of one cause are one incident. A row's ``because`` names causes that would explain it: where one of them was seen in
    another row, this one is a consequence of that incident. So is an unproven row that waited for it. ``titles`` says what a
    kind is.
    """
    groups: dict[Cause, list[Mapping[str, Any]]] = {}
    for row in verdicts:
        if Verdict(row["verdict"]) in _HEADED:
            groups.setdefault(_cause(row), []).append(row)
    roots = {cause: _root(cause, groups) for cause in groups}
    found = {
        cause: _incident(cause, rows, titles.get(cause[0], ""))
        for cause, rows in groups.items()
        if roots[cause] == cause
    }
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
    return (str(named["kind"]), str(named["subject"])) if named else (UNKNOWN, row_name(row))


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


def _incident(cause: Cause, rows: Sequence[Mapping[str, Any]], title: str) -> dict[str, Any]:
    return {
        "kind": cause[0],
        "subject": cause[1],
        "title": title,
        "headline": next((line for row in rows for line in str(row["reason"]).splitlines()), rows[0]["title"]),
        "rows": [row_name(row) for row in rows],
        "consequences": [],
        "next_steps": list(dict.fromkeys(str(row["next_step"]) for row in rows if row["next_step"])),
        "evidence": list(dict.fromkeys(str(path) for row in rows for path in row["evidence"])),
    }


def block(number: int, incident: Mapping[str, Any], folder: str) -> Iterator[str]:
    """Yield the lines of an incident for a terminal, none wider than `WIDTH`."""
    yield from _wrapped(f"{number}. {named(incident)}{': ' * bool(incident['title'])}{incident['title']}", "   ")
    yield from _wrapped(f"   seen: {incident['headline']}", "         ")
    for step in incident["next_steps"][:1]:
        yield from _wrapped(f"   do: {step}", "         ")
    for word, rows in _told(incident):
        yield from _wrapped(f"   {word} ({len(rows)}): {_few(rows, _MOST_NAMES)}", "         ")
    if incident["evidence"]:
        yield from _wrapped(f"   evidence: {folder}/evidence/ ({len(incident['evidence'])} files)", "         ")


def named(incident: Mapping[str, Any]) -> str:
    """Return the cause of an incident, as it is told."""
    return f"{incident['kind']} {incident['subject']}".strip()


def section(record: Mapping[str, Any], plain: Any) -> list[str]:
    """Return the lines of a Markdown page that head it; ``plain`` makes a text harmless in it."""
    lines: list[str] = []
    for incident in record["incidents"]:
        lines += [f"### {plain(named(incident))}", ""]
        lines += [f"{plain(incident['headline'])}", ""]
        lines += [f"- do: {plain(each)}" for each in incident["next_steps"][:1]]
        lines += [f"- {word} ({len(rows)}): {plain(_few(rows))}" for word, rows in _told(incident)]
        lines += [f"- evidence ({len(incident['evidence'])}): {plain(_files(incident['evidence']))}"]
        lines += [""]
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
        clauses.setdefault(clause, []).append(values.rstrip("]"))
    told = [f"{clause}[{', '.join(values)}]" if values != [""] else clause for clause, values in clauses.items()]
    more = f" and {len(told) - most} more clauses" if most is not None and len(told) > most else ""
    return f"{', '.join(told[:most])}{more}"


def _files(paths: Sequence[str]) -> str:
    return ", ".join([*paths[:_MOST_NAMES], *["and others"] * (len(paths) > _MOST_NAMES)]) or "none"


def _wrapped(text: str, indent: str) -> Iterable[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
