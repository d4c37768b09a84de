"""FlakeHub's page under its faults: each turns its row, and an answer that drips ends at the deadline."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["flakehub"]
CLAUSE = "acceleration.flakehub-answers"


@pytest.mark.parametrize("fault", ["", *TABLE])
def test_a_fault_turns_its_row(fault: str, run_pytest: Any) -> None:
    bend = [f"--gf-fault={fault}"] if fault else []
    outcome = run_pytest("--gf", "-k", CLAUSE, "--gf-deadline=2", *bend, lean=True)
    row, expected = outcome.verdicts()[CLAUSE], TABLE.get(fault, {})
    verdict = next((each for each in ("violated", "error") if expected.get(each)), "holds")
    assert row["verdict"] == verdict, outcome.text
    assert expected.get("says", "") in (row["reason"] or "")
