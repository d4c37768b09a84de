"""A machine that is in the way: full disks, folders that can't be written, no assertions, warnings, signals, silence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.plan import within

Built = Callable[..., Any]
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)); return 1"
"""A fact after which no file grows any more, in any thread: what a disk does that fills."""


def test_a_file_in_the_place_of_the_reports_is_one_line(built: Built, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = built({"one": "return 1"}, reports=tmp_path / "file")
    assert outcome.exit == 4, outcome.text
    assert f"reports can't be written to {tmp_path / 'file'}: File exists" in outcome.text
    assert "Traceback" not in outcome.text
    assert "INTERNALERROR" not in outcome.text


def test_a_folder_that_nobody_may_write_to_is_one_line(built: Built) -> None:
    outcome = built({"one": "return 1"}, reports=Path("/proc/gf/reports"))
    assert outcome.exit == 4, outcome.text
    assert "reports can't be written to /proc/gf/reports: " in outcome.text
    assert "INTERNALERROR" not in outcome.text


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "n2"])
def test_a_disk_that_fills_hangs_nothing_and_is_never_green(workers: list[str], built: Built) -> None:
    outcome = built({"full": FULL, "next": "return 1", "other": "return 1"}, "-p", "no:cacheprovider", *workers)
    assert outcome.exit == 10, outcome.text
    assert "reports are incomplete: " in outcome.text
    assert "3 holds" in outcome.text, "what can still be said is said"
    assert "INTERNALERROR" not in outcome.text


def test_a_disk_that_fills_makes_a_red_run_no_less_red(built: Built) -> None:
    outcome = built({"full": FULL, "wrong": "return 2"})
    assert outcome.exit == 1, outcome.text
    assert "VIOLATED  lab.wrong" in outcome.text
    assert "reports are incomplete: " in outcome.text


def test_a_colon_in_the_path_of_reports(built: Built, tmp_path: Path) -> None:
    outcome = built({"one": "return 1"}, reports=tmp_path / "a:b" / "12:30")
    assert outcome.exit == 0, outcome.text
    assert (outcome.folder / "record.json").is_file()


@pytest.mark.parametrize(
    ("variables", "args"),
    [({"PYTHONOPTIMIZE": "1"}, ["--assert=plain"]), ({"PYTHONOPTIMIZE": "2"}, [])],
    ids=["O-plain", "OO"],
)
def test_without_assertions_nothing_runs(variables: dict[str, str], args: list[str], built: Built) -> None:
    outcome = built({"one": "return 2", "two": "return 2"}, *args, environment=variables)
    assert outcome.exit == 4, outcome.text
    assert outcome.text.count("ERROR: ") == 1
    assert "Python was started without assertions" in outcome.text
    assert not (outcome.folder / "record.json").exists()


def test_assertions_that_pytest_rewrites_are_no_less_red_under_optimize(built: Built) -> None:
    assert built({"one": "return 2"}, environment={"PYTHONOPTIMIZE": "1"}).exit == 1


def test_plain_assertions_hold_their_place(built: Built) -> None:
    assert built({"one": "return 2"}, "--assert=plain").exit == 1


def test_a_clause_whose_assertion_is_compiled_away(built: Built) -> None:
    never = (
        '\n@clause("lab.never", "it never fails", proves="S090")\ndef test_never(one: int) -> None:\n    """It."""\n'
    )
    outcome = built({"one": "return 1"}, more=never + "    def unused() -> None:\n        assert one\n")
    assert outcome.exit == 4, outcome.text
    assert "its assertion was compiled away" in outcome.text


@pytest.mark.parametrize("category", ["DeprecationWarning", "FutureWarning", "ResourceWarning", "UserWarning"])
def test_what_a_library_warns_of_makes_no_row_an_error(category: str, built: Built) -> None:
    outcome = built(
        {"one": f"time.sleep(0.5); warnings.warn('will go away', {category}); return 1"}, "-o", "filterwarnings=error"
    )
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("holds") == {"lab.one"}


def test_how_many_rows_nobody_looked_at_is_one_line(built: Built) -> None:
    facts = {
        "one": "return 1",
        "dark": "raise Unproven('variable X is not set')",
        "night": "raise Unproven('variable X is not set')",
        "far": "raise Unproven('no route')",
    }
    outcome = built(facts)
    line = "nobody looked at 3 of 4 rows: variable X is not set (2); no route (1)"
    assert outcome.exit == 0
    assert f"{line} (--gf-strict makes that exit 11)" in outcome.text
    assert line in (outcome.folder / "summary.md").read_text()
    assert "nobody looked at" not in built({"one": "return 1"}).text


def test_the_assertion_of_a_library_is_no_judgement(built: Built, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text("def check(value):\n    assert value == 2\n    return True\n")
    more = (
        "\nimport sys\nsys.path.insert(0, str(__import__('pathlib').Path(__file__).parent))\n"
        '\n@clause("lab.library", "a library asserts", proves="S090")\ndef test_library(one: int) -> None:\n'
        '    """It."""\n    import library\n    assert library.check(one)\n'
    )
    outcome = built({"one": "return 1"}, more=more)
    assert outcome.verdicts()["lab.library"]["verdict"] == "error"
    assert outcome.exit == 10


STRANGE = """from pytest_gf.engine.evidence import record
    record("s3", "ListBuckets", seconds=0.1, answer="{}")
    return {}["Buckets"]"""


def test_a_strange_answer_is_not_understood_and_no_fault_of_the_suite(built: Built) -> None:
    outcome = built({"strange": STRANGE, "ours": "return {}['x']"})
    strange, ours = (outcome.verdicts()[f"lab.{name}"] for name in ("strange", "ours"))
    assert (strange["verdict"], ours["verdict"]) == ("error", "error")
    assert strange["reason"] == "observing strange: what was answered was not understood (KeyError: 'Buckets')"
    assert "fault of the suite" not in strange["next_step"]
    assert "this is a fault of the suite" in ours["next_step"]


def test_junit_has_every_verdict_and_allure_evidence_and_environment(built: Built) -> None:
    facts = {
        "one": "return 1",
        "two": "return 2",
        "dark": "raise Unproven('dark')",
        "broken": "raise ProbeError('a', 'b', 'c')",
        "seen": 'from pytest_gf.engine.evidence import record; record("s3", "HEAD", seconds=0.5, answer="200"); return 1',
    }
    outcome = built(facts, "-k", "lab.", environment={"TOKEN": "x"})
    expected = {
        "lab.one": "holds",
        "lab.two": "violated",
        "lab.dark": "unproven",
        "lab.broken": "error",
        "lab.seen": "holds",
    }
    cases = [
        {element.get("name"): element.get("value") for element in case.iter("property")}
        for case in ET.parse(outcome.folder / "junit.xml").iter("testcase")
    ]
    assert {case["clause"]: case["verdict"] for case in cases} == expected
    record = outcome.record
    assert record["contract"] == "GloriousFlywheel"
    assert record["version"]
    assert record["faults"] == []
    assert record["selection"]["keywords"] == "lab."
    assert record["command"].startswith("pytest ")
    for row in record["verdicts"]:
        assert row["started"].endswith("Z")
        assert row["started"] <= row["ended"]
    evidence = json.loads((outcome.folder / "evidence" / "seen.json").read_text())
    assert record["started"] <= evidence["started"] <= evidence["ended"]
    assert evidence["exchanges"][0]["at"] < evidence["ended"]
    allure = outcome.folder / "allure-results"
    assert "target=house\n" in (allure / "environment.properties").read_text()
    results = {
        result["name"]: result for path in allure.glob("*-result.json") for result in [json.loads(path.read_text())]
    }
    (attached,) = results["lab.seen: seen is as promised"]["attachments"]
    assert json.loads((allure / attached["source"]).read_text()) == evidence


HOSTILE = "\\x1b[2J\\ud800\\u202e::error::x ##[group] <img src=x> [a](http://evil.example) |\\n::set-output name=a::b"


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "n2"])
def test_hostile_text_acts_in_no_report(workers: list[str], built: Built) -> None:
    facts = {
        "probe": f'raise ProbeError("{HOSTILE}", "{HOSTILE}", "{HOSTILE}")',
        "unseen": f'raise Unproven("{HOSTILE}", "{HOSTILE}")',
        "bug": f'raise ValueError("{HOSTILE}")',
        "said": f'from pytest_gf.engine.evidence import record; record("s3", "x", seconds=0, answer="{HOSTILE}"); return 1',
        "shown": f'run.show("what it said", "{HOSTILE}"); return 2',
    }
    outcome = built(facts, *workers)
    assert outcome.exit == 1, outcome.text
    assert {name: row["verdict"] for name, row in outcome.verdicts().items()} == {
        "lab.probe": "error", "lab.unseen": "unproven", "lab.bug": "error", "lab.said": "holds", "lab.shown": "violated",
    }  # fmt: skip
    files = [path for path in outcome.folder.rglob("*") if path.is_file()]
    texts = {path.name: path.read_text("utf-8") for path in files} | {"terminal": outcome.text}
    for name, text in texts.items():
        assert "\x1b[2J" not in text, name
        assert "\u202e" not in text, name
        assert "##[group]" not in text, name
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")], name
    summary = texts["summary.md"].split("```")[0]
    assert "<img" not in summary
    assert "[a](" not in summary
    assert "http://evil" not in summary


def test_sigterm_ends_a_run_as_an_interrupt_does(built: Built, tmp_path: Path) -> None:
    assert built({"hangs": "return 1"}).exit == 0
    facts = tmp_path / "fixtures" / "facts.py"
    facts.write_text(facts.read_text().replace("return 1", 'open("began", "w").close(); time.sleep(3600); return 1'))
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", f"--gf-target={tmp_path / 'target.toml'}"]
    run = subprocess.Popen(
        [*command, f"--gf-reports={tmp_path / 'reports'}"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        ends = time.monotonic() + 60
        while not (tmp_path / "began").exists() and time.monotonic() < ends:
            time.sleep(0.05)
        time.sleep(0.3)
        run.send_signal(signal.SIGTERM)
        text, _ = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait(60)
    assert run.returncode == 2, text
    record = json.loads((tmp_path / "reports" / "latest" / "record.json").read_text())
    assert (record["exit"], [row["clause"] for row in record["verdicts"]]) == (2, ["lab.hangs"])


def test_clean_says_in_a_line_what_is_not_set(run_pytest: Any, tmp_path: Path) -> None:
    run = "20261129T183000Z-1a2b3c4d"
    (tmp_path / "reports" / run).mkdir(parents=True)
    made = {"event": "made", "kind": "bucket", "bucket": "gf-rca-20261129183000-1a2b3c4d", "key": ""}
    where = {"event": "run", "target": "t", "endpoint": "http://127.0.0.1:9"}
    (tmp_path / "reports" / run / "ledger.jsonl").write_text(
        "".join(json.dumps(entry) + "\n" for entry in (where, made))
    )
    for expects in ("", 'expects = ["s3"]\n'):
        (tmp_path / "t.toml").write_text(
            f'name = "t"\nvantage = "runner"\n{expects}[s3]\nendpoint = "http://127.0.0.1:9"\naccess_key_env = "GF_A"\n'
        )
        outcome = run_pytest("--gf-clean", f"--gf-target={tmp_path / 't.toml'}")
        assert outcome.exit == 4, outcome.text
        assert "variable GF_A is not set" in outcome.text
        assert "Traceback" not in outcome.text


def test_a_release_day_of_a_library_breaks_no_canary() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert [requirement for requirement in project["dependencies"] if "<" not in requirement] == []


def test_a_plan_ends_at_the_deadline_of_a_run() -> None:
    lines = [("one", False), ("two", True), ("three", False)]
    assert list(within(60, lines)) == lines
    first, last = within(-1, iter(lines))
    assert first == ("one", False)
    assert (last[0].startswith("plan: the rest was not asked within"), last[1]) == (True, True)
