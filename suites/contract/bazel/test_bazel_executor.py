"""Contract section "Bazel contract": executor mode, as the checkout has it."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.repository


@clause("executor.set-apart", ".envrc sets the executor apart from the cache", proves="S050~")
def test_set_apart(envrc_executor: Findings) -> None:
    """BAZEL_REMOTE_EXECUTOR is never derived from BAZEL_REMOTE_CACHE."""
    assert envrc_executor.holds


@clause("executor.eligible-classes", "executor mode runs eligible target classes only", proves="S051~")
def test_eligible(eligible_classes: Findings) -> None:
    """config/rbe-target-eligibility.json says which are proved."""
    assert eligible_classes.holds


@clause("executor.own-authority", "no executor takes the cache for its CAS", proves="S047~")
def test_own_authority(executor_authority: Findings) -> None:
    """The RustFS-backed cache is no CAS or action-cache authority."""
    assert executor_authority.holds
