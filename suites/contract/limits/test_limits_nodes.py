"""Contract section "HA And Durability Limits": what goes with which node."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.workload import ClusterNodes

pytestmark = pytest.mark.canary


@clause("cluster.nodes-ready", "every node of the cluster reports Ready", proves="S001~ S092~")
def test_nodes_ready(cluster_nodes: ClusterNodes) -> None:
    """A dead node takes storage, or runners and caches, with it; it is no bucket-index loss."""
    assert cluster_nodes.holds
