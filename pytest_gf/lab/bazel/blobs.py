"""The blobs of the emulated bazel-remote: a hot cache on disk before S3. It hashes what it is given, never what it reads."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

from pytest_gf.honey.formats import casblob
from pytest_gf.lab.bazel import content, stored
from pytest_gf.lab.rustfs.bucket_client import BucketClient, Unavailable

UPLOADED_AFTER = 0.05
"""Seconds between the acknowledgement of a write and its upload."""
READ_FAILED, READ_MISSES = "GRPC BYTESTREAM READ FAILED", "GRPC BYTESTREAM READ BLOB NOT FOUND"


class Failed(Exception):
    """A gRPC status that is not OK: the name of its code, and its details."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details


class Blobs:
    """Blobs and results of actions. ``prefix`` stands before every key in the bucket, with its slash."""

    def __init__(self, folder: Path, bucket: BucketClient, prefix: str) -> None:
        self.bucket, self.bends = bucket, bucket.bends
        self._folder, self._prefix = folder, prefix

    def seed(self) -> None:
        """Put the seeded objects in the bucket; the hot cache knows none of them."""
        for key, body in content.objects():
            self.bucket.keep(self.key(key), body)

    def key(self, name: str) -> str:
        """Return where something lies in the bucket."""
        return f"{self._prefix}{name}"

    def place(self, digest: str) -> str:
        """Return the name of a blob below the prefix, in the storage mode that the server is in."""
        return content.raw_key(digest) if self.uncompressed else content.blob_key(digest)

    @property
    def uncompressed(self) -> bool:
        """Whether the server was switched to the storage mode uncompressed."""
        return self.bends.on("bazel-uncompressed")

    def hot(self, name: str) -> Path:
        """Return the hot cache's file of a key below the prefix; it holds what the bucket does."""
        return self._folder / name

    def has(self, digest: str, size: int = -1) -> bool:
        """Tell whether a blob is here: in the hot cache, or found by S3's HEAD; an S3 that fails is a miss.

        Only in the storage mode uncompressed does the size of what lies in S3 tell anything.
        """
        if digest == content.EMPTY or self.hot(self.place(digest)).exists():
            return True
        length = self.bucket.length(self.key(self.place(digest)))
        return length is not None and (not self.uncompressed or size < 0 or length == size)

    def read(self, digest: str, size: int | None, *, compressed: bool = False) -> Iterator[bytes]:
        """Yield a blob; its size is None where HTTP asks, which doesn't say it. Raises Failed, maybe after some of it.

        Where it is stored as a casblob, ``compressed`` gives the casblob as it is, its header first.
        """
        if digest == content.EMPTY:
            yield from (stored.EMPTY_FRAME,) if compressed else ()
            return
        name = self.place(digest)
        hot = self.hot(name).exists()
        body = self.hot(name).read_bytes() if hot else self._fetch(name)
        try:
            pieces = stored.payload(body, size, casblobs=not self.uncompressed, compressed=compressed)
            if not hot:
                self._warm(name, body)
            yield from pieces
        except stored.Missing:
            raise Failed("NOT_FOUND", f"{READ_MISSES}: {digest}") from None
        except stored.Refused as wrong:
            raise Failed(wrong.code, f"{READ_FAILED}: {digest} {wrong}") from None

    def write(self, digest: str, payload: bytes) -> None:
        """Keep a blob: in the hot cache at once, in S3 soon. Raises Failed where it is not what its digest says."""
        if content.digest(payload) != digest:
            raise Failed(
                "INVALID_ARGUMENT", f"checksums don't match. Expected {digest}, found {content.digest(payload)}"
            )
        if digest == content.EMPTY:
            return
        self.warm(digest, payload)
        if self.bends.on("bazel-write-altered"):
            payload = payload[:-1] + bytes([payload[-1] ^ 1])
        self._upload(self.place(digest), self._as_stored(payload))

    def result(self, digest: str) -> bytes:
        """Return the result of an action as it is stored. Raises Failed."""
        name = content.action_key(digest)
        return self.hot(name).read_bytes() if self.hot(name).exists() else self._fetch(name)

    def keep_result(self, digest: str, result: bytes) -> None:
        """Keep the result of an action, as `write` does with a blob."""
        self._warm(content.action_key(digest), result)
        self._upload(content.action_key(digest), result)

    def warm(self, digest: str, payload: bytes) -> None:
        """Put a payload into the hot cache, as what this digest names."""
        self._warm(self.place(digest), self._as_stored(payload))

    def _as_stored(self, payload: bytes) -> bytes:
        return payload if self.uncompressed else casblob.encode(payload)

    def _warm(self, name: str, body: bytes) -> None:
        path = self.hot(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        temporary.write_bytes(body)
        temporary.replace(path)

    def _fetch(self, name: str) -> bytes:
        """Return an object. S3's message is passed on, its code is not."""
        digest = name.rpartition("/")[2]
        if self.bends.on("bazel-miss-error"):
            raise Failed("INTERNAL", "the lab fails instead of missing")
        try:
            return self.bucket.read(self.key(name))
        except Unavailable as missing:
            if missing.code == "NoSuchKey":
                raise Failed("NOT_FOUND", f"{READ_MISSES}: {digest}") from None
            raise Failed("INTERNAL", f"{READ_FAILED}: {digest} {missing.message}") from None

    def _upload(self, name: str, body: bytes) -> None:
        def upload() -> None:
            if not self.bends.on("bazel-writes-lost"):
                try:
                    self.bucket.write(self.key(name), body)
                except Unavailable:
                    return  # A line in the log, and never tried again.

        asyncio.get_running_loop().call_later(UPLOADED_AFTER, upload)
