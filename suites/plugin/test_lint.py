"""The lint at collection names what newcomers do, each mistake in one line, and nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SMALL = Path(__file__).parent / "houses" / "small.py"
FACTS = '''
from pytest_gf import fact

@fact
def number(bucket: str) -> int:
    """A number."""
    return len(bucket)

@fact
def coherent_buckets() -> int:
    """The guard."""
    return 1
'''
MISTAKEN_FACTS = '''
@fact
def undocumented() -> int:
    return 1

@fact
def twice() -> int:
    """Once."""
    return 1

@fact
def twice() -> int:
    """Again."""
    return 2

@fact
def stack() -> int:
    """An axis' name."""
    return 1

@fact
def request() -> int:
    """A name of pytest's own."""
    return 1

@fact(changes="scrach")
def changing(coherent_buckets: int) -> int:
    """Changes something."""
    return coherent_buckets

@fact
def loud() -> int:
    """Says something."""
    print("here")
    return 1

@fact
def needing(nummber: int) -> int:
    """Needs what is not there."""
    return nummber
'''
CLAUSE = '''
{markers}
@clause("lab.{name}", "it is as promised", proves="S090")
def test_{name}({parameter}) -> None:
    """It is."""
    {body}
'''
GOOD = {"markers": "@pytest.mark.canary", "parameter": "number: int", "body": "assert number"}
CLAUSES = {
    "misspelt": GOOD | {"parameter": "nummber: int", "body": "assert nummber"},
    "imported": GOOD | {"parameter": "number: Listing"},
    "marked": GOOD | {"markers": "@pytest.mark.canry"},
    "unmarked": GOOD | {"markers": ""},
    "constant": GOOD | {"body": "assert True"},
    "tuple": GOOD | {"body": 'assert (number, "a number")'},
    "expected": GOOD | {"markers": "@pytest.mark.canary\n@pytest.mark.xfail"},
    "skipped": GOOD | {"body": 'assert number\n    pytest.skip("later")'},
}
SAID = {
    "misspelt": "unknown parameter 'nummber'; expected a fact or an axis; did you mean number?",
    "imported": "its annotations can't be read: name 'Listing' is not defined; is its import missing?",
    "marked": "unknown marker 'canry'; did you mean canary?",
    "unmarked": "no marker of a selection, so -m never chooses it; expected one of canary, repository,",
    "constant": "line 33: it asserts a constant, not what a fact observed",
    "tuple": "line 39: it asserts a tuple, which is always true; write `assert value, text` without brackets",
    "expected": "marker 'xfail': a clause doesn't expect its own failure; the contract waives what is known to be red",
    "skipped": "line 53: a clause doesn't skip; the fact raises Unproven",
}
SAID_OF_FACTS = (
    "fact 'undocumented' at facts.py:14: no docstring; say in a sentence what it observes",
    "fact 'stack' at facts.py:28: it has the name of an axis, and would shadow it; rename it",
    "fact 'request' at facts.py:33: it has the name of a given thing, and would shadow it; rename it",
    "fact 'changing' at facts.py:38: changes='scrach' is no word that a target may allow; did you mean scratch?",
    "; did you mean number?",
    "facts.py:24: fact 'twice' is defined twice (line 19 too); rename one",
    "facts.py:46: a fact doesn't print; what it saw belongs into the value that it returns",
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small house without a mistake."""
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "suite").mkdir()
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom pytest_gf import facts_in\n"
        'globals().update(facts_in(Path(__file__).parent / "fixtures"))\n'
    )
    (tmp_path / "fixtures" / "facts.py").write_text(FACTS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\ngf_house = {SMALL}:HOUSE\ngf_suites = suite\n")
    clauses(tmp_path, {"good": GOOD})
    return tmp_path


def clauses(house: Path, known: dict[str, dict[str, str]], head: str = "import pytest\n") -> None:
    """Write the clauses of a house."""
    made = "".join(CLAUSE.format(name=name, **parts) for name, parts in known.items())
    text = f"from __future__ import annotations\n{head}from pytest_gf import clause\n{made}"
    (house / "suite" / "test_clauses.py").write_text(text)


def told(outcome: Any) -> list[str]:
    """Return the lines of a run that was refused; there are no others."""
    assert outcome.exit == 4, outcome.text
    assert "Traceback" not in outcome.text
    assert not outcome.folder.exists()
    errors: list[str] = [line for line in outcome.text.splitlines() if line.startswith("ERROR: ")]
    return errors


def test_each_mistake_of_a_clause_is_one_line(run_pytest: Any, house: Path) -> None:
    clauses(house, CLAUSES)
    lines = told(run_pytest("--gf", cwd=house))
    for name, line in SAID.items():
        assert [text for text in lines if f"'lab.{name}'" in text and line in text], "\n".join(lines)
    assert len(lines) == len(SAID), "\n".join(lines)


def test_a_clause_without_its_decorator_is_one_line(run_pytest: Any, house: Path) -> None:
    file = house / "suite" / "test_clauses.py"
    file.write_text(f"{file.read_text()}\n\ndef test_bare(number: int) -> None:\n    assert number\n")
    (line,) = told(run_pytest("--gf", cwd=house))
    says = "it needs a bucket, which clauses alone are given; is @clause missing above it?"
    assert line.endswith(f"test 'test_bare' at test_clauses.py:12: {says}")


def test_a_clause_that_a_later_one_hides_is_one_line(run_pytest: Any, house: Path) -> None:
    file = house / "suite" / "test_clauses.py"
    file.write_text(file.read_text() + CLAUSE.format(name="other", **GOOD).replace("test_other", "test_good"))
    (line,) = told(run_pytest("--gf", cwd=house))
    assert line.endswith("test_clauses.py:13: clause 'test_good' is defined twice (line 7 too); rename one")


def test_each_mistake_of_a_fact_is_one_line(run_pytest: Any, house: Path) -> None:
    (house / "fixtures" / "facts.py").write_text(FACTS + MISTAKEN_FACTS)
    lines = told(run_pytest("--gf", cwd=house))
    for line in SAID_OF_FACTS:
        assert [text for text in lines if line in text], "\n".join(lines)
    assert len(lines) == len(SAID_OF_FACTS), "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            FACTS.replace("from pytest_gf import fact\n", ""),
            "facts.py:3: NameError: name 'fact' is not defined; is its",
        ),
        (FACTS.replace("-> int", "-> Listing"), "the annotations of fact 'number' can't be read: name 'Listing'"),
        (FACTS + "def (", "facts.py:13: SyntaxError: invalid syntax"),
        (FACTS + "import nosuchmodule", "facts.py:13: ModuleNotFoundError: No module named 'nosuchmodule'"),
    ],
    ids=("import", "annotation", "syntax", "module"),
)
def test_a_file_of_facts_that_cant_be_loaded_is_one_line(text: str, line: str, run_pytest: Any, house: Path) -> None:
    (house / "fixtures" / "facts.py").write_text(
        f"from __future__ import annotations\n{text.lstrip()}" if "Listing" in text else text
    )
    outcome = run_pytest("--gf", cwd=house)
    assert [text for text in told(outcome) if line in text], outcome.text
    assert len(outcome.text.strip().splitlines()) == 1, outcome.text


def test_a_folder_of_facts_that_is_not_there_is_one_line(run_pytest: Any, house: Path) -> None:
    (house / "fixtures").rename(house / "facts")
    (line,) = told(run_pytest("--gf", cwd=house))
    assert line == f"ERROR: {house / 'fixtures'}: no such folder of facts"


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", "test_clauses.py:4: NameError: name 'pytest' is not defined; is its import missing?"),
        ("import pytest\ndef (\n", "test_clauses.py:3: SyntaxError: invalid syntax"),
        ("import pytest\nfrom pytest_gf import claus\n", "test_clauses.py:3: ImportError: cannot import name 'claus'"),
    ],
    ids=("import", "syntax", "name"),
)
def test_a_file_of_clauses_that_cant_be_loaded_is_one_line(head: str, line: str, run_pytest: Any, house: Path) -> None:
    clauses(house, {"good": GOOD}, head)
    lines = told(run_pytest("--gf", cwd=house))
    assert len(lines) == 1, lines
    assert line in lines[0]


def test_a_misspelt_marker_is_one_line_where_markers_are_strict(run_pytest: Any, house: Path) -> None:
    clauses(house, {"good": GOOD, "marked": CLAUSES["marked"]})
    (line,) = told(run_pytest("--gf", "--strict-markers", cwd=house))
    assert "unknown marker 'canry'; did you mean canary?" in line


def test_a_forks_fact_may_stand_in_the_place_of_one_below(run_pytest: Any, house: Path) -> None:
    (house / "mine").mkdir()
    (house / "mine" / "facts.py").write_text(
        'from pytest_gf import fact\n\n@fact\ndef number() -> int:\n    """Mine."""\n    return 7\n'
    )
    (house / "house.py").write_text(
        "from dataclasses import replace\nfrom pytest_gf import House\nfrom pytest_gf.honey import HOUSE as HONEY\n"
        'BELOW = replace(HONEY, facts=None, suites=None)\nHOUSE = House("ours", extends=BELOW, facts="mine", suites="suite")\n'
    )
    (house / "pytest.ini").write_text("[pytest]\ngf_house = house.py:HOUSE\n")
    clauses(house, {"good": GOOD | {"body": "assert number == 7"}})
    outcome = run_pytest("--gf", cwd=house)
    assert "ERROR" not in outcome.text, outcome.text
