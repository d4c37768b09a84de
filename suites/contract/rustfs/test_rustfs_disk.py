"""Contract section "RustFS bucket-index guardrail": the disk's half of each bucket, and of the scratch bucket."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.bucket import BucketOnDisk
from pytest_gf.honey.observed.disk import Markers, ScratchMarkers, ScratchMarkersGone

pytestmark = pytest.mark.canary


@pytest.mark.authority
@clause("rustfs.disk-markers", "the disk shows both markers of {bucket}", proves="S093")
def test_disk_markers(disk_markers: Markers) -> None:
    """The guard checks disk bucket markers when pod exec is available; alone they are no proof."""
    assert disk_markers.holds


@pytest.mark.authority
@clause("rustfs.api-disk-coherent", "S3 and the disk agree on {bucket}", proves="S077")
def test_api_disk_coherent(bucket_on_disk: BucketOnDisk) -> None:
    """The bucket-index loss: S3 does not know a bucket whose folders stand on disk."""
    assert bucket_on_disk.holds


@clause("rustfs.scratch-markers-appear", "the scratch bucket's markers appear on disk", proves="S100~")
def test_scratch_markers_appear(scratch_markers: ScratchMarkers) -> None:
    """An isolated bucket appears in the API and in the disk markers."""
    assert scratch_markers.holds


@clause("rustfs.scratch-markers-vanish", "the scratch bucket's markers vanish after the delete", proves="S101")
def test_scratch_markers_vanish(scratch_markers_gone: ScratchMarkersGone) -> None:
    """Strict: the disk markers disappear after the API delete."""
    assert scratch_markers_gone.holds
