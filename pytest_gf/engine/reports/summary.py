"""The summary: record.json as a page of Markdown, in the run's folder and in a GitHub job's summary."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.verdict import Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.house import Gate
    from pytest_gf.engine.options import Settings

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


def row_name(verdict: Mapping[str, Any]) -> str:
    """Return the row's name, as ``system.requirement[value]``, for one verdict of a record."""
    return (
        f"{verdict['clause']}[{'-'.join(verdict['params'].values())}]" if verdict["params"] else str(verdict["clause"])
    )


def counts(record: Mapping[str, Any]) -> str:
    """Return ``3 violated, 2 unproven, 20 hold`` from the worst to the best."""
    found = [each["verdict"] for each in record["verdicts"]]
    words = [f"{found.count(verdict)} {verdict}" for verdict in Verdict if verdict in found]
    return ", ".join(words) or "no clause selected"


def proved(record: Mapping[str, Any], catalog: Mapping[str, frozenset[str]]) -> tuple[list[str], list[str]]:
    """Return the statements that this run proved, and those that it proved in part.

    ``catalog`` maps each clause to the statements of which it proves only a part. A statement is proved where every row
    of this run that names it holds, and at least one of them proves the whole of it.
    """
    rows: dict[str, list[tuple[bool, bool]]] = {}
    for verdict in record["verdicts"]:
        for name in verdict["statements"]:
            part = name in catalog.get(verdict["clause"], frozenset())
            rows.setdefault(name, []).append((verdict["verdict"] == Verdict.HOLDS, part))
    whole = [name for name, seen in rows.items() if all(held for held, _ in seen) and not all(part for _, part in seen)]
    some = [name for name, seen in rows.items() if any(held for held, _ in seen) and name not in whole]
    return sorted(whole), sorted(some)


def gate(record: Mapping[str, Any], made: Gate | None) -> str:
    """Return what became of the House's gate before everything live; "" where no row asked, or there is none."""
    if made is None:
        return ""
    facts = [fact for verdict in record["verdicts"] for fact in verdict["facts"] if fact["fact"] == made.fact]
    outcomes = {fact["outcome"] for fact in facts}
    if not outcomes:
        return ""
    if outcomes == {"observed"}:
        return f"gate {made.statement}: passed, {made.passed}"
    return f"gate {made.statement}: not passed, {'; '.join(sorted(outcomes - {'observed'}))}"


def interim(record: Mapping[str, Any]) -> str:
    """Return what a green run with waived clauses says of itself, "" for any other: INTERIM_ONLY is no HA claim."""
    waived = sum(each["verdict"] == Verdict.INTERIM for each in record["verdicts"])
    if not waived or record["exit"] != 0:
        return ""
    return f"INTERIM_ONLY: {waived} clauses are red and waived until their ticket closes; nothing here is an HA claim"


def page(
    record: Mapping[str, Any],
    settings: Settings,
    catalog: Mapping[str, frozenset[str]],
    shown: Mapping[str, str] | None = None,
) -> str:
    """Return the page. What needs hands comes first."""
    whole, some = proved(record, catalog)
    every = len(settings.contract.statements)
    lines = [f"# Contract run on {_cell(record['target'])}: {counts(record)}", ""]
    if record["target"] == "lab":
        lines += [f"**{settings.house.lab_banner}.**", ""]
    lines += [
        f"Exit {record['exit']}, {_MEANING.get(record['exit'], 'see pytest')}. Vantage {record['vantage']}, {record['started']} to {record['finished']}.",
        "",
    ]
    lines += [f"**{interim(record)}.**", ""] if interim(record) else []
    passed = gate(record, settings.house.gate)
    lines += [f"{passed}.", ""] if passed else []
    lines += [f"**{_cell(not_looked_at(record))}.**", ""] if not_looked_at(record) else []
    for verdict in Verdict:
        lines += _section(verdict, [each for each in record["verdicts"] if each["verdict"] == verdict])
    lines += ["## What this run proved", "", _listed(whole) or "Nothing.", ""]
    lines += [f"In part: {_listed(some)}.", ""] if some else []
    lines += [
        f"{every - len(whole) - len(some)} of the contract's {every} statements are not proved by this run.",
        "",
    ]
    for name, text in (shown or {}).items():
        lines += [f"## {name}", "", "```", text.replace("`", "'"), "```", ""]
    lines += ["## What green does not prove", "", *(f"- {claim}" for claim in record["does_not_prove"]), ""]
    return "\n".join(lines)


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
        lines += [
            "| clause | title |",
            "|---|---|",
            *(f"| `{_code(row_name(row))}` | {_cell(row['title'])} |" for row in rows),
        ]
    else:
        lines += ["| clause | title | why | next step |", "|---|---|---|---|"]
        lines += [
            f"| `{_code(row_name(row))}` | {_cell(row['title'])} | {_cell(row['reason'])} | {_cell(row['next_step'])} |"
            for row in rows
        ]
    return [*lines, ""]


def not_looked_at(record: Mapping[str, Any]) -> str:
    """Return in a line how many rows nobody looked at, and why; "" where each was."""
    reasons = Counter(
        (each["reason"].splitlines() or ["no reason was given"])[0]
        for each in record["verdicts"]
        if each["verdict"] == Verdict.UNPROVEN
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
    """Return a text that is a text in a page of Markdown: no HTML, no link, no emphasis, no end of the table's cell."""
    for character, spelt in _ENTITIES.items():
        text = text.replace(character, spelt)
    return _MARKDOWN.sub(r"\\\g<0>", text).replace("\n", "<br>").replace("\t", " ")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
