"""Records of runs are merged; one that is broken, old or half-written is one line, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.reports.__main__ import main

KIND: dict[str, Any] = {
    "title": "t", "severity": "major", "means": "", "first": [], "avoid": [], "tickets": [], "page": "", "see": "",
}  # fmt: skip
TOP: dict[str, Any] = {
    "schema": "pytest_gf.record/3", "vantage": "runner", "contract": "c", "version": "1", "faults": [], "command": "pytest",
    "target": "honey", "part": None, "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:09Z",
    "selection": {"markers": "", "keywords": "", "paths": []}, "exit": 1, "does_not_prove": [], "incidents": [],
    "kinds": {"lost": KIND | {"title": "what lost is"}, "gone": KIND}, "history": None, "claims": None,
}  # fmt: skip
LOST, GONE = ("lost", "x"), ("gone", "y")


def row(clause: str, verdict: str, cause: Any = None, *because: Any) -> dict[str, Any]:
    named = {"kind": cause[0], "subject": cause[1]} if cause else None
    kinds = [{"kind": kind, "subject": subject} for kind, subject in because]
    texts = {"title": "t", "reason": "why", "next_step": "", "evidence": [], "statements": [], "facts": []}
    times = {"started": None, "ended": None, "seconds": 0.0}
    return {"clause": clause, "params": {}, "verdict": verdict, "cause": named, "because": kinds, **texts, **times}


STARTED = {name: value for name, value in TOP.items() if name not in {"incidents", "kinds", "history", "claims"}} | {
    "finished": None,
    "exit": None,
}
"""What stands at the top of a growing record."""
LEARNT = {"kinds": TOP["kinds"]}


def run(folder: Path, *verdicts: Any, **more: Any) -> Path:
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps({**TOP, "verdicts": verdicts, **more}))
    return folder


def killed(folder: Path, *verdicts: Any) -> Path:
    folder.mkdir()
    lines = [json.dumps(entry) for entry in (STARTED, *verdicts)]
    (folder / "record.jsonl").write_text("\n".join(lines) + '\n{"clause": "half')
    return folder


def merged(out: Path, *folders: Path) -> Any:
    code = main(["merge", f"--out={out}", *map(str, folders)])
    record = json.loads((out / "record.json").read_text())
    assert record["exit"] == code
    return record


def test_a_cause_that_one_run_saw_explains_what_another_saw(tmp_path: Path) -> None:
    one = run(tmp_path / "one", row("a", "violated", LOST))
    other = run(tmp_path / "other", row("b", "violated", GONE, LOST))
    (incident,) = merged(tmp_path / "out", one, other)["incidents"]
    assert (incident["kind"], incident["title"], incident["consequences"]) == ("lost", "what lost is", ["b"])


def test_killed_runs_keep_rows_and_titles_and_are_an_error(tmp_path: Path) -> None:
    record = merged(tmp_path / "out", killed(tmp_path / "one", LEARNT, row("a", "violated", LOST), row("b", "holds")))
    assert [(incident["kind"], incident["title"]) for incident in record["incidents"]] == [("lost", "what lost is")]
    assert (len(record["verdicts"]), record["unfinished"], record["exit"]) == (2, ["one"], 1)
    assert merged(tmp_path / "green", killed(tmp_path / "two", row("b", "holds")))["exit"] == 10


def test_a_run_whose_reports_are_incomplete_stays_no_green_one(tmp_path: Path) -> None:
    whole, part = run(tmp_path / "one", row("a", "holds"), exit=0), run(tmp_path / "two", row("b", "holds"), exit=10)
    assert merged(tmp_path / "both", whole, part)["exit"] == 10
    assert merged(tmp_path / "alone", whole)["exit"] == 0


def test_runs_that_are_given_as_latest_are_told_by_their_own_names(tmp_path: Path) -> None:
    for part, name in (("part-0", "20261129T1"), ("part-1", "20261129T2")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "latest").symlink_to(name)
    run(tmp_path / "part-0" / "20261129T1", row("a", "holds"))
    killed(tmp_path / "part-1" / "20261129T2", row("b", "holds"))
    record = merged(tmp_path / "out", tmp_path / "part-0" / "latest", tmp_path / "part-1" / "latest")
    assert (record["merged"], record["unfinished"]) == (["20261129T1", "20261129T2"], ["20261129T2"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "its record is broken"),
        ("\x00", "its record is broken"),
        ("[]", "its record is broken"),
        ("{}", "schema is None"),
        (json.dumps({**TOP, "schema": "pytest_gf.record/2", "verdicts": []}), "'pytest_gf.record/2'"),
        (json.dumps({"schema": TOP["schema"]}), "missing required field"),
        (json.dumps({**TOP, "verdicts": 3}), "$.verdicts"),
        (json.dumps({**TOP, "verdicts": [{"verdict": "holds"}]}), "$.verdicts[0]"),
        (json.dumps({**TOP, "verdicts": [row("a", "well")]}), "'well'"),
        (json.dumps({**TOP, "verdicts": [row("a", "holds") | {"cause": "x"}]}), "$.verdicts[0].cause"),
        (json.dumps({**TOP, "verdicts": [], "part": "a/b"}), "$.part"),
        (json.dumps({**TOP, "verdicts": [], "part": "1/0"}), "$.part"),
        (json.dumps({**TOP, "verdicts": [], "exit": None}), "$.exit"),
    ],
)
def test_a_broken_record_is_one_line(text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "record.json").write_text(text)
    assert main(["merge", f"--out={tmp_path / 'out'}", str(tmp_path)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"merge: {tmp_path}: ")
    assert says in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    ["", "junk\n", '"x"\n', '{"verdict": "holds"}\n', f"{json.dumps(TOP)}\n[]\n", '{"kinds": 3}\n{"kinds": 3}\n'],
)
def test_a_broken_growing_record_is_one_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "record.jsonl").write_text(text)
    assert main(["merge", f"--out={tmp_path / 'out'}", str(tmp_path)]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_no_folder_of_a_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", str(tmp_path / "nowhere")]) == 4
    assert capsys.readouterr().err == (
        f"merge: {tmp_path / 'nowhere'}: no record of a run: No such file or directory; expected the folder of a run\n"
    )
