"""What a report says of an incident of earlier runs that stands no more: with open tickets it was recovered, and not repaired."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.engine.reports.history_text import lines

GONE = {
    "kind": "bucket-index-loss",
    "subject": "attic",
    "tickets": ["TIN-1012", "TIN-1046"],
    "since": "2026-05-08T09:00:00.000Z",
    "last": "2026-05-08T10:00:00.000Z",
    "fresh": True,
    "marks": [],
}
RESTART = {"name": "rustfs-started", "was": "a 1", "now": "b 2"}
STOOD = "bucket-index-loss attic, which stood from 2026-05-08T09:00:00.000Z to 2026-05-08T10:00:00.000Z"


def told(*gone: dict[str, Any]) -> list[str]:
    last = {"run": "r", "started": "2026-05-08T10:00:00.000Z", "exit": 1}
    nothing: dict[str, Any] = {name: [] for name in ("new", "new_since_green", "mended", "flaps", "unreadable")}
    shown = lines({"runs": 2, "left_out": 0, "later": 0, "last": last, "green": None, "gone": list(gone)} | nothing)
    return [line for line in shown if "stands no more" in line or "recovered" in line]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, [f"recovered, not repaired: {STOOD}; TIN-1012 and TIN-1046 stay open"]),
        (
            {"marks": [RESTART]},
            [f"recovered, not repaired: {STOOD}; rustfs-started was a 1, is b 2; TIN-1012 and TIN-1046 stay open"],
        ),
        ({"tickets": ["TIN-1012"]}, [f"recovered, not repaired: {STOOD}; TIN-1012 stays open"]),
        ({"tickets": []}, [f"stands no more: {STOOD}"]),
        ({"fresh": False}, []),
    ],
    ids=range(5),
)
def test_a_cause_with_open_tickets_was_not_repaired(change: dict[str, Any], says: list[str]) -> None:
    assert told(GONE | change) == says
