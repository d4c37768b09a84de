"""``-m rca``: root cause analysis, with evidence as files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_gf.engine.house import BadInput, Candidate, Given, Option, Selection
from pytest_gf.engine.run import Run

LONGEST = 7 * 24 * 3_600


@dataclass(frozen=True)
class Since:
    """How many seconds logs and events reach back."""

    seconds: int


def _read(given: Given) -> Since:
    text = given.option.gf_since
    match = re.fullmatch(r"([0-9]{1,6})([smh])", text)
    seconds = int(match[1]) * {"s": 1, "m": 60, "h": 3_600}[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise BadInput(f"--gf-since={text}: expected a time such as 90s, 30m or 12h, a week at most")
    return Since(seconds)


def _takes(row: Candidate, _: Run) -> bool:
    """Take what the canary only looks at: its evidence is wanted too."""
    return "canary" in row.markers and not row.changes


RCA = Selection(
    "rca",
    "Root cause analysis: evidence as files below rca/, whose first page says what it looks like, and every clause of the canary that only looks.",
    options=(
        Option(
            "--gf-since",
            {
                "default": "30m",
                "metavar": "30m",
                "help": "With -m rca: how far back logs and events are read, such as 90s, 30m (default) or 12h. At most a week.",
            },
        ),
    ),
    read=_read,
    takes=_takes,
)
