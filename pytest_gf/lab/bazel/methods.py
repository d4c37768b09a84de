"""The methods of the emulated bazel-remote: requests in, responses out, `Failed` for every other status."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from typing import Any

import zstandard
from google.protobuf.message import DecodeError

from pytest_gf.honey.formats import reapi
from pytest_gf.lab.bazel.blobs import Blobs, Failed
from pytest_gf.lab.bazel.content import EMPTY

_NAME = re.compile(
    r"(?:(?P<upload>(?:.*/)?uploads/[^/]+/)|.*/)?(?:blobs|compressed-blobs/(?P<compressor>[^/]+))/(?P<hash>[0-9a-f]{64})/(?P<size>\d{1,18})(?:/.*)?"
)
_HASH = re.compile(r"[0-9a-f]{64}")
STATUS = {"NOT_FOUND": 5, "INVALID_ARGUMENT": 3, "INTERNAL": 13, "UNKNOWN": 2}
"""google.rpc.Code."""


class Methods:
    """All methods over one store of blobs; ``by_name`` has those of `reapi.METHODS` that a bazel-remote knows."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs, self._bends = blobs, blobs.bends
        self.by_name: Mapping[str, Callable[[Any], Any]] = {
            "GetCapabilities": self._capabilities,
            "Check": self._health,
            "FindMissingBlobs": self._find_missing,
            "BatchReadBlobs": self._batch_read,
            "BatchUpdateBlobs": self._batch_update,
            "GetActionResult": self._action_result,
            "UpdateActionResult": self._update_action,
            "Read": self._read,
            "Write": self._write,
            "QueryWriteStatus": self._write_status,
        }

    def _capabilities(self, _: Any) -> Any:
        made = reapi.message("v2.ServerCapabilities")()
        cache = made.cache_capabilities
        if not self._bends.on("bazel-no-sha256"):
            cache.digest_functions.append(reapi.SHA256)
        cache.action_cache_update_capabilities.update_enabled = not self._bends.on("bazel-no-ac-update")
        if not self._bends.on("bazel-no-zstd"):
            cache.supported_compressors.append(reapi.ZSTD)
        if self._bends.on("bazel-execution"):
            made.execution_capabilities.exec_enabled = True
        made.low_api_version.major = made.high_api_version.major = 2
        made.high_api_version.minor = 3
        return made

    def _health(self, request: Any) -> Any:
        if request.service:
            raise Failed("NOT_FOUND", "unknown service")
        return reapi.message("grpc.health.v1.HealthCheckResponse")(status=reapi.SERVING)

    def _find_missing(self, request: Any) -> Any:
        made = reapi.message("v2.FindMissingBlobsResponse")()
        # The size is compared in one storage mode alone; it is ignored in the other.
        missing = (
            digest for digest in request.blob_digests if not self._blobs.has(_checked(digest), digest.size_bytes)
        )
        made.missing_blob_digests.extend(missing)
        return made

    def _batch_read(self, request: Any) -> Any:
        made = reapi.message("v2.BatchReadBlobsResponse")()
        for digest in request.digests:
            answer = made.responses.add(digest=digest)
            compressed = reapi.ZSTD in request.acceptable_compressors
            try:
                data = b"".join(self._blobs.read(_checked(digest), digest.size_bytes, compressed=compressed))
            except Failed as failed:  # The status carries no message; whatever fails is a miss where zstd is taken.
                answer.status.code = STATUS["NOT_FOUND" if compressed else failed.code]
            else:
                answer.compressor, answer.data = (reapi.ZSTD if compressed else reapi.IDENTITY), data
        return made

    def _batch_update(self, request: Any) -> Any:
        made = reapi.message("v2.BatchUpdateBlobsResponse")()
        for blob in request.requests:
            answer = made.responses.add(digest=blob.digest)
            try:
                self._keep(_checked(blob.digest), blob.digest.size_bytes, blob.data, blob.compressor)
            except Failed as failed:
                answer.status.code, answer.status.message = STATUS[failed.code], failed.details
        return made

    def _action_result(self, request: Any) -> Any:
        """Answer NOT_FOUND, too, where an output of the result is missing, or nothing is stored of it."""
        name = _checked(request.action_digest)
        stored = self._blobs.result(name)
        if not stored:
            raise Failed("NOT_FOUND", f"{name} not found in AC")
        try:
            made = reapi.message("v2.ActionResult").FromString(stored)
        except DecodeError as wrong:
            raise Failed("UNKNOWN", str(wrong)) from None
        for folder in made.output_directories:
            if not folder.HasField("tree_digest"):
                raise Failed("UNKNOWN", f'nil tree digest pointer for output directory: "{folder.path}"')
        if not all(self._blobs.has(digest.hash, digest.size_bytes) for digest in self._named(made)):
            raise Failed("NOT_FOUND", f"{name} not found in AC")
        return made

    def _named(self, result: Any) -> Iterator[Any]:
        """Yield the digests that must be there; a directory's are read from its tree."""
        yield from (file.digest for file in result.output_files if not file.contents)
        for folder in result.output_directories:
            yield folder.tree_digest
            whole = b"".join(self._blobs.read(folder.tree_digest.hash, folder.tree_digest.size_bytes))
            tree = reapi.message("v2.Tree").FromString(whole)
            yield from (file.digest for directory in (tree.root, *tree.children) for file in directory.files)
        yield from (getattr(result, name) for name in ("stdout_digest", "stderr_digest") if result.HasField(name))

    def _update_action(self, request: Any) -> Any:
        body = request.action_result.SerializeToString()
        self._blobs.keep_result(_checked(request.action_digest), body)
        return request.action_result

    def _read(self, request: Any) -> Iterator[Any]:
        resource = _named(request.resource_name)
        if request.read_limit:
            raise Failed("INVALID_ARGUMENT", "the lab knows no ReadLimit")
        response = reapi.message("google.bytestream.ReadResponse")
        skipped, short = request.read_offset, self._bends.argument("bazel-read-short")
        left = None if short is None else int(short)
        for piece in self._blobs.read(resource["hash"], int(resource["size"]), compressed=bool(resource["compressor"])):
            data = piece[skipped:][:left]
            skipped -= min(skipped, len(piece))
            left = None if left is None else left - len(data)
            if data:
                yield response(data=data)

    async def _write(self, requests: AsyncIterable[Any]) -> Any:
        """Keep a blob. If one of its name is there, acknowledge it without a look at either."""
        made, data, resource = reapi.message("google.bytestream.WriteResponse"), bytearray(), None
        async for request in requests:
            if resource is None:
                resource = _named(request.resource_name, upload=True)
                if self._blobs.has(resource["hash"]):
                    return made(committed_size=int(resource["size"]))
            if request.write_offset != len(data):
                raise Failed("INVALID_ARGUMENT", f"offset {request.write_offset}, and {len(data)} bytes came")
            data += request.data
            if request.finish_write:
                break
        if resource is None:
            raise Failed("INVALID_ARGUMENT", "nothing was written")
        compressor = reapi.ZSTD if resource["compressor"] else reapi.IDENTITY
        self._keep(resource["hash"], int(resource["size"]), bytes(data), compressor)
        return made(committed_size=len(data))

    def _write_status(self, request: Any) -> Any:
        resource = _named(request.resource_name, upload=True)
        there = self._blobs.has(resource["hash"])
        size = int(resource["size"]) if there else 0
        return reapi.message("google.bytestream.QueryWriteStatusResponse")(committed_size=size, complete=there)

    def _keep(self, digest: str, size: int, data: bytes, compressor: int) -> None:
        if self._bends.on("bazel-write-refused"):
            raise Failed("INTERNAL", "no space left on device")
        if compressor == reapi.ZSTD:
            try:
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
            except zstandard.ZstdError as wrong:
                raise Failed("INVALID_ARGUMENT", str(wrong)) from None
        self._blobs.write(digest, data)


def _named(name: str, *, upload: bool = False) -> re.Match[str]:
    resource = _NAME.fullmatch(name)
    if resource is None or resource["compressor"] not in {None, "zstd"} or (upload and not resource["upload"]):
        raise Failed("INVALID_ARGUMENT", f"no resource name: {name[:200]}")
    return resource


def _checked(digest: Any) -> str:
    name: str = digest.hash
    if not digest.size_bytes and name != EMPTY:
        raise Failed("INVALID_ARGUMENT", "Invalid zero-length SHA256 hash")
    if not _HASH.fullmatch(name) or digest.size_bytes < 0:
        raise Failed("INVALID_ARGUMENT", f"no digest: {name[:100]}/{digest.size_bytes}")
    return name
