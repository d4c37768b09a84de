"""`pytest -m rca`: the causes told apart, the evidence kept whole while clauses are red, nothing changed, no secret in it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["rca"]
FILES = {
    *("README.md", "deployment.json", "pods.json", "nodes.txt", "workload.txt", "claim.txt", "volume.txt"),
    *("data-layout.txt", "data-layout-system.txt", "health.txt", "jobs.json", "events.json"),
    *("s3-tofu-state.txt", "s3-attic.txt", "s3-bazel-cache.txt"),
}


@pytest.mark.parametrize("fault", TABLE)
def test_each_cause_is_told_apart(fault: str, lab: Lab, drill: Any, tmp_path: Path, told_as: Any) -> None:
    selected = drill("-m", "rca", "-k", "rca.cause or rca.evidence", "--gf-deadline=5")
    outcome = selected.judge(tmp_path, fault, lab=lab)
    for verdict in ("violated", "unproven", "error"):
        assert outcome.rows(verdict) == set(TABLE[fault].get(verdict, ())), (verdict, outcome.text)
    said = [row["reason"] for row in outcome.verdicts().values()]
    assert any(TABLE[fault].get("says", "") in text for text in said), said
    told_as(TABLE[fault].get("incident", []), outcome.verdicts())
    row = outcome.verdicts()["rca.cause"]
    page = (outcome.folder / "rca" / "README.md").read_text()
    cause = page.partition("\n")[0].removeprefix("# RCA: ")
    assert f"rca: {cause} (first page: " in outcome.text
    assert row["verdict"] != "violated" or f"it looks like: {cause}" in row["reason"]


@pytest.mark.upholds("S078", "S091", "S099")
def test_the_evidence_is_whole_while_clauses_are_red_and_says_what_to_keep(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bucket-index-lost:attic")
    lab.reset()
    target = f"--gf-target={lab.target_file}"
    outcome = run_pytest("-m", "rca", target, "--gf-deadline=20", lean=True, environment=dict(lab.environment))
    assert outcome.exit == 1
    assert {"rca.cause", "rustfs.list-buckets[attic]", "rustfs.api-disk-coherent[attic]"} <= outcome.rows("violated")
    kept = {path.name for path in (outcome.folder / "rca").iterdir()}
    assert {name for name in kept if not name.startswith("log-")} == FILES
    (log,) = (name for name in kept if name.startswith("log-"))
    assert not log.endswith("-previous.txt"), "nothing was restarted"
    page = (outcome.folder / "rca" / "README.md").read_text()
    assert all(f"`{name}`" in page for name in kept - {"README.md"})
    for said in (
        "TIN-1012 and TIN-1046 stay open",
        "It repairs nothing",
        "## Preserve",
        "RustFS 1.0.0-beta",
        "sha256:",
    ):
        assert said in page
    assert "attic: bucket-index loss" in page
    assert "diagnosis: bucket-index loss" in (outcome.folder / "rca" / "s3-attic.txt").read_text()
    changing = {"PutObject", "DeleteObject", "CreateBucket", "DeleteBucket"}
    assert not changing & {str(exchange["operation"]) for exchange in lab.exchanges()}
    assert not [row for row in outcome.verdicts() if row.startswith("rustfs.scratch-") or "write-through" in row]


@pytest.fixture
def looked(lab: Lab, drill: Any, tmp_path: Path) -> Any:
    """What judges rca's clauses in this process: the options, and the fault."""

    def judge(fault: str, *arguments: str) -> Any:
        return drill("-m", "rca", *arguments, "--gf-deadline=20").judge(tmp_path, fault, lab=lab)

    return judge


def test_what_ran_before_a_restart_is_kept_too(looked: Any) -> None:
    outcome = looked("pod-restarted", "-k", "rca.cause or rca.evidence")
    logs = sorted(path.name for path in (outcome.folder / "rca").glob("log-*"))
    assert len(logs) == 2
    assert {"previous" in name for name in logs} == {True, False}


def test_one_bucket_is_looked_at_where_one_is_named(looked: Any) -> None:
    outcome = looked("bucket-index-lost:attic", "--gf-bucket=tofu-state", "-k", "rca.cause")
    assert outcome.rows("holds") == {"rca.cause"}
    assert {path.name for path in (outcome.folder / "rca").glob("s3-*")} == {"s3-tofu-state.txt"}


def test_no_value_of_a_pods_environment_is_kept(lab: Lab, looked: Any) -> None:
    outcome = looked("", "-k", "rca.cause")
    pods = json.loads((outcome.folder / "rca" / "pods.json").read_text())
    names = [name for pod in pods for container in pod["spec"]["containers"] for name in container.get("env", ())]
    assert "RUSTFS_SECRET_KEY" in names
    text = "".join(path.read_text() for path in (outcome.folder / "rca").iterdir())
    assert "a-plain-value-in-the-pod" not in text
    assert not [value for value in lab.environment.values() if len(value) > 12 and value in text]


def test_events_reach_back_as_far_as_is_said(looked: Any) -> None:
    for since, count in (("30m", 1), ("10s", 0)):
        outcome = looked("", "-k", "rca.cause", f"--gf-since={since}")
        assert len(json.loads((outcome.folder / "rca" / "events.json").read_text())) == count


@pytest.mark.parametrize("since", ["", "30", "m", "-1m", "0m", "8d", "200h", "1e3s", "٣m"])
def test_a_bad_since_is_one_line(since: str, refused: Any) -> None:
    outcome = refused("-m", "rca", f"--gf-since={since}")
    assert outcome.exit == 4
    assert f"--gf-since={since}: expected a time such as 90s, 30m or 12h" in outcome.text
