"""Whole runs of a small house: every verdict in every report, alone and with workers; nothing is lost when a run ends badly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SMALL = Path(__file__).parent / "houses" / "small.py"
ALONE_AND_SPREAD = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "n2"])

CONFTEST = """
from pathlib import Path
from pytest_gf import facts_in
globals().update(facts_in(Path(__file__).parent / "fixtures"))
"""
FACTS = '''
import os, time, warnings
from pathlib import Path
from pytest_gf import Every, ProbeError, Unproven, fact
from pytest_gf.engine.run import Run

def note(word):
    with open(os.environ["NOTES"], "a") as file:
        file.write(word + "\\n")

@fact
def number() -> int:
    """One."""
    note("number")
    return 1

@fact
def per_bucket(bucket: str, number: int) -> str:
    """A bucket's name."""
    note(f"per_bucket {bucket}")
    return bucket

@fact
def unseen() -> int:
    """Cannot be seen."""
    raise Unproven("no route from here", "stand elsewhere")

@fact
def broken(number: int) -> int:
    """Its probe breaks."""
    raise ProbeError("tried this", "got that", "do so")

@fact
def asserting() -> int:
    """A library below asserts: no judgement."""
    assert number is None
    return 1

@fact
def coherent_buckets(number: int) -> bool:
    """All is well."""
    time.sleep(0.3)
    note("reader done")
    if os.environ.get("INCOHERENT"):
        raise Unproven("Nothing is changed, so that evidence is kept.", "run RCA first")
    return True

@fact(changes="scratch")
def made(coherent_buckets: bool) -> int:
    """Make."""
    note("made begins"); time.sleep(0.1); note("made ends")
    return 1

@fact(changes="scratch")
def unmade(made: int) -> int:
    """Unmake."""
    note("unmade begins"); time.sleep(0.1); note("unmade ends")
    return made

@fact
def importing() -> int:
    """Imports requests, whose own filter a test's beginning has undone."""
    time.sleep(0.5)
    warnings.warn("SOCKS support in urllib3 requires the installation of optional dependencies")
    return 1

@fact
def hanging() -> int:
    """Never answers."""
    note("hanging"); time.sleep(3600)
    return 1

@fact
def crashing(number: int) -> int:
    """Takes the process down."""
    note("crashing"); os._exit(7)
    return 1
'''
HEAD = "import pytest\nfrom pytest_gf import clause\n\npytestmark = pytest.mark.canary\n"
ONE = '''
@clause("lab.{id}", "{id} is as promised", proves="S090")
{marks}def test_{id}({parameters}) -> None:
    """It is."""
    {body}
'''


def one(name: str, parameters: str, body: str, marks: str = "") -> str:
    return ONE.format(id=name, parameters=parameters, body=body, marks=f"{marks}\n" if marks else "")


WAIVED = "--gf-expect-interim"
VERDICTS = {
    "holds": one("holds", "number: int", "assert number == 1"),
    "violated": one("violated", "number: int", "assert number == 2"),
    "unproven": one("unproven", "unseen: int", "assert unseen"),
    "error": one("error", "broken: int", "assert broken"),
    "error-fact": one("asserting", "asserting: int", "assert asserting"),
    "error-call": one("raises", "number: int", "assert {}[number]"),
    "interim": one("interim", "number: int", "assert number == 2"),
    "fixed": one("fixed", "number: int", "assert number == 1"),
}
EXPECTED = {
    "lab.holds": "holds", "lab.violated": "violated", "lab.unproven": "unproven", "lab.error": "error", "lab.asserting": "error",
    "lab.raises": "error", "lab.interim": "interim", "lab.fixed": "fixed",
}  # fmt: skip

House = Callable[..., Any]


@pytest.fixture
def house(run_pytest: Any, tmp_path: Path) -> House:
    """Write a house with these clauses, and return how to run it."""

    def run(clauses: str, *args: str, environment: dict[str, str] | None = None) -> Any:
        write_house(tmp_path, clauses)
        return run_pytest(
            f"--gf-target={tmp_path / 'target.toml'}",
            *args,
            cwd=tmp_path,
            environment=variables(tmp_path) | (environment or {}),
        )

    return run


def write_house(folder: Path, clauses: str) -> None:
    (folder / "fixtures").mkdir(exist_ok=True)
    (folder / "fixtures" / "facts.py").write_text(FACTS)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_house.py").write_text(HEAD + clauses)
    (folder / "pytest.ini").write_text(f"[pytest]\ngf_house = {SMALL}:HOUSE\ngf_suites = .\n")
    (folder / "target.toml").write_text('name = "house"\nvantage = "operator"\nallow = ["scratch"]\n')


def variables(folder: Path) -> dict[str, str]:
    return {"NOTES": str(folder / "notes")}


def notes(folder: Path) -> list[str]:
    return (folder / "notes").read_text().splitlines()


def allure(folder: Path) -> dict[str, str]:
    """Return Allure's status by clause: the latest of its history, as Allure shows it."""
    statuses = {}
    results = [json.loads(path.read_text()) for path in (folder / "allure-results").glob("*-result.json")]
    for result in sorted(results, key=lambda result: result["stop"]):
        clause = next((label["value"] for label in result["labels"] if label["name"] == "clause"), None)
        if clause is None:
            continue  # A plain test's.
        statuses[clause] = result["status"]
    return statuses


def junit(folder: Path) -> dict[str, str]:
    """Return JUnit's word by clause."""
    words_of = {}
    for case in ET.parse(folder / "junit.xml").iter("testcase"):
        properties = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
        if "clause" not in properties:
            continue
        words = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        assert len(words) <= 1
        words_of[str(properties["clause"])] = words[0] if words else "passed"
    return words_of


def test_what_requests_warns_of_at_its_import_is_no_error(house: House) -> None:
    outcome = house(one("imports", "importing: int", "assert importing == 1"), "-o", "filterwarnings=error")
    assert outcome.exit == 0, outcome.text


def test_a_fact_that_broke_under_many_rows_is_one_incident(house: House) -> None:
    outcome = house("".join(one(name, "asserting: int", "assert asserting") for name in ("first", "second")))
    (incident,) = outcome.record["incidents"]
    assert (incident["kind"], incident["rows"]) == ("suite-broken", ["lab.first", "lab.second"])


@pytest.mark.parametrize("workers", [[], pytest.param(["-n", "2"], marks=pytest.mark.slow)], ids=["alone", "n2"])
def test_every_verdict_in_every_report(workers: list[str], house: House, tmp_path: Path) -> None:
    outcome = house("".join(VERDICTS.values()), WAIVED, *workers)
    assert outcome.exit == 1, outcome.text
    assert {name: row["verdict"] for name, row in outcome.verdicts().items()} == EXPECTED
    assert outcome.record["exit"] == 1
    assert allure(outcome.folder) == {
        "lab.holds": "passed", "lab.violated": "failed", "lab.unproven": "skipped", "lab.error": "broken", "lab.asserting": "broken",
        "lab.raises": "broken", "lab.interim": "skipped", "lab.fixed": "failed",
    }  # fmt: skip
    assert junit(outcome.folder) == {
        "lab.holds": "passed", "lab.violated": "failure", "lab.unproven": "skipped", "lab.error": "error", "lab.asserting": "error",
        "lab.raises": "error", "lab.interim": "skipped", "lab.fixed": "failure",
    }  # fmt: skip
    lines = [line.split()[:2] for line in outcome.text.splitlines() if " is as promised" in line and line.split()[1:2]]
    shown = {name: verdict.lower() for verdict, name in lines if name.startswith("lab.")}
    assert shown == EXPECTED
    assert "no route from here" in outcome.text
    for text in (
        "tried        tried this",
        "came back    got that",
        "next step    do so",
        "repeat       pytest -m \"clause(id='lab.error')\"",
    ):
        assert text in outcome.text
    grown = [json.loads(line) for line in (outcome.folder / "record.jsonl").read_text().splitlines()]
    assert [line["verdict"] for line in grown if "verdict" in line].count("error") == 3
    assert grown[-1]["exit"] == 1
    assert {(incident["kind"], incident["subject"]) for incident in outcome.record["incidents"]} == {
        ("not-as-promised", "lab.violated"),
        ("probe-broken", "broken"),
        ("suite-broken", "asserting"),
        ("suite-broken", "lab.raises"),
        ("still-waived", "TIN-1"),
    }
    assert all(incident["title"] for incident in outcome.record["incidents"])
    assert notes(tmp_path).count("number") == 1, "observed once"
    summary = (outcome.folder / "summary.md").read_text()
    assert "1 violated, 1 fixed, 3 error, 1 unproven, 1 interim, 1 holds" in summary


@pytest.mark.parametrize(
    ("names", "args", "code"),
    [
        (["holds"], [], 0),
        (["holds", "unproven"], [], 0),
        (["holds", "unproven"], ["--gf-strict"], 11),
        (["unproven"], [], 11),
        (["holds", "interim"], [WAIVED], 0),
        (["holds", "interim"], [], 1),
        (["holds", "fixed"], [WAIVED], 1),
        (["holds", "error", "unproven"], [], 10),
        (["error", "violated"], [], 1),
        (["error", "unproven"], ["--gf-strict"], 10),
        (["holds"], ["-k", "nothing-like-this"], 5),
    ],
)
def test_exit_codes(names: list[str], args: list[str], code: int, house: House) -> None:
    outcome = house("".join(VERDICTS[name] for name in names), *args)
    assert outcome.exit == code, outcome.text


@ALONE_AND_SPREAD
def test_a_stop_at_the_first_red_loses_no_row(workers: list[str], house: House) -> None:
    outcome = house(VERDICTS["violated"] + VERDICTS["holds"] + VERDICTS["error"], "-x", *workers)
    assert outcome.exit == 1, outcome.text
    assert {name: (row["verdict"], row["reason"] == "not run") for name, row in outcome.verdicts().items()} == {
        "lab.violated": ("violated", False),
        "lab.holds": ("unproven", True),
        "lab.error": ("unproven", True),
    }
    assert allure(outcome.folder) == {"lab.violated": "failed", "lab.holds": "unknown", "lab.error": "unknown"}
    assert junit(outcome.folder) == {"lab.violated": "failure", "lab.holds": "skipped", "lab.error": "skipped"}


def test_a_crashed_worker_loses_no_row_and_runs_nothing_again(house: House, tmp_path: Path) -> None:
    plain = "\ndef test_plain():\n    import os\n    open(os.environ['NOTES'], 'a').write('plain\\n')\n"
    crash = one("crash", "crashing: int", "assert crashing")
    outcome = house(VERDICTS["holds"] + crash + VERDICTS["violated"] + plain, "-n", "2")
    assert outcome.exit == 10, outcome.text
    verdicts = {name: row["verdict"] for name, row in outcome.verdicts().items()}
    assert set(verdicts) == {"lab.holds", "lab.crash", "lab.violated"}
    assert set(verdicts.values()) in ({"error", "unproven"}, {"error", "unproven", "holds"})
    assert notes(tmp_path).count("crashing") == 1
    assert set(allure(outcome.folder)) == set(junit(outcome.folder)) == set(verdicts)
    assert notes(tmp_path).count("plain") == 1, "the plain test ran in another worker"


@ALONE_AND_SPREAD
def test_changing_facts_run_one_at_a_time_after_the_readers(workers: list[str], house: House, tmp_path: Path) -> None:
    clauses = (
        one("unmade", "unmade: int", "assert unmade") + one("made", "made: int", "assert made") + VERDICTS["holds"]
    )
    outcome = house(clauses, *workers)
    assert outcome.exit == 0, outcome.text
    assert notes(tmp_path)[-5:] == ["reader done", "made begins", "made ends", "unmade begins", "unmade ends"]


def test_what_no_clause_asks_for_changes_nothing(house: House, tmp_path: Path) -> None:
    clauses = VERDICTS["violated"] + one("made", "made: int", "assert made")
    assert house(clauses, "-x").exit == 1
    assert "made begins" not in notes(tmp_path)
    (tmp_path / "notes").unlink()
    for flag in ("--collect-only", "--setup-plan"):
        assert house(clauses, flag).exit == 0
        assert not (tmp_path / "notes").exists(), flag


@pytest.mark.parametrize(
    ("args", "environment", "reason"),
    [
        (["--gf-vantage=pull-request"], {}, "the vantage pull-request changes nothing"),
        ([], {"INCOHERENT": "1"}, "Nothing is changed, so that evidence is kept."),
        (["--gf-target=bare.toml"], {}, "target 'bare' does not allow 'scratch' (it allows nothing)"),
    ],
)
def test_refused_changes_are_unproven(
    args: list[str], environment: dict[str, str], reason: str, house: House, tmp_path: Path
) -> None:
    (tmp_path / "bare.toml").write_text('name = "bare"\nvantage = "operator"\n')
    outcome = house(one("made", "made: int", "assert made") + VERDICTS["holds"], *args, environment=environment)
    assert outcome.exit == 0, outcome.text
    assert outcome.verdicts()["lab.made"]["reason"] == reason
    assert "made begins" not in notes(tmp_path)


def test_a_hung_fact_is_error_at_its_deadline(house: House) -> None:
    started = time.monotonic()
    outcome = house(one("hangs", "hanging: int", "assert hanging") + VERDICTS["holds"], "--gf-deadline=0.2")
    assert outcome.exit == 10, outcome.text
    assert "still unfinished after 1.2 s" in outcome.verdicts()["lab.hangs"]["reason"]
    assert time.monotonic() - started < 100


@ALONE_AND_SPREAD
def test_an_interrupt_does_not_wait_for_a_hung_fact(workers: list[str], tmp_path: Path) -> None:
    write_house(tmp_path, VERDICTS["holds"] + one("hangs", "hanging: int", "assert hanging"))
    reports = tmp_path / "reports"
    # A job in a shell's background ignores the interrupt, and so would what it starts.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *workers]
    command += [f"--gf-target={tmp_path / 'target.toml'}", f"--gf-reports={reports}"]
    run = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | variables(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends and "hanging" not in (notes(tmp_path) if (tmp_path / "notes").exists() else []):
            time.sleep(0.05)
        time.sleep(0.5)
        os.killpg(run.pid, signal.SIGINT)
        # With workers, xdist waits for a hung one: execnet interrupts it after 5 s and gives up after 10.
        text, _ = run.communicate(timeout=60)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait(60)
    assert run.returncode == 2, text
    record = json.loads((reports / "latest" / "record.json").read_text())
    assert record["exit"] == 2
    assert {row["clause"] for row in record["verdicts"]} == {"lab.holds", "lab.hangs"}


def test_last_failed_keeps_what_was_red_and_became_unproven(tmp_path: Path) -> None:
    flips = one("flips", "flipping: int", "assert flipping")
    write_house(tmp_path, flips + VERDICTS["holds"])
    source = tmp_path / "fixtures" / "facts.py"
    source.write_text(
        FACTS
        + '\n@fact\ndef flipping() -> int:\n    """Red, then unseen."""\n    if os.environ.get("UNSEEN"):\n        raise Unproven("dark")\n    return 0\n'
    )

    def run(*args: str, **environment: str) -> str:
        target = f"--gf-target={tmp_path / 'target.toml'}"
        command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", target, *args]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | variables(tmp_path) | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout

    assert "VIOLATED  lab.flips" in run()
    for _ in range(2):
        again = run("--lf", UNSEEN="1")
        assert "unproven  lab.flips" in again
        assert "lab.holds" not in again
