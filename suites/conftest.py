"""Running the suite as its users do: a pytest of its own, its exit code, its record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
LONGEST = 120.0
"""Seconds; every run of a test has its own, shorter deadlines."""


@dataclass(frozen=True)
class Outcome:
    """What a run of pytest left."""

    exit: int
    text: str
    folder: Path
    """The run's folder; it does not exist where nothing was run."""

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "record.json").read_text())
        return found

    def rows(self, verdict: str) -> set[str]:
        """Return the rows that have this verdict."""
        return {name for name, each in self.verdicts().items() if each["verdict"] == verdict}

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Return the record's verdicts by row name."""
        rows = self.record["verdicts"]
        named = {
            f"{row['clause']}[{'-'.join(row['params'].values())}]" if row["params"] else row["clause"]: row
            for row in rows
        }
        assert len(named) == len(rows), "two rows of one name"
        return named


Runner = Callable[..., Outcome]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Runner:
    """Run pytest in the checkout (or ``cwd``) with its reports below tmp_path; more variables in ``environment``.

    ``lean`` leaves Allure out, for hundreds of runs whose records alone are looked at.
    """

    def run(
        *args: str,
        environment: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        reports: Path | None = None,
        lean: bool = False,
    ) -> Outcome:
        reports = reports or tmp_path / "reports"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:hypothesispytest",
            "-p",
            "no:cacheprovider",
            *(("-p", "no:allure_pytest") if lean else ()),
            f"--gf-reports={reports}",
            *args,
        ]
        done = subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment() | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr, reports / "latest")

    return run


def clean_environment() -> dict[str, str]:
    """Return this environment without what would change a run of pytest, or keep it from caching bytecode."""
    dropped = ("GF_", "PYTEST_", "AWS_", "GITHUB_", "COV_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
