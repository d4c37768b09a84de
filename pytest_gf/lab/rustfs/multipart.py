"""The S3 operations of multipart uploads."""

from __future__ import annotations

from pytest_gf.lab.rustfs import checksums, markup
from pytest_gf.lab.rustfs.call import Call, Reply
from pytest_gf.lab.rustfs.objects import check_conditions, kept_headers
from pytest_gf.lab.rustfs.service import Service
from pytest_gf.lab.rustfs.store import Version
from pytest_gf.lab.rustfs.uploads import Begun


def create(service: Service, call: Call) -> Reply:
    """Answer CreateMultipartUpload."""
    identity = service.uploads.begin(Begun(call.bucket, call.key, kept_headers(call)))
    nodes = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", identity)]
    return Reply.of(markup.document("InitiateMultipartUploadResult", nodes))


def upload_part(service: Service, call: Call) -> Reply:
    """Answer UploadPart."""
    identity = call.params["uploadId"]
    service.uploads.begun(identity, call.bucket, call.key)
    sums = checksums.verified(call, call.body)
    etag = service.uploads.add(identity, call.params.get("partNumber", ""), call.body)
    return Reply(headers={"ETag": f'"{etag}"'} | {f"{checksums.PREFIX}{name}": value for name, value in sums.items()})


def complete(service: Service, call: Call) -> Reply:
    """Answer CompleteMultipartUpload: the parts become one object, in one rename."""
    identity = call.params["uploadId"]
    begun = service.uploads.begun(identity, call.bucket, call.key)
    parts = markup.read_parts(call.body)
    check_conditions(service, call)
    joined, etag, size = service.uploads.join(identity, parts)
    service.store.put(call.bucket, call.key, joined, Version(size=size, etag=etag, headers=begun.headers))
    service.uploads.end(identity)
    nodes = [("Bucket", call.bucket), ("Key", call.key), ("ETag", f'"{etag}"')]
    return Reply.of(markup.document("CompleteMultipartUploadResult", nodes))


def abort(service: Service, call: Call) -> Reply:
    """Answer AbortMultipartUpload."""
    service.uploads.begun(call.params["uploadId"], call.bucket, call.key)
    service.uploads.end(call.params["uploadId"])
    return Reply(204)
