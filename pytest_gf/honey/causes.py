"""The kinds of causes that honey's clauses name, each with what it is. A value's trouble names one of them, with its subject."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    # S3 and its disk
    "s3-not-ready": "RustFS says that it is not ready",
    "anonymous-reads": "S3 answers somebody without a credential",
    "bucket-index-loss": "S3 does not know a bucket whose folder stands on disk",
    "bucket-gone": "a bucket's folder is gone from the disk",
    "disk-offline": "RustFS holds its disk for offline",
    "permissions-or-mount": "RustFS can't read its data folder, or something is mounted over it",
    "s3-fails": "S3 answers with errors of its own",
    "object-unreadable": "S3 gives one object to nobody, and everything else",
    # the cluster
    "wrong-cluster": "this is another cluster than the contract's",
    "storage-node-down": "the node that holds the disk is down",
    "node-down": "a node of the cluster is down, and the disk is not on it",
    "wrong-namespace": "the namespace holds none of the contract's workloads",
    "workload-gone": "a Deployment is gone",
    "pod-down": "a Deployment has no pod that is ready",
    "not-one-replica": "RustFS runs in more or fewer than one replica",
    "image-not-pinned": "an image is not pinned by its digest",
    "pod-elsewhere": "RustFS runs on another node than the one that holds its disk",
    "claim-wrong": "RustFS's data lies on no claim as promised",
    "volume-wrong": "the volume behind RustFS's claim is not as promised",
    "exposed": "a Service can be reached from outside of the cluster",
    "endpoint-wrong": "runners do not find the cache at the address that they are promised",
    "interim-shape": "the state authority has another shape than the contract describes",
    "strict-ha": "a demand of strict HA is not met",
    "inventory-incomplete": "the inventory does not show the current state authority",
    # caches
    "bucket-not-read": "the bucket of the cache can't be listed",
    "cache-fails": "bazel-remote answers with errors of its own",
    "cache-credential": "S3 does not accept bazel-remote's own credential",
    "cache-lacks": "the cache does not offer what Bazel needs",
    "cache-executes": "the cache offers remote execution",
    "cache-invents": "the cache claims to have a blob that nobody wrote",
    "cache-misplaced": "the cache keeps its blobs elsewhere than the contract says",
    "write-lost": "a blob was acknowledged and did not reach the bucket",
    "hot-cache-wrong": "bazel-remote gives other bytes than S3 holds",
    "blob-misplaced": "a blob lies where bazel-remote never looks",
    "dangling-result": "a result of an action names a blob that is not there",
    "archive-cut": "an archive of the Nix cache does not stream whole",
    "digest-mismatch": "a cached blob is not what its name says",
    # a checkout, and the machine
    "document-pushes": "a document tells to push past the gate",
    "canary-workflow": "the workflow of the canary is not as promised",
    "stack-backend": "a stack keeps its state elsewhere, or another way, than promised",
    "attachment": "the checkout attaches a machine in another way than promised",
    "machine-settings": "a variable of this machine names another cache",
    "dead-address": "an address that is out of contract is in use",
    "topology-named": "a public document names private topology",
    "flakehub-reads": "FlakeHub is a substituter",
    "cache-release": "a release goes to a cache",
    "execution-claimed": "a document claims full remote execution",
    "not-eligible": "a target class runs remotely that is not proved to be eligible",
    "executor-shared": "an executor is not set apart from the cache",
    "no-rotation": "a kind of credential has no rotation rule of its own",
    "page-stale": "the contract's page says something else than what is so",
    "workflow-pushes": "a workflow may write to the cache where it must not",
    # anything else
    "not-as-promised": "something differs from the contract",
}
"""By kind, in a few words. A kind that is not here fails a test."""
