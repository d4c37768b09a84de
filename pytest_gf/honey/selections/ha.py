"""``-m ha``: the interim shape, what its readiness stands on, and strict HA beyond it."""

from __future__ import annotations

from pytest_gf.engine.house import Candidate, Selection
from pytest_gf.engine.run import Run


def _takes(row: Candidate, run: Run) -> bool:
    """Take what readiness stands on, for the buckets of the stacks that this run looks at."""
    buckets = {run.contract.stacks[stack].bucket for stack in run.axes.values("stack")}
    bucket = row.params.get("bucket")
    return row.clause in run.contract.readiness and (bucket is None or bucket in buckets)


HA = Selection(
    "ha",
    "Is the state path up, has it the interim shape, and is it strictly HA beyond that? "
    "Strict HA is red by design until TIN-1012 closes: see --gf-expect-interim.",
    takes=_takes,
)
