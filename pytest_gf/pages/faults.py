"""``python -m pytest_gf.pages.faults FILE``: docs/faults.md, from the lab's faults and the table of what each turns red."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_gf.engine.reports.templates import template
from pytest_gf.lab.drills import Drill, drills
from pytest_gf.lab.faults import FAULTS
from pytest_gf.pages import code, destination


def page(known: Sequence[Drill]) -> str:
    """Return the page: what each fault bends, then which rows each turns."""
    by_marker: dict[str, list[Drill]] = {}
    for drill in known:
        by_marker.setdefault(drill.marker, []).append(drill)
    page = template(Path(__file__).with_suffix(".md.jinja"), code)
    return page.render(faults=FAULTS.values(), by_marker=by_marker)


if __name__ == "__main__":
    destination("faults").write_text(page(drills()), encoding="utf-8")
