"""What ``python -m pytest_gf.reports`` prints: how two runs differ, and a history as a grid of rows and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_gf.engine.reports import changes, history
from pytest_gf.engine.reports.history import Past
from pytest_gf.engine.reports.history_text import lines, listed, unread
from pytest_gf.engine.reports.lines import WIDTH, cut, number, wrapped_all
from pytest_gf.engine.reports.merge import NoRecord
from pytest_gf.engine.reports.merge import read as read_record
from pytest_gf.engine.reports.terminal import LOOKS
from pytest_gf.engine.verdict import Exit, Verdict
from pytest_gf.engine.visible import visible

_WIDEST_NAME = 56
_NOT_SELECTED = "-"
_EXITS: Mapping[int, Verdict] = {
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


def diff(before_path: Path, after_path: Path) -> str:
    """Return what became of each row and incident from one run to the other. Raises NoRecord where they can't be compared."""
    before, after = run_at(before_path), run_at(after_path)
    if before.subject != after.subject:
        (one, other) = (", ".join(run.subject) for run in (before, after))
        raise NoRecord(f"runs of one target, contract and vantage are compared, and these are of {one} and of {other}")
    report = [f"before: {_run(before)}", f"after:  {_run(after)}"]
    report += [f"target {after.target}, contract {after.contract}, vantage {after.vantage}"]
    stood_before = {incident.cause: changes.stands(incident, before) for incident in after.incidents}
    stands_after = {incident.cause: changes.stands(incident, after) for incident in before.incidents}
    for word, causes, wanted in (
        ("new incident", stood_before, False),
        ("stands, and nobody looked before", stood_before, None),
        ("stands still", stood_before, True),
        ("stands no more", stands_after, False),
        ("not seen again, and not seen gone", stands_after, None),
    ):
        report += [f"{word}: {' '.join(cause).strip()}" for cause, known in causes.items() if known is wanted]
    step = changes.step(before, after)
    for what in ("new", "mended", "red in both"):
        report += listed(what, step[what])
    report += [f"hold in both: {number(len(step['hold in both']), 'row')}"]
    report += listed("neither, since one of the two did not judge them", step["neither"])
    return "\n".join(wrapped_all(report))


def _run(run: Past) -> str:
    ended = f"exit {run.exit}" if run.finished is not None else "it was killed"
    return f"{run.run}, {run.started}, {ended}{f', {run.selection}' if run.selection else ''}"


def grids(folder: Path, most: int) -> str:
    """Return a grid of rows and runs for each target, contract and vantage, and what the last run of each changed. Raises NoRecord."""
    if not folder.is_dir():
        raise NoRecord(f"{folder}: no such folder; expected that of --gf-history")
    if most < 1:
        raise NoRecord(f"--runs={most}: expected a number from 1 on")
    kept = history.read(folder)
    report: list[str] = []
    for subject in sorted({run.subject for run in kept.runs}):
        runs = [run for run in kept.runs if run.subject == subject]
        changed = changes.changes(runs[-1], history.History(tuple(runs[:-1])))
        report += [*_grid(runs, most), *wrapped_all(lines(msgspec.to_builtins(changed))), ""]
    left = {"unreadable": kept.broken, "left_out": kept.left_out, "later": 0}
    return "\n".join([*(report or ["no run is here"]), *wrapped_all(unread(left))])


def _grid(runs: Sequence[Past], most: int) -> list[str]:
    """Return a line for each row, with a letter for each of the last runs. Rows that always held are only counted."""
    names = sorted({row for run in runs[-most:] for row in run.rows})
    width = min(_WIDEST_NAME, max(map(len, names), default=0))
    shown = runs[-min(most, WIDTH - width - 1) :]
    cells = {name: "".join(_letter(run.rows.get(name)) for run in shown) for name in names}
    quiet = {_letter(Verdict.HOLDS), _NOT_SELECTED}
    loud = {name: letters for name, letters in cells.items() if not set(letters) <= quiet}
    head = f"{', '.join(shown[-1].subject)}: the last {len(shown)} of {number(len(runs), 'run')}"
    exits = "".join(_letter(_EXITS.get(run.exit)) for run in shown)
    letters = ", ".join(f"{_letter(verdict)} {verdict}" for verdict in Verdict)
    return [
        *wrapped_all([head, f"from {shown[0].started} to {shown[-1].started}"]),
        *wrapped_all([f"{letters}, {_NOT_SELECTED} not selected"]),
        f"{'exit':<{width}} {exits}",
        *(f"{cut(visible(name), width):<{width}} {letters}" for name, letters in loud.items()),
        f"{number(len(cells) - len(loud), 'row')} held wherever they were judged",
    ]


def _letter(verdict: Verdict | None) -> str:
    return LOOKS[verdict][1] if verdict is not None else _NOT_SELECTED
