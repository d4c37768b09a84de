"""A fault of the lab is told as one incident of its cause, and two faults as two."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_gf.engine.reports.incidents import incidents
from pytest_gf.honey import HOUSE
from pytest_gf.lab import Lab

KINDS = {name: asdict(kind) for name, kind in HOUSE.kinds.items()}
LOST, OFFLINE, CUT = "bucket-index-loss", "disk-offline", "archive-cut attic"
TABLE = {
    "bucket-index-lost:tofu-state": {f"{LOST} tofu-state"},
    "bucket-index-lost:attic": {f"{LOST} attic"},
    "disk-offline": {OFFLINE},
    "bucket-deleted:bazel-cache": {"bucket-gone bazel-cache"},
    "state-short:arc-runners": {"object-unreadable arc-runners"},
    "attic-chunk-deleted": {CUT},
    "attic-anonymous-write": {"anonymous-allowed attic", "write-gate-open attic"},
    "image-by-tag": {"image-not-pinned attic-rustfs-openebs"},
    "bucket-moved:attic": {"bucket-gone attic"},
    "bucket-unreadable:attic": {"permissions-or-mount attic"},
    "disk-full": {"s3-writes-fail"},
    "wrong-secret": {"identity-rejected s3"},
    "scratch-rotten": {"object-unreadable scratch"},
    "scratch-lingers": {"bucket-index-out-of-step"},
    "delete-empties-list": {LOST},
    "state-missing:attic": {"state-object-missing attic"},
    "state-html:attic": {"state-is-none attic"},
    "wrong-cluster": {"wrong-cluster cluster"},
    "kubernetes-unreachable": {"unreachable Kubernetes"},
    "pod-not-ready": {"pod-down attic-rustfs-openebs"},
    "deployment-missing": {"workload-gone attic-rustfs-openebs"},
    "claim-pending": {"claim-wrong attic-rustfs-openebs-data"},
    "attic-unsigned": {"not-signed attic"},
    "attic-html": {"no-nix-cache attic"},
    "attic-unreachable": {"unreachable Attic"},
    "attic-wrong-secret": {CUT},
    "attic-substituter-elsewhere": {"sends-elsewhere attic"},
    "bazel-blob:other": {"digest-mismatch bazel-cache"},
    "bazel-writes-lost": {"write-lost bazel-cache"},
    "bazel-execution": {"cache-executes bazel"},
    "bazel-unreachable": {"unreachable REAPI"},
    "bazel-wrong-secret": {"cache-credential bazel"},
    "bazel-blob:other + attic-wrong-key": {"digest-mismatch bazel-cache", "not-signed attic"},
    "state-html:attic + image-by-tag": {"state-is-none attic", "image-not-pinned attic-rustfs-openebs"},
    "bucket-index-lost:tofu-state + image-by-tag": {f"{LOST} tofu-state", "image-not-pinned attic-rustfs-openebs"},
    "bucket-index-lost:tofu-state + attic-chunk-deleted": {f"{LOST} tofu-state", CUT},
    "disk-offline + bucket-index-lost:tofu-state": {OFFLINE},
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_is_told_as_one_cause(fault: str, lab: Lab, drill: Any, tmp_path: Path) -> None:
    verdicts = drill("-m", "canary", "--gf-deadline=5").judge(tmp_path, fault, lab=lab).verdicts()
    found = incidents(list(verdicts.values()), KINDS)
    assert found
    assert {f"{each['kind']} {each['subject']}".strip() for each in found} == TABLE[fault]
    assert all(each["title"] == HOUSE.causes[each["kind"]].title for each in found)
    told = {name for each in found for name in (*each["rows"], *each["consequences"])}
    assert told >= {name for name, each in verdicts.items() if each["verdict"] in {"violated", "error"}}


def test_a_run_ends_in_its_incidents(run_pytest: Any) -> None:
    outcome = run_pytest("-m", "canary", "-k", "list-buckets or state.body-whole", "--gf-fault=bucket-index-lost:attic")
    schema = json.loads((Path(__file__).parents[2] / "docs" / "record.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(outcome.record)
    (incident,) = outcome.record["incidents"]
    assert (incident["kind"], incident["subject"]) == (LOST, "attic")
    assert incident["rows"] == ["rustfs.list-buckets[attic]"]
    lines = outcome.text.splitlines()
    heading = next(at for at, line in enumerate(lines) if "incidents: 1" in line)
    assert lines[heading + 1] == f"1. {LOST} attic: {HOUSE.causes[LOST].title}"
    assert lines[-1] == "LAB - honey was not observed"
    assert max(map(len, lines[heading:])) <= 100
    page = (outcome.folder / "summary.md").read_text()
    assert page.index("## Incidents (1)") < page.index("## violated (1)")
    (block,) = [text for text in outcome.text.split("____ test_")[1:] if text.startswith("list_buckets[attic]")]
    assert not any(line.startswith("evidence") for line in block.splitlines()), "-v and the files have the rest"
