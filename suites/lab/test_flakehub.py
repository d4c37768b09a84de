"""FlakeHub's page under its faults: each turns its row, and an answer that drips ends at the deadline."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["flakehub"]
CLAUSE = "acceleration.flakehub-answers"


@pytest.mark.parametrize("fault", ["", *TABLE])
def test_a_fault_turns_its_row(fault: str, lab: Lab, drill: Any, tmp_path: Path, told: Any) -> None:
    outcome = drill("--gf", "-k", CLAUSE, "--gf-deadline=5").judge(tmp_path, fault, lab=lab)
    row, expected = outcome.verdicts()[CLAUSE], TABLE.get(fault, {})
    kinds = [incident.partition(" ")[0] for incident in told(outcome.verdicts())]  # The subject has a port.
    assert kinds == ([expected["incident"]] if "incident" in expected else [])
    verdict = next((word for word in ("violated", "error") if expected.get(word)), "holds")
    assert row["verdict"] == verdict, row
    assert expected.get("says", "") in (row["reason"] or "")
