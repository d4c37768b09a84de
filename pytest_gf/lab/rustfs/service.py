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
from pytest_gf.lab.rustfs import markup, sigv4
from pytest_gf.lab.rustfs.call import Call, Refusal, Reply
from pytest_gf.lab.rustfs.chunked import payload_of
from pytest_gf.lab.rustfs.disk import Disk
from pytest_gf.lab.rustfs.store import Store
from pytest_gf.lab.rustfs.uploads import Uploads

VERSION = "1.0.0-beta.7"
REGION = "us-east-1"

Handler = Callable[["Service", Call], Reply]


class Service:
    """One emulated RustFS: its disk, its identities (access key → secret key), the bends that are on."""

    def __init__(self, data: Path, identities: Mapping[str, str], contract: Contract, bends: Bends) -> None:
        self.disk = Disk(data)
        self.store = Store(self.disk)
        self.uploads = Uploads(self.disk)
        self.identities = dict(identities)
        self.servants: dict[str, str] = {}
        """The identities of the services that lie on this one; faults of the run's own credential leave them alone."""
        self.contract = contract
        self.bends = bends
        self.id = secrets.token_hex(8)
        self._handlers = _handlers()

    def answer(self, call: Call, exchange: Exchange) -> Reply:
        """Answer a call, a refusal as S3's XML; notes in ``exchange`` whether a signature was accepted."""
        try:
            reply = self._health(call) or self._admit(call, exchange)
        except Refusal as refused:
            reply = Reply.of(markup.error(refused.code, refused.message), status=refused.status, code=refused.code)
        return Reply(reply.status, reply.headers, code=reply.code) if call.method == "HEAD" and reply.code else reply

    def stack_of(self, call: Call, suffix: str = "") -> str:
        """Return the stack whose state (or what lies beside it, with this suffix) the call names, or ""."""
        stacks = self.contract.stacks.items()
        return next((name for name, where in stacks if (where.bucket, where.key + suffix) == call.resource), "")

    def _admit(self, call: Call, exchange: Exchange) -> Reply:
        signed = sigv4.check(call, self.servants | self.identities)
        exchange.authenticated = signed is not None
        operation = exchange.operation
        action = ACTIONS.get(operation)
        reading = action in READS and self.bends.on("anonymous-allowed", call.bucket or ALL)
        if signed is None and not reading:
            raise Refusal(403, "AccessDenied", "Access Denied")
        served = signed is not None and signed.access_key in self.servants
        if signed is not None and not served and self.bends.on("forbidden", action or ALL):
            raise Refusal(403, "AccessDenied", "Access Denied")
        if action == "GetObject" and self.bends.on("lock-unreadable", self.stack_of(call, ".tflock")):
            raise Refusal(403, "AccessDenied", "Access Denied")
        if action is None:
            raise Refusal(501, "NotImplemented", f"The lab does not implement {operation}.")
        sigv4.check_payload(call)
        payload, trailers = payload_of(call, signed)
        whole = Call(call.method, call.path, call.query, (*call.headers, *trailers.items()), payload)
        return self._handlers[operation](self, whole)

    def _health(self, call: Call) -> Reply | None:
        if call.path.startswith("/health") and self.bends.on("health-strange"):
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if call.path in {"/health", "/health/live"}:
            said = {"service": "rustfs", "status": "ok", "version": VERSION, "lab": self.id}
            return Reply.of(msgspec.json.encode(said), "application/json")
        if call.path == "/health/ready":
            ready = not self.disk.offline and not self.bends.on("not-ready")
            said = {
                "service": "rustfs",
                "status": "ok" if ready else "degraded",
                "version": VERSION,
                "ready": str(ready).lower(),
            }
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
