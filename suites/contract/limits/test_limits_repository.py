"""Contract sections "Current Contract" and "HA And Durability Limits": what the checkout may claim."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.repository


@clause("acceleration.flakehub-publishes", "FlakeHub is no substituter in the checkout", proves="S004~")
def test_flakehub_publishes(repository_substituters: Findings) -> None:
    """FlakeHub is publication and discovery only."""
    assert repository_substituters.holds


@clause("acceleration.no-cache-release", "no release goes to Attic or the Bazel cache", proves="S002~")
def test_no_cache_release(release_targets: Findings) -> None:
    """Attic and Bazel are acceleration layers, no publication surfaces."""
    assert release_targets.holds


@clause("acceleration.claims", "no document claims full remote execution", proves="S007~")
def test_claims(execution_claims: Findings) -> None:
    """Narrow explicit REAPI proofs for selected target classes, and no more."""
    assert execution_claims.holds


@clause("contract.page-agrees", "the contract document agrees with the data", proves="S009~")
def test_page_agrees(contract_page: Findings) -> None:
    """One promise, said once: a changed address, key or stack is told by both names."""
    assert contract_page.holds


@clause("credentials.rotation", "each kind of credential has a rotation rule", proves="S026~")
def test_rotation(rotation_rules: Findings) -> None:
    """Separate artifacts with separate rotation rules."""
    assert rotation_rules.holds


@clause("credentials.one-kind", "no variable is two kinds of credential", proves="S025~")
def test_one_kind(credential_kinds: Findings) -> None:
    """Cache signing keys, JWT signing keys, ATTIC_TOKEN and S3 credentials are separate artifacts in every file, too."""
    assert credential_kinds.holds
