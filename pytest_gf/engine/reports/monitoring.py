"""What a run leaves for later: its file in the history, and its metrics. Also what earlier runs say about it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pytest_gf.engine.house import BadInput, Option
from pytest_gf.engine.reports import changes, history, metrics
from pytest_gf.engine.verdict import Exit

if TYPE_CHECKING:
    import argparse

    from pytest_gf.engine.reports.record import Record

Value = TypeVar("Value")

TRIED = 64 * 1024
"""Bytes that are written to see whether the disk takes any."""
HISTORY = "--gf-history"
OPTIONS = (
    Option.value(
        HISTORY,
        "DIR",
        "Keep a small file of this run there, and compare the run with the earlier ones of its target, contract and "
        "vantage: since when an incident stands, what is new, what was mended, what flaps. Takes precedence over the ini option "
        "gf_history.",
        path=True,
    ),
    Option.value(
        "--gf-metrics",
        "FILE|URL",
        "Write metrics for Prometheus: into a file for node_exporter's textfile collector (its name ends in .prom), or to the "
        "Pushgateway at an http(s) address.",
        path=True,
    ),
)


@dataclass(frozen=True)
class Monitoring:
    """Where the history is kept, and where the metrics go. None where they are not asked for."""

    history: Path | None = None
    metrics: Path | metrics.Gateway | None = None


NOTHING = Monitoring()


def read(option: argparse.Namespace, ini: str, file: Path | None) -> Monitoring:
    """Return what was asked for; ``ini`` is what gf_history says, relative to the ini file. Raises `BadInput`."""
    base = file.parent if file is not None and not option.gf_history else Path.cwd()
    folder = os.path.abspath(base / (option.gf_history or ini)) if option.gf_history or ini else None
    to = metrics.destination(option.gf_metrics) if option.gf_metrics else None
    return Monitoring(Path(folder) if folder is not None else None, to)


def check(monitoring: Monitoring) -> None:
    """Write to the folder of the history, and beside the file of metrics. Raises `BadInput` where that fails."""
    if monitoring.history is not None:
        try_to_write("the history", monitoring.history, f"folder with {HISTORY}=DIR")
        try:
            next(monitoring.history.iterdir(), None)
        except OSError as wrong:
            raise BadInput(f"the history in {monitoring.history} can't be listed: {wrong.strerror}") from None
    if isinstance(monitoring.metrics, Path):
        if monitoring.metrics.exists() and not monitoring.metrics.is_file():
            raise BadInput(
                f"--gf-metrics={monitoring.metrics}: it is no file; expected one whose name ends in .prom, or a URL"
            )
        try_to_write("metrics", monitoring.metrics.parent, "file with --gf-metrics=FILE", make=False)


def try_to_write(what: str, folder: Path, other: str, *, make: bool = True) -> None:
    """Write a file to a folder, and delete it. Raises `BadInput` with one line if that fails; ``other`` says what a person may name instead."""
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".gf-") as file:
            file.write(b"\0" * TRIED)
            file.flush()
            os.fsync(file.fileno())
    except OSError as wrong:
        why = wrong.strerror or wrong
        raise BadInput(f"{what} can't be written to {folder}: {why}. Make room or name another {other}") from None


def compare(record: Record, whole: dict[str, Any]) -> dict[str, Any]:
    """Return the record with ``history`` and each incident's ``since``, as earlier runs show them. Both are null where none are kept."""
    folder = record.run.settings.monitoring.history
    if folder is None:
        return whole
    what = f"the history in {folder}"
    record.earlier = _noted(record, what, lambda: history.read(folder).like(record.past(whole)))
    if record.earlier is None:
        return whole
    now = record.past(whole)
    begun = [changes.since(incident, now, record.earlier.runs) for incident in now.incidents]
    incidents = [incident | {"since": when} for incident, when in zip(whole["incidents"], begun, strict=True)]
    return whole | {"incidents": incidents, "history": msgspec.to_builtins(changes.changes(now, record.earlier))}


def write(record: Record, whole: dict[str, Any]) -> dict[str, Any]:
    """Write metrics and history, after all other reports. Return the record: a green exit becomes an error where a report is missing."""
    folder = record.run.settings.monitoring.history
    whole = _settled(record, whole)
    sent = _measure(record, whole)
    whole = _settled(record, whole)
    if folder is not None:
        _noted(record, f"the history in {folder}", lambda: history.store(folder, record.past(whole)))
    after = _settled(record, whole)
    if after is not whole and sent:
        _measure(record, after)
    return after


def _noted(record: Record, what: str, act: Callable[[], Value]) -> Value | None:
    """Do this and return what came of it. What could not be read or written is noted for the end of the run."""
    try:
        return act()
    except OSError as wrong:
        record.run.unwritten.append(f"{what}: {wrong.strerror or wrong}")
        return None


def _settled(record: Record, whole: dict[str, Any]) -> dict[str, Any]:
    return record.finish(Exit.ERROR) if record.run.unwritten and whole["exit"] == Exit.GREEN else whole


def _measure(record: Record, whole: Mapping[str, Any]) -> bool:
    """Write the metrics, if they are asked for. Return whether they arrived."""
    run, to = record.run, record.run.settings.monitoring.metrics
    if to is None:
        return False

    def send() -> bool:
        now = record.past(whole)
        calm = metrics.last_calm(now, record.earlier.runs if record.earlier is not None else ())
        if calm is None and isinstance(to, Path):
            calm = metrics.earlier_calm(to, now)
        families = metrics.families(whole, run.house.kinds, now, calm)
        if isinstance(to, Path):
            metrics.write(families, to)
        else:
            metrics.push(families, to, now, run.settings.deadline)
        return True

    return _noted(record, f"metrics to {to}", send) is not None
