"""The house: who may import whom, how long a file may be, what is exported."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_gf

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pytest_gf"
FILES = sorted(PACKAGE.rglob("*.py"))
CLIENTS = {"boto3", "botocore", "kubernetes", "grpc", "httpx", "websocket"}


def name_of(path: Path) -> str:
    """Return ``probes.s3`` for ``pytest_gf/probes/s3.py``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, *, everywhere: bool = True) -> Iterator[str]:
    """Yield the modules that a file imports, those only named for types left out."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(node)
        for each in ast.walk(tree)
        if isinstance(each, ast.If) and "TYPE_CHECKING" in ast.dump(each.test)
        for node in ast.walk(each)
    }
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    for node in nodes:
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def ours(path: Path) -> set[str]:
    """Return the parts of pytest_gf that a file imports: ``probes.s3``, ``contract``."""
    return {each.removeprefix("pytest_gf.") for each in imported(path) if each.startswith("pytest_gf.")}


# Layer: what it may import of ours, by the first part of the name.
ALLOWED = {
    "formats": {"formats"},
    "observed": {"observed", "formats", "answers"},
    "probes": {"probes", "formats", "answers", "errors", "evidence", "redaction"},
    "evidence": {"redaction"},
    "redaction": set(),
    "answers": set(),
    "errors": set(),
    "verdict": set(),
    "vantage": set(),
    "contract": {"contract"},
    "target": {"contract", "vantage"},
    "lab": {"lab", "contract"},
    "ledger": set(),
    "clauses": set(),
    "facts": {"errors"},
    "graph": {"evidence", "errors", "facts"},
}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    layer = name_of(path).partition(".")[0]
    if layer in ALLOWED:
        assert {each.partition(".")[0] for each in ours(path)} <= ALLOWED[layer]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_client_libraries_are_imported_where_they_are_used(path: Path) -> None:
    at_the_top = {each.partition(".")[0] for each in imported(path, everywhere=False)}
    assert not at_the_top & CLIENTS
    if not name_of(path).startswith("lab"):
        assert "aiohttp" not in at_the_top
    if name_of(path) != "reports.allure":
        assert not at_the_top & {"allure", "allure_commons"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_plugin_defines_pytests_hooks(path: Path) -> None:
    defined = {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("pytest_")
    }
    if name_of(path) == "clauses_page":
        assert defined == {"pytest_collection_finish"}, "a collection of its own, for the page"
    elif name_of(path) not in {"plugin", "hookspecs"}:
        assert defined == set()


@pytest.mark.parametrize("folder", ["fixtures", "suites/contract"])
def test_facts_and_clauses_import_only_the_package(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        found = {each.partition(".")[0] for each in imported(path)}
        assert not found & {"fixtures", "suites", *CLIENTS, "aiohttp"}, path
        assert not {each for each in ours(path) if each.startswith("lab")}, path


def test_formats_do_no_io() -> None:
    for path in (PACKAGE / "formats").glob("*.py"):
        assert not {each.partition(".")[0] for each in imported(path)} & {
            "os",
            "socket",
            "subprocess",
            "pathlib",
            "io",
            "http",
        }, path


def test_files_and_functions_are_short() -> None:
    tracked = [*FILES, *(ROOT / "fixtures").rglob("*.py"), *(ROOT / "suites").rglob("*.py")]
    lengths = {path: len(path.read_text().splitlines()) for path in tracked}
    assert {path: length for path, length in lengths.items() if length > 400} == {}
    assert statistics.median(lengths[path] for path in FILES) <= 150
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{path}:{node.lineno} {node.name}"


def test_each_file_says_what_it_is_for() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_what_is_exported() -> None:
    assert len(pytest_gf.__all__) <= 12
    assert all(hasattr(pytest_gf, name) for name in pytest_gf.__all__)
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 60
