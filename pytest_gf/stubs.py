"""The stubs of a new clause: the clause, its fact, its observed value, and the fault of the lab that turns it violated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_gf.engine.suggestion import suggestion

UNKNOWN = "S000"
"""Stands for a statement that is still to be chosen; the lint refuses it."""
FAULTS = Path("suites") / "lab" / "faults.toml"
TABLE = Path("pytest_gf") / "lab" / "fault_table.py"
_TABLES = {"canary": "fault"}
"""The table of `FAULTS` where a marker's faults stand, if it is not named as the marker."""
_TESTS = {"canary": "faults"}
"""The test in suites/lab that runs a marker's faults, if it is not named as the marker."""
STATEMENTS = Path("pytest_gf") / "honey" / "contract" / "statements.toml"
_PROVES = re.compile(r"S\d{3}[~!]?|\{[a-z]+\}")
_ID = re.compile(r"([a-z][a-z0-9]*)\.([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")

_CLAUSE = '''"""Contract section of {system}: {words}."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.{name} import {type}

pytestmark = pytest.mark.{marker}


@clause("{id}", "the {words} is as promised", proves="{proves}")
def test_{name}({name}: {type}) -> None:
    """Say in a sentence what the contract claims."""
    assert {name}.holds
'''
_FACT = '''"""What is observed of the {words}."""

from __future__ import annotations

from pytest_gf import Unproven, fact
from pytest_gf.honey.contract import Contract
from pytest_gf.honey.observed.{name} import {type}


@fact
def {name}(contract: Contract) -> {type}:
    """Say in a sentence what is observed."""
    raise Unproven("the {words} is not observed yet", f"let {fact} return what it saw (contract {{contract.name}})")
'''
_VALUE = '''"""What was seen of the {words}, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble


@dataclass(frozen=True)
class {type}(Observed):
    """The {words}: what the contract wants, and what was found."""

    wanted: str
    found: str

    promises = "the {words} is {{self.wanted}}"
    sees = "the {words} is {{self.found}}"

    def trouble(self) -> Trouble | None:
        if self.found == self.wanted:
            return None
        return Trouble(
            Cause("not-as-promised", "{words}"),
            f"the {words} is {{self.found}}, and the contract says {{self.wanted}}",
            "say here what a person does first",
        )
'''
_ROW = """
[{table}."{fault}"]
violated = ["{id}"]
says = "and the contract says"
incident = "not-as-promised {words}"
"""
_NEXT = """
next:
  1. {clause}: write {statement}its title and its docstring
  2. {fact}: observe. A need is a parameter: another fact, an axis, target, contract or run (docs/clauses.md lists the facts)
     a question that no fact asks yet is a method of a probe in pytest_gf/honey/probes/; `asks=` of @fact names it for --gf-plan
  3. {value}: say what was promised, what was seen, and what a person does first
  4. {table}: say what is bent; move the line to its group
  5. pytest_gf/lab/: let the emulated service show it, where `bends.on("{fault}")`
  6. {faults}: name every row that the fault turns, and the incident (a kind of pytest_gf/honey/causes.toml), and move the table to its group
  7. changelog/: a fragment for what a user notices
see it hold, then see it red:
  pytest {chosen} -k {id}
  pytest {chosen} -k {id} --gf-fault={fault}
generate the pages:
  python -m pytest_gf.pages.clauses docs/clauses.md
  python -m pytest_gf.pages.faults docs/faults.md
  python -m pytest_gf.pages.incidents docs/incidents.md
check and test it:
  mypy && ruff check . && ruff format .
  pytest suites/plugin/test_docs.py -k page
  pytest suites/lab/test_faults.py -k "no_clause or in_the_table"
  pytest {test} -k {fault}
{also}"""
_ALSO = {
    "canary": "  pytest suites/lab/test_sample.py   (a row of the canary changes the sample; the test says how to renew it)\n",
    "guard": "  (COLUMN in suites/lab/test_guard.py names every row of the guard: add yours)\n",
}
"""What else a row of a marker changes."""


class Refused(ValueError):
    """The stubs can't be written, in one line."""


@dataclass(frozen=True)
class Wanted:
    """A clause that is to be begun: its id, the statement that it proves, the marker of its selection."""

    id: str
    proves: str = UNKNOWN
    marker: str = "canary"


def write(root: Path, wanted: Wanted) -> list[str]:
    """Write the stubs below ``root``, a checkout, and return what was written and what comes next. Raises `Refused`.

    Nothing is written where one of them can't be.
    """
    words = _words(wanted)
    files = {
        Path(words["clause"]): _CLAUSE.format(**words),
        Path(words["fact"]): _FACT.format(**words),
        Path(words["value"]): _VALUE.format(**words),
    }
    rows = _rows(root, wanted, words)
    for refusal in (*_unknown_statements(root, wanted.proves), *_refusals(root, files, words)):
        raise Refused(refusal)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for path, text in rows.items():
        (root / path).write_text(text, encoding="utf-8")
    return [*(f"written: {path}" for path in files), *(f"added to: {path}" for path in rows), _NEXT.format(**words)]


def _words(wanted: Wanted) -> dict[str, str]:
    match = _ID.fullmatch(wanted.id)
    if match is None:
        raise Refused(f"{wanted.id!r}: expected SYSTEM.ID, such as rustfs.node-version (a-z, 0-9 and single hyphens)")
    system, kebab = match.groups()
    name = kebab.replace("-", "_")
    return {
        "id": wanted.id,
        "system": system,
        "words": kebab.replace("-", " "),
        "name": name,
        "type": "".join(word.capitalize() for word in kebab.split("-")),
        "fault": f"{kebab}-wrong",
        "proves": wanted.proves,
        "marker": wanted.marker,
        "chosen": f"-m {wanted.marker}",
        "statement": "the statement that it proves (docs/clauses.md lists them), " if wanted.proves == UNKNOWN else "",
        "test": f"suites/lab/test_{_TESTS.get(wanted.marker, wanted.marker)}.py",
        "also": _ALSO.get(wanted.marker, ""),
        "table": str(TABLE),
        "faults": str(FAULTS),
        "clause": f"suites/contract/{system}/test_{system}_{name}.py",
        "fact": f"fixtures/{name}.py",
        "value": f"pytest_gf/honey/observed/{name}.py",
    }


def _rows(root: Path, wanted: Wanted, words: dict[str, str]) -> dict[Path, str]:
    """Return the lab's two tables with the fault in them."""
    if not (root / FAULTS).is_file() or not (root / TABLE).is_file():
        raise Refused(f"no {FAULTS} here: run it in the checkout of pytest_gf (a fork's own clauses: docs/fork.md)")
    faults, table = ((root / path).read_text(encoding="utf-8") for path in (FAULTS, TABLE))
    known = tomllib.loads(faults).keys() - {"groups"}
    name = _TABLES.get(wanted.marker, wanted.marker)
    if name not in known:
        markers = sorted((known - {"fault"}) | {"canary"})
        raise Refused(
            f"--marker={wanted.marker}: {FAULTS} has no faults of it; expected one of {', '.join(markers)} "
            "(clauses of a checkout: docs/writing-clauses.md)"
        )
    head = "_EVERY = (\n"
    line = f'    Fault("{words["fault"]}", None, "the {words["words"]} is not as promised"),\n'
    return {
        TABLE: table.replace(head, head + line, 1),
        FAULTS: faults + _ROW.format(**words | {"table": name}),
    }


def _unknown_statements(root: Path, proves: str) -> Iterator[str]:
    """Yield what is wrong with the statements that ``--proves`` names."""
    known = re.findall(r"^(S\d{3}) = ", (root / STATEMENTS).read_text(encoding="utf-8"), re.MULTILINE)
    for word in proves.split() if proves != UNKNOWN else ():
        if _PROVES.fullmatch(word) is None:
            yield f"--proves={proves}: expected statements such as S094, or S094~ for a part of one (docs/clauses.md lists them)"
        elif not word.startswith("{") and word[:4] not in known:
            yield f"--proves={proves}: unknown statement {word[:4]}{suggestion(word[:4], known)} (docs/clauses.md lists them)"


def _refusals(root: Path, files: dict[Path, str], words: dict[str, str]) -> Iterator[str]:
    for path in files:
        if (root / path).exists():
            yield f"{path} is there already: choose another id, or write by hand"
    for path in sorted((root / "fixtures").glob("*.py")):
        if re.search(rf"^def {words['name']}\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"{path.relative_to(root)} has a fact {words['name']!r} already: choose another id, or write by hand"
    if f'"{words["fault"]}"' in (root / TABLE).read_text(encoding="utf-8"):
        yield f"{TABLE} has a fault {words['fault']!r} already: choose another id, or write by hand"
