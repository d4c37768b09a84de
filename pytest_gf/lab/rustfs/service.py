"""The S3 service without its wire: who may ask what, and which handler answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from pytest_gf.honey.contract import Contract
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.faults import ALL
from pytest_gf.lab.journal import Exchange
from pytest_gf.lab.rustfs import keys, markup, sigv4
from pytest_gf.lab.rustfs.call import XML, Call, Refusal, Reply
from pytest_gf.lab.rustfs.chunked import payload_of
from pytest_gf.lab.rustfs.disk import Disk
from pytest_gf.lab.rustfs.store import Store
from pytest_gf.lab.rustfs.uploads import Uploads

VERSION, NEWER = "1.0.0-beta.7", "1.0.0-rc.3"
REGION = "us-east-1"

BUSY = Reply(
    503,
    {"Content-Type": XML, "Retry-After": "0"},
    (markup.error("SlowDown", "Please reduce your request rate."),),
    len(markup.error("SlowDown", "Please reduce your request rate.")),
    "SlowDown",
)
NOT_READY = Reply(
    503,
    {"Content-Type": "text/plain; charset=utf-8", "Retry-After": "5", "x-rustfs-readiness-pending": "iam"},
    (b"Service not ready: waiting for iam",),
    len(b"Service not ready: waiting for iam"),
    "503",
)
"""What RustFS answers to all but /health in its first second."""

Handler = Callable[["Service", Call], Reply]


class Service:
    """One emulated RustFS: its disk, its identities (access key → secret key), the bends that are on."""

    def __init__(self, data: Path, identities: Mapping[str, str], contract: Contract, bends: Bends) -> None:
        self.disk = Disk(data)
        self.store = Store(self.disk)
        self.uploads = Uploads(self.disk)
        self.identities = dict(identities)
        self.service_keys: dict[str, str] = {}
        """The identities of the lab's services that store their data here. Faults of the run's own credential spare them."""
        self.contract = contract
        self.bends = bends
        self.id = secrets.token_hex(8)
        self.starting = False
        self.busy = 0
        """How many ListBuckets are still refused by SlowDown."""
        self.listing_fails = False
        self._handlers = _handlers()

    def answer(self, call: Call, exchange: Exchange) -> Reply:
        """Answer a call, a refusal as S3's XML; notes in ``exchange`` whether a signature was accepted."""
        try:
            reply = self._health(call) or (NOT_READY if self.starting else self._admit(call, exchange))
        except Refusal as refused:
            reply = Reply.of(markup.error(refused.code, refused.message), status=refused.status, code=refused.code)
        return Reply(reply.status, reply.headers, code=reply.code) if call.method == "HEAD" and reply.code else reply

    def stack_of(self, call: Call, suffix: str = "") -> str:
        """Return the stack whose state (or what lies beside it, with this suffix) the call names, or ""."""
        stacks = self.contract.stacks.items()
        return next((name for name, where in stacks if (where.bucket, where.key + suffix) == call.resource), "")

    def _admit(self, call: Call, exchange: Exchange) -> Reply:
        signed = sigv4.check(call, self.service_keys | self.identities)
        if signed is not None and signed.access_key in self.identities and self.bends.on("clock-checked"):
            raise Refusal(403, "RequestTimeTooSkewed", "The difference between the request time and ours is too large.")
        exchange.authenticated = signed is not None
        operation = exchange.operation
        action = ACTIONS.get(operation)
        reading = action in READS and self.bends.on("anonymous-allowed", call.bucket or ALL)
        reading = reading or (operation == "ListBuckets" and self.bends.on("anonymous-lists"))
        if signed is None and not reading:
            raise Refusal(403, "AccessDenied", "Access Denied")
        served = signed is not None and signed.access_key in self.service_keys
        if signed is not None and not served and self._forbidden(action or ALL, call.bucket):
            raise Refusal(403, "AccessDenied", "Access Denied")
        if self.newer and self.disk.offline:
            raise Refusal(500, "InternalError", "erasure write quorum")
        if action == "GetObject" and self.bends.on("lock-unreadable", self.stack_of(call, ".tflock")):
            raise Refusal(403, "AccessDenied", "Access Denied")
        if action is None:
            raise Refusal(501, "NotImplemented", f"The lab does not implement {operation}.")
        sigv4.check_payload(call)
        payload, trailers = payload_of(call, signed)
        whole = Call(call.method, call.path, call.query, (*call.headers, *trailers.items()), payload)
        keys.check(call.key)
        return self._handlers[operation](self, whole)

    @property
    def newer(self) -> bool:
        """Whether this plays a RustFS of June 2026 or later."""
        return self.bends.argument("rustfs-version") == "newer"

    def may_see(self, call: Call, bucket: str) -> bool:
        """Tell whether ListBuckets shows a bucket to this caller. It leaves out those that the caller has no right to."""
        signed = sigv4.check(call, self.service_keys | self.identities)
        if signed is None or signed.access_key in self.service_keys:
            return True
        all_mine = not self.bends.on("forbidden", "ListBuckets")
        return not self.bends.on("forbidden-bucket", bucket) and (all_mine or not self._forbidden("HeadBucket", bucket))

    def _forbidden(self, action: str, bucket: str) -> bool:
        """Tell whether the run's identity lacks the right; ListBuckets is never refused, and HEAD needs the listing's right."""
        if action == "ListBuckets":
            return False
        needs = LISTING if action in LISTING else {action}
        return self.bends.on("forbidden-bucket", bucket) or any(self.bends.on("forbidden", right) for right in needs)

    def _health(self, call: Call) -> Reply | None:
        if call.path.startswith("/health") and self.bends.on("health-strange"):
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if call.path in {"/health", "/health/live", "/health/ready"}:
            probing = call.path == "/health/ready"
            down = self.disk.offline or self.bends.on("not-ready") or self.starting
            ready = not (probing and down)
            said: dict[str, object] = {"status": "ok" if ready else "degraded", "ready": ready}
            if not self.bends.on("health-minimal"):
                said |= {"service": "rustfs", "version": NEWER if self.newer else VERSION, "uptime": 60}
            if not self.bends.on("health-minimal") and probing:
                storage = {"status": "connected" if ready else "disconnected", "ready": ready}
                said["details"] = {"storage": storage, "iam": {"status": "connected", "ready": True}}
            said |= {} if probing else {"lab": self.id}
            return Reply.of(msgspec.json.encode(said), "application/json", 200 if ready else 503)
        if call.path.startswith("/minio/health/") or call.path == "/metrics":
            raise Refusal(403, "AccessDenied", "Access Denied")
        return None


ACTIONS: Mapping[str, str] = {
    "ListBuckets": "ListBuckets",
    "HeadBucket": "HeadBucket",
    "GetBucketLocation": "HeadBucket",
    "GetBucketVersioning": "HeadBucket",
    "PutBucketVersioning": "CreateBucket",
    "CreateBucket": "CreateBucket",
    "DeleteBucket": "DeleteBucket",
    "ListObjects": "ListObjects",
    "ListObjectsV2": "ListObjects",
    "ListObjectVersions": "ListObjects",
    "GetObject": "GetObject",
    "HeadObject": "HeadObject",
    "PutObject": "PutObject",
    "DeleteObject": "DeleteObject",
    "DeleteObjects": "DeleteObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "PutObject",
}
"""The right that each operation needs, in the words of the fault ``forbidden``."""

LISTING = {"HeadBucket", "ListObjects"}
"""What the one right s3:ListBucket allows."""
READS = {"ListBuckets", "HeadBucket", "ListObjects", "GetObject", "HeadObject"}


def _handlers() -> Mapping[str, Handler]:
    # Imported here, since the handlers' own annotations name this module.
    from pytest_gf.lab.rustfs import buckets, listing, multipart, objects

    return {
        "ListBuckets": buckets.list_buckets,
        "HeadBucket": buckets.head,
        "GetBucketLocation": buckets.location,
        "GetBucketVersioning": buckets.versioning,
        "PutBucketVersioning": buckets.set_versioning,
        "CreateBucket": buckets.create,
        "DeleteBucket": buckets.delete,
        "ListObjects": listing.version_1,
        "ListObjectsV2": listing.version_2,
        "ListObjectVersions": listing.versions,
        "GetObject": objects.get,
        "HeadObject": objects.head,
        "PutObject": objects.put,
        "DeleteObject": objects.delete,
        "DeleteObjects": objects.delete_many,
        "CreateMultipartUpload": multipart.create,
        "UploadPart": multipart.upload_part,
        "CompleteMultipartUpload": multipart.complete,
        "AbortMultipartUpload": multipart.abort,
    }
