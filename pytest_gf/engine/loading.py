"""Loading a House, and files of facts and clauses. Whatever is wrong with one becomes a line."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_gf.engine.house import Axis, BadInput, House, Section, Selection
from pytest_gf.engine.pytest_state import marker_names
from pytest_gf.engine.suggestion import suggestion

if TYPE_CHECKING:
    import pytest

_NEEDED = ("read_contract", "target", "vantages", "lab", "system")
"""What a House can't be run without."""
_PARTS = {"axes": Axis, "selections": Selection, "sections": Section}
_NO_MARKER = re.compile(r"'(\w+)' not found in `?markers`?")


def load(given: str, base: Path) -> House:
    """Return the House that ``file.py:NAME`` (relative to ``base``) or ``package.module:NAME`` names, merged with all that it extends.

    Raises `BadInput`.
    """
    where, _, name = given.rpartition(":")
    if not where or not name.isidentifier():
        raise BadInput(f"gf_house = {given}: expected FILE.py:NAME or package.module:NAME")
    path = base / where if where.endswith(".py") else None
    if path is not None and not path.is_file():
        raise BadInput(f"gf_house: {path}: no such file")
    try:
        own = f"gf_house_{path.stem}_{abs(hash(path)):x}" if path is not None else ""
        module = module_at(path, own) if path is not None else importlib.import_module(where)
    except (Exception, SystemExit) as wrong:  # noqa: BLE001  # Whatever the file raises, it is one line for the person who wrote it.
        said = " ".join(str(wrong).split())
        raise BadInput(f"gf_house = {given}: can't be loaded: {type(wrong).__name__}: {said}") from None
    house = getattr(module, name, None)
    if not isinstance(house, House):
        raise BadInput(f"gf_house = {given}: {name} is no House there")
    loaded = located(house, Path(str(module.__file__)))
    lack = _lack(loaded)
    if lack:
        raise BadInput(f"gf_house = {given}: {lack}")
    return loaded.whole()


def _lack(house: House) -> str:
    """Return in a line why this House can't be run, "" if it can."""
    extends: object = house.extends
    if not isinstance(extends, House | None):
        return f"extends={extends!r}: expected a House"
    for name, kind in _PARTS.items():
        entries = getattr(house, name)
        if not isinstance(entries, tuple | list) or not all(isinstance(entry, kind) for entry in entries):
            return f"{name}: expected a tuple of {kind.__name__}; a comma stands behind a single one"
    for name in ("facts", "suites"):
        folder = getattr(house, name)
        if folder is not None and not Path(folder).is_dir():
            return f"{name}: no such folder: {folder}"
    whole = house.whole()
    for option in whole.options():
        if not option.name.startswith("--"):
            return f"option {option.name}: expected a name that begins with --"
    lacking = [name for name in _NEEDED if not getattr(whole, name)]
    if lacking:
        return f"the House lacks {', '.join(lacking)}: give them, or let it extend one that has them (docs/fork.md)"
    return ""


def located(house: House, file: Path) -> House:
    """Return the House with its paths made absolute, from the file that defines it."""
    given = {name: getattr(house, name) for name in ("contract", "facts", "suites")}
    paths = {name: file.parent / value for name, value in given.items() if value is not None}
    return replace(house, file=house.file or file, **paths)


def module_at(path: Path, name: str) -> ModuleType:
    """Return what stands in a ``.py`` file, as a module of this name. Raises what the file raises."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None, "the path ends in .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and get_type_hints look a module up here.
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


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
