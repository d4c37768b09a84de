"""``python -m pytest_gf.pages.usage docs/usage.md``: its tables of options and markers, made from the engine's and the House's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_gf.engine import options
from pytest_gf.pages import destination

if TYPE_CHECKING:
    from pytest_gf.engine.house import House, Option

TABLES = ("options", "markers")


def page(text: str, house: House) -> str:
    """Return the page with its tables made anew, each between its two comments. Raises ValueError where one is not there."""
    tables = {"options": _options(options.options_of(house)), "markers": _markers(options.markers_of(house))}
    for name in TABLES:
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- /{name} -->\n"
        if begin not in text or end not in text:
            raise ValueError(f"the page has no {begin.strip()} with {end.strip()} behind it")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{tables[name]}{end}{rest.partition(end)[2]}"
    return text


def _options(known: Iterable[Option]) -> str:
    rows = [f"| `{_spelt(option)}` | {_cell(str(option.words['help']))} |\n" for option in known]
    return "".join(["| option | meaning |\n", "|---|---|\n", *rows])


def _markers(known: dict[str, str]) -> str:
    rows = [f"| `{name.partition('(')[0]}` | {_cell(about)} |\n" for name, about in known.items()]
    return "".join(["| marker | clauses |\n", "|---|---|\n", *rows])


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
