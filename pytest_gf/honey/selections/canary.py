"""``-m canary``: whether the state path is coherent now."""

from __future__ import annotations

from pytest_gf.engine.house import Candidate, Selection
from pytest_gf.engine.run import Run
from pytest_gf.honey.selections.gate import FREE


def _takes(row: Candidate, _: Run) -> bool:
    """Take the write gates that need no credential."""
    return row.clause == "attic.write-gate" and row.params.get("gate") in FREE


CANARY = Selection("canary", "The hourly canary: is the state path coherent now?", takes=_takes)
