"""Contract section "Explicitly Out Of Contract": the machine that runs."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.environment


@clause("retired.machine", "no dead address is in use on this machine", proves="S131~ S132~ S133~ S134~ S135~")
def test_machine(machine_retired: Findings) -> None:
    """Neither in variables, nor in bazelrc or nix.conf."""
    assert machine_retired.holds
