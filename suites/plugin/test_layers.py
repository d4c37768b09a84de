"""The house: who may import whom, who knows pytest's hooks, how long a file may be, what is exported."""

from __future__ import annotations

import ast
import graphlib
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_gf

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pytest_gf"
FILES = sorted(PACKAGE.rglob("*.py"))
FACTS = sorted((ROOT / "fixtures").rglob("*.py"))
CLAUSES = sorted((ROOT / "suites" / "contract").rglob("*.py"))
TESTS = [path for path in sorted((ROOT / "suites").rglob("*.py")) if path not in CLAUSES]

LONGEST_FILE = 400
LONGEST_FUNCTION = 40
MEDIAN_FILE = 150
LONGEST_MAP = 60
MOST_EXPORTS = 12
CLIENTS = {"aiohttp", "allure", "allure_commons", "boto3", "botocore", "grpc", "httpx", "kubernetes", "websocket"}
INPUT_OUTPUT = {"asyncio", "http", "io", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "urllib"}

# What each part of the package may import of ours. A part that is not here fails a test: give it its place.
ALLOWED: dict[str, set[str]] = {
    # values and bytes
    "answers": {"visible"},
    "errors": {"visible"},
    "formats": {"formats"},
    "ledger": set(),
    "spelling": set(),
    "redaction": {"spelling"},
    "vantage": set(),
    "verdict": set(),
    "visible": set(),
    "observed": {"observed", "formats", "answers", "errors"},
    # what is promised, and where
    "contract": {"contract"},
    "variables": set(),
    "target": {"contract", "errors", "formats", "variables", "vantage"},
    # wires, and the emulated honey, which knows nothing of them
    "evidence": {"redaction", "visible"},
    "probes": {"probes", "formats", "answers", "errors", "evidence", "redaction", "visible"},
    "lab": {"lab", "contract", "formats"},
    # facts, clauses, verdicts
    "clauses": set(),
    "facts": {"errors"},
    "nodes": {"evidence", "errors", "facts"},
    "graph": {"evidence", "errors", "facts", "nodes"},
    "catalog": {"clauses", "facts"},
    "routes": {"errors", "probes", "target"},
    "audit": {"audit", "answers", "errors", "formats", "observed", "probes"},
    "cleaning": {"errors", "lab", "ledger", "probes", "redaction", "routes", "target"},
    "plan": {"errors", "probes", "target"},
    "findings": {"errors", "evidence", "observed", "probes"},
    "subject": {"errors", "evidence", "lab", "target"},
    "baselines": {"formats", "verdict"},
    "run": {
        *("baselines", "cleaning", "errors", "evidence", "graph", "lab", "ledger", "nodes", "redaction", "subject"),
        *("target", "visible"),
    },
    "waiving": {"clauses", "run"},
    "judging": {"errors", "facts", "redaction", "run", "verdict", "visible", "waiving"},
    # reports
    "redacting": {"redaction", "visible"},
    "reports": {"reports", "clauses", "evidence", "redacting", "redaction", "verdict", "visible"},
    # pytest's side
    "hookspecs": set(),
    "scheduling": set(),
    "terminating": set(),
    "pytests": set(),
    "options": {"audit", "contract", "formats", "lab", "subject", "target", "vantage"},
    "commands": {"cleaning", "errors", "lab", "options", "target"},
    "session": {
        *(
            "baselines",
            "catalog",
            "clauses",
            "facts",
            "waiving",
            "judging",
            "plan",
            "pytests",
            "redacting",
            "redaction",
            "reports",
            "run",
            "scheduling",
            "terminating",
        ),
        "verdict",
    },
    "plugin": {"catalog", "clauses", "commands", "facts", "hookspecs", "options", "session"},
    # the door, and the generators of documents
    "__init__": {"clauses", "errors", "facts"},
    "clauses_page": {"clauses", "contract", "facts", "faults_page", "session"},
    "faults_page": {"lab"},
}


def name_of(path: Path) -> str:
    """Return ``probes.s3`` for ``pytest_gf/honey/probes/s3.py``, ``lab`` for ``pytest_gf/lab/__init__.py``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def at_run_time(node: ast.AST, *, in_functions: bool = True) -> Iterator[ast.AST]:
    """Yield a tree's nodes but for those below ``if TYPE_CHECKING`` and, if so asked, those in functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        if in_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from at_run_time(child, in_functions=in_functions)


def imported(source: str, *, in_functions: bool = True) -> set[str]:
    """Return the modules that a source imports when it runs; a name taken from a module counts as one below it."""
    found: set[str] = set()
    for node in at_run_time(ast.parse(source), in_functions=in_functions):
        if isinstance(node, ast.Import):
            found.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.update({module} | {f"{module}.{each.name}" for each in node.names})
    return found


def first(modules: set[str]) -> set[str]:
    """Return the packages that these modules belong to; a relative import is ``""``."""
    return {each.partition(".")[0] for each in modules}


def ours(source: str) -> set[str]:
    """Return the parts of pytest_gf that a source imports: ``probes``, ``contract``."""
    return first({each.removeprefix("pytest_gf.") for each in imported(source) if each.startswith("pytest_gf.")})


def hooks(source: str) -> set[str]:
    """Return the pytest hooks that a source defines, by name or by ``pytest.hookimpl``; Allure has its own."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (
            node.name.startswith("pytest_")
            or any(ast.unparse(each).startswith("pytest.hookimpl") for each in node.decorator_list)
        )
    }


def does_io(source: str) -> set[str]:
    """Return the ways to the outside that a source takes: modules, and the functions ``open`` and ``print``."""
    called = {node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
    names = {node.id for node in called if isinstance(node, ast.Name)}
    return first(imported(source)) & INPUT_OUTPUT | names & {"open", "print", "input"}


def long_functions(source: str) -> dict[str, int]:
    """Return the functions that are too long, with their lines."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    return {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def strangers(source: str) -> set[str]:
    """Return the packages that a fact or a clause imports beside pytest_gf, pytest and Python's own."""
    return first(imported(source)) - {"pytest_gf", "pytest"} - sys.stdlib_module_names


def test_each_part_of_the_package_has_its_place() -> None:
    assert {name_of(path).partition(".")[0] for path in FILES} == set(ALLOWED)
    below = {part: others - {part} for part, others in ALLOWED.items()}
    graphlib.TopologicalSorter(below).prepare()  # Raises CycleError where two parts stand above each other.


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    source = path.read_text()
    assert "" not in first(imported(source)), "a relative import"
    assert ours(source) <= ALLOWED[name_of(path).partition(".")[0]]
    assert not first(imported(source)) & {"fixtures", "suites", "conftest"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_client_libraries_are_imported_where_they_are_used(path: Path) -> None:
    own = {"aiohttp"} if name_of(path).startswith("lab.") else set()
    own |= {"allure", "allure_commons"} if name_of(path) == "reports.allure" else set()
    assert not first(imported(path.read_text(), in_functions=False)) & CLIENTS - own


@pytest.mark.parametrize("path", [*FILES, *FACTS, *CLAUSES], ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_plugin_defines_pytests_hooks(path: Path) -> None:
    known = {
        PACKAGE / "plugin.py": hooks(path.read_text()),
        PACKAGE / "hookspecs.py": {"pytest_gf_verdict"},
        PACKAGE / "clauses_page.py": {"pytest_collection_finish"},  # A collection of its own, for the page.
    }
    assert hooks(path.read_text()) == known.get(path, set())


@pytest.mark.parametrize("path", [*FACTS, *CLAUSES], ids=lambda path: path.stem)
def test_facts_and_clauses_import_only_the_package(path: Path) -> None:
    source = path.read_text()
    assert not strangers(source)
    assert not ours(source) & {"lab", "plugin", "session", "options"}
    assert path in FACTS or not ours(source) & {"probes", "formats"}, "a clause judges; a fact observes"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_nothing_imports_facts_or_clauses_by_name(path: Path) -> None:
    assert not first(imported(path.read_text())) & {"fixtures", "suites", "conftest"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "formats").glob("*.py")), ids=name_of)
def test_formats_do_no_io(path: Path) -> None:
    assert not does_io(path.read_text())


@pytest.mark.parametrize("path", [*FILES, *FACTS, *CLAUSES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= LONGEST_FILE
    assert path in TESTS or not long_functions(source)
    assert ast.get_docstring(ast.parse(source)), "the first line says what the file is for"


def test_the_package_is_made_of_small_files() -> None:
    assert statistics.median(len(path.read_text().splitlines()) for path in FILES) <= MEDIAN_FILE
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= LONGEST_MAP


def test_what_is_exported() -> None:
    assert len(pytest_gf.__all__) <= MOST_EXPORTS
    assert all(hasattr(pytest_gf, name) for name in pytest_gf.__all__)
    assert (PACKAGE / "py.typed").exists()


def test_these_rules_can_be_broken() -> None:
    """Each reader above sees what it is there to see, and only that."""
    typed = "if TYPE_CHECKING:\n    import boto3\n"
    inside = "def f():\n    import boto3\n"
    tried = "try:\n    import boto3.session\nexcept ImportError:\n    pass\nclass A:\n    import grpc\n"
    assert imported(typed) == set()
    assert imported(inside) == {"boto3"}
    assert imported(inside, in_functions=False) == set()
    assert first(imported(tried, in_functions=False)) == {"boto3", "grpc"}
    assert first(imported("from . import x\nfrom .y import z\n")) == {""}
    assert ours("from pytest_gf import lab\nimport pytest_gf.honey.probes.s3\n") == {"lab", "probes"}
    assert hooks("async def pytest_a(): ...\n@pytest.hookimpl(tryfirst=True)\ndef b(): ...\ndef c(): ...\n") == {
        "pytest_a",
        "b",
    }
    assert does_io("import json, os.path\nopen('x')\nx.open()\n") == {"os", "open"}
    assert long_functions("def f():\n" + "    pass\n" * LONGEST_FUNCTION) == {"f": LONGEST_FUNCTION + 1}
    assert strangers("import json, requests\nfrom fixtures.rustfs import s3\nimport pytest_gf\n") == {
        "requests",
        "fixtures",
    }
