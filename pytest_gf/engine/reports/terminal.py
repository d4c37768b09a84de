"""The terminal: a line for each verdict, and at the end what was proved, what was not, and what green does not prove."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reports import history_text
from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.incidents import block
from pytest_gf.engine.reports.lines import columns, command, cut, wrapped
from pytest_gf.engine.reports.live import Live
from pytest_gf.engine.reports.summary import counts, interim, not_looked_at
from pytest_gf.engine.verdict import RED, Verdict

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.clauses import Row
    from pytest_gf.engine.run import Run

LOOKS: Mapping[Verdict, tuple[str, str, dict[str, bool]]] = {
    Verdict.HOLDS: ("passed", ".", {"green": True}),
    Verdict.VIOLATED: ("failed", "V", {"red": True, "bold": True}),
    Verdict.FIXED: ("failed", "F", {"red": True, "bold": True}),
    Verdict.ERROR: ("error", "E", {"red": True}),
    Verdict.UNPROVEN: ("skipped", "u", {"yellow": True}),
    Verdict.INTERIM: ("xfailed", "i", {"yellow": True}),
}
"""pytest's category of each verdict, the letter for it, and the colour of its line."""
_COLOURS: Mapping[str, dict[str, bool]] = {
    "plain": {},
    "yellow": {"yellow": True},
    "warning": {"yellow": True, "bold": True},
}
_WIDEST_NAME = 48
_LABEL = 12
MOST_LINES = 6
"""Lines of a red row's own block without -v."""
_FIRST = ("requirement", "observed", "asserted", "tried", "came back", "diagnosis", "next step")
"""The labels of a red row's block that are shown without -v, above the command that repeats it."""
_DROPPED = ("asserted", "observed", "tried", "requirement", "next step", "diagnosis")
"""Those that are left out where there is no room, in this order."""


def header(run: Run) -> list[str]:
    """Return the lines that say what is judged, from where."""
    settings = run.settings
    return [
        f"gf: house {settings.house.name} ({settings.house.file}), contract {run.contract.name}",
        f"gf: target {settings.target_name}, vantage {settings.vantage}, reports in {run.shown_folder}",
    ]


def banner(run: Run, terminal: pytest.TerminalReporter) -> list[str]:
    """Return the line that says that the target is a lab, where a selected clause asks it anything."""
    if not run.is_lab:
        banner = run.settings.house.banner
        return banner(run) if banner is not None and not run.is_live else []
    faults = run.settings.faults
    bent = f", bent by {' '.join(str(fault) for fault in faults)}" if faults else ""
    return wrapped(
        f"gf: {run.house.lab_banner}: the target is a lab{bent} (--gf-target=FILE for a real one)",
        columns(terminal),
        "  ",
    )


def width(rows: Iterable[Row]) -> int:
    """Return how wide the column of names is."""
    return min(_WIDEST_NAME, max((len(row.name) for row in rows), default=0))


def line(terminal: pytest.TerminalReporter, verdict: Mapping[str, Any], name_width: int, run: Run) -> None:
    """Write one clause's line. A row over a quiet axis has none while it holds, since there are hundreds."""
    kind = Verdict(verdict["verdict"])
    if kind is Verdict.HOLDS and run.axes.is_quiet(verdict["params"]):
        return
    terminal.ensure_newline()
    word = f"{kind.upper() if kind in RED else kind:<9}"
    why = f": {verdict['reason'].splitlines()[0]}" if kind is Verdict.UNPROVEN and verdict["reason"] else ""
    width = columns(terminal)
    indent = " " * min(len(word) + name_width + 2, width // 3)
    first, *rest = wrapped(f"{word} {row_name(verdict):<{name_width}} {verdict['title']}{why}", width, indent)
    terminal.write(first[: len(word)], **LOOKS[kind][2])
    terminal.write_line(first[len(word) :])
    for continued in rest:
        terminal.write_line(continued)


def _write(terminal: pytest.TerminalReporter, text: str, **colour: bool) -> None:
    for wrapped_line in wrapped(text, columns(terminal), "  "):
        terminal.write_line(wrapped_line, **colour)


def ending(terminal: pytest.TerminalReporter, record: Mapping[str, Any], run: Run) -> None:
    """Write what the run proved, what it did not and why, and what green does not prove."""
    claims, statements = record["claims"], len(run.contract.statements)
    part, held_back = " ".join(claims["part"]), claims["held_back"]
    left = statements - len({*claims["whole"], *claims["part"]})
    parts = (
        ("warning", [interim(record)]),
        ("plain", [claims["gate"]]),
        ("plain", history_text.lines(record["history"])),
        ("plain", [f"proved: {' '.join(claims['whole']) or 'nothing'}"]),
        ("plain", [f"proved in part: {part}" if part else ""]),
        ("plain", [f"no live statement is proved whole: {held_back}" if held_back else ""]),
        ("yellow", [f"{reason}: {rows}" for reason, rows in _by_reason(record).items()]),
        ("plain", [f"not looked at, or not proved: {left} of {statements} statements (docs/clauses.md)"]),
        ("plain", [f"{name}: {text}" for name, text in run.shown().items()]),
        ("yellow", [f"remember: {reminder}" for reminder in claims["reminders"]]),
        ("plain", [f"green does not prove: {claim}" for claim in record["does_not_prove"]]),
        ("plain", [f"ticket {name}: {says}" for name, says in claims["tickets"].items()]),
        (
            "plain",
            [f"record: {run.shown_folder / 'record.json'} (also summary.md, junit.xml, allure-results/, evidence/)"],
        ),
    )
    terminal.section("the contract")
    for colour, texts in parts:
        for text in filter(None, texts):
            _write(terminal, text, **_COLOURS[colour])


def fold(terminal: pytest.TerminalReporter | None, account: str) -> None:
    """Leave of each red row's block what a person reads first, in `MOST_LINES`. ``-v`` has all of it, and so have the files.

    ``account`` is as in `shorten`. Call it when the files are written, and before pytest writes its blocks.
    """
    if terminal is not None:
        for report in _reports(terminal, account):
            report.longrepr = "\n".join(folded(report.longrepr, columns(terminal))) or report.longrepr


def folded(text: str, width: int) -> list[str]:
    """Return a red row's block in at most `MOST_LINES`: the command that repeats it whole, and of the rest the beginnings."""
    texts: dict[str, str] = {}
    for labelled in re.split(r"\n(?! )", text):
        label, _, rest = labelled.partition("  ")
        texts.setdefault(label, "\n".join(line.strip() for line in rest.splitlines()))
    repeat = command(texts["repeat"], width - _LABEL - 1, " " * (_LABEL + 1)) if "repeat" in texts else []
    if len(repeat) > MOST_LINES - 2:
        repeat = ["(it is long: -v shows it)"]
    wanted = [label for label in _FIRST if label in texts and (label != "asserted" or "observed" not in texts)]
    too_many = max(0, len(wanted) + len(repeat) - MOST_LINES)
    dropped = [label for label in _DROPPED if label in wanted][:too_many]
    lines = [f"{label:<{_LABEL}} {cut(texts[label], width - _LABEL - 1)}" for label in wanted if label not in dropped]
    return [*lines, *(f"{'repeat':<{_LABEL}} {first}" for first in repeat[:1]), *repeat[1:]]


def shorten(terminal: pytest.TerminalReporter, account: str) -> None:
    """Let pytest's short summary, which comes last, give each red clause its reason's first line.

    The whole text stands above it; where ``CI`` is set, pytest would print it there a second time. ``account`` is the
    attribute of a report that holds its verdict.
    """
    for report in _reports(terminal, account):
        report.longrepr = (getattr(report, account)["reason"].splitlines() or [report.longrepr])[0]


def _reports(terminal: pytest.TerminalReporter, account: str) -> list[Any]:
    """Return the reports with a text that pytest's terminal keeps of rows, each with its verdict."""
    reports = (report for group in terminal.stats.values() for report in group if getattr(report, account, None))
    return [report for report in reports if isinstance(report.longrepr, str)]


def last_lines(terminal: pytest.TerminalReporter, record: Mapping[str, Any], run: Run) -> None:
    """Write what must be read last: the incidents, the rows that nobody looked at, and in one line how the run ended."""
    if record["incidents"]:
        terminal.section(f"incidents: {len(record['incidents'])}")
    for number, incident in enumerate(record["incidents"], 1):
        for text in block(number, incident, str(run.shown_folder), columns(terminal)):
            terminal.write_line(text, red=True)
    if not_looked_at(record):
        strict = "" if run.settings.strict else " (--gf-strict makes that exit 11)"
        _write(terminal, f"{not_looked_at(record)}{strict}", **_COLOURS["warning"])
    for text in ended(record, str(run.shown_folder), run.house.lab_banner if run.is_lab else "", columns(terminal)):
        terminal.write_line(text, yellow=run.is_lab, bold=run.is_lab)


def ended(record: Mapping[str, Any], folder: str, banner: str, width: int) -> list[str]:
    """Return the last lines: the verdicts, where the reports lie, and the banner of a lab, which is never wrapped."""
    lines = wrapped(f"{counts(record['verdicts'])}; {folder}/record.json", width, "  ")
    if banner and len(lines[-1]) + len(banner) + 2 > width:
        return [*lines, banner]
    return [*lines[:-1], f"{lines[-1]}; {banner}"] if banner else lines


def voice(terminal: pytest.TerminalReporter) -> Live:
    """Return the line of a run that waits: it is written at once, although pytest captures output. Call this between tests."""
    try:
        kept = os.dup(sys.stdout.fileno())
    except (OSError, io.UnsupportedOperation):
        return Live(lambda _: None, None)

    def write(text: str) -> None:
        with contextlib.suppress(OSError):  # A terminal that went away is no failure of the run.
            os.write(kept, redact(text).encode(errors="backslashreplace"))

    return Live(write, columns(terminal) if terminal.isatty else None)


def _by_reason(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the clauses that prove nothing, by their verdict and reason.

    What was not observed is told with the step that would show it. A red that a statement foretells is shown as expected,
    with that statement.
    """
    expected = record["claims"]["expected"]
    selected = Counter(verdict["clause"] for verdict in record["verdicts"])
    sharing: dict[str, dict[str, list[str]]] = {}
    for verdict in record["verdicts"]:
        if verdict["verdict"] != Verdict.HOLDS:
            first = (verdict["reason"].splitlines() or [""])[0]
            expects = next((name for name, rows in expected.items() if row_name(verdict) in rows), "")
            kept = f"expected, {expects} holds" if expects else f"not proved, {verdict['verdict']}"
            step = verdict["next_step"].partition("\n")[0] if verdict["verdict"] == Verdict.UNPROVEN else ""
            clauses = sharing.setdefault(f"{kept}: {first}{f' ({step})' * bool(step)}", {})
            clauses.setdefault(verdict["clause"], []).append("-".join(verdict["params"].values()))
    return {
        reason: ", ".join(_shortened(clause, rows, selected[clause]) for clause, rows in clauses.items())
        for reason, clauses in sharing.items()
    }


def _shortened(clause: str, rows: list[str], selected: int) -> str:
    if rows == [""]:
        return clause
    return f"{clause} (all {selected})" if len(rows) == selected > 1 else f"{clause}[{', '.join(rows)}]"
