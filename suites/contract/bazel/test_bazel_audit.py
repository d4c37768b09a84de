"""Contract section "Bazel contract": every object that lies in bazel-cache, on demand (`pytest -m audit`, docs/audit.md)."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.audit import AuditedBucket, AuditServed, Outside, ShardAudit

pytestmark = pytest.mark.audit


@clause("bazel.audit-bucket", "the bucket of the Bazel cache is there to be audited", proves="S041~")
def test_bucket(audit_bucket: AuditedBucket) -> None:
    """The cache persists through its bucket; an absent one, or one that is half lost, is no empty one."""
    assert audit_bucket.holds


@clause("bazel.audit-shard", "all that lies below {shard}/ is what its key says", proves="S043~")
def test_shard(audit_shard: ShardAudit) -> None:
    """Payloads are decoded and hashed, and what a result of an action names is there."""
    assert audit_shard.holds


@clause("bazel.audit-outside", "no blob lies where bazel-remote never looks for it", proves="S041~")
def test_outside(audit_outside: Outside) -> None:
    """Keys below cas.v2/, cas/ and ac/ lie in the folder of their first two digits; other folders are counted alone."""
    assert audit_outside.holds


@clause("bazel.audit-served", "gRPC gives what the audit read as it lies in S3", proves="S043~")
def test_served(audit_served: AuditServed) -> None:
    """Bazel meets no digest mismatch: the hot cache is neither wrong, nor does it hide what is."""
    assert audit_served.holds
