"""Contract section "Bazel contract": a key of the cache is deleted on purpose. `pytest -m cache_delete`, confirmed."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.bucket import ListAfter

pytestmark = pytest.mark.cache_delete


@clause("bazel.list-after-delete", "ListBuckets is whole after a delete from the cache", proves="S044")
def test_list_after_delete(buckets_after_cache_delete: ListAfter) -> None:
    """Deleting a key of the cache leaves list-buckets whole; on 2026-05-25 it emptied it. The key is this run's own."""
    assert buckets_after_cache_delete.holds
