"""Contract section "Explicitly Out Of Contract"."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.repository


@clause("retired.repository", "no dead address stands as current in the checkout", proves="S131 S132 S133 S134 S135")
def test_repository(retired_addresses: Findings) -> None:
    """Only text that says itself that it is archived may name them."""
    assert retired_addresses.holds
