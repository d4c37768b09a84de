"""Contract sections "Cache surfaces" and "RustFS bucket-index guardrail": RustFS's workload, volume and readiness."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.exposure import Exposure
from pytest_gf.honey.observed.storage import Volume, VolumeClaim
from pytest_gf.honey.observed.workload import Placement, Readiness, RustFS, StorageNode

pytestmark = pytest.mark.canary


@pytest.mark.guard
@clause("rustfs.workload-ready", "RustFS runs as one ready replica, pinned by digest", proves="S092~ S110~ S012~")
def test_workload_ready(rustfs: RustFS) -> None:
    """The guard checks RustFS workload health; one replica is the interim shape."""
    assert rustfs.holds


@clause("rustfs.node-ready", "the storage node reports Ready", proves="S092~")
def test_node_ready(storage_node: StorageNode) -> None:
    """A dead storage node is no bucket-index loss (2026-05-11)."""
    assert storage_node.holds


@clause("rustfs.pod-on-bumble", "RustFS's pod runs on the storage node", proves="S017~ S110~")
def test_pod_on_bumble(rustfs_node: Placement) -> None:
    """RustFS is OpenEBS-backed object storage on bumble."""
    assert rustfs_node.holds


@clause("rustfs.volume-bound", "RustFS's claim is bound, of one writer, of the promised class", proves="S017~ S110~")
def test_volume_bound(claim: VolumeClaim) -> None:
    """The interim shape is a ReadWriteOnce claim of the bumble-bound OpenEBS ZFS class."""
    assert claim.holds


@clause("rustfs.volume-node", "RustFS's volume is the storage node's, made by OpenEBS", proves="S017~ S110~ S125~")
def test_volume_node(volume: Volume) -> None:
    """The volume is bound to bumble: losing that node takes the storage with it."""
    assert volume.holds


@clause("rustfs.not-exposed", "nothing leads to RustFS from outside", proves="S016~")
def test_not_exposed(rustfs_exposure: Exposure) -> None:
    """RustFS is not user-facing: no ingress, no route, no public name. Attic's own HTTPS ingress leads to Attic."""
    assert rustfs_exposure.holds


@clause("rustfs.ready-endpoint", "RustFS says that it is ready", proves="S079~ S092~")
def test_ready_endpoint(readiness: Readiness) -> None:
    """Ready is necessary and not sufficient: 503 beside an empty listing is a disk that RustFS holds for offline."""
    assert readiness.holds
