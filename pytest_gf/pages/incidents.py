"""``python -m pytest_gf.pages.incidents FILE``: docs/incidents.md, from the table of causes and the lab's faults that show each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_gf.engine.reports.templates import template
from pytest_gf.engine.trouble import SEVERITIES, Kind
from pytest_gf.honey import HOUSE
from pytest_gf.lab.drills import MODEL, TABLE
from pytest_gf.pages import code, destination


def shown_by(*paths: Path) -> dict[str, list[str]]:
    """Return for each kind the faults of the lab that show it, as the tables' ``incident`` says. Raises OSError."""
    faults_of: dict[str, list[str]] = {}
    for path in paths or (TABLE, MODEL):
        for drills in tomllib.loads(path.read_text(encoding="utf-8")).values():
            for fault, row in drills.items():
                for incident in _incidents(row):
                    faults_of.setdefault(incident.partition(" ")[0], []).append(fault)
    return {kind: list(dict.fromkeys(faults)) for kind, faults in faults_of.items()}


def _incidents(row: object) -> Sequence[str]:
    shown = row.get("incident", ()) if isinstance(row, Mapping) else ()
    return (shown,) if isinstance(shown, str) else shown


def page(kinds: Mapping[str, Kind], faults: Mapping[str, Sequence[str]]) -> str:
    """Return the page: what the severities mean, a table of the kinds, and a section of each."""
    faults_of = {name: faults.get(name, ()) for name in kinds}
    page = template(Path(__file__).with_suffix(".md.jinja"), code)
    return page.render(severities=SEVERITIES, kinds=kinds, faults=faults_of)


if __name__ == "__main__":
    if not TABLE.is_file():
        raise SystemExit(f"no {TABLE} here; run it in the checkout")
    destination("incidents").write_text(page(HOUSE.kinds, shown_by()), encoding="utf-8")
