"""`pytest -m gate` under faults: each open door turns its rows red; what no door decided is an error, or unproven."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["gate"]
GATES = {"none", "forged", "alg-none", "cut", "own", "pull-only", "other-cache", "expired"}
FREE = {"attic.write-gate[none]", "attic.write-gate[forged]", "attic.write-gate[alg-none]", "attic.write-gate[cut]"}

IN_A_DATABASE = {"attic.separate[cache-signing-key]"}
"""What lies in no Secret is unproven by its name, whatever else is so."""
SEPARATE = {
    f"attic.separate[{kind}]" for kind in ("cache-signing-key", "jwt-signing-key", "attic-token", "s3-credentials")
}


def on(lab: Lab, run_pytest: Any, *arguments: str, target: Path | None = None, **more: str) -> Any:
    file = target or lab.target_file
    environment = dict(lab.environment) | more
    return run_pytest(*arguments, f"--gf-target={file}", lean=True, environment=environment)


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(  # noqa: PLR0917  # pytest's fixtures.
    fault: str, lab: Lab, drill: Any, tmp_path: Path, expand: Any, told_as: Any
) -> None:
    lab.bend(fault)  # Before its variables are read.
    outcome = drill("-m", "gate", "--gf-deadline=5").judge(tmp_path, lab=lab)
    rows = outcome.verdicts()
    for verdict in ("violated", "unproven", "error"):
        always = IN_A_DATABASE if verdict == "unproven" else set()
        assert outcome.rows(verdict) == expand(TABLE[fault].get(verdict, ()), set(rows)) | always, outcome.text
    told_as(TABLE[fault].get("incident", []), rows)
    said = " ".join(f"{row['reason']} {row['next_step']}" for row in rows.values())
    assert TABLE[fault].get("says", "") in said


@pytest.mark.upholds("S023~")
def test_the_gates_are_asked_without_writing(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "gate")
    assert outcome.exit == 0, outcome.text
    gates = {f"attic.{clause}[{gate}]" for clause in ("write-gate", "upload-gate") for gate in GATES}
    assert set(outcome.verdicts()) == {"attic.token-bounded", *gates, *SEPARATE}
    assert outcome.rows("unproven") == IN_A_DATABASE
    entries = [json.loads(line) for line in (outcome.folder / "ledger.jsonl").read_text().splitlines()]
    assert {entry["event"] for entry in entries} == {"run", "left", "gone"}
    assert len(entries) == 1 + 2 * len(GATES)
    assert not [exchange for exchange in lab.exchanges() if str(exchange["operation"]) in {"PutObject", "CreateBucket"}]


@pytest.mark.slow
def test_the_canary_has_the_gates_that_need_no_credential(lab: Lab, run_pytest: Any) -> None:
    lab.bend("attic-accepts-forged")
    outcome = on(lab, run_pytest, "-m", "canary", "-k", "write-gate")
    assert set(outcome.verdicts()) == FREE
    assert outcome.rows("violated") == {"attic.write-gate[forged]"}
    assert [exchange for exchange in lab.exchanges() if exchange["operation"] == "GetMissingPaths"]


def test_a_token_that_is_not_named_is_no_row_and_one_that_is_unset_is_unproven(
    lab: Lab, run_pytest: Any, tmp_path: Path
) -> None:
    text = lab.target_file.read_text().replace('ca_file = "', f'ca_file = "{lab.folder}/')
    text = "".join(line for line in text.splitlines(keepends=True) if "other_cache_env" not in line)
    text = text.replace("GF_LAB_ATTIC_PULL_TOKEN", "PULL_ONLY_OF_MINE").replace(
        '"kubeconfig"', f'"{lab.folder}/kubeconfig"'
    )
    (tmp_path / "t.toml").write_text(text)
    outcome = on(lab, run_pytest, "-m", "gate", "-k", "write-gate", target=tmp_path / "t.toml")
    rows = outcome.verdicts()
    assert set(rows) == {f"attic.write-gate[{gate}]" for gate in GATES - {"other-cache"}}
    assert outcome.rows("unproven") == {"attic.write-gate[pull-only]"}
    assert "PULL_ONLY_OF_MINE" in rows["attic.write-gate[pull-only]"]["reason"]


@pytest.mark.slow
@pytest.mark.upholds("S027~")
def test_a_pull_request_sends_no_token(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "gate", "--gf-vantage=pull-request")
    assert outcome.rows("holds") == FREE
    held = {
        "attic.token-bounded",
        *(f"attic.write-gate[{token}]" for token in ("own", "pull-only", "other-cache", "expired")),
    }
    assert outcome.rows("unproven") == held | SEPARATE | {f"attic.upload-gate[{gate}]" for gate in GATES}
    assert not [exchange for exchange in lab.exchanges() if exchange["operation"] == "get secrets"]
    assert lab.counts().get("attic UploadPath", 0) == 0
    assert not with_token(lab), "a token was set, and was sent"
    assert on(lab, run_pytest, "-m", "gate", "-k", "write-gate").exit == 0
    assert with_token(lab), "elsewhere it is sent"


def with_token(lab: Lab) -> list[dict[str, object]]:
    """Return the exchanges with Attic that carried a token which it issued."""
    return [exchange for exchange in lab.exchanges() if exchange["service"] == "attic" and exchange["authenticated"]]


@pytest.mark.slow
def test_no_part_of_a_token_is_shown(lab: Lab, run_pytest: Any) -> None:
    for fault in ("attic-token-strong", "attic-accepts-forged"):
        lab.bend(fault)
    outcome = on(lab, run_pytest, "-m", "gate", "-vvv", "--showlocals", "--log-level=DEBUG")
    parts = [part for name, value in lab.environment.items() if "TOKEN" in name for part in value.split(".")]
    texts = [outcome.text, *(path.read_text(errors="replace") for path in outcome.folder.rglob("*") if path.is_file())]
    for part in filter(None, parts):
        assert not [text for text in texts if part in text or part[4:24] in text]
    assert not [text for text in texts if "eyJ" in text]
