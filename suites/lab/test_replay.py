"""Replays: each phase of a dated incident shows exactly its rows and incidents, and the lab's state lasts from phase to phase."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_gf.engine.reports.incidents import incidents as told_of
from pytest_gf.honey import HOUSE, contract
from pytest_gf.lab import incidents, replay
from pytest_gf.lab.incidents import Incident, Phase

KINDS = {name: dataclasses.asdict(kind) for name, kind in HOUSE.kinds.items()}
KINDS |= dict.fromkeys(("k", "other"), KINDS["not-as-promised"])
DATES = ["2026-05-08", "2026-05-10", "2026-05-11", "2026-05-13", "2026-05-19", "2026-05-25"]
BY_COMMAND = "2026-05-25"
"""The one whose phases are whole runs, as a person replays them."""


def record_of(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return as much of a record as a phase is compared with."""
    return {"verdicts": verdicts, "incidents": told_of(verdicts, KINDS)}


def looks(incident: Incident, folder: Path, drill: Any) -> Iterator[tuple[Phase, dict[str, Any]]]:
    """Judge each phase in this process, over a lab that nothing mends between them."""
    for phase, lab in replay.bent(incident, folder):
        if phase.interim:  # Waiving is done by pytest, so in a run of its own.
            yield phase, dict(replay.record_of(phase, lab, folder))
            continue
        lasting: Any = types.SimpleNamespace(
            mend=lambda: None, target_file=lab.target_file, environment=lab.environment
        )
        judged = drill(*replay.arguments(phase, folder), "--gf-deadline=5").judge(folder, lab=lasting)
        yield phase, record_of([*judged.verdicts().values()])


@pytest.mark.slow
@pytest.mark.parametrize("date", [date for date in DATES if date != BY_COMMAND])
def test_each_phase_shows_exactly_what_it_must(date: str, drill: Any, tmp_path: Path) -> None:
    for phase, record in looks(incidents.read(date), tmp_path, drill):
        unremembered = msgspec.structs.replace(phase, recovered=())  # Only whole runs keep a history.
        assert list(replay.differences(unremembered, record | {"exit": phase.exit})) == [], phase.name


@pytest.mark.slow
def test_a_replay_runs_its_phases_and_says_how_each_went(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest_gf.lab", "replay", BY_COMMAND, f"--folder={tmp_path}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "== during: A key of the Bazel cache is deleted, and ListBuckets goes empty" in done.stdout
    assert "  incident digest-mismatch bazel-cache: " in done.stdout
    assert done.stdout.count("recovered, not repaired") == 2
    assert (
        "  recovered, not repaired: bucket-index-loss (TIN-1012, TIN-1046)"
        in done.stdout.partition("== after-restart")[2]
    )
    assert done.stdout.splitlines()[-1] == "5 phases, each as it must be"
    runs = sorted((tmp_path / "reports").glob("2*/record.json"))
    assert [json.loads(run.read_text())["exit"] for run in runs] == [0, 1, 1, 1, 0]
    assert "recovered, not repaired: bucket-index-loss, which stood" in (
        runs[-1].parent / "summary.md"
    ).read_text().replace("\\", "")
    assert (tmp_path / "lab" / "data" / "tofu-state").is_dir()


def test_every_date_has_its_phases_and_its_page() -> None:
    assert incidents.dates() == DATES
    for date in DATES:
        names = [phase.name for phase in incidents.read(date).phases]
        assert {"before", "during", "after-restart"} <= set(names)
        assert len(names) == len(set(names))
        assert incidents.page(date).startswith(f"# {date}: ")
        assert all(incidents.bends(f"{date}:{name}", contract.load()) is not None for name in names)
    assert [str(bend) for bend in incidents.bends("2026-05-19", contract.load())] == ["bucket-index-lost:tofu-state"]


PHASE = Phase("p", "a", (), exit=1, violated=("a.b[*]",), unproven=("c.d",), incidents=("k *",), says=("lost",))


def row(clause: str, value: str = "", verdict: str = "holds", reason: str = "", cause: str = "") -> dict[str, Any]:
    kind, _, subject = cause.partition(" ")
    return {
        "clause": clause,
        "params": {"x": value} if value else {},
        "title": clause,
        "verdict": verdict,
        "reason": reason,
        "next_step": "",
        "cause": {"kind": kind, "subject": subject, "title": ""} if cause else None,
        "because": [],
        "evidence": [],
    }


SOUND = [
    row("a.b", "1", "violated", "lost", "k 1"),
    row("a.b", "2", "violated", "lost", "k 2"),
    row("c.d", verdict="unproven"),
    row("e.f"),
]


@pytest.mark.parametrize(
    ("change", "exit_code", "says"),
    [
        ({}, 1, []),
        ({}, 0, ["exit 0 instead of 1"]),
        ({0: row("a.b", "1")}, 1, ["a.b[1] is not violated"]),
        ({3: row("e.f", verdict="violated", reason="x", cause="k e")}, 1, ["e.f is violated"]),
        (
            {3: row("e.f", verdict="error", reason="x", cause="other e")},
            1,
            ["e.f is error", "unexpected incident other e"],
        ),
        ({2: row("c.d")}, 1, ["c.d is not unproven"]),
        ({2: row("g.h")}, 1, ["c.d is not unproven"]),
        ({3: row("e.f", verdict="interim")}, 1, ["e.f is interim"]),
        (
            {0: row("a.b", "1", "violated", "x"), 1: row("a.b", "2", "violated", "x")},
            1,
            ["no incident k *", "nothing says: lost"],
        ),
    ],
    ids=range(9),
)
def test_what_is_missing_and_what_is_more_is_said(change: dict[int, Any], exit_code: int, says: list[str]) -> None:
    verdicts = [change.get(at, account) for at, account in enumerate(SOUND)]
    wrong = list(replay.differences(PHASE, record_of(verdicts) | {"exit": exit_code}))
    assert [line for line in wrong if "not-as-promised" not in line] == says


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ([("k", "1", True, ["T-1"])], []),
        ([], ["no recovery k 1"]),
        ([("k", "1", False, ["T-1"])], ["no recovery k 1"]),
        ([("k", "1", True, [])], ["no recovery k 1"]),
        ([("k", "1", True, ["T-1"]), ("k", "2", True, ["T-1"])], ["unexpected recovery k 2"]),
    ],
    ids=range(5),
)
def test_a_recovery_is_known_from_the_history(gone: list[tuple[str, str, bool, list[str]]], says: list[str]) -> None:
    phase = Phase("p", "a", (), recovered=("k 1",))
    names = ("kind", "subject", "fresh", "tickets")
    history = {"gone": [dict(zip(names, values, strict=True)) for values in gone]}
    assert list(replay.differences(phase, record_of([row("e.f")]) | {"exit": 0, "history": history})) == says


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["2026-05-26"], "no incident of '2026-05-26'; known: 2026-05-08, 2026-05-10"),
        (["../2026-05-08"], "no incident of '../2026-05-08'; known: "),
        (["2026-05-08", "--folder=/dev/null/x"], "/dev/null/x"),
    ],
)
def test_a_replay_of_what_is_not_there_is_one_line(words: list[str], says: str, capsys: Any) -> None:
    assert replay.main(words) == 4
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("2026-05-26", "--gf-incident: no incident of '2026-05-26'; known: 2026-05-08, "),
        ("2026-05-25:after", "2026-05-25 has no phase 'after'; it has before, mismatch, during, found, after-restart"),
        ("2026-05-25:", "2026-05-25 has no phase ''"),
        ("", "no incident of ''"),
    ],
)
def test_an_incident_that_is_not_there_is_one_line(said: str, says: str, refused: Any) -> None:
    outcome = refused("-m", "canary", f"--gf-incident={said}")
    assert outcome.exit == 4
    assert says in outcome.text
    assert outcome.text.strip().count("\n") == 0
    assert not outcome.folder.exists()


def test_an_incident_bends_no_target(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('name = "honey"\nvantage = "runner"\n')
    outcome = refused("-m", "canary", "--gf-incident=2026-05-25", f"--gf-target={tmp_path / 't.toml'}")
    assert outcome.exit == 4
    assert "--gf-incident=2026-05-25: only the lab can be bent, and the target is 'honey'" in outcome.text


@pytest.mark.slow
def test_an_incident_bends_the_lab_for_one_run(run_pytest: Any) -> None:
    narrow = ("-m", "canary", "-k", "list-buckets or api-disk-coherent")
    outcome = run_pytest(*narrow, "--gf-incident=2026-05-08:found", "--gf-fault=image-by-tag", lean=True)
    assert outcome.exit == 1
    assert outcome.record["faults"] == ["bucket-index-lost:attic", "bucket-index-lost:tofu-state", "image-by-tag"]
    phase = incidents.read("2026-05-08").phase("found")
    assert phase is not None
    red = {row for row in replay.meant(phase.violated, outcome.verdicts()) if not row.startswith("attic.nar")}
    assert outcome.rows("violated") == red


@pytest.mark.slow
def test_after_a_loss_that_follows_a_delete_nothing_more_is_changed(run_pytest: Any) -> None:
    """Each delete of a run may be the one that loses the buckets: what comes behind it is unproven."""
    arguments = (
        "-m",
        "canary or cache_delete",
        "-k",
        "delete or scratch or write-through",
        "--gf-confirm=delete-from-bazel-cache",
    )
    outcome = run_pytest(*arguments, "--gf-incident=2026-05-25", lean=True)
    assert outcome.rows("violated") == {"bazel.list-after-delete"}
    unproven = outcome.rows("unproven")
    assert "rustfs.scratch-appears" in unproven
    assert all("so that evidence is kept" in outcome.verdicts()[row]["reason"] for row in unproven)
    entries = [json.loads(line) for line in (outcome.folder / "ledger.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["run", "left", "gone"], "no scratch bucket was about to be made"
    (incident,) = outcome.record["incidents"]
    assert set(incident["consequences"]) == unproven
