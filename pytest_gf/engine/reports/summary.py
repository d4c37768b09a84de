"""The summary: record.json as a page of Markdown, in the run's folder and in a GitHub job's summary."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports.claims import Claims, gate_line, row_name
from pytest_gf.engine.reports.history_text import lines as told_lines
from pytest_gf.engine.reports.incidents import section
from pytest_gf.engine.verdict import Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.contract import Contract
    from pytest_gf.engine.options import Settings

MOST_BYTES = 1_000_000
"""GitHub refuses a job summary of more than 1 MiB; what other steps wrote counts too."""

MOST_REASONS = 3
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "://": "&#58;//", "www.": "www&#46;", "@": "&#64;"}
_MARKDOWN = re.compile(r"[\\`*_\[\]|~$]")
MEANING = {
    0: "green: nothing selected is red",
    1: "red: something is not as promised",
    2: "interrupted",
    10: "error: probes broke, so their clauses say nothing",
    11: "unproven: not everything selected could be observed",
}


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


def page(
    record: Mapping[str, Any],
    settings: Settings,
    claims: Claims,
    shown: Mapping[str, str] | None = None,
) -> str:
    """Return the page. What a person must do comes first."""
    lines = [f"# Contract run on {_cell(record['target'])}: {counts(record['verdicts'])}", ""]
    if record["target"] == "lab":
        lines += [f"**{settings.house.lab_banner}.**", ""]
    lines += [
        f"Exit {record['exit']}, {MEANING.get(record['exit'], 'see pytest')}. Vantage {record['vantage']}, {record['started']} to {record['finished']}.",
        "",
    ]
    lines += [f"**{interim(record)}.**", ""] if interim(record) else []
    passed = gate_line(record, settings.house.gate)
    lines += [f"{passed}.", ""] if passed else []
    lines += [f"**{_cell(not_looked_at(record))}.**", ""] if not_looked_at(record) else []
    lines += section(record, _cell)
    lines += [f"- {_cell(line)}" for line in told_lines(record.get("history"))]
    lines += [""] if record.get("history") else []
    for verdict in Verdict:
        lines += _section(verdict, [row for row in record["verdicts"] if row["verdict"] == verdict])
    lines += _claimed(claims, settings.contract)
    for name, text in (shown or {}).items():
        lines += [f"## {name}", "", "```", text.replace("`", "'"), "```", ""]
    lines += ["## What green does not prove", "", *(f"- {claim}" for claim in record["does_not_prove"]), ""]
    if claims.tickets:
        lines += ["## Tickets", "", *(f"- {name}: {says}" for name, says in claims.tickets.items()), ""]
    return "\n".join(lines)


def _claimed(claims: Claims, contract: Contract) -> list[str]:
    """Return what the run proved, what an expected red shows, and the reminders."""
    lines = ["## What this run proved", "", _listed(claims.whole) or "Nothing.", ""]
    lines += [f"In part: {_listed(claims.part)}.", ""] if claims.part else []
    lines += [f"No live statement is proved whole: {claims.held_back}.", ""] if claims.held_back else []
    for name, rows in claims.expected.items():
        lines += [
            f"Expected, {name} holds ({contract.statements[name].text}): {_listed(f'`{row}`' for row in rows)}.",
            "",
        ]
    left = len(contract.statements) - len({*claims.whole, *claims.part})
    lines += [f"{left} of the contract's {len(contract.statements)} statements are not proved by this run.", ""]
    if claims.reminders:
        lines += ["## Remember", "", *(f"- {reminder}" for reminder in claims.reminders), ""]
    return lines


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


def _section(verdict: Verdict, rows: list[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = [f"## {verdict} ({len(rows)})", ""]
    if verdict is Verdict.HOLDS:
        systems = Counter(str(row["clause"]).partition(".")[0] for row in rows)
        lines += [
            "| system | rows |",
            "|---|---|",
            *(f"| {_cell(name)} | {count} |" for name, count in systems.items()),
        ]
        return [*lines, ""]
    lines += [f"<details><summary>{len(rows)} row{'s' * (len(rows) > 1)}</summary>", ""]
    lines += ["| clause | title | why | next step |", "|---|---|---|---|"]
    lines += [
        f"| `{_code(row_name(row))}` | {_cell(row['title'])} | {_cell(row['reason'])} | {_cell(row['next_step'])} |"
        for row in rows
    ]
    return [*lines, "", "</details>", ""]


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


def _code(name: str) -> str:
    return name.replace("`", "'").replace("|", "\\|")


def _cell(text: str) -> str:
    """Return a text that stays plain in a page of Markdown: no HTML, no link, no emphasis, no end of the table's cell."""
    for character, spelt in _ENTITIES.items():
        text = text.replace(character, spelt)
    return _MARKDOWN.sub(r"\\\g<0>", text).replace("\n", "<br>").replace("\t", " ")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
