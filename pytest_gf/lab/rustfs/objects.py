"""The S3 operations on objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from pytest_gf.lab.rustfs import bending, checksums, markup
from pytest_gf.lab.rustfs.buckets import http_date
from pytest_gf.lab.rustfs.call import Call, Refusal, Reply
from pytest_gf.lab.rustfs.markup import Node
from pytest_gf.lab.rustfs.service import Service
from pytest_gf.lab.rustfs.store import NULL, Version

_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def kept_headers(call: Call) -> dict[str, str]:
    """Return the headers of a request that come back with the object's body."""
    kept = {name: call.header(name) for name in _KEPT if call.header(name)}
    encodings = [encoding.strip() for encoding in kept.pop("content-encoding", "").split(",")]
    encoding = ",".join(name for name in encodings if name and name != "aws-chunked")
    kept |= {"content-encoding": encoding} if encoding else {}
    return kept | {name: value for name, value in call.headers if name.startswith("x-amz-meta-")}


def check_conditions(service: Service, call: Call) -> None:
    """Raise Refusal if what is there does not meet If-None-Match: * or If-Match."""
    current = service.store.find(call.bucket, call.key)
    exists = current is not None and not current.deleted
    unwanted = call.header("if-none-match").strip('"')
    equal = unwanted == "*" or (current is not None and unwanted == current.etag)
    if unwanted and equal and exists and not service.bends.on("if-none-match-ignored"):
        raise _unmet()
    wanted = call.header("if-match").strip('"')
    if wanted and not exists:
        raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
    if wanted and current is not None and wanted not in {"*", current.etag}:
        raise _unmet()


def _unmet() -> Refusal:
    return Refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def put(service: Service, call: Call) -> Reply:
    """Answer PutObject; a condition is checked and the object made in one step."""
    if service.bends.on("put-creates-bucket") and service.disk.presence(call.bucket) == "gone":
        service.disk.create(call.bucket)
    sums = checksums.verified(call, call.body)
    check_conditions(service, call)
    version = Version(size=len(call.body), etag=checksums.md5(call.body), headers=kept_headers(call), checksums=sums)
    made = service.store.put(call.bucket, call.key, call.body, version)
    bending.after_put(service, call)
    headers = {"ETag": f'"{made.etag}"'} | _version_header(made)
    return Reply(headers=headers | {f"{checksums.PREFIX}{name}": value for name, value in sums.items()})


def get(service: Service, call: Call) -> Reply:
    """Answer GetObject, whole or a range."""
    version = _existing(service, call)
    ending = bending.blob_ending(service, call)
    reply = _described(call, version)
    if reply.status == HTTPStatus.NOT_MODIFIED:
        return reply
    start, stop = _range(call, version.size)
    chunks = service.store.read(call.bucket, call.key, version, start, stop - start)
    if service.bends.on("scratch-altered") and call.bucket not in service.contract.buckets:
        chunks = (bytes(byte ^ 1 for byte in chunk) for chunk in chunks)
    headers = dict(reply.headers)
    if stop - start < version.size:
        # A checksum is of the whole body: S3 leaves it out of a part.
        headers = {name: value for name, value in headers.items() if not name.startswith(checksums.PREFIX)}
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
    foreign = call.bucket not in service.contract.buckets
    if service.bends.on("state-rotten", service.stack_of(call)) or (foreign and service.bends.on("scratch-rotten")):
        return Reply(0)
    short = ending == "cut" or service.bends.on("state-short", service.stack_of(call))
    return Reply(206 if "Content-Range" in headers else 200, headers, chunks, stop - start, short=short)


def head(service: Service, call: Call) -> Reply:
    """Answer HeadObject: what GetObject would say, without the body."""
    if service.disk.offline:
        raise Refusal(500, "InternalError", "The disk is offline.")
    if service.disk.unreadable:
        raise Refusal(403, "AccessDenied", "Access Denied")
    if service.bends.on("state-head-404", service.stack_of(call)):
        raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
    reply = _described(call, _existing(service, call))
    if reply.status == HTTPStatus.NOT_MODIFIED:
        raise Refusal(500, "InternalError", "Not modified")  # As measured; its GET answers 304.
    return reply


def delete(service: Service, call: Call) -> Reply:
    """Answer DeleteObject: 204, whether it was there or not."""
    service.disk.folder(call.bucket)
    wanted, current = call.header("if-match").strip('"'), service.store.find(call.bucket, call.key)
    if wanted and (current is None or wanted not in {"*", current.etag}):
        raise _unmet()
    gone = service.store.delete(call.bucket, call.key, call.params.get("versionId", ""))
    service.listing_fails = service.bends.on("object-delete-breaks-list")
    if service.bends.on("object-delete-empties-list"):
        service.disk.lost.update(service.disk.listed())
    headers = _version_header(gone) if gone else {}
    return Reply(204, headers | ({"x-amz-delete-marker": "true"} if gone and gone.deleted else {}))


def delete_many(service: Service, call: Call) -> Reply:
    """Answer DeleteObjects: each key for itself, with errors among the answers, even if the bucket is absent."""
    checksums.verified(call, call.body)
    pairs, quiet = markup.read_delete(call.body)
    return Reply.of(markup.document("DeleteResult", list(_deleted(service, call.bucket, pairs, quiet=quiet))))


def _deleted(service: Service, bucket: str, pairs: list[tuple[str, str]], *, quiet: bool) -> Iterator[Node]:
    for key, version in pairs:
        nodes: list[Node] = [("Key", key), *([("VersionId", version)] if version else [])]
        try:
            service.disk.folder(bucket)
            gone = service.store.delete(bucket, key, version)
        except Refusal as refused:
            yield "Error", [*nodes, ("Code", refused.code), ("Message", refused.message)]
            continue
        marker: list[Node] = (
            [("DeleteMarker", True), ("DeleteMarkerVersionId", gone.id)] if gone and gone.deleted else []
        )
        if not quiet:
            yield "Deleted", [*nodes, *marker]


def _existing(service: Service, call: Call) -> Version:
    version_id = call.params.get("versionId", "")
    version = service.store.find(call.bucket, call.key, version_id)
    if service.bends.on("state-meta-broken", service.stack_of(call)):
        raise Refusal(500, "InternalError", "file corrupt")
    if version is None:
        code = "NoSuchVersion" if version_id else "NoSuchKey"
        raise Refusal(404, code, "The specified key does not exist.")
    if version.deleted and version_id:
        raise Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    if version.deleted:
        raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
    return version


def _described(call: Call, version: Version) -> Reply:
    wanted, unwanted = (call.header(name).strip('"') for name in ("if-match", "if-none-match"))
    if wanted and wanted not in {"*", version.etag}:
        raise _unmet()
    headers = {
        "content-type": "application/octet-stream",
        **version.headers,
        "ETag": f'"{version.etag}"',
        "Last-Modified": http_date(version.modified),
        "Accept-Ranges": "bytes",
        **_version_header(version),
    }
    if call.header("x-amz-checksum-mode").upper() == "ENABLED":
        headers |= {f"{checksums.PREFIX}{name}": value for name, value in version.checksums.items()}
    if unwanted in {"*", version.etag}:
        return Reply(304, headers)
    return Reply(headers=headers, length=version.size)


def _range(call: Call, size: int) -> tuple[int, int]:
    """Return the half-open range of bytes that is asked for; the whole where none is. Raises Refusal InvalidRange."""
    span = _RANGE.fullmatch(call.header("range"))
    if span is None or span[1] == span[2] == "":
        return 0, size
    start = int(span[1]) if span[1] else max(size - int(span[2]), 0)
    stop = min(int(span[2]) + 1, size) if span[1] and span[2] else size
    if not start < stop:
        raise Refusal(416, "InvalidRange", "The requested range is not satisfiable")
    return start, stop


def _version_header(version: Version) -> dict[str, str]:
    return {} if version.id == NULL else {"x-amz-version-id": version.id}
