"""The summary: record.json as a page of Markdown, in the run's folder and in a GitHub job's summary."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports import history_text
from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.incidents import affected, heading, in_short
from pytest_gf.engine.reports.templates import template
from pytest_gf.engine.verdict import Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.contract import Contract

_PAGE = Path(__file__).with_name("summary.md.jinja")
MOST_BYTES = 1_000_000
"""GitHub refuses a job summary of more than 1 MiB; what other steps wrote counts too."""

MOST_REASONS = 3
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "://": "&#58;//", "www.": "www&#46;", "@": "&#64;"}
_MARKDOWN = re.compile(r"[\\`*_\[\]|~$]")
_MEANING = {
    0: "green: nothing selected is red",
    1: "red: something is not as promised",
    2: "interrupted",
    10: "error: probes broke, so their clauses say nothing",
    11: "unproven: not everything selected could be observed",
}


def meaning(record: Mapping[str, Any]) -> str:
    """Return what the exit code of a run means."""
    return _MEANING.get(record["exit"], "see pytest")


def tally(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Return how many of these rows have each verdict, from the worst to the best."""
    counted = Counter(row["verdict"] for row in rows)
    return [(str(verdict), counted[verdict]) for verdict in Verdict if verdict in counted]


def counts(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return ``3 violated, 2 unproven, 20 hold`` from the worst to the best."""
    return ", ".join(f"{count} {verdict}" for verdict, count in tally(rows)) or "no clause selected"


def interim(record: Mapping[str, Any]) -> str:
    """Return what a green run with waived clauses says of itself, "" for any other: INTERIM_ONLY is no HA claim."""
    waived = sum(row["verdict"] == Verdict.INTERIM for row in record["verdicts"])
    if not waived or record["exit"] != 0:
        return ""
    return f"INTERIM_ONLY: {waived} clauses are red and waived until their ticket closes; nothing here is an HA claim"


def page(record: Mapping[str, Any], banner: str, contract: Contract, shown: Mapping[str, str]) -> str:
    """Return the page. What a person must do comes first. ``banner`` is what the House says of its lab, ``shown`` as in `Run.shown`."""
    rows = record["verdicts"]
    well = [row["clause"].partition(".")[0] for row in rows if row["verdict"] == Verdict.HOLDS]
    return template(_PAGE, heading, affected, in_short, row_name, plain).render(
        record=record,
        claims=record["claims"],
        banner=banner,
        counts=counts(rows),
        meaning=meaning(record),
        interim=interim(record),
        not_looked_at=not_looked_at(record),
        history=history_text.lines(record["history"]),
        groups=[(verdict, [row for row in rows if row["verdict"] == verdict]) for verdict in Verdict],
        systems=Counter(well).items(),
        statements=contract.statements,
        shown=shown,
    )


def append_to_github(text: str) -> None:
    """Append the page to ``$GITHUB_STEP_SUMMARY``, cut to what is left of `MOST_BYTES`. Nothing where it isn't set."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    if not named:
        return
    path = Path(named)
    room = MOST_BYTES - (path.stat().st_size if path.exists() else 0)
    data = text.encode(errors="backslashreplace")
    if len(data) > room:
        note = "\n\n(cut: the whole page is summary.md in the run's folder)\n"
        data = data[: max(0, room - len(note))].decode(errors="ignore").encode() + note.encode()
        data = data[: max(0, room)]
    with path.open("ab") as file:
        file.write(data)


def not_looked_at(record: Mapping[str, Any]) -> str:
    """Return in a line how many rows were not observed, and why; "" if all were."""
    reasons = Counter(
        (row["reason"].splitlines() or ["no reason was given"])[0]
        for row in record["verdicts"]
        if row["verdict"] == Verdict.UNPROVEN
    )
    if not reasons:
        return ""
    most = [f"{reason} ({count})" for reason, count in reasons.most_common(MOST_REASONS)]
    more = [f"{len(reasons) - len(most)} other reasons"] if len(reasons) > len(most) else []
    rows = len(record["verdicts"])
    return f"nobody looked at {reasons.total()} of {rows} rows: {'; '.join(most + more)}"


def plain(text: str) -> str:
    """Return a text that stays plain in a page of Markdown: no HTML, no link, no emphasis, no end of the table's cell."""
    for character, spelt in _ENTITIES.items():
        text = text.replace(character, spelt)
    return _MARKDOWN.sub(r"\\\g<0>", text).replace("\n", "<br>").replace("\t", " ")
