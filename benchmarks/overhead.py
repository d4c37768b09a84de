"""What a run adds to plain pytest for each row, with all that it leaves: record, incidents, summary, page, evidence, redaction.

Usage: python benchmarks/overhead.py [FEW MANY] (default: 1000 10000). Side by side in one run: equal plain tests with a plain
fixture, against as many clauses over one cheap fact; JUnit and Allure are switched off for both, since they are not ours and cost
more than all the rest. CPU-seconds of the child, user and system, the least of five, alternating: what a busy machine adds is not
ours. What the start of a run adds (a House, its facts, a template) is told apart: the row's share is what MANY add over FEW.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

BAR = 0.3
REPEATS = 5

PLAIN = """
import pytest

@pytest.fixture
def number():
    return 1

@pytest.mark.parametrize("index", range(COUNT))
def test_number(number, index):
    assert number
"""
FACTS = '''
from pytest_gf import fact

@fact
def number(run: object) -> int:
    """One."""
    return 1
'''
CONFTEST = """
from pathlib import Path
from pytest_gf import facts_in
globals().update(facts_in(Path(__file__).parent / "fixtures"))
"""
CLAUSE = '''
import pytest
from pytest_gf import clause

pytestmark = pytest.mark.canary

@pytest.mark.parametrize("index", range(COUNT))
@clause("lab.number", "there is a number", proves="S094")
def test_number(number: int, index: int) -> None:
    """It has."""
    assert number
'''


def main() -> int:
    """Print the table and return 1 where the bar is missed."""
    few, many = [int(count) for count in sys.argv[1:]] or [1_000, 10_000]
    print(f"{'clauses':>8} {'plain CPU-s':>12} {'ours CPU-s':>12} {'added CPU-s':>12}")
    added = {}
    for count in (few, many):
        plain, ours = measure(count)
        added[count] = ours - plain
        print(f"{count:>8} {plain:>12.2f} {ours:>12.2f} {added[count]:>12.2f}")
    row = (added[many] - added[few]) / (many - few)
    print(f"a row adds {row * 1000:.3f} ms (at most {BAR}), the start of a run {added[few] - row * few:.2f} s")
    return int(row * 1000 > BAR)


def measure(count: int) -> tuple[float, float]:
    """Return the least CPU-seconds of plain pytest and of ours."""
    with tempfile.TemporaryDirectory() as folder:
        plain, ours = Path(folder) / "plain", Path(folder) / "ours"
        write(plain, ours, count)
        others = ["-p", "no:junitxml", "-p", "no:allure_pytest"]
        seconds: dict[Path, list[float]] = {plain: [], ours: []}
        for _ in range(REPEATS):
            seconds[plain].append(cpu(plain, *others, "-p", "no:pytest_gf"))
            seconds[ours].append(cpu(ours, *others, "--gf-target=target.toml", "-q", "-q"))
        return min(seconds[plain]), min(seconds[ours])


def write(plain: Path, ours: Path, count: int) -> None:
    """Write the two projects."""
    (ours / "fixtures").mkdir(parents=True)
    plain.mkdir()
    (plain / "test_plain.py").write_text(PLAIN.replace("COUNT", str(count)))
    (ours / "test_clauses.py").write_text(CLAUSE.replace("COUNT", str(count)))
    (ours / "conftest.py").write_text(CONFTEST)
    (ours / "fixtures" / "facts.py").write_text(FACTS)
    (ours / "pytest.ini").write_text("[pytest]\ngf_suites = .\n")
    (ours / "target.toml").write_text('name = "none"\nvantage = "operator"\n')


def cpu(folder: Path, *args: str) -> float:
    """Return the CPU-seconds of one run of pytest in this folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *args]
    # An editable checkout is compiled once, as an installed package is.
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(folder.parent / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
