"""``python -m pytest_gf new-clause``: four stubs that pass the lint, and one line where they can't be written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_gf import stubs

ROOT = Path(__file__).parents[2]
WRITTEN = (
    "suites/contract/rustfs/test_rustfs_node_version.py",
    "fixtures/node_version.py",
    "pytest_gf/honey/observed/node_version.py",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a clause is made of."""
    for name in ("pytest_gf", "fixtures", "suites/contract"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "suites" / "lab").mkdir()
    for name in ("suites/lab/faults.toml", "conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def new_clause(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_gf", "new-clause", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_four_stubs_are_collected_and_say_what_is_missing(checkout: Path, run_pytest: Any) -> None:
    made = new_clause(checkout, "rustfs.node-version", "--proves=S094~")
    assert made.returncode == 0, made.stderr
    for name in WRITTEN:
        assert (checkout / name).is_file()
    for name in (*WRITTEN, str(stubs.TABLE), str(stubs.FAULTS), "docs/clauses.md", "docs/faults.md", "changelog/"):
        assert name in made.stdout
    where = {"cwd": checkout, "environment": {"PYTHONPATH": str(checkout)}}
    chosen = ("-m", "canary", "-k", "rustfs.node-version", "--gf-fault=node-version-wrong")
    outcome = run_pytest(*chosen, **where)
    assert outcome.exit == 11, outcome.text
    (row,) = outcome.record["verdicts"]
    assert (row["clause"], row["reason"]) == ("rustfs.node-version", "the node version is not observed yet")
    fact = checkout / "fixtures" / "node_version.py"
    text = fact.read_text()
    fact.write_text(f'{text[: text.index("    raise Unproven")]}    return NodeVersion(contract.name, "another")\n')
    outcome = run_pytest(*chosen, **where)
    assert outcome.exit == 1, outcome.text
    (row,) = outcome.record["verdicts"]
    assert row["reason"].startswith("the node version is another, and the contract says GloriousFlywheel\n")
    assert row["next_step"] == "say here what a person does first"
    (incident,) = outcome.record["incidents"]
    assert f'incident = "{incident["kind"]} {incident["subject"]}"' in (checkout / stubs.FAULTS).read_text()


def test_each_selection_names_the_test_of_its_faults_and_a_given_statement_is_not_asked_for(checkout: Path) -> None:
    """The tests that are named exist; only the guard's row belongs into its column."""
    for marker, says in {"canary": "test_sample.py", "guard": "COLUMN", "gate": ""}.items():
        lines = stubs.write(checkout, stubs.Wanted(f"rustfs.by-{marker}", "S094~", marker))
        told = lines[-1]
        assert says in told
        assert ("COLUMN" in told) == (marker == "guard")
        assert "choose" not in told
        assert "the statement that it proves" not in told
        tests = {word for word in told.split() if word.startswith("suites/lab/test_")}
        assert len(tests) >= 2
        assert all((ROOT / test).is_file() for test in tests), tests


def test_the_statement_is_the_authors_to_choose(checkout: Path, run_pytest: Any) -> None:
    assert new_clause(checkout, "rustfs.node-version").returncode == 0
    outcome = run_pytest("-m", "canary", cwd=checkout, environment={"PYTHONPATH": str(checkout)})
    assert outcome.exit == 4, outcome.text
    assert "unknown statement S000" in outcome.text


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["Node"], "'Node': expected SYSTEM.ID, such as rustfs.node-version"),
        (["rustfs.a--b"], "'rustfs.a--b': expected SYSTEM.ID"),
        (["rustfs.ready", "--proves=S994"], "--proves=S994: unknown statement S994; did you mean S"),
        (["rustfs.ready", "--proves=94"], "--proves=94: expected statements such as S094, or S094~ for a part of one"),
        (["rustfs.ready", "--marker=cannary"], "has no faults of it; expected one of audit, cache_delete, canary,"),
        (["state.bucket"], "pytest_gf/honey/observed/bucket.py is there already"),
        (["rustfs.node-list"], "fixtures/kube.py has a fact 'node_list' already"),
    ],
    ids=("id", "hyphens", "statement", "statement's form", "marker", "file", "fact"),
)
def test_what_cant_be_written_is_one_line(args: list[str], line: str, checkout: Path) -> None:
    before = sorted(checkout.rglob("*"))
    made = new_clause(checkout, *args)
    assert made.returncode == 4, made.stdout
    assert made.stderr.startswith("ERROR: ")
    assert line in made.stderr
    assert len(made.stderr.splitlines()) == 1
    assert sorted(path for path in checkout.rglob("*") if "__pycache__" not in str(path)) == before


def test_outside_of_the_checkout_it_says_where_to_go(tmp_path: Path) -> None:
    made = new_clause(tmp_path, "rustfs.node-version")
    assert made.returncode == 4
    assert "run it in the checkout of pytest_gf" in made.stderr
