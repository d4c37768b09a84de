"""Where a run's reports lie, and the pages among them. Before any system is asked, all must be writable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pytest_gf.engine.house import BadInput
from pytest_gf.engine.reports import monitoring, summary, webpage
from pytest_gf.engine.reports.history import SHOWN

if TYPE_CHECKING:
    from pytest_gf.engine.reports.allure import AllureHooks
    from pytest_gf.engine.reports.record import Record
    from pytest_gf.engine.run import Run


def check(run: Run) -> None:
    """Write to where reports, history and metrics go. Raises `pytest.UsageError` with one line where that fails."""
    try:
        monitoring.try_to_write("reports", run.settings.reports, "folder with --gf-reports=DIR")
        monitoring.check(run.settings.monitoring)
    except BadInput as wrong:
        raise pytest.UsageError(str(wrong)) from None


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


def write_pages(record: Record, whole: Mapping[str, Any]) -> None:
    """Write summary.md and index.html into the run's folder. What can't be written is noted for the end of the run."""
    run = record.run
    page = summary.page(whole, run.house.lab_banner, run.contract, run.shown())
    run.write("summary.md", page)
    with run.reporting():
        summary.append_to_github(page)
    write_page(record, whole)


def write_page(record: Record, whole: Mapping[str, Any]) -> None:
    """Write index.html. Call it again where the exit code changed."""
    run, earlier = record.run, record.earlier.runs if record.earlier is not None else ()
    runs = [msgspec.to_builtins(past) for past in earlier[-SHOWN:]]
    page = webpage.page(whole, run.contract, folder=run.folder, shown=run.shown(), history=runs)
    run.write(webpage.NAME, page)


def incomplete(run: Run) -> str:
    """Return in a line what of the reports could not be written; "" where all was."""
    missing = list(dict.fromkeys(run.unwritten))
    if not missing:
        return ""
    more = f", and {len(missing) - 1} more" if missing[1:] else ""
    return f"reports are incomplete: {missing[0]}{more}"
