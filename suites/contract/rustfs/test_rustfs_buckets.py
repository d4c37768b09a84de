"""Contract section "RustFS bucket-index guardrail": the S3 view of the protected buckets."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.bucket import BucketAnswer
from pytest_gf.honey.observed.s3 import AnonymousView

pytestmark = pytest.mark.canary


@pytest.mark.authority
@clause("rustfs.list-buckets", "S3 list-buckets shows {bucket}", proves="S077~ S094~")
def test_list_buckets(bucket_listed: BucketAnswer) -> None:
    """The S3 API view is the OpenTofu state authority, whatever the disk says."""
    assert bucket_listed.holds


@pytest.mark.authority
@clause("rustfs.head-bucket", "S3 head-bucket finds {bucket}", proves="S094~")
def test_head_bucket(bucket_head: BucketAnswer) -> None:
    """The guard checks S3 bucket metadata."""
    assert bucket_head.holds


@pytest.mark.authority
@clause("rustfs.get-agrees", "S3 GET and ListObjectsV2 find {bucket}", proves="S077~ S094~")
def test_get_agrees(bucket_reads: BucketAnswer) -> None:
    """A HEAD carries no code: only GET and ListObjectsV2 tell NoSuchBucket from NoSuchKey."""
    assert bucket_reads.holds


@clause("rustfs.anonymous-refused", "S3 refuses whoever has no credential", proves="S016~")
def test_anonymous_refused(anonymous_view: AnonymousView) -> None:
    """RustFS is an internal storage plane: it answers nothing to the anonymous."""
    assert anonymous_view.holds
