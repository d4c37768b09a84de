"""Contract sections "State Backend" and "HA And Durability Limits": the interim shape, and strict HA beyond it."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.ha import InterimShape, Limit, Strict

pytestmark = pytest.mark.ha


@pytest.mark.canary
@clause("ha.interim-shape", "the state authority has the interim shape", proves="S110 S122~")
def test_interim_shape(interim_shape: InterimShape) -> None:
    """One replica on a bumble-bound OpenEBS ZFS claim of one writer; green here is no HA claim."""
    assert interim_shape.holds


@clause("ha.replicas", "RustFS is ready twice, on two nodes", proves="S109!")
def test_replicas(ha_replicas: Strict) -> None:
    """Expected to be red until TIN-1012 proves the implementation gate."""
    assert ha_replicas.holds


@clause("ha.volume", "RustFS's volume is not bound to one node", proves="S109!")
def test_volume(ha_volume: Strict) -> None:
    """Expected to be red until TIN-1012: the volume is bumble's alone."""
    assert ha_volume.holds


@clause("ha.evidence", "strict HA has its evidence: {evidence}", proves="S109! S113!")
def test_evidence(ha_evidence: Strict) -> None:
    """Strict HA stays blocked until TIN-1026 and TIN-1017 produce it."""
    assert ha_evidence.holds


@clause("ha.limit", "{component} is not highly available, as the page says", proves="{component}")
def test_limit(ha_limit: Limit) -> None:
    """None of these systems are HA today; a change is news, and the page's sentence stale."""
    assert ha_limit.holds
