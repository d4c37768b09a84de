"""Contract section "Bazel contract": the remote cache, as gRPC shows it and as its bucket holds it.

Health, /status and FindMissingBlobs stay well under every fault of its S3 (docs/systems.md): none of them makes a clause hold.
"""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.bazel import CacheMiss, CacheSurface, WrittenBlob
from pytest_gf.honey.observed.blobs import ServedBlobs, StoredBlobs

pytestmark = pytest.mark.canary


@clause("bazel.capabilities", "the cache offers SHA256, ZSTD and updates of actions, no execution", proves="S013~")
def test_capabilities(bazel_surface: CacheSurface) -> None:
    """The remote cache answers at its address, and can do what Bazel needs of it."""
    assert bazel_surface.holds


@clause("bazel.miss-is-clean", "a blob that nobody wrote is a clean miss", proves="S124~")
def test_miss_is_clean(bazel_miss: CacheMiss) -> None:
    """A cache miss slows work and fails nothing: it is NOT_FOUND, and no error."""
    assert bazel_miss.holds


@clause("bazel.write-through", "a blob written by gRPC reaches the bucket", proves="S041 S014~ S123~")
def test_write_through(bazel_written: WrittenBlob) -> None:
    """Writes are acknowledged before S3 has them, and lost in silence where it refuses: so it is looked for there."""
    assert bazel_written.holds


@clause("bazel.cas-digest", "blobs in the bucket decode, and hash to their keys", proves="S043~")
def test_cas_digest(stored_blobs: StoredBlobs) -> None:
    """A sample of the bucket; bazel-remote never hashes what it reads, so nobody else sees a wrong blob."""
    assert stored_blobs.holds


@clause("bazel.serves-what-it-stores", "gRPC gives the blobs that the bucket holds", proves="S043~")
def test_serves_what_it_stores(served_blobs: ServedBlobs) -> None:
    """The sample of bazel.cas-digest, read by ByteStream and hashed: Bazel meets no digest mismatch."""
    assert served_blobs.holds
