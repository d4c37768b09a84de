"""Each fault of the model repository and of the model machine turns exactly its rows, and no lab is started for any."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import model

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "repository_faults.toml").read_text())["fault"]
WITH_JUST = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
MARKERS = "repository or environment"
ELSEWHERE = {"machine.no-attic-token"}
"""What is judged in the vantage pull-request alone."""


def test_every_fault_of_the_model_is_in_the_table() -> None:
    assert set(TABLE) == set(model.faults())
    assert all(about and len(about) < 100 for about in model.faults().values())


def test_each_diff_is_small_and_fits(tmp_path: Path) -> None:
    for name in model.faults():
        diff = (model.HERE / "faults" / f"{name}.diff").read_text()
        assert len(diff.splitlines()) <= 25, name
        model.lay(tmp_path / name, [name])


def test_a_diff_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\ntwo\n")
    with pytest.raises(model.NoFit, match="a:2"):
        model.bend(tmp_path, "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-three\n+four\n")


def test_the_model_is_green(run_pytest: Any) -> None:
    outcome = run_pytest("-m", MARKERS, "--gf-repository=lab", "--gf-run-just", environment=WITH_JUST)
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("holds") == set(outcome.verdicts()) - ELSEWHERE
    assert outcome.rows("unproven") == ELSEWHERE
    assert not (outcome.folder / "lab").exists()


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(
    fault: str, drill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_as: Any
) -> None:
    monkeypatch.setenv("PATH", WITH_JUST["PATH"])
    vantage = TABLE[fault].get("vantage", "runner")
    drilled = drill("-m", MARKERS, "--gf-repository=lab", "--gf-run-just", f"--gf-vantage={vantage}")
    outcome = drilled.judge(tmp_path, fault)
    expected = {verdict: set(TABLE[fault].get(verdict, ())) for verdict in ("violated", "unproven")}
    expected["unproven"] |= ELSEWHERE if vantage == "runner" else set()
    assert {verdict: outcome.rows(verdict) for verdict in expected} == expected
    assert outcome.rows("error") == set()
    told_as(TABLE[fault].get("incident", []), outcome.verdicts())
    said = [f"{row['reason']} {row['next_step']}" for row in outcome.verdicts().values() if row["verdict"] != "holds"]
    assert any(TABLE[fault]["says"] in text for text in said), said
    assert not (outcome.folder / "lab").exists(), "a lab was started"
