"""``python -m pytest_gf.pages.clauses FILE``: docs/clauses.md, generated from the clauses themselves."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gf.engine.axes import Axes
from pytest_gf.engine.catalog import Collection, proving, says
from pytest_gf.engine.reports.templates import template
from pytest_gf.lab.drills import Drill, drills
from pytest_gf.pages import code, destination

if TYPE_CHECKING:
    from pytest_gf.engine.contract import Contract

_HOW = {
    "live": "only a running system can show it",
    "repo": "a checkout of the infrastructure repository shows it",
    "env": "the environment of the machine shows it",
    "policy": "it binds this suite itself",
}


def page(collection: Collection, contract: Contract, axes: Axes, known: Sequence[Drill]) -> str:
    """Return the page: every clause, every fact, then every statement with what proves it."""
    ordered = sorted(collection.clauses.values(), key=lambda clause: clause.id)
    proved = {
        name: [f"`{row}`{f' ({how})' * bool(how)}" for row, how in rows]
        for name, rows in proving(ordered, axes).items()
    }
    for name, tests in collection.upholding.items():
        part = " (in part)" * name.endswith("~")
        proved.setdefault(name.rstrip("~"), []).extend(f"`{test}`{part}" for test in tests)
    for group in contract.together:
        for name in group.statements.split():
            whole = code(group.clauses)
            proved.setdefault(name, []).append(f"whole by all of {whole}")
    reds = {clause.id: dict.fromkeys(drill.fault for drill in known if drill.violates(clause.id)) for clause in ordered}
    page = template(Path(__file__).with_suffix(".md.jinja"), code, says)
    statements = contract.statements.values()
    return page.render(
        clauses=ordered, collection=collection, reds=reds, proved=proved, statements=statements, hows=_HOW, set=set
    )


def collected(path: str = "suites") -> Collection:
    """Return what pytest collects below a folder from here. Raises SystemExit where it finds no clause."""
    import pytest

    from pytest_gf.engine.session import SESSION

    collection = Collection()

    class Collector:
        def pytest_collection_finish(self, session: pytest.Session) -> None:
            nonlocal collection
            contract = session.config.stash[SESSION]
            collection = Collection.of(contract.every, contract.facts)

    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = pytest.main([path, "--gf", "--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[Collector()])
    if code != pytest.ExitCode.OK or not collection.clauses:
        raise SystemExit(
            f"{output.getvalue()}no clauses were collected (pytest's exit {int(code)}); run it in the checkout"
        )
    return collection


if __name__ == "__main__":
    from pytest_gf.honey import HOUSE, contract

    promised = contract.load()
    axes = Axes(HOUSE, promised, {}, {})
    destination("clauses").write_text(page(collected(), promised, axes, drills()), encoding="utf-8")
