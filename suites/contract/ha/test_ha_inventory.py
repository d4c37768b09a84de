"""Contract section "RustFS bucket-index guardrail": the inventory of candidates for the state authority."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.ha import Inventory


@pytest.mark.canary
@pytest.mark.inventory
@clause("ha.candidate-inventory", "the inventory of state authority candidates completed", proves="S108 S114~")
def test_candidate_inventory(candidate_inventory: Inventory) -> None:
    """A green canary means that it completed; NO_LIVE_HA_STATE_CANDIDATE is valid evidence, no failure."""
    assert candidate_inventory.holds
