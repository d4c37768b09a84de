"""``--gf-expect-interim``: waived clauses become interim while the interim shape holds, and violated once a waiver is due."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_gf.engine.clauses import Row
    from pytest_gf.engine.contract import Waiver
    from pytest_gf.engine.run import Run

EXPIRED = pytest.StashKey[str]()
"""Why a waiver of this item counts no more."""


def waiver_of(row: Row, run: Run) -> Waiver | None:
    """Return the contract's waiver of this row or of its clause, if there is one."""
    return next((waiver for waiver in run.contract.waivers if {row.clause, row.name} & set(waiver.clauses)), None)


def waive(item: pytest.Item, row: Row, run: Run) -> None:
    """Expect this row to be red, where a waiver of the contract says so; its values are there by now."""
    waiver = waiver_of(row, run)
    if waiver is None or not run.settings.expect_interim:
        return
    values = getattr(item, "funcargs", {}).values()
    if not all(getattr(value, "waivable", True) for value in values):
        return
    if datetime.datetime.now(datetime.UTC) >= waiver.review:
        item.stash[EXPIRED] = f"the waiver of {waiver.ticket} was due for review at {waiver.review.isoformat()}"
        return
    reason = f"{waiver.ticket}: {waiver.reason}; reviewed at {waiver.review.isoformat()}; closed by {waiver.closes}"
    item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
