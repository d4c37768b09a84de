"""`pytest -m publication` under faults: a path is pushed, and where it lies is seen; nothing is pushed where it may not be."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab

ALL: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["publication"]
TABLE = {fault: rows for fault, rows in ALL.items() if "profile" not in rows}
"""Those that name a profile are tried in test_published.py."""
ONE_PATH = ("--gf-profile=one-path", "--gf-confirm=probe-attic-publication")
CLAUSE = "attic.stores-in-bucket"


@pytest.mark.parametrize("fault", ["", *TABLE])
def test_a_fault_turns_its_row(fault: str, lab: Lab, drill: Any, tmp_path: Path) -> None:
    outcome = drill("-m", "publication", "-k", CLAUSE, *ONE_PATH).judge(tmp_path, fault, lab=lab)
    row, expected = outcome.verdicts()[CLAUSE], TABLE.get(fault, {})
    verdict = next((word for word in ("violated", "unproven") if expected.get(word)), "holds")
    assert row["verdict"] == verdict, row
    assert expected.get("says", "") in (row["reason"] or "")
    ledger = outcome.folder / "ledger.jsonl"
    assert ledger.exists() == ("evidence is kept" not in expected.get("says", ""))
    if ledger.exists():
        (left,) = [line for line in map(json.loads, ledger.read_text().splitlines()) if line["event"] == "left"]
        assert left["kind"] == "path", "the path that stays is named before it is pushed"
        assert re.fullmatch(r"main//nix/store/.*-gf-publication", left["name"])
