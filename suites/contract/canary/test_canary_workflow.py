"""Contract section "RustFS bucket-index guardrail": the canary workflow."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.repository


@clause("workflow.triggers", "the canary runs on main, on demand, hourly", proves="S103")
def test_triggers(canary_triggers: Findings) -> None:
    """It runs as long as RustFS is the interim state authority."""
    assert canary_triggers.holds


@clause("workflow.lane", "the canary runs on the operators' lane", proves="S104")
def test_lane(canary_lane: Findings) -> None:
    """Generic overflow lanes and hosted runners are no substitutes."""
    assert canary_lane.holds


@clause("workflow.order", "the canary's steps stand in their order", proves="S105~")
def test_order(canary_order: Findings) -> None:
    """Attic's evidence is captured also when the state check fails first."""
    assert canary_order.holds


@clause("workflow.artifacts", "the canary's logs are artifacts, also when red", proves="S105~")
def test_artifacts(canary_artifacts: Findings) -> None:
    """The logs of a failure are the evidence."""
    assert canary_artifacts.holds


@clause("workflow.hygiene", "the canary is bounded, read-only and pinned", proves="S106~")
def test_hygiene(canary_hygiene: Findings) -> None:
    """Timeouts, minimal permissions, pinned actions."""
    assert canary_hygiene.holds
