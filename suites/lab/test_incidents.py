"""Two faults are two incidents, and where one hides the other, one. What one fault is told as stands in faults.toml."""

from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_gf.engine.reports.terminal import MOST_LINES
from pytest_gf.honey import HOUSE
from pytest_gf.lab import Lab

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["fault"]
SOME = " or ".join(
    (
        *("list-buckets", "anonymous-refused", "workload-ready", "volume-bound", "not-exposed", "body-whole"),
        *("nodes-ready", "nar-whole", "narinfo-signed", "anonymous-write-refused", "write-gate", "promised-place"),
        *("capabilities", "disk-markers", "ready-endpoint"),
    )
)
"""Clauses that show each of the faults below. Only these are judged, and nothing is written."""
APART = (
    *("bucket-index-lost:tofu-state", "attic-chunk-deleted", "image-by-tag", "bazel-execution", "attic-unsigned"),
    *(
        "node-down:sting",
        "bazel-exposed:ingress",
        "attic-anonymous-write",
        "attic-cache-other",
        "data-volume:host-path",
    ),
)
"""Ten faults that don't hide one another."""
HIDDEN = (
    ("disk-offline", "bucket-index-lost:tofu-state"),
    ("bucket-index-lost:tofu-state", "state-html:attic"),
    ("bucket-index-lost:attic", "attic-chunk-deleted"),
    ("attic-unreachable", "attic-unsigned"),
    ("kubernetes-unreachable", "image-by-tag"),
    ("node-down:bumble", "bucket-index-lost:tofu-state"),
)
"""Pairs of which the first hides the second."""


def judged(faults: tuple[str, ...], lab: Lab, drill: Any, folder: Path) -> Any:
    return drill("-m", "canary", "-k", SOME, "--gf-deadline=5").judge(folder, " + ".join(faults), lab=lab).verdicts()


@pytest.mark.slow
@pytest.mark.parametrize("pair", list(itertools.combinations(APART, 2)), ids=" + ".join)
def test_two_faults_are_two_incidents(
    pair: tuple[str, str], lab: Lab, drill: Any, tmp_path: Path, told_as: Any
) -> None:
    told_as([TABLE[fault]["incident"] for fault in pair], judged(pair, lab, drill, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("pair", HIDDEN, ids=" + ".join)
def test_a_fault_that_hides_another_is_one_incident(
    pair: tuple[str, str], lab: Lab, drill: Any, tmp_path: Path, told_as: Any
) -> None:
    told_as(TABLE[pair[0]]["incident"], judged(pair[::-1], lab, drill, tmp_path))


@pytest.mark.parametrize("name", ["faults.toml", "repository_faults.toml"])
def test_a_red_fault_names_its_incident_and_another_one_none(name: str) -> None:
    tables = tomllib.loads((Path(__file__).parent / name).read_text())
    rows = [(fault, row) for table, faults in tables.items() if table != "groups" for fault, row in faults.items()]
    assert rows
    for fault, row in rows:
        named = [row["incident"]] if isinstance(row.get("incident"), str) else row.get("incident", [])
        assert bool(named) == bool(row.get("violated") or row.get("error")), fault
        assert {incident.partition(" ")[0] for incident in named} <= HOUSE.kinds.keys(), fault
        apart = [incident for incident in named if incident != "strict-ha"]  # Strict HA is red until its ticket closes.
        assert len(apart) <= len(fault.split(" + ")), fault


def test_a_run_ends_in_its_incidents(run_pytest: Any) -> None:
    faulty = "--gf-fault=bucket-index-lost:attic"
    outcome = run_pytest(
        "-m", "canary", "-k", "list-buckets or state.body-whole", faulty, environment={"COLUMNS": "100"}
    )
    schema = json.loads((Path(__file__).parents[2] / "docs" / "record.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(outcome.record)
    (incident,) = outcome.record["incidents"]
    kind = HOUSE.kinds["bucket-index-loss"]
    assert (incident["kind"], incident["subject"], incident["severity"]) == ("bucket-index-loss", "attic", "critical")
    assert incident["rows"] == ["rustfs.list-buckets[attic]"]
    assert (incident["tickets"], incident["page"]) == (["TIN-1012", "TIN-1046"], kind.page)
    lines = outcome.text.splitlines()
    heading = next(at for at, line in enumerate(lines) if "incidents: 1" in line)
    assert lines[heading + 1] == f"1. bucket-index-loss attic (critical): {kind.title}"
    assert {f"   {advice}" for advice in (f"do first: {kind.first[0]}", *kind.avoid)} <= set(lines[heading:])
    assert lines[-1].endswith("LAB - honey was not observed")
    assert max(map(len, lines[heading:])) <= 100
    (block,) = [text for text in outcome.text.split("__ test_")[1:] if text.startswith("list_buckets[attic]")]
    assert len(block.partition("\n- generated")[0].splitlines()) <= 1 + MOST_LINES
    page = (outcome.folder / "summary.md").read_text()
    assert page.index("## Incidents (1)") < page.index("## violated (1)")
    assert "<details><summary>1 row</summary>" in page
    assert "| rustfs | 2 |" in page, "green rows are counted"
