"""The kinds of causes that honey's clauses name, each with what it is. A value's trouble names one of them, with its subject."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    # S3 and its disk
    "bucket-index-loss": "S3 does not know a bucket whose folder stands on disk",
    "bucket-gone": "a bucket's folder is gone from the disk",
    "disk-offline": "RustFS holds its disk for offline",
    "permissions-or-mount": "RustFS can't read its data folder, or something is mounted over it",
    "s3-fails": "S3 answers with errors of its own",
    "object-unreadable": "S3 gives one object to nobody, and everything else",
    # the cluster
    "wrong-cluster": "this is another cluster than the contract's",
    "storage-node-down": "the node that holds the disk is down",
    # caches
    "archive-cut": "an archive of the Nix cache does not stream whole",
    "digest-mismatch": "a cached blob is not what its name says",
    "push-refused": "Attic did not take what was pushed",
    "write-gate-open": "somebody may push who must not",
    "write-gate-locked": "whoever should push may not",
    "token-too-strong": "a token may do more, or for longer, than the contract says",
    # a checkout
    "workflow-pushes": "a workflow may write to the cache where it must not",
    # anything else
    "not-as-promised": "something differs from the contract",
}
"""By kind, in a few words. A kind that is not here fails a test."""
