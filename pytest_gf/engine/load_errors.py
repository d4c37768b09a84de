"""One line about a file of facts or clauses that can't be loaded, and about a run that selected nothing."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gf.engine.suggestion import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_OPERATORS = {"and", "or", "not", "True", "False"}
_ADD_GF = "gf: no clause is here. Add --gf to run those that come with the package, such as pytest --gf -m canary"
_NO_MARKER = re.compile(r"'(\w+)' not found in `?markers`?")


def line_of(error: BaseException, path: Path, markers: Iterable[str] = ()) -> str:
    """Return what is wrong with the file at ``path``, with the last line of it that was running, and what to do."""
    unknown = _NO_MARKER.search(str(error))
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if unknown is not None:
        text = f"unknown marker {unknown[1]!r}{suggestion(unknown[1], markers)}"
    elif isinstance(error, NameError):
        text += "; is its import missing?"
    return f"{path}:{_line(error, path)}: {text}"


def _line(error: BaseException, path: Path) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if Path(frame.filename).name == path.name), 1)


def take_failure(report: pytest.CollectReport, collector: pytest.Collector, suites: Iterable[Path]) -> list[str]:
    """Take the failure of a file of clauses out of pytest's report, and return a line about it. Other reports stay as they are."""
    excinfo = report.call.excinfo if report.failed and report.call is not None else None
    if excinfo is None or not any(suite in collector.path.parents for suite in suites):
        return []
    error = excinfo.value.__cause__ or excinfo.value
    report.outcome = "passed"
    report.longrepr = None
    report.result = []
    return [line_of(error, collector.path, marker_names(collector.config))]


def marker_names(config: pytest.Config) -> list[str]:
    """Return the names of the markers that pytest knows."""
    return [re.split(r"[:(]", line)[0].strip() for line in config.getini("markers")]


def nothing_selected(config: pytest.Config, *, ours: bool, collected: bool) -> str:
    """Return the line about a run without a test, "" for none; ``ours``: a House was loaded. ``collected``: all were deselected."""
    if collected and ours:
        known = marker_names(config)
        names = re.findall(
            r"\w+", re.sub(r"\([^)]*\)", " ", config.option.markexpr)
        )  # Without an argument list's words.
        unknown = [name for name in names if name not in {*known, *_OPERATORS}]
        return f"gf: -m: unknown marker {unknown[0]!r}{suggestion(unknown[0], known)}" if unknown else ""
    named = config.getini("gf_house") or config.getini("gf_suites") or config.known_args_namespace.file_or_dir
    asked = config.option.markexpr or config.option.keyword or ours
    return "" if collected or named or not asked or config.getoption("gf", default=False) else _ADD_GF
