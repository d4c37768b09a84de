"""What a person is told where nothing was selected, and may have meant a House's clauses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_gf.engine.load_errors import marker_names
from pytest_gf.engine.options import HOUSE
from pytest_gf.engine.suggestion import suggestion

if TYPE_CHECKING:
    import pytest

_OPERATORS = {"and", "or", "not", "True", "False"}
_ADD_GF = "gf: no clause is here. Add --gf to run those that come with the package, such as pytest --gf -m canary"


def nothing_selected(config: pytest.Config, *, collected: bool) -> str:
    """Return the line about a run without a test, "" for none; ``collected`` says that all were deselected."""
    if collected and HOUSE in config.stash:
        known = marker_names(config)
        names = re.findall(
            r"\w+", re.sub(r"\([^)]*\)", " ", config.option.markexpr)
        )  # Without an argument list's words.
        unknown = [name for name in names if name not in {*known, *_OPERATORS}]
        return f"gf: -m: unknown marker {unknown[0]!r}{suggestion(unknown[0], known)}" if unknown else ""
    named = config.getini("gf_house") or config.getini("gf_suites") or config.known_args_namespace.file_or_dir
    asked = config.option.markexpr or config.option.keyword or HOUSE in config.stash
    return "" if collected or named or not asked or config.getoption("gf", default=False) else _ADD_GF
