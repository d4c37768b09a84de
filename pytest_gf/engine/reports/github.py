"""Findings as GitHub's annotations, at their file and line: the worst first, within what GitHub shows, the rest counted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import re2

from pytest_gf.engine.verdict import Verdict

MOST = 10
"""Annotations of one level in one step; GitHub drops what comes after them (and 50 of a job)."""
_FINDING = re2.compile(r"(?m)^(?P<path>[^\s:][^:\n]*):(?P<line>[1-9]\d{0,8}): \[(?P<rule>[a-z0-9-]+)\] (?P<what>.+)$")
_LEVELS: Mapping[Verdict, str] = {
    Verdict.VIOLATED: "error",
    Verdict.FIXED: "error",
    Verdict.ERROR: "error",
    Verdict.UNPROVEN: "warning",
    Verdict.INTERIM: "warning",
}


def wanted() -> bool:
    """Return whether this runs in GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def lines(record: Mapping[str, Any]) -> list[str]:
    """Return the workflow commands for a record's findings."""
    levels: dict[str, list[str]] = {"error": [], "warning": []}
    for verdict in _LEVELS:
        for row in record["verdicts"]:
            if row["verdict"] == verdict:
                made = levels[_LEVELS[verdict]]
                made += [each for each in _of(row, _LEVELS[verdict]) if each not in made]
    return [each for level, made in levels.items() for each in _bounded(level, made)]


def _of(row: Mapping[str, Any], level: str) -> Iterator[str]:
    for found in _FINDING.finditer(row["reason"]):
        where = f"file={_property(found['path'])},line={found['line']},title={_property(row['clause'])}"
        said = f"[{found['rule']}] {found['what']}"
        yield f"::{level} {where}::{_data(said)}"


def _bounded(level: str, made: list[str]) -> list[str]:
    if len(made) <= MOST:
        return made
    return [
        *made[: MOST - 1],
        f"::{level} title=pytest_gf::and {len(made) - MOST + 1} more; the job's summary has them all",
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
