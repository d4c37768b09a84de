"""A run that is killed in the middle of the scratch probe: `pytest --gf-clean` leaves nothing and touches nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import contract
from pytest_gf.lab import Lab

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BUCKETS = set(contract.load().buckets)
FOREIGN = "gf-rca-20200101000000-0badf00d"
"""A bucket that another run, or a person, made: no ledger of ours names it."""

# The exchanges of the scratch probe's facts, in their order.
STEPS = [
    "CreateBucket",
    "ListBuckets",
    "HeadBucket",
    "get pods/exec",  # Both folders in which the bucket has a marker.
    "get pods/exec",
    "PutObject",
    "GetObject",
    "DeleteObject",
    "ListBuckets",
    "DeleteBucket",
    "ListBuckets",
    "get pods/exec",
    "get pods/exec",
]
WRITTEN = STEPS.index("PutObject")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.start(tmp_path / "lab", ["latency:150"]) as started:
        (started.folder / "data" / FOREIGN).mkdir()
        yield started


def scratch_run(
    lab_or_none: Lab | None, reports: Path, marker: str = "canary", keyword: str = "scratch", *more: str
) -> subprocess.Popen[bytes]:
    """Start the scratch clauses, or others, in a process of their own, and so in a group that can be killed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:cacheprovider",
        "-m",
        marker,
        "-k",
        keyword,
        f"--gf-reports={reports}",
        *more,
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "suites" / "without")}
    if lab_or_none is not None:
        command.append(f"--gf-target={lab_or_none.target_file}")
        environment |= lab_or_none.environment
    else:
        command.append("--gf-fault=latency:150")
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def wait_for_step(lab: Lab, step: int, run: subprocess.Popen[bytes]) -> None:
    """Wait until the scratch probe's exchange of this number has begun; bounded."""
    ends = time.monotonic() + 100
    while time.monotonic() < ends and run.poll() is None:
        seen = [exchange["operation"] for exchange in lab.exchanges()]
        if "CreateBucket" in seen and len(seen) - seen.index("CreateBucket") > step:
            assert seen[seen.index("CreateBucket") :][: step + 1] == STEPS[: step + 1]
            return
        time.sleep(0.01)
    pytest.fail(f"step {step} was not reached: {[exchange['operation'] for exchange in lab.exchanges()]}")


def kill(run: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait(60)


def killed_while_writing(lab: Lab, reports: Path) -> Path:
    """Leave a run's scratch bucket and object behind, and return the run's ledger."""
    run = scratch_run(lab, reports)
    try:
        wait_for_step(lab, WRITTEN, run)
    finally:
        kill(run)
    time.sleep(0.5)
    lab.mend()
    (path,) = (path for path in reports.glob("*/ledger.jsonl") if not path.parent.is_symlink())
    return path


def folders(lab_folder: Path) -> set[str]:
    """Return the buckets that stand on the lab's disk, by folder and by metadata."""
    data = lab_folder / "data"
    system = data / ".rustfs.sys" / "buckets"
    return {path.name for path in data.iterdir() if not path.name.startswith(".")} | {
        path.name for path in system.iterdir()
    }


@pytest.mark.parametrize(
    "step", range(len(STEPS)), ids=lambda step: f"{step}-{STEPS[step].partition(' ')[2] or STEPS[step]}"
)
def test_killed_at_a_step(step: int, lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    run = scratch_run(lab, reports)
    try:
        wait_for_step(lab, step, run)
    finally:
        kill(run)
    time.sleep(0.5)  # What was on the wire lands within the lab's latency.
    lab.mend()
    cleaned = run_pytest(
        "--gf-clean", f"--gf-target={lab.target_file}", environment=dict(lab.environment), reports=reports
    )
    assert cleaned.exit == 0, cleaned.text
    assert folders(lab.folder) == {*BUCKETS, FOREIGN}
    again = run_pytest(
        "--gf-clean", f"--gf-target={lab.target_file}", environment=dict(lab.environment), reports=reports
    )
    assert (again.exit, "nothing is left" in again.text) == (0, True), again.text


def test_a_run_in_flight_is_left_alone(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    lab.bend("latency:1500")  # So that it is still in flight when the other has started.
    run = scratch_run(lab, reports)
    try:
        wait_for_step(lab, 1, run)
        beside = run_pytest(
            "--gf-clean", f"--gf-target={lab.target_file}", environment=dict(lab.environment), reports=reports
        )
        assert beside.exit == 0, beside.text
        assert "still running" in beside.text
        assert run.wait(60) == 0
    finally:
        kill(run)
    assert folders(lab.folder) == {*BUCKETS, FOREIGN}


def test_the_embedded_lab_is_gone_and_its_folder_is_cleaned(run_pytest: Any, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    run = scratch_run(None, reports)
    try:
        ends = time.monotonic() + 100
        while not list(reports.glob("*/ledger.jsonl")) and time.monotonic() < ends:
            time.sleep(0.02)
        time.sleep(0.4)
    finally:
        kill(run)
    (folder,) = (path for path in reports.glob("*/lab") if not path.parent.is_symlink())
    time.sleep(1)
    cleaned = run_pytest("--gf-clean", reports=reports)
    assert cleaned.exit == 0, cleaned.text
    assert "is gone" in cleaned.text
    assert folders(folder) == BUCKETS


def test_a_bucket_that_holds_what_the_ledger_does_not_name_is_left(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    killed_while_writing(lab, reports)
    (ours,) = folders(lab.folder) - {*BUCKETS, FOREIGN}
    (lab.folder / "data" / ours / "stranger").mkdir()
    source = next((lab.folder / "data" / "tofu-state").rglob("xl.meta"))
    (lab.folder / "data" / ours / "stranger" / "xl.meta").write_bytes(source.read_bytes())
    cleaned = run_pytest(
        "--gf-clean", f"--gf-target={lab.target_file}", environment=dict(lab.environment), reports=reports
    )
    assert cleaned.exit == 1, cleaned.text
    assert "objects that the ledger does not name, such as stranger" in cleaned.text
    assert ours in folders(lab.folder)


def test_another_target_is_named_and_not_touched(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    killed_while_writing(lab, reports)
    before = folders(lab.folder)
    cleaned = run_pytest("--gf-clean", reports=reports)
    assert cleaned.exit == 1
    assert "run --gf-clean with that target" in cleaned.text
    assert folders(lab.folder) >= before - {FOREIGN}


def test_a_forged_ledger_deletes_no_state(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    path = killed_while_writing(lab, tmp_path / "reports")
    states = {path: path.read_bytes() for path in (lab.folder / "data" / "tofu-state").rglob("xl.meta")}
    keys = sorted(str(path.parent.relative_to(lab.folder / "data" / "tofu-state")) for path in states)
    forged = [{"kind": "object", "bucket": "tofu-state", "key": key} for key in keys]
    forged += [{"kind": "bucket", "bucket": name, "key": ""} for name in ("attic", FOREIGN)]
    with path.open("a") as file:
        file.write("not json\n")
        file.writelines(json.dumps({"event": "made", **entry}) + "\n" for entry in forged)
    cleaned = run_pytest(
        "--gf-clean", f"--gf-target={lab.target_file}", environment=dict(lab.environment), reports=tmp_path / "reports"
    )
    assert cleaned.exit == 1, cleaned.text
    assert states
    assert {path: path.read_bytes() for path in (lab.folder / "data" / "tofu-state").rglob("xl.meta")} == states
    assert folders(lab.folder) == {*BUCKETS, FOREIGN}, "the run's own bucket went, and nothing else"
    for name in (*keys, FOREIGN, "line "):
        assert name in cleaned.text
    assert "is corrupt, and was skipped" in cleaned.text
    assert "Traceback" not in cleaned.text


def test_a_forged_folder_of_a_lab_is_not_entered(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    path = killed_while_writing(lab, tmp_path / "reports")
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(json.dumps({"event": "run", "target": "lab", "folder": str(lab.folder)}) + "\n" + "".join(rest))
    assert "endpoint" in first
    before = folders(lab.folder)
    cleaned = run_pytest("--gf-clean", reports=tmp_path / "reports")
    assert (cleaned.exit, "in a lab that is not its own" in cleaned.text) == (1, True), cleaned.text
    assert folders(lab.folder) == before


def test_sigterm_cleans(lab: Lab, tmp_path: Path) -> None:
    run = scratch_run(lab, tmp_path / "reports")
    try:
        wait_for_step(lab, WRITTEN, run)
        time.sleep(0.4)  # Until the object is written.
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 2
    finally:
        kill(run)
    assert folders(lab.folder) == {*BUCKETS, FOREIGN}


def test_a_push_that_is_killed_names_what_stays_and_touches_nothing_else(
    lab: Lab, run_pytest: Any, tmp_path: Path
) -> None:
    """No API deletes one path: a clean says which of them are ours, and changes nothing at all."""
    reports = tmp_path / "reports"
    word = "--gf-confirm=probe-attic-publication-medium-check"
    run = scratch_run(lab, reports, "publication", "publication.pushed", "--gf-profile=medium-check", word)
    try:
        ends = time.monotonic() + 100
        while lab.counts().get("attic UploadPath", 0) < 5 and time.monotonic() < ends and run.poll() is None:
            time.sleep(0.01)
    finally:
        kill(run)
    time.sleep(0.5)
    lab.mend()
    (ledger,) = (path for path in reports.glob("*/ledger.jsonl") if not path.parent.is_symlink())
    left = [entry["name"] for entry in map(json.loads, ledger.read_text().splitlines()) if entry["event"] == "left"]
    assert 5 <= len(left) < 22, "in the middle of it"
    before = {path: path.read_bytes() for path in lab.folder.rglob("*.json")}
    objects, asked = folders(lab.folder), lab.counts()
    cleaned = run_pytest(
        "--gf-clean", f"--gf-target={lab.target_file}", environment=dict(lab.environment), reports=reports
    )
    assert cleaned.exit == 0, cleaned.text
    for path in left:
        assert f"path {path} stays: it was left on purpose, and nothing here deletes it" in cleaned.text
    assert folders(lab.folder) == objects
    assert {path: path.read_bytes() for path in lab.folder.rglob("*.json")} == before
    changed = {name for name, count in lab.counts().items() if count > asked.get(name, 0)}
    assert not [name for name in changed if "Delete" in name or "Put" in name or "Upload" in name], changed
