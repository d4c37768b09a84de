"""Where a run's reports, its history and its metrics go. Before any system is asked, all these places must be writable."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_gf.engine.house import Option

if TYPE_CHECKING:
    import argparse

    from pytest_gf.engine.reports.allure import AllureHooks
    from pytest_gf.engine.run import Run

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


def history_folder(option: argparse.Namespace, ini: str, file: Path | None) -> Path | None:
    """Return where the history is kept, None if nowhere. ``ini`` is what gf_history says, relative to the ini file."""
    named = option.gf_history or ini
    base = file.parent if file is not None and not option.gf_history else Path.cwd()
    return Path(os.path.abspath(base / named)) if named else None


def check(run: Run) -> None:
    """Write to where reports, history and metrics go. Raises `pytest.UsageError` with one line where that fails."""
    folder, file = run.settings.history, run.settings.metrics
    _try_to_write("reports", run.settings.reports, "folder with --gf-reports=DIR")
    if folder is not None:
        _try_to_write("the history", folder, f"folder with {HISTORY}=DIR")
        try:
            next(folder.iterdir(), None)
        except OSError as wrong:
            raise pytest.UsageError(f"the history in {folder} can't be listed: {wrong.strerror}") from None
    if isinstance(file, Path):
        if file.exists() and not file.is_file():
            raise pytest.UsageError(
                f"--gf-metrics={file}: it is no file; expected one whose name ends in .prom, or a URL"
            )
        _try_to_write("metrics", file.parent, "file with --gf-metrics=FILE", make=False)


def _try_to_write(what: str, folder: Path, other: str, *, make: bool = True) -> None:
    """Write a file to a folder, and delete it. ``other`` is what a person may name instead. Raises `pytest.UsageError`."""
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".gf-") as file:
            file.write(b"\0" * TRIED)
            file.flush()
            os.fsync(file.fileno())
    except OSError as wrong:
        why = wrong.strerror or wrong
        raise pytest.UsageError(
            f"{what} can't be written to {folder}: {why}. Make room or name another {other}"
        ) from None


def point(config: pytest.Config, run: Run) -> AllureHooks | None:
    """Point JUnit and Allure at the run's folder, unless the command line already said where. Return Allure's hooks."""
    option = config.option
    if hasattr(option, "xmlpath"):
        option.xmlpath = option.xmlpath or str(run.folder / "junit.xml")
    if not hasattr(option, "allure_report_dir"):
        return None
    option.allure_report_dir = option.allure_report_dir or str(run.folder / "allure-results")
    import allure_commons

    from pytest_gf.engine.reports.allure import AllureHooks

    hooks = AllureHooks(run, Path(option.allure_report_dir))
    allure_commons.plugin_manager.register(hooks)
    config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(hooks))
    return hooks
