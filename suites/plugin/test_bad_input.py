"""Bad input is one clear line, nothing run, exit 4: with and without -n 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SMALL = Path(__file__).parent / "houses" / "small.py"
"""Honey without its facts and clauses: these tests bring a few of their own."""
TARGET = 'name = "t"\nvantage = "runner"\n[s3]\nendpoint = "http://127.0.0.1:9"\naccess_key_env = "GF_A"\nsecret_key_env = "GF_B"\n'
FORK = 'extends = "gloriousflywheel"\nname = "fork"\n'


CASES: dict[str, tuple[list[str], dict[str, str], str]] = {
    "device": (["--gf-target=/dev/zero"], {}, "target '/dev/zero': no such file; expected 'lab' or a TOML file"),
    "target": (["--gf-target=nowhere.toml"], {}, "target 'nowhere.toml': no such file; expected 'lab' or a TOML file"),
    "fault": (
        ["--gf-fault=bucket-index-lots:attic"],
        {},
        "unknown fault 'bucket-index-lots': did you mean bucket-index-lost",
    ),
    "fault-argument": (
        ["--gf-fault=bucket-index-lost:nope"],
        {},
        "unknown bucket 'nope'; known: tofu-state, attic, bazel-cache",
    ),
    "fault-without-argument": (["--gf-fault=bucket-index-lost"], {}, "needs an argument: bucket-index-lost:BUCKET"),
    "bucket": (
        ["--gf-bucket=nope"],
        {},
        "unknown bucket 'nope'; contract GloriousFlywheel has tofu-state, attic, bazel-cache",
    ),
    "stack": (["--gf-stack=nope"], {}, "unknown stack 'nope'; contract GloriousFlywheel has attic, arc-runners"),
    "deadline": (["--gf-deadline=0"], {}, "--gf-deadline=0: expected seconds between 0 and 3600"),
    "toml": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": "name = \n"},
        "t.toml: malformed TOML: Invalid value (at line 1, column 8)",
    ),
    "key-type": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": TARGET.replace('"t"', "3")},
        "t.toml: Expected `str`, got `int` - at `$.name`",
    ),
    "key-missing": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": 'name = "t"\n'},
        "t.toml: Object missing required field `vantage`",
    ),
    "section": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": TARGET.replace("[s3]", "[s4]")},
        "t.toml: Object contains unknown field `s4`; known: name, vantage, allow, expects, s3,",
    ),
    "endpoint": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": TARGET.replace("http:", "ftp:")},
        "key 's3.endpoint': expected http(s)://host[:port]",
    ),
    "vantage": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": TARGET.replace('"runner"', '"moon"')},
        "Invalid enum value 'moon' - at `$.vantage`",
    ),
    "allow": (
        ["--gf-target={folder}/t.toml"],
        {"t.toml": 'allow = ["everything"]\n' + TARGET},
        "key 'allow': unknown word 'everything'; expected some of scratch, state-proof",
    ),
    "fault-on-another-target": (
        ["--gf-target={folder}/t.toml", "--gf-fault=disk-offline"],
        {"t.toml": TARGET},
        "--gf-fault=disk-offline: only the lab can be bent, and the target is 't'",
    ),
    "contract-missing": (["--gf-contract={folder}/none.toml"], {}, "none.toml: No such file or directory"),
    "contract-statement": (
        ["--gf-contract={folder}/c.toml"],
        {"c.toml": FORK + '[stacks.attic]\nproves = "S999"\n'},
        "key 'stacks.attic.proves': unknown statement S999",
    ),
    "contract-bucket": (
        ["--gf-contract={folder}/c.toml"],
        {"c.toml": FORK + "[buckets]\ntofu-state = false\n"},
        "key 'stacks.attic.bucket': 'tofu-state' is no bucket of this contract",
    ),
    "contract-cycle": (["--gf-contract={folder}/c.toml"], {"c.toml": 'extends = "c.toml"\n'}, "extends itself"),
    "spaced-path": (
        ["--gf-target", "{folder}/t.toml"],
        {"t.toml": TARGET},
        "/t.toml (pytest takes a path that stands alone for tests)",
    ),
}


# The controller alone reads the command line, before a worker is there: a few cases show that.
SPREAD = ("target", "fault", "toml", "allow", "bucket")


@pytest.mark.parametrize(
    ("case", "spread"), [*((case, False) for case in CASES), *((case, True) for case in SPREAD)], ids=str
)
def test_one_line_and_exit_4(case: str, spread: bool, run_pytest: Any, refused: Any, tmp_path: Path) -> None:
    args, files, line = CASES[case]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    run, workers = (run_pytest, ("-n", "2")) if spread else (refused, ())
    outcome = run("-m", "canary", *workers, *(arg.format(folder=tmp_path) for arg in args))
    assert outcome.exit == 4, outcome.text
    errors = [line for line in outcome.text.splitlines() if line.strip()]
    assert len(errors) == 1, outcome.text
    assert errors[0].startswith("ERROR: ")
    assert line in errors[0]
    assert not outcome.folder.exists()


CONFTEST = """
from pathlib import Path
from pytest_gf import facts_in
globals().update(facts_in(Path(__file__).parent / "fixtures"))
"""
FACTS = '''
from pytest_gf import fact

@fact
def number(bucket: str) -> int:
    """A number."""
    return len(bucket)
'''
CLAUSE = '''
import pytest
from pytest_gf import clause

@pytest.mark.canary
@clause("{id}", "{title}", proves="{proves}")
def test_{name}({parameter}) -> None:
    """It is a number."""
    {body}
'''
GOOD = {
    "id": "lab.number",
    "title": "{bucket} has a number",
    "proves": "S090",
    "name": "one",
    "parameter": "number: int",
    "body": "assert number",
}


def house(folder: Path, *clauses: dict[str, str], facts: str = FACTS) -> None:
    """Write a small house: facts, clauses, an ini that names them."""
    (folder / "fixtures").mkdir()
    (folder / "suite").mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "fixtures" / "facts.py").write_text(facts)
    sources = [
        CLAUSE.replace("{title}", clause["title"]).format(**clause) if "{" not in clause["title"] else _clause(clause)
        for clause in clauses
    ]
    (folder / "suite" / "test_clauses.py").write_text("\n".join(sources))
    (folder / "pytest.ini").write_text(f"[pytest]\ngf_house = {SMALL}:HOUSE\ngf_suites = suite\n")


def _clause(clause: dict[str, str]) -> str:
    return CLAUSE.replace("{title}", "TITLE").format(**clause).replace("TITLE", clause["title"])


LINT: dict[str, tuple[list[dict[str, str]], str, str]] = {
    "two clauses with one id": ([GOOD, GOOD | {"name": "two"}], FACTS, "clause 'lab.number' is defined twice"),
    "prefix": (
        [GOOD, GOOD | {"name": "two", "id": "lab.number-two"}],
        FACTS,
        "clause 'lab.number' is a prefix of 'lab.number-two'",
    ),
    "statement": ([GOOD | {"proves": "S999"}], FACTS, "unknown statement S999; did you mean S"),
    "no statement": ([GOOD | {"proves": ""}], FACTS, "it proves no statement"),
    "id": ([GOOD | {"id": "Number"}], FACTS, "the id is not of the form system.kebab-case"),
    "title": ([GOOD | {"title": "x" * 71}], FACTS, "longer than 70 characters"),
    "title's field": (
        [GOOD | {"title": "{stack} has a number"}],
        FACTS,
        "the title names {stack}, which is no axis of this clause",
    ),
    "asserts nothing": ([GOOD | {"body": "print(number)"}], FACTS, "it asserts nothing, so it can't fail"),
    "a value that is always true": (
        [GOOD | {"body": "assert number"}],
        FACTS.replace("-> int", "-> object"),
        "it asserts number itself, which is always true; assert what is promised of number",
    ),
    "if": ([GOOD | {"body": "assert number if number else None"}], FACTS, "a clause has no if or try"),
    "annotation": (
        [GOOD | {"parameter": "number: str"}],
        FACTS,
        "parameter 'number' is annotated str, and the fact returns int",
    ),
    "a fact with an unknown parameter": (
        [GOOD],
        FACTS.replace("bucket: str", "bukket: str").replace("bucket", "bukket"),
        "unknown parameter 'bukket'",
    ),
    "a fact that could destroy evidence": (
        [GOOD],
        FACTS.replace("@fact", '@fact(changes="scratch")'),
        "doesn't need 'coherent_buckets'",
    ),
    "a fact without a type": ([GOOD], FACTS.replace(" -> int", ""), "no return annotation"),
}


@pytest.mark.parametrize("case", LINT)
def test_lint_stops_the_run(case: str, refused: Any, tmp_path: Path) -> None:
    clauses, facts, line = LINT[case]
    if "unknown parameter" in case:
        clauses = [clause | {"title": "it has a number"} for clause in clauses]
    house(tmp_path, *clauses, facts=facts)
    alone = refused("--gf", cwd=tmp_path)
    assert alone.exit == 4, alone.text
    assert line in alone.text
    assert not alone.folder.exists()


def test_lint_says_the_same_with_workers(run_pytest: Any, tmp_path: Path) -> None:
    house(tmp_path, GOOD, GOOD | {"name": "two"})
    alone, spread = (run_pytest("--gf", *args, cwd=tmp_path) for args in ([], ["-n", "2"]))
    assert (alone.exit, spread.exit) == (4, 4)
    assert _errors(alone.text) == _errors(spread.text) != []


def _errors(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("ERROR: ")]


def test_a_clause_outside_of_the_suites_is_told_where_to_go(refused: Any, tmp_path: Path) -> None:
    house(tmp_path, GOOD)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    outcome = refused("suite", cwd=tmp_path)
    assert outcome.exit == 4, outcome.text
    assert "its folder is not in gf_suites" in outcome.text


def test_where_no_clause_is_selected_a_line_names_the_option_or_the_marker(tmp_path: Path) -> None:
    ask = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    bare, chosen, misspelt = (
        subprocess.run([*ask, *args], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        for args in ((), ("-m", "canary"), ("--gf", "-m", "canry and clause(id='a.b')"))
    )
    assert {run.returncode for run in (bare, chosen, misspelt)} == {5}
    assert "gf: -m: unknown marker 'canry'; did you mean canary?" in misspelt.stdout
    assert "gf: no clause is here. Add --gf" in chosen.stdout
    assert "gf:" not in bare.stdout


@pytest.mark.parametrize("prefix", ["", "gf-proof", "env:/x/", "/gf/", "arc-runners/"])
def test_a_proof_prefix_that_touches_states_is_one_line(prefix: str, refused: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        f'extends = "gloriousflywheel"\nname = "fork"\n[state]\nproof_prefix = "{prefix}"\n'
    )
    outcome = refused("-m", "guard", f"--gf-contract={tmp_path / 'c.toml'}")
    assert outcome.exit == 4
    assert "key 'state.proof_prefix'" in outcome.text
