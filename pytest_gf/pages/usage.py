"""``python -m pytest_gf.pages.usage docs/usage.md``: its tables of options and markers, made from the engine's and the House's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_gf.engine import options
from pytest_gf.pages import destination

if TYPE_CHECKING:
    from pytest_gf.engine.house import House, Option


def page(text: str, house: House) -> str:
    """Return the page with its tables made anew, each between its two comments. Raises ValueError where one is not there."""
    known = {_spelt(option): str(option.words["help"]) for option in options.options_of(house)}
    marking = {name.partition("(")[0]: about for name, about in options.markers_of(house).items()}
    tables = {"options": _table("option | meaning", known), "markers": _table("marker | clauses", marking)}
    for name, table in tables.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- /{name} -->\n"
        if begin not in text or end not in text:
            raise ValueError(f"the page has no {begin.strip()} with {end.strip()} behind it")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}{end}{rest.partition(end)[2]}"
    return text


def _table(head: str, rows: Mapping[str, str]) -> str:
    lines = [f"| {head} |", "|---|---|", *(f"| `{name}` | {_cell(about)} |" for name, about in rows.items())]
    return "".join(f"{line}\n" for line in lines)


def _spelt(option: Option) -> str:
    metavar = option.words.get("metavar")
    return f"{option.name}={metavar}".replace("|", "\\|") if metavar else option.name


def _cell(text: str) -> str:
    """Return a text for a table's cell; a word with a hyphen that is an option stands as code."""
    return re.sub(r"(?<![\w`])(--?gf[a-z-]*(?:=[A-Z]+)?|-m \w+)", r"`\1`", text).replace("|", "\\|")


if __name__ == "__main__":
    from pytest_gf.honey import HOUSE

    path = destination("usage")
    path.write_text(page(path.read_text(encoding="utf-8"), HOUSE), encoding="utf-8")
