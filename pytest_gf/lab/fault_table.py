"""The table of the lab's faults: what can be bent, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_gf.lab import model
from pytest_gf.lab.attic import known as attic

Kind = Literal[
    "bucket",
    "stack",
    "action",
    "milliseconds",
    "text",
    "url",
    "folder",
    "node",
    "right",
    "cut",
    "number",
    "defect",
    "action-defect",
    "ending",
    "stray",
    "candidate",
    "component",
    "way",
    "shape",
    "version",
    "beside",
    "trouble",
    "data-volume",
    "volume-shape",
    "sharing",
]

ALL = "all"


@dataclass(frozen=True)
class Fault:
    """One bend of the lab: its name, the kind of its argument, what it does, and the argument if none is given."""

    name: str
    argument: Kind | None
    about: str
    default: str | None = None


_STORE = (
    Fault(
        "bucket-index-lost", "bucket", "the S3 API loses the bucket while both its disk markers stay and ready says 200"
    ),
    Fault(
        "disk-offline",
        None,
        "RustFS takes the disk for offline: the API shows no bucket, and ready says 503",
    ),
    Fault("disk-stalled", "milliseconds", "as disk-offline, for so long; then the disk is back by itself", "48000"),
    Fault("data-unreadable", None, "/data can't be read: an empty listing, NoSuchBucket, and ready says 200"),
    Fault("bucket-moved", "bucket", "/data/BUCKET is moved away; its metadata stays"),
    Fault("bucket-symlink", "bucket", "/data/BUCKET becomes a symlink to its folder"),
    Fault("bucket-file", "bucket", "/data/BUCKET becomes a plain file"),
    Fault("objects-removed", "bucket", "all objects are removed below /data/BUCKET"),
    Fault("metadata-removed", "bucket", "/data/.rustfs.sys/buckets/BUCKET is removed"),
    Fault("system-unreadable", None, "/data/.rustfs.sys can't be read: reads work, writes answer 500"),
    Fault("foreign-folder", "folder", "a folder made by hand lies in /data"),
    Fault("bucket-deleted", "bucket", "the bucket is truly gone, both markers too"),
    Fault("disk-full", None, "no space is left: reads work, writes answer 500"),
    Fault(
        "bucket-unreadable",
        "bucket",
        "/data/BUCKET has mode 000: the bucket is listed, HEAD answers 200, reads answer 403",
    ),
    Fault("bucket-ghost", "bucket", "/data/BUCKET is moved away, and S3 lists and reads the bucket as before"),
    Fault("temporary-missing", None, "/data/.rustfs.sys/tmp is gone: DeleteBucket answers 204, and the bucket stays"),
    Fault(
        "rustfs-version",
        "version",
        "RustFS is of this VERSION: versions differ in what an offline disk or a mount over /data shows",
        "newer",
    ),
)
_RIGHTS = (
    Fault("wrong-secret", None, "the server knows another secret: SignatureDoesNotMatch"),
    Fault("unknown-key", None, "the server does not know the access key: InvalidAccessKeyId"),
    Fault("forbidden", "action", "the accepted identity lacks the right to ACTION: AccessDenied", ALL),
    Fault("anonymous-lists", None, "ListBuckets alone is answered without a credential"),
    Fault(
        "forbidden-bucket",
        "bucket",
        "the identity has no right to BUCKET: ListBuckets leaves it out, all else answers 403",
    ),
    Fault("clock-checked", None, "signatures are refused for their time, as if this machine's clock were an hour late"),
    Fault("anonymous-allowed", "bucket", "one bucket, or every bucket, can be read without a credential", ALL),
)
_STATE = (
    Fault("state-missing", "stack", "the state object is gone"),
    Fault("state-cut", "stack", "half of the body is stored, with the size and the ETag of that half"),
    Fault("state-short", "stack", "fewer bytes arrive than Content-Length says"),
    Fault("state-empty", "stack", "the stored body has no bytes"),
    Fault("state-html", "stack", "the stored body is an HTML page"),
    Fault("state-not-json", "stack", "the stored body is no JSON"),
    Fault("state-version-3", "stack", "the body says version 3"),
    Fault("state-version-3-real", "stack", "the body is a version 3 state that Terraform 0.11 wrote"),
    Fault("state-no-resources", "stack", "the body has no member resources"),
    Fault("state-trailing", "stack", "bytes follow the JSON document"),
    Fault(
        "state-duplicate",
        "stack",
        "the member resources stands twice, last in another case and null: OpenTofu takes the last",
    ),
    Fault("state-data-only", "stack", "every resource is a data source, and the serial is later"),
    Fault("state-no-instances", "stack", "every resource has no instance, and the serial is later"),
    Fault("state-one-left", "stack", "one resource of three is left, and the serial is later"),
    Fault("state-attributes-text", "stack", "the attributes of every instance are text"),
    Fault("state-output-wrong", "stack", "an output's value is not of its type"),
    Fault("state-not-utf8", "stack", "a text in the body is not UTF-8, and OpenTofu reads it all the same"),
    Fault("state-odd", "stack", "the body is one that no OpenTofu writes, and that every OpenTofu reads"),
    Fault("state-large", "stack", "the body has more than 16 MiB"),
    Fault("state-of-another", "stack", "the next stack's state was put in its place"),
    Fault("state-bom", "stack", "a byte order mark precedes the JSON document"),
    Fault("state-encrypted", "stack", "the body is an encrypted state"),
    Fault("state-head-404", "stack", "HEAD of the key answers 404 while listing and GET work"),
    Fault("state-etag-wrong", "stack", "the body is altered behind an unchanged ETag"),
    Fault("state-replaced-midway", "stack", "the listing shows another body than HEAD and GET do"),
    Fault("state-rotten", "stack", "the object is rotten on disk: HEAD 200, each GET is closed before a status line"),
    Fault(
        "state-meta-broken", "stack", "the object's xl.meta is broken: HEAD and GET answer 500, the listing shows it"
    ),
    Fault("state-applied", "stack", "an apply went well, and its state is four serials later"),
    Fault("state-older-serial", "stack", "an older snapshot was put back"),
    Fault("state-other-lineage", "stack", "the state of another lineage was put in its place"),
    Fault("state-emptied", "stack", "a good state without any resource, of a later serial, was put in its place"),
    Fault("state-written-meanwhile", "stack", "another run writes the state whenever an object beside it is written"),
    Fault("errored-left", "stack", "an errored.tfstate of a later serial lies in the stack's folder of the model"),
    Fault("lock-young", "stack", "the state is locked, since a moment ago"),
    Fault("lock-stale", "stack", "the state is locked, since two days ago"),
    Fault("lock-word", "stack", "the state is locked, since two days ago, with an ID that is a word"),
    Fault("lock-future", "stack", "the state is locked, since tomorrow"),
    Fault("lock-unreadable", "stack", "the identity may not read the lock"),
    Fault("lock-garbage", "stack", "what lies in the lock's place is no lock"),
)
_SCRATCH = (
    Fault("scratch-unlisted", None, "ListBuckets never shows a bucket that is not the contract's"),
    Fault("scratch-altered", None, "an object in a bucket that is not the contract's reads back altered"),
    Fault("scratch-lingers", None, "DeleteBucket answers 204, and the bucket stays"),
    Fault("delete-empties-list", None, "DeleteBucket takes every bucket out of the API (as on 2026-05-25)"),
    Fault("object-delete-empties-list", None, "DeleteObject takes every bucket out of the API (as on 2026-05-25)"),
    Fault("scratch-rotten", None, "each GET in a bucket that is not the contract's is closed before a status line"),
    Fault("object-delete-breaks-list", None, "after DeleteObject every ListBuckets answers 500"),
    Fault("busy-after-delete", "number", "after DeleteBucket the next NUMBER ListBuckets answer 503 SlowDown"),
    Fault("listing-fails-after-delete", None, "after DeleteBucket every ListBuckets answers 500"),
    Fault("create-refused", None, "CreateBucket answers 500"),
    Fault("if-none-match-ignored", None, "a conditional PUT overwrites"),
    Fault("put-creates-bucket", None, "PutObject creates a bucket that does not exist"),
    Fault("reply-cut-after-put", None, "the object is stored, and the connection is cut before the answer"),
)
_MARKERS = (
    Fault("data-mounted-over", None, "something is mounted over /data: no folder stands there, ready says 200"),
    Fault("not-ready", None, "/health/ready answers 503 while everything else is well"),
    Fault("health-minimal", None, "/health says neither version nor service (RUSTFS_HEALTH_MINIMAL_RESPONSE_ENABLE)"),
    Fault("health-strange", None, "/health answers 404, as another S3 server would"),
    Fault("scratch-markers-missing", None, "the metadata marker of a bucket that is not the contract's never appears"),
    Fault(
        "scratch-folder-missing",
        None,
        "the folder of a bucket that is not the contract's never appears in /data, though S3 knows it",
    ),
    Fault(
        "scratch-markers-linger",
        None,
        "the metadata marker of a bucket that is not the contract's stays after the delete",
    ),
)
_CLUSTER = (
    Fault("wrong-cluster", None, "another cluster than honey answers behind the address"),
    Fault("token-expired", None, "the API server accepts no token any more: 401"),
    Fault("kubernetes-forbidden", "right", "the token lacks a right, as in kubernetes-forbidden:'create pods/exec'"),
    Fault("kubernetes-unreachable", None, "the API server's port is closed"),
    Fault("kubernetes-throttled", "number", "the first NUMBER exchanges with the API server are answered 429"),
    Fault("kubernetes-list-expires", None, "a listing's second page answers 410, once"),
    Fault("kubernetes-redirects", "url", "every exchange with the API server answers 307 to URL"),
    Fault("kubernetes-silent", None, "the API server reads requests and never answers"),
    Fault("shared-secret", "sharing", "Attic's secret key for S3 is made of another credential, in this WAY"),
    Fault("secret-missing", None, "there is no Secret of the JWT signing key"),
    Fault("deployment-missing", None, "the Deployment is gone while its pod still runs"),
    Fault("two-replicas", None, "the Deployment has two replicas, both ready"),
    Fault("image-by-tag", None, "the image is named by a tag, not by a digest"),
    Fault("pod-not-ready", None, "the pod runs and is not ready"),
    Fault("pod-restarted", None, "the pod's container was restarted a minute ago"),
    Fault("pod-pending", None, "no node takes the pod: nobody serves S3"),
    Fault("pod-elsewhere", None, "the pod runs on another node than the storage node"),
    Fault("node-down", "node", "the node does not answer; the storage node takes S3 with it"),
    Fault("pod-terminating", None, "the pod is being taken away, and no other comes"),
    Fault("pod-replaced", None, "another pod has taken the first one's place"),
    Fault("pod-beside", "beside", "a pod that is not RustFS's has the labels of RustFS's pods"),
    Fault("pod-broken", "trouble", "the pod's container does not run: nobody serves S3"),
    Fault("sidecar-first", None, "sidecars stand before RustFS's container, and one mounts /data too"),
    Fault("data-volume", "data-volume", "something other than the contract's claim is mounted at /data"),
    Fault("volume-shape", "volume-shape", "the volume behind the claim is of this SHAPE"),
    Fault("node-gone", "node", "the node has left the cluster; the storage node takes S3 with it"),
    Fault("foreign-nodes", None, "the cluster has nodes that the contract does not name"),
    Fault("cluster-mixed", None, "another cluster answers, and one of its nodes has the storage node's name"),
    Fault("namespace-empty", None, "the namespace holds none of honey's workloads"),
    Fault("component-gone", "component", "the component's workload is gone"),
    Fault("claim-pending", None, "the volume claim is not bound"),
    Fault("claim-small", None, "the volume claim is smaller than promised"),
    Fault("claim-shared", None, "the volume claim is ReadWriteMany"),
    Fault("claim-class", None, "the volume claim is of another storage class"),
    Fault("volume-elsewhere", None, "the volume is bound to another node"),
    Fault("volume-anywhere", None, "the volume can be mounted on any node"),
    Fault("component-spread", "component", "the component runs twice, on two nodes"),
    Fault("candidate", "candidate", "another store, of this kind, runs in the cluster"),
    Fault("storage-class-missing", None, "the storage class is gone"),
    Fault("storage-class-strange", None, "the storage class belongs to another provisioner than OpenEBS"),
)
_KUBELET = (
    Fault("kubelet-silent", None, "exec and port-forward are never answered"),
    Fault("kubelet-refuses", None, "the kubelet's port is closed: 500 error dialing backend"),
    Fault("container-missing", None, "exec answers 400: the container is not valid for the pod"),
    Fault("binary-missing", None, "the container has no shell: InternalError"),
    Fault("exec-exit", "number", "commands end with this exit code"),
    Fault(
        "exec-cut",
        "cut",
        "half of the output comes; then fin and rst end the connection, node says Success on v5, success always",
    ),
    Fault("exec-stalls", None, "a frame stops in the middle and never ends"),
    Fault("exec-endless", None, "the output never ends"),
    Fault("port-forward-dies", "number", "after so many bytes every port-forward is reset, and no new one begins"),
)
_WIRE = (
    Fault("unreachable", None, "the S3 port is closed"),
    Fault("latency", "milliseconds", "every exchange takes so much longer"),
    Fault("slow-headers", None, "the head of the answer drips, a byte a second, for ever"),
    Fault("half-open", None, "the request is read and never answered"),
    Fault("endless-body", None, "bodies of objects and listings never end"),
    Fault("connection-reset", None, "the connection is reset instead of an answer"),
    Fault(
        "server-error", "text", "every exchange answers 500 InternalError, with TEXT in its message", "bent by the lab"
    ),
    Fault("slow-down", None, "every exchange answers 503 SlowDown"),
    Fault(
        "starting",
        "milliseconds",
        "for so long everything but /health answers 503 Service not ready, /health/ready too",
        "600000",
    ),
    Fault("bad-gateway", None, "every exchange answers 502 with an HTML page, as a proxy does before a dead server"),
    Fault("redirect", "url", "every exchange answers 307 to URL"),
    Fault("html-everywhere", None, "every exchange answers 200 with an HTML page"),
    Fault("malformed-xml", None, "every XML answer is cut short"),
)
_ATTIC = tuple(Fault(*row) for row in attic.FAULTS)
_FLAKEHUB = (
    Fault("flakehub-unpublished", None, "FlakeHub knows no page of the flake: 404"),
    Fault("flakehub-broken", None, "FlakeHub answers 500"),
    Fault("flakehub-throttled", None, "FlakeHub answers 429 the first time"),
    Fault("flakehub-drips", None, "FlakeHub's answer comes a byte at a time, and never ends"),
)
_BAZEL = (
    Fault("bazel-blob", "defect", "the object of the largest seeded blob has this DEFECT in the bucket"),
    Fault("bazel-action", "action-defect", "the stored result of the first seeded action has this DEFECT"),
    Fault(
        "bazel-blobs-end", "ending", "reads of casblobs that are listed end in NoSuchKey, an error 500, or too early"
    ),
    Fault("bazel-stray", "stray", "an object lies where bazel-remote never looks, in this way"),
    Fault("bazel-uncompressed", None, "bazel-remote was switched to the storage mode uncompressed"),
    Fault("bazel-htpasswd", None, "bazel-remote asks for a user and a password"),
    Fault("bazel-not-ready", None, "bazel-remote answers every call with UNAVAILABLE"),
    Fault("bazel-hot-other", None, "the hot cache holds other content for the largest seeded blob"),
    Fault("bazel-hot-warm", None, "the hot cache holds every seeded blob, and hides what S3 has"),
    Fault("bazel-wrong-secret", None, "bazel-remote's own credential to S3 is wrong"),
    Fault("bazel-unknown-key", None, "S3 does not know bazel-remote's access key"),
    Fault("bazel-writes-lost", None, "writes are acknowledged, and never reach S3"),
    Fault("bazel-write-altered", None, "other bytes than those that were written reach S3"),
    Fault("bazel-write-refused", None, "writes are refused: INTERNAL"),
    Fault("bazel-read-short", "number", "ByteStream reads end after NUMBER bytes, and say OK"),
    Fault("bazel-miss-error", None, "a miss is INTERNAL, not NOT_FOUND"),
    Fault("bazel-no-sha256", None, "the cache knows no SHA256"),
    Fault("bazel-no-zstd", None, "the cache compresses nothing on the wire"),
    Fault("bazel-no-ac-update", None, "the cache takes no results of actions"),
    Fault("bazel-execution", None, "the endpoint offers remote execution"),
    Fault("bazel-exposed", "way", "the Bazel cache can be reached from outside of the cluster, in this WAY"),
    Fault("rustfs-exposed", "way", "RustFS can be reached from outside of the cluster, in this WAY"),
    Fault("bazel-shape", "shape", "bazel-remote's Deployment or Service has this SHAPE instead of the contract's"),
    Fault("bazel-silent", None, "bazel-remote reads requests and never answers"),
    Fault("bazel-unreachable", None, "bazel-remote's ports are closed"),
)

_MODEL = tuple(Fault(name, None, about) for name, about in model.faults().items())
_EVERY = (
    *_STORE,
    *_RIGHTS,
    *_STATE,
    *_SCRATCH,
    *_MARKERS,
    *_CLUSTER,
    *_KUBELET,
    *_WIRE,
    *_ATTIC,
    *_FLAKEHUB,
    *_BAZEL,
    *_MODEL,
)
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _EVERY}
