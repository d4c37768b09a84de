"""A house of a few facts and clauses, for runs of the engine alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from pytest_gf.engine.facts import Fact, Facts
from pytest_gf.engine.graph import Graph
from pytest_gf.engine.nodes import Node
from pytest_gf.engine.options import options_of
from pytest_gf.engine.redaction import redactor
from pytest_gf.engine.run import Run
from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey import HOUSE, contract

CONFTEST = """
from pathlib import Path
from pytest_gf import facts_in
globals().update(facts_in(Path(__file__).parent / "fixtures"))
"""
FACTS = "import os, sys, time, warnings\nfrom pytest_gf import Every, ProbeError, Unproven, fact\nfrom pytest_gf.engine.run import Run\n"
CLAUSES = "import pytest\nfrom pytest_gf import clause\n\npytestmark = pytest.mark.canary\n"
CLAUSE = '''
@clause("lab.{name}", "{name} is as promised", proves="S090")
def test_{name}({name}: {kind}) -> None:
    """It is."""
    {body}
'''

SMALL = Path(__file__).parent / "houses" / "small.py"
Built = Callable[..., Any]


@pytest.fixture
def built(run_pytest: Any, tmp_path: Path) -> Built:
    """Write a house with one fact and one clause for each name, and run it.

    A fact is the body of its function, ``return 1`` for one; its clause asserts the value. ``more`` is added to the clauses.
    """

    def run(
        facts: dict[str, str],
        *args: str,
        body: str = "assert {name} == 1",
        more: str = "",
        target: str = "",
        **options: Any,
    ) -> Any:
        folder = options.pop("folder", tmp_path)
        (folder / "fixtures").mkdir(exist_ok=True, parents=True)
        made = "".join(
            f'\n@fact\ndef {name}(run: Run) -> int:\n    """It."""\n    {code}\n' for name, code in facts.items()
        )
        (folder / "fixtures" / "facts.py").write_text(FACTS + made)
        (folder / "conftest.py").write_text(CONFTEST)
        clauses = "".join(CLAUSE.format(name=name, kind="int", body=body.format(name=name)) for name in facts)
        (folder / "test_house.py").write_text(CLAUSES + clauses + more)
        (folder / "pytest.ini").write_text(f"[pytest]\ngf_house = {SMALL}:HOUSE\ngf_suites = .\n")
        (folder / "target.toml").write_text(f'name = "house"\nvantage = "operator"\n{target}')
        return run_pytest(f"--gf-target={folder / 'target.toml'}", *args, cwd=folder, **options)

    return run


@dataclass(frozen=True)
class Value(Observed):
    """A value that a clause judges: a bucket that is lost."""

    says: str = "it is lost"
    subject: str = "attic"
    because: tuple[Cause, ...] = ()
    note: str = ""

    @property
    def promised(self) -> str:
        return "a bucket"

    @property
    def seen(self) -> str:
        return f"404 {Judged.SECRET}"

    def trouble(self) -> Trouble | None:
        if not self.says:
            return None
        return Trouble(Cause("bucket-gone", self.subject), self.says, "look for it", self.because)


@dataclass
class Item:
    """As much of pytest's item as judging looks at."""

    funcargs: dict[str, Any]
    path: Path
    stash: pytest.Stash = field(default_factory=pytest.Stash)
    waived: pytest.Mark | None = None
    given: dict[str, Any] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    @property
    def _fixtureinfo(self) -> SimpleNamespace:
        return SimpleNamespace(argnames=(*self.funcargs, *self.more))

    @property
    def config(self) -> SimpleNamespace:
        nothing: dict[str, Any] = {option.attribute: None for option in options_of(HOUSE)}
        return SimpleNamespace(option=SimpleNamespace(**nothing | {"gf_fault": []} | self.given))

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return self.waived if name == "xfail" else None


@dataclass(frozen=True)
class Judged:
    """Makes what is judged: items of the test's own file, calls, nodes, and runs that have them."""

    path: Path
    SECRET = "a-canary-of-the-judging-tests"
    SOUND = Value("")
    value = Value

    def item(self, *values: Any, **more: Any) -> pytest.Item:
        """Return an item whose clause has these values."""
        arguments = {f"value{at}": value for at, value in enumerate(values)}
        return cast("pytest.Item", Item(arguments, more.pop("path", self.path), **more))

    def call(
        self, raised: BaseException | None = None, when: Literal["setup", "call", "teardown"] = "call"
    ) -> pytest.CallInfo[None]:
        """Return a phase that raised this."""

        def run() -> None:
            if raised is not None:
                raise raised

        return pytest.CallInfo.from_call(run, when)

    def node(
        self, name: str, failure: BaseException | None = None, *asked: str, began: bool = True, **needs: Node
    ) -> Node:
        """Return a fact's node that asked these systems and ended so."""
        fact = Fact(name, lambda: None, tuple(needs), frozenset(), frozenset(), None, (), patient=False)
        made = Node((name, ()), fact, dict(needs))
        if began:
            made.begin()
            assert made.evidence is not None
            made.evidence.exchanges += [{"system": system} for system in asked]
            made.end(None, failure)
        return made

    def run_of(self, *nodes: Node) -> Run:
        """Return as much of a run with these facts as judging looks at."""
        facts = Facts({node.fact.name: node.fact for node in nodes})
        graph = Graph(
            facts,
            givens={},
            axis_values=lambda _: (),
            permit=lambda _: None,
            finished=lambda _: None,
            deadline=60,
        )
        graph.nodes |= {node.key: node for node in nodes}
        made = SimpleNamespace(graph=graph, seen={}, contract=contract.load(), house=HOUSE)
        made.settings, made.shown_folder = SimpleNamespace(house=HOUSE), Path("reports/now")
        return cast("Run", made)


@pytest.fixture
def judged(request: pytest.FixtureRequest) -> Judged:
    """What makes items, calls, nodes and runs; its secret is known."""
    redactor().learn([Judged.SECRET])
    return Judged(request.path)
