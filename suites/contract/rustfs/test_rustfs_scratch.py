"""Contract section "RustFS bucket-index guardrail": the scratch probe, the API's side."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.bucket import ListAfter
from pytest_gf.honey.observed.scratch import ScratchBucket, ScratchGone, ScratchObject

pytestmark = pytest.mark.canary


@clause("rustfs.scratch-appears", "a scratch bucket appears in S3", proves="S100~")
def test_scratch_appears(scratch_appeared: ScratchBucket) -> None:
    """The scratch probe creates an isolated bucket without touching OpenTofu state objects."""
    assert scratch_appeared.holds


@clause("rustfs.scratch-readable", "an object in the scratch bucket reads back as written", proves="S100~")
def test_scratch_readable(scratch_object: ScratchObject) -> None:
    """Normal coherence is proved by writing and reading what nobody else holds."""
    assert scratch_object.holds


@clause("rustfs.list-after-delete", "ListBuckets is whole after a key's delete", proves="S044~")
def test_list_after_delete(scratch_emptied: ListAfter) -> None:
    """Deleting a key leaves list-buckets whole; on 2026-05-25 it did not. Shown on a key of the scratch bucket."""
    assert scratch_emptied.holds


@clause("rustfs.scratch-gone", "the scratch bucket is gone from S3, and nothing else is", proves="S100~")
def test_scratch_gone(scratch_gone: ScratchGone) -> None:
    """The protected buckets are still listed after the delete of ours."""
    assert scratch_gone.holds
