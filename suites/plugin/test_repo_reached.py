"""Where a workflow's commands lead in a checkout: folders, Dockerfiles, makefiles, flakes; and jobs that GitHub skips."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.observed.repository import quarantine

CASES = tomllib.loads((Path(__file__).parent / "reached.toml").read_text())


@pytest.mark.parametrize("name", CASES)
def test_what_a_pull_request_reaches(name: str) -> None:
    files = CASES[name]["files"]
    findings = quarantine.pull_requests(quarantine.read(files, Repository()))
    assert ("violated" if findings.standing else "undecided" if findings.undecided else "holds") == CASES[name][
        "verdict"
    ]
