"""A house of a few facts and clauses, for runs of the engine alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
