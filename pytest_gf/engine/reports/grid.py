"""What ``python -m pytest_gf.reports`` prints: how two runs differ, and a history as a grid of rows and runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_gf.engine.reports import changes, history
from pytest_gf.engine.reports.history import Past
from pytest_gf.engine.reports.history_text import lines, listed, number, unread
from pytest_gf.engine.reports.lines import WIDTH, cut, wrapped_all
from pytest_gf.engine.reports.merge import NoRecord
from pytest_gf.engine.reports.merge import read as read_record
from pytest_gf.engine.reports.terminal import PYTEST_WORDS
from pytest_gf.engine.verdict import Exit, Verdict
from pytest_gf.engine.visible import visible

_WIDEST_NAME = 56
_NOT_SELECTED = "-"
_EXITS = {
    Exit.GREEN: Verdict.HOLDS,
    Exit.RED: Verdict.VIOLATED,
    Exit.ERROR: Verdict.ERROR,
    Exit.UNPROVEN: Verdict.UNPROVEN,
}


def run_at(path: Path) -> Past:
    """Return the run that a folder of a run, a record or a file of a history holds. Raises NoRecord."""
    folder = path if path.is_dir() else path.parent
    try:
        if path.is_dir() or path.name.startswith("record.json"):
            return history.past_of(read_record(folder).record, folder.resolve().name)
        return history.load(path)
    except NoRecord:
        raise
    except (OSError, ValueError) as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else None
        raise NoRecord(f"{path}: {why or wrong}; expected the folder of a run") from None


def diff(before: Past, after: Past) -> list[str]:
    """Return what became of each row and incident from one run to the other. Raises NoRecord where they can't be compared."""
    if before.subject != after.subject:
        (one, other) = (", ".join(run.subject) for run in (before, after))
        raise NoRecord(f"runs of one target, contract and vantage are compared, and these are of {one} and of {other}")
    step = changes.step(before, after)
    stood, stand = ({incident.cause: incident for incident in run.incidents} for run in (before, after))
    stands_before = {cause: changes.stands(incident, before) for cause, incident in stand.items()}
    stands_after = {cause: changes.stands(incident, after) for cause, incident in stood.items()}
    report = [f"{word} {_run(run)}" for word, run in (("before:", before), ("after: ", after))]
    report += [f"target {after.target}, contract {after.contract}, vantage {after.vantage}"]
    for word, causes in (
        ("new incident", [cause for cause, stood_before in stands_before.items() if stood_before is False]),
        ("stands, and nobody looked before", [cause for cause, known in stands_before.items() if known is None]),
        ("stands still", [cause for cause in stand if cause in stood]),
        ("stands no more", [cause for cause, known in stands_after.items() if known is False]),
        ("not seen again, and not seen gone", [cause for cause, known in stands_after.items() if known is None]),
    ):
        report += [f"{word}: {' '.join(cause).strip()}" for cause in causes]
    for what, rows in (("new", step.new), ("mended", step.mended), ("red in both", step.stays)):
        report += listed(what, rows)
    report += [f"hold in both: {number(len(step.well), 'row')}"]
    report += listed("neither, since one of the two did not judge them", step.neither)
    return wrapped_all(report)


def _run(run: Past) -> str:
    ended = f"exit {run.exit}" if run.finished is not None else "it was killed"
    return f"{run.run}, {run.started}, {ended}{f', {run.selection}' if run.selection else ''}"


def grids(kept: history.History, most: int = history.SHOWN) -> list[str]:
    """Return a grid of rows and runs for each target, contract and vantage, and what the last run of each changed."""
    report: list[str] = []
    for subject in sorted({run.subject for run in kept.runs}):
        runs = [run for run in kept.runs if run.subject == subject]
        changed = changes.changes(runs[-1], history.History(tuple(runs[:-1])))
        report += [*grid(runs, most), *wrapped_all(lines(msgspec.to_builtins(changed))), ""]
    left = {"unreadable": kept.broken, "left_out": kept.left_out, "later": 0}
    return [*(report or ["no run is here"]), *wrapped_all(unread(left))]


def grid(runs: Sequence[Past], most: int) -> list[str]:
    """Return a line for each row, with a letter for each of the last runs. Rows that always held are only counted."""
    names = sorted({row for run in runs[-most:] for row in run.rows})
    width = min(_WIDEST_NAME, max(map(len, names), default=0))
    shown = runs[-min(most, WIDTH - width - 1) :]
    cells = {name: "".join(_letter(run.rows.get(name)) for run in shown) for name in names}
    quiet = {_letter(Verdict.HOLDS), _NOT_SELECTED}
    loud = {name: letters for name, letters in cells.items() if not set(letters) <= quiet}
    head = f"{', '.join(shown[-1].subject)}: the last {len(shown)} of {number(len(runs), 'run')}"
    exits = "".join(_letter(_EXITS.get(Exit(run.exit)) if run.exit in set(Exit) else None) for run in shown)
    return [
        *wrapped_all([head, f"from {shown[0].started} to {shown[-1].started}"]),
        *wrapped_all(
            [", ".join(f"{_letter(verdict)} {verdict}" for verdict in Verdict) + f", {_NOT_SELECTED} not selected"]
        ),
        f"{'exit':<{width}} {exits}",
        *(f"{cut(visible(name), width):<{width}} {letters}" for name, letters in loud.items()),
        f"{number(len(cells) - len(loud), 'row')} held wherever they were judged",
    ]


def _letter(verdict: Verdict | None) -> str:
    return PYTEST_WORDS[verdict][1] if verdict is not None else _NOT_SELECTED
