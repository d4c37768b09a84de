"""The kinds of causes that honey's clauses and the engine name, from causes.toml. A value's trouble names one of them, with its subject."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pytest_gf.engine.trouble import OWN_KINDS, Kind, Severity

PAGE = "docs/incidents.md"
"""The page that is made of the kinds, with a section of each."""
_FILE = Path(__file__).with_name("causes.toml")


def read(text: str) -> dict[str, Kind]:
    """Return the kinds in a TOML file of them. Raises KeyError or TypeError for what does not belong there."""
    table = tomllib.loads(text)
    steps: Mapping[str, str] = table["steps"]

    def whole(said: Iterable[str]) -> tuple[str, ...]:
        return tuple(steps[line.removeprefix("@")] if line.startswith("@") else line for line in said)

    def kind(
        severity: str, first: list[str], avoid: Iterable[str] = (), tickets: Iterable[str] = (), **texts: str
    ) -> Kind:
        return Kind(
            severity=Severity(severity), first=whole(first), avoid=whole(avoid), tickets=tuple(tickets), **texts
        )

    return {name: kind(**given) for name, given in table["kinds"].items()}


KINDS: Mapping[str, Kind] = {
    name: replace(kind, page=f"{PAGE}#{name}")
    for name, kind in {**OWN_KINDS, **read(_FILE.read_text(encoding="utf-8"))}.items()
}
"""By name. A kind that is not here fails a test."""
