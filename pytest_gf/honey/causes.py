"""The kinds of causes that honey's clauses name, each with what it is. A value's trouble names one of them, with its subject."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    # S3 and its disk
    "bucket-index-loss": "S3 does not know a bucket whose folder stands on disk",
    "bucket-gone": "a bucket's folder is gone from the disk",
    "disk-offline": "RustFS holds its disk for offline",
    "permissions-or-mount": "RustFS can't read its data folder, or something is mounted over it",
    "bucket-folder-replaced": "something else stands in the place of a bucket's folder on disk",
    "bucket-metadata-gone": "a bucket's metadata is gone from the disk, and its folder stands",
    "bucket-index-out-of-step": "the bucket index does not follow what S3 says that it did",
    "s3-fails": "S3 answers with errors of its own",
    "s3-writes-fail": "S3 does not take a write or a delete, and reads are well",
    "right-missing": "S3 accepts an identity and refuses what it must be able to do",
    "write-lost": "S3 or a cache confirmed a write, and it is not there",
    "object-altered": "S3 gives other bytes than were written",
    "object-unreadable": "S3 gives one object to nobody, and everything else",
    # OpenTofu's state
    "state-object-missing": "a stack's state object is not where it must be",
    "state-body-damaged": "a stack's state does not arrive as it was written",
    "state-is-none": "a stack's state object holds nothing that OpenTofu goes on from",
    "state-replaced": "another state, or an older one, stands in the place of a stack's",
    "state-resources-gone": "a stack's state lost some of its instances",
    "state-written-meanwhile": "somebody wrote to a stack's state while this run looked",
    "lock-left": "a lock lies on a stack's state, and no run holds it",
    "apply-unfinished": "an apply could not save its state: an errored.tfstate waits",
    # the cluster
    "wrong-cluster": "this is another cluster than the contract's",
    "storage-node-down": "the node that holds the disk is down",
    "pod-down": "no pod serves S3",
    "evidence-lost": "a restart came before the evidence was kept",
    # caches
    "no-nix-cache": "what answers at Attic's address is no Nix cache",
    "cache-private": "the Nix cache asks for a token where anybody may read",
    "anonymous-allowed": "somebody without a credential may do what needs one",
    "two-caches": "Attic's two surfaces are two caches",
    "other-key": "the Nix cache publishes another key than the pinned one",
    "not-signed": "a narinfo carries no good signature of the pinned key",
    "miss-not-clean": "a cache answers something else than a miss to what it can't have",
    "other-address": "the target names another address or cache than the contract",
    "sends-elsewhere": "the Nix cache sends its clients to an address that nobody promised",
    "cache-stores-elsewhere": "a cache writes to another bucket than the contract's",
    "path-missing": "the Nix cache does not have a path",
    "archive-altered": "an archive of the Nix cache came whole, and is another than its narinfo says",
    "archive-cut": "an archive of the Nix cache does not stream whole",
    "digest-mismatch": "a cached blob is not what its name says",
    # a checkout
    "workflow-pushes": "a workflow may write to the cache where it must not",
    # outside
    "page-missing": "a public page does not answer",
    # anything else
    "not-as-promised": "something differs from the contract",
}
"""By kind, in a few words. A kind that is not here fails a test."""
