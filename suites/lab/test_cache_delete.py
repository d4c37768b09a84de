"""`pytest -m cache_delete`: what it deletes, what must be said first, and what keeps it from deleting."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import HOUSE
from pytest_gf.lab import Lab

pytestmark = pytest.mark.slow

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["cache_delete"]
ROW = "bazel.list-after-delete"
CONFIRM = "--gf-confirm=delete-from-bazel-cache"


def on(lab: Lab, run_pytest: Any, *arguments: str, target: Path | None = None) -> Any:
    file = target or lab.target_file
    return run_pytest(*arguments, f"--gf-target={file}", lean=True, environment=dict(lab.environment))


def deletes(lab: Lab) -> list[str]:
    """Return what was deleted, or asked to be: key by key."""
    return [str(exchange["key"]) for exchange in lab.exchanges() if str(exchange["operation"]).startswith("Delete")]


def keys(s3: Any) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket="bazel-cache")["Contents"]}


def test_it_deletes_the_blob_that_it_wrote_and_no_other(lab: Lab, s3: Any, run_pytest: Any) -> None:
    before = keys(s3)
    outcome = on(lab, run_pytest, "-m", "cache_delete", CONFIRM)
    assert outcome.exit == 0, outcome.text
    assert set(outcome.verdicts()) == {ROW}
    entries = [json.loads(line) for line in (outcome.folder / "ledger.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["run", "left", "gone"]
    assert {entries[1]["name"], entries[2]["name"]} == {f"bazel-cache/{key}" for key in deletes(lab)}
    assert keys(s3) == before


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(fault: str, lab: Lab, drill: Any, tmp_path: Path, told_as: Any) -> None:
    outcome = drill("-m", "cache_delete", CONFIRM, "--gf-deadline=5").judge(tmp_path, fault, lab=lab)
    told_as(TABLE[fault].get("incident", []), outcome.verdicts())
    (row,) = outcome.verdicts().values()
    assert {row["verdict"]: [ROW]} == {
        name: TABLE[fault][name] for name in ("violated", "unproven") if name in TABLE[fault]
    }
    assert TABLE[fault]["says"] in f"{row['reason']} {row['next_step']}"
    assert len(deletes(lab)) == ("DeleteObject" in fault or row["verdict"] == "violated")


@pytest.mark.parametrize("arguments", [("-m", "cache_delete"), ("-m", "canary or cache_delete")], ids=" ".join)
def test_the_marker_without_the_confirmation_is_one_line(arguments: tuple[str, ...], lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, *arguments)
    assert outcome.exit == 4
    assert f"-m cache_delete: add {CONFIRM} to say that this change is wanted" in outcome.text
    assert not outcome.folder.exists()


def test_another_word_is_one_line(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "cache_delete", "--gf-confirm=yes")
    assert outcome.exit == 4
    assert "--gf-confirm=yes: expected delete-from-bazel-cache" in outcome.text


def test_chosen_by_its_name_it_is_unproven_without_the_confirmation(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-k", ROW)
    row = outcome.verdicts()[ROW]
    assert (row["verdict"], row["reason"]) == ("unproven", "'cache-delete' was not confirmed")
    assert row["next_step"] == f"{CONFIRM}, if it is meant"
    assert deletes(lab) == []


def test_the_plan_says_what_would_be_changed(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "cache_delete", "--gf-plan")
    assert f"it would change (cache-delete): buckets_after_cache_delete - not confirmed: {CONFIRM}" in outcome.text
    confirmed = on(lab, run_pytest, "-m", "cache_delete", "--gf-plan", CONFIRM)
    assert "it changes (cache-delete): buckets_after_cache_delete" in confirmed.text


def test_a_target_that_does_not_allow_it_deletes_nothing(lab: Lab, run_pytest: Any) -> None:
    target = lab.folder / "without.toml"
    target.write_text(lab.target_file.read_text().replace(', "cache-delete"', ""))
    outcome = on(lab, run_pytest, "-m", "cache_delete", CONFIRM, target=target)
    assert outcome.exit == 11
    assert "does not allow 'cache-delete'" in outcome.verdicts()[ROW]["reason"]
    assert deletes(lab) == []


def test_a_pull_request_deletes_nothing(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "cache_delete", CONFIRM, "--gf-vantage=pull-request")
    assert "the vantage pull-request changes nothing" in outcome.verdicts()[ROW]["reason"]
    assert deletes(lab) == []


def test_the_canary_leaves_the_blob_though_it_is_confirmed(lab: Lab, s3: Any, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "canary and not cache_delete", "-k", "write-through", CONFIRM)
    assert outcome.exit == 0, outcome.text
    assert ROW not in outcome.verdicts()
    assert deletes(lab) == []
    (left,) = [json.loads(line) for line in (outcome.folder / "ledger.jsonl").read_text().splitlines()][1:]
    assert left["event"] == "left"
    assert left["name"].partition("/")[2] in keys(s3)


def test_no_other_marker_deletes_a_key_of_the_cache(lab: Lab, run_pytest: Any) -> None:
    others = " or ".join(name for name in HOUSE.markers if name not in {"cache_delete", "nar"})
    outcome = on(lab, run_pytest, "-m", others, "--gf-plan", CONFIRM)
    assert outcome.exit == 0, outcome.text
    assert "it changes (cache-blob): bazel_written" in outcome.text
    assert "cache-delete" not in outcome.text
