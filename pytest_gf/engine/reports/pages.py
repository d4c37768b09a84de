"""The pages that people read of a run, made from its record: summary.md, also for a GitHub job, and index.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports import summary, webpage

if TYPE_CHECKING:
    from pytest_gf.engine.reports.claims import Claims
    from pytest_gf.engine.run import Run


def write(run: Run, record: Mapping[str, Any], claims: Claims, history: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write the pages into the run's folder. What can't be written is noted for the end of the run.

    ``history`` has the earlier runs as `webpage.page` takes them.
    """
    page = summary.page(record, run.settings, claims, run.shown())
    run.write("summary.md", page)
    with run.reporting():
        summary.append_to_github(page)
    write_page(run, record, history)


def write_page(run: Run, record: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write index.html. Call it again where the exit code changed."""
    page = webpage.page(record, run.contract, folder=run.folder, shown=run.shown(), history=history)
    run.write(webpage.NAME, page)
