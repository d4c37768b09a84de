"""The house: who may import whom, who knows pytest's hooks, how long a file may be, what is exported."""

from __future__ import annotations

import ast
import graphlib
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest_gf

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pytest_gf"
FILES = sorted(PACKAGE.rglob("*.py"))
FACTS = sorted((ROOT / "fixtures").rglob("*.py"))
CLAUSES = sorted((ROOT / "suites" / "contract").rglob("*.py"))
TESTS = [path for path in sorted((ROOT / "suites").rglob("*.py")) if path not in CLAUSES]

LONGEST_FILE, LONGEST_FUNCTION, LONGEST_MAP = 400, 40, 60
MEDIAN_FILE, MOST_EXPORTS = 150, 12
CLIENTS = {"aiohttp", "allure", "allure_commons", "boto3", "botocore", "grpc", "httpx", "kubernetes", "websocket"}
CLIENTS |= {"prometheus_client"}
INPUT_OUTPUT = {"asyncio", "http", "io", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "urllib"}

# What each part of the package may import of ours. A part that is not here fails a test: give it its place.
_HOOKS = "clauses commands hookspecs options pytest_state session suggestion"
_PAGES = "axes catalog clauses evidence facts options reports session target trouble"
ENGINE: dict[str, set[str]] = {
    "contract": set(),
    "visible": set(),
    "errors": {"trouble", "visible"},
    "ledger": set(),
    "spelling": set(),
    "redaction": {"spelling"},
    "trouble": set(),
    "verdict": set(),
    "hookspecs": set(),
    "scheduling": set(),
    "pytest_state": set(),
    "clauses": set(),
    "house": {"ledger", "trouble"},
    "axes": {"contract", "house"},
    "loading": {"house", "pytest_state", "suggestion"},
    "target": {"errors", "house", "suggestion"},
    "evidence": {"redaction", "visible"},
    "facts": {"errors", "loading"},
    "nodes": {"errors", "evidence", "facts"},
    "graph": {"errors", "evidence", "facts", "nodes"},
    "suggestion": set(),
    "catalog": {"clauses", "facts", "house", "pytest_state"},
    "lint": {"clauses", "facts", "pytest_state", "redaction", "suggestion"},
    "reach": {"errors", "house", "redaction", "target", "visible"},
    "plan": {"errors", "reach"},
    "lab_options": {"contract", "house"},
    "explain": {"catalog", "clauses", "house", "reports"},
    "options": {"axes", "contract", "house", "lab_options", "loading", "reports", "target"},
    "run": {"errors", "evidence", "facts", "graph", "house", "ledger", "nodes", "redaction", "target", "visible"},
    "judging": {
        *("errors", "evidence", "facts", "options", "redaction", "run"),
        *("pytest_state", "trouble", "verdict", "visible"),
    },
    "output_redaction": {"redaction", "visible"},
    "reports": {"clauses", "evidence", "house", "output_redaction", "redaction", "trouble", "verdict", "visible"},
    "commands": {"catalog", "errors", "explain", "house", "ledger", "options", "plan", "redaction", "target"},
    "session": {
        *("catalog", "clauses", "commands", "facts", "house", "judging", "lint", "loading", "options"),
        *("output_redaction", "pytest_state", "redaction", "reporting", "reports", "run", "scheduling"),
        "verdict",
    },
    "reporting": {"judging", "pytest_state", "redaction", "reports", "verdict"},
}
PUBLIC = {
    "contract",
    "errors",
    "evidence",
    "house",
    "ledger",
    "nodes",
    "redaction",
    "run",
    "target",
    "trouble",
    "verdict",
    "visible",
}
"""What honey may import of the engine."""
HONEY: dict[str, set[str]] = {
    **{part: set() for part in ("answers", "causes", "endpoint", "formats", "stored", "vantage")},
    "behind": {"contract"},
    "contract": {"formats"},
    "observed": {"answers", "causes", "contract", "formats"},
    "probes": {"answers", "endpoint", "formats"},
    "target": {"endpoint", "formats"},
    "routes": {"formats", "probes"},
    "reading": {"formats", "observed", "probes"},
    "rights": {"probes", "target"},
    "reaching": {"formats", "probes", "routes", "target"},
    "cleaning": {"probes", "routes", "stored"},
    "baselines": {"formats"},
    "closures": {"formats"},
    "clients": {"closures", "formats"},
    "audit": {"answers", "formats", "observed", "probes"},
    "findings": {"observed"},
    "local_inputs": {"formats"},
    "trust": set(),
    "selections": {
        *("audit", "baselines", "clients", "closures", "contract", "formats"),
        *("local_inputs", "target", "trust", "vantage"),
    },
    "house": {
        *("behind", "causes", "cleaning", "contract", "reaching", "rights"),
        *("selections", "stored", "local_inputs", "target", "vantage"),
    },
    "__init__": {"house"},
}
ALLOWED: dict[str, set[str]] = {
    **{f"engine.{part}": {f"engine.{other}" for other in others} for part, others in ENGINE.items()},
    **{
        f"honey.{part}": {f"honey.{other}" for other in others} | {f"engine.{name}" for name in PUBLIC}
        for part, others in HONEY.items()
    },
    "engine.__init__": set(),
    "lab": {"honey.contract", "honey.formats"},
    "pages": {
        *(f"engine.{page}" for page in _PAGES.split()),
        *("honey.__init__", "honey.contract", "lab"),
    },
    "plugin": {f"engine.{part}" for part in _HOOKS.split()},
    "reports": {"engine.reports"},
    "stubs": {"engine.suggestion"},
    "__main__": {"stubs"},
    "classify": {"engine.redaction", "engine.visible", "honey.formats"},
    "__init__": {"engine.clauses", "engine.errors", "engine.facts", "engine.house", "engine.trouble"},
}
LAB_IN_A_FUNCTION = {"honey.local_inputs"}
"""Parts that lay the lab's model out, and import the lab only then."""
DOMAIN = {
    *(
        "attic",
        "bazel",
        "bucket",
        "buckets",
        "kube",
        "kubernetes",
        "nar",
        "rustfs",
        "s3",
        "shard",
        "shards",
        "stack",
        "stacks",
    ),
    "tofu",
}
"""Words of honey that the engine does not know."""
NOT_THE_DOMAIN = {"ExitStack", "stack_info", "stacklevel"}


def name_of(path: Path) -> str:
    """Return ``probes.s3`` for ``pytest_gf/honey/probes/s3.py``, ``lab`` for ``pytest_gf/lab/__init__.py``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


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
    names: set[str] = set()
    for node in at_run_time(ast.parse(source), in_functions=in_functions):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names.update({module} | {f"{module}.{alias.name}" for alias in node.names})
    return names


def first(modules: set[str]) -> set[str]:
    """Return the packages that these modules belong to; a relative import is ``""``."""
    return {module.partition(".")[0] for module in modules}


def part_of(module: str) -> str:
    """Return the part that a module below pytest_gf belongs to: ``honey.probes`` for ``honey.probes.s3``, ``lab`` for all of it."""
    words = module.split(".")
    if words[0] in {"engine", "honey"}:
        known = ENGINE if words[0] == "engine" else HONEY
        return f"{words[0]}.{words[1] if len(words) > 1 and words[1] in known else '__init__'}"
    return words[0] or "__init__"


def ours(source: str, *, in_functions: bool = True) -> set[str]:
    """Return the parts of pytest_gf that a source imports: ``honey.probes``, ``lab``."""
    modules = {module for module in imported(source, in_functions=in_functions) if module.startswith("pytest_gf.")}
    below = {module.removeprefix("pytest_gf.") for module in modules}
    # ``from pytest_gf.honey import x`` names both honey and honey.x: the longer one counts, if it is a part.
    parts = {part_of(name) for name in below}
    packages = {name for name in below if any(other.startswith(f"{name}.") for other in below)}
    named = {part_of(name) for name in below - packages}
    return parts & named - {f"{package}.__init__" for package in packages if f"{package}.__init__" in parts - named}


def words(source: str) -> dict[str, int]:
    """Return the words of a source's identifiers and strings, lower case, each with the line of its first use."""
    lines: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        for name in ("id", "attr", "name", "arg", "value"):
            text = getattr(node, name, None)
            if isinstance(text, str) and text not in NOT_THE_DOMAIN:
                for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", text):
                    lines.setdefault(word.lower(), getattr(node, "lineno", 0))
    return lines


def hooks(source: str) -> set[str]:
    """Return the pytest hooks that a source defines, by name or by ``pytest.hookimpl``; Allure has its own."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (
            node.name.startswith("pytest_")
            or any(ast.unparse(decorator).startswith("pytest.hookimpl") for decorator in node.decorator_list)
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


def told(wrong: dict[str, object]) -> str:
    """Return what is wrong, a line a file; "" where nothing is."""
    return "".join(f"\n  {name}: {text}" for name, text in wrong.items() if text)


def test_each_part_of_the_package_has_its_place() -> None:
    assert {part_of(name_of(path)) for path in FILES} == set(ALLOWED)
    below = {part: others - {part} for part, others in ALLOWED.items()}
    graphlib.TopologicalSorter(below).prepare()  # Raises CycleError where two parts stand above each other.


def test_imports_go_downwards() -> None:
    wrong: dict[str, object] = {}
    for path in FILES:
        part, source = part_of(name_of(path)), path.read_text()
        above = ours(source) - ALLOWED[part] - {part} - ({"lab"} if part in LAB_IN_A_FUNCTION else set())
        wrong[name_of(path)] = sorted({*above, *(first(imported(source)) & {"", "fixtures", "suites", "conftest"})})
        assert "lab" not in ours(source, in_functions=False) or part in {"lab", "pages"}, name_of(path)
    assert not told(wrong), f"these import what stands above or beside them:{told(wrong)}"


def test_the_engine_knows_no_system() -> None:
    wrong: dict[str, object] = {}
    for path in FILES:
        if part_of(name_of(path)).startswith("engine."):
            known = words(path.read_text())
            wrong[name_of(path)] = ", ".join(f"{word} (line {known[word]})" for word in sorted(known.keys() & DOMAIN))
    assert not told(wrong), f"the engine knows words of honey:{told(wrong)}"


def test_honey_knows_no_pytest() -> None:
    wrong = {
        name_of(path): first(imported(path.read_text())) & {"pytest"} for path in (PACKAGE / "honey").rglob("*.py")
    }
    assert not told(dict(wrong)), f"these import pytest:{told(dict(wrong))}"


def test_client_libraries_are_imported_where_they_are_used() -> None:
    wrong: dict[str, object] = {}
    for path in FILES:
        own = {"aiohttp"} if name_of(path).startswith("lab.") else set()
        own |= {"allure", "allure_commons"} if name_of(path) == "engine.reports.allure" else set()
        wrong[name_of(path)] = first(imported(path.read_text(), in_functions=False)) & CLIENTS - own
    assert not told(wrong), f"these import a client library for everybody:{told(wrong)}"


def test_only_the_plugins_define_pytests_hooks() -> None:
    plugins = (PACKAGE / "plugin.py", PACKAGE / "engine" / "session.py", PACKAGE / "engine" / "reporting.py")
    known = {
        **{path: hooks(path.read_text()) for path in plugins},
        PACKAGE / "engine" / "hookspecs.py": {"pytest_gf_verdict"},
        PACKAGE / "pages" / "clauses.py": {"pytest_collection_finish"},  # A collection of its own, for the page.
    }
    wrong: dict[str, object] = {
        str(path): hooks(path.read_text()) ^ known.get(path, set()) for path in [*FILES, *FACTS, *CLAUSES]
    }
    assert not told(wrong), f"these define hooks:{told(wrong)}"


def test_facts_and_clauses_import_only_the_package() -> None:
    wrong: dict[str, object] = {}
    for path in [*FACTS, *CLAUSES]:
        source = path.read_text()
        apart = {"lab", "plugin", "engine.session", "engine.options"}
        apart |= set() if path in FACTS else {"honey.probes", "honey.formats"}  # A clause judges; a fact observes.
        wrong[path.name] = strangers(source) | (ours(source) & apart)
    assert not told(wrong), f"these import what is not theirs:{told(wrong)}"


def test_nothing_imports_facts_or_clauses_by_name() -> None:
    theirs = ("suites.contract", "fixtures", "conftest")
    wrong: dict[str, object] = {
        path.name: {name for name in imported(path.read_text()) if name.startswith(theirs)} for path in TESTS
    }
    assert not told(wrong), f"these import facts or clauses:{told(wrong)}"


def test_formats_do_no_io() -> None:
    wrong: dict[str, object] = {
        name_of(path): does_io(path.read_text()) for path in (PACKAGE / "honey" / "formats").glob("*.py")
    }
    assert not told(wrong), f"these reach outside:{told(wrong)}"


def test_files_and_functions_are_short() -> None:
    wrong: dict[str, object] = {}
    for path in [*FILES, *FACTS, *CLAUSES, *TESTS]:
        source = path.read_text()
        lines = len(source.splitlines())
        name = str(path.relative_to(ROOT))
        wrong[name] = f"{lines} lines" if lines > LONGEST_FILE else "" if path in TESTS else long_functions(source)
        assert ast.get_docstring(ast.parse(source)), f"{name}: the first line says what the file is for"
    assert not told(wrong), f"longer than {LONGEST_FILE} lines a file and {LONGEST_FUNCTION} a function:{told(wrong)}"


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
    assert ours("from pytest_gf import lab\nimport pytest_gf.honey.probes.s3\n") == {"lab", "honey.probes"}
    assert ours("from pytest_gf.honey import HOUSE, contract\n") == {"honey.__init__", "honey.contract"}
    assert words("def by_bucket(S3Section): return 'a stack'").keys() >= {"bucket", "s3", "stack"}
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
