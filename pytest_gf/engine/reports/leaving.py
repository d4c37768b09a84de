"""What a run leaves: its record and pages, and after all other reports its metrics and its file in the history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_gf.engine.reports import changes, history, metrics, summary, webpage
from pytest_gf.engine.verdict import Exit

if TYPE_CHECKING:
    from pytest_gf.engine.reports.record import Record
    from pytest_gf.engine.run import Run


def write(record: Record, code: int) -> dict[str, Any]:
    """Write record.json, summary.md and index.html. Return the record. What can't be written is noted for the end of the run."""
    run, whole = record.run, record.whole(code)
    _compare(record, whole)
    record.write(whole)
    page = summary.page(whole, run.house.lab_banner, run.contract, run.shown())
    run.write("summary.md", page)
    with run.reporting():
        summary.append_to_github(page)
    _write_page(record, whole)
    return whole


def write_last(record: Record, whole: dict[str, Any]) -> dict[str, Any]:
    """Write metrics and history. Return the record: a green exit becomes an error where a report is missing."""
    folder = record.run.settings.history
    settled = _settled(record, whole)
    _measure(record, settled)
    settled = _settled(record, settled)
    if folder is not None:
        with record.run.reporting(f"the history in {folder}"):
            history.store(folder, record.past(settled))
    ended = _settled(record, settled)
    if ended is not settled:  # The metrics said that it was green.
        _measure(record, ended)
    if ended is not whole:
        _write_page(record, ended)
    return ended


def incomplete(run: Run) -> str:
    """Return in a line what of the reports could not be written; "" where all was."""
    missing = list(dict.fromkeys(run.unwritten))
    if not missing:
        return ""
    more = f", and {len(missing) - 1} more" if missing[1:] else ""
    return f"reports are incomplete: {missing[0]}{more}"


def _compare(record: Record, whole: dict[str, Any]) -> None:
    """Fill in ``history`` and each incident's ``since``, as earlier runs show them. Both stay null where none are kept."""
    folder = record.run.settings.history
    if folder is None:
        return
    with record.run.reporting(f"the history in {folder}"):
        now = record.past(whole)
        record.earlier = history.read(folder).like(now)
        for incident, stood in zip(whole["incidents"], now.incidents, strict=True):
            incident["since"] = changes.since(stood, now, record.earlier.runs)
        whole["history"] = msgspec.to_builtins(changes.changes(now, record.earlier))


def _settled(record: Record, whole: dict[str, Any]) -> dict[str, Any]:
    """Return the record. One that was green ends with an error if something could not be written, and is written again."""
    if not record.run.unwritten or whole["exit"] != Exit.GREEN:
        return whole
    settled = whole | record.end(Exit.ERROR)
    record.write(settled)
    return settled


def _write_page(record: Record, whole: Mapping[str, Any]) -> None:
    run = record.run
    runs = [msgspec.to_builtins(past) for past in record.earlier.runs[-history.SHOWN :]]
    page = webpage.page(whole, run.contract, folder=run.folder, shown=run.shown(), history=runs)
    run.write(webpage.NAME, page)


def _measure(record: Record, whole: Mapping[str, Any]) -> None:
    """Write the metrics, if they are asked for."""
    run, to = record.run, record.run.settings.metrics
    if to is None:
        return
    with run.reporting(f"metrics to {to}"):
        now = record.past(whole)
        calm = metrics.last_calm(now, record.earlier.runs)
        if calm is None and isinstance(to, Path):
            calm = metrics.earlier_calm(to, now)
        families = metrics.families(whole, run.house.kinds, now, calm)
        if isinstance(to, Path):
            metrics.write(families, to)
        else:
            metrics.push(families, to, now, run.settings.deadline)
