"""The blobs of the emulated bazel-remote: a hot cache on disk before S3. It hashes what it is given, never what it reads."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

from pytest_gf.honey.formats import casblob
from pytest_gf.lab.bazel import content
from pytest_gf.lab.rustfs.servant import Servant, Unavailable

UPLOADED_AFTER = 0.05
"""Seconds between the acknowledgement of a write and its upload."""
PIECE = 1024 * 1024
"""Bytes of one message."""


class Failed(Exception):
    """A gRPC status that is not OK: the name of its code, and its details."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details


class Blobs:
    """Blobs and results of actions. ``prefix`` stands before every key in the bucket, with its slash."""

    def __init__(self, folder: Path, servant: Servant, prefix: str) -> None:
        self.servant, self.bends = servant, servant.bends
        self._folder, self._prefix = folder, prefix

    def seed(self) -> None:
        """Put the seeded objects in the bucket; the hot cache knows none of them."""
        for key, body in content.objects():
            self.servant.keep(self.key(key), body)

    def key(self, name: str) -> str:
        """Return where something lies in the bucket."""
        return f"{self._prefix}{name}"

    def hot(self, name: str) -> Path:
        """Return the hot cache's file of a key below the prefix; it holds the payload."""
        return self._folder / name

    def has(self, digest: str) -> bool:
        """Tell whether a blob is here: in the hot cache, or found by S3's HEAD; an S3 that fails is a miss."""
        if digest == content.EMPTY or self.hot(content.blob_key(digest)).exists():
            return True
        return self.servant.has(self.key(content.blob_key(digest)))

    def read(self, digest: str, size: int | None) -> Iterator[bytes]:
        """Yield a blob; its size is None where HTTP asks, which doesn't say it. Raises Failed, maybe after some of it."""
        name = content.blob_key(digest)
        if digest == content.EMPTY:
            return
        if self.hot(name).exists():
            payload = self.hot(name).read_bytes()
            yield from (payload[at : at + PIECE] for at in range(0, len(payload), PIECE))
            return
        whole = bytearray()
        for piece in self._decoded(self._fetch(name), size):
            whole += piece
            yield piece
        self.warm(name, bytes(whole))

    def write(self, digest: str, payload: bytes) -> None:
        """Keep a blob: in the hot cache at once, in S3 soon. Raises Failed where it is not what its digest says."""
        if content.digest(payload) != digest:
            raise Failed(
                "INVALID_ARGUMENT", f"checksums don't match. Expected {digest}, found {content.digest(payload)}"
            )
        if digest == content.EMPTY:
            return
        name = content.blob_key(digest)
        self.warm(name, payload)
        if self.bends.on("bazel-write-altered"):
            payload = payload[:-1] + bytes([payload[-1] ^ 1])
        self._upload(name, casblob.encode(payload))

    def result(self, digest: str) -> bytes:
        """Return the result of an action as it is stored. Raises Failed."""
        name = content.action_key(digest)
        return self.hot(name).read_bytes() if self.hot(name).exists() else self._fetch(name)

    def keep_result(self, digest: str, result: bytes) -> None:
        """Keep the result of an action, as `write` does with a blob."""
        self.warm(content.action_key(digest), result)
        self._upload(content.action_key(digest), result)

    def warm(self, name: str, payload: bytes) -> None:
        """Put a payload into the hot cache."""
        path = self.hot(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        temporary.write_bytes(payload)
        temporary.replace(path)

    def _fetch(self, name: str) -> bytes:
        if self.bends.on("bazel-miss-error"):
            raise Failed("INTERNAL", "the lab fails instead of missing")
        try:
            return self.servant.read(self.key(name))
        except Unavailable as missing:
            if missing.code == "NoSuchKey":
                raise Failed("NOT_FOUND", f"Blob not found: {name.rpartition('/')[2]}") from None
            raise Failed("INTERNAL", str(missing)) from None

    @staticmethod
    def _decoded(stored: bytes, size: int | None) -> Iterator[bytes]:
        try:
            found = 0
            for piece in casblob.decode(stored):
                found += len(piece)
                if size is not None and found > size:
                    raise Failed("INTERNAL", f"expected a blob of size {size}")
                yield piece
        except casblob.Malformed as wrong:
            if wrong.kind == "frame":
                raise Failed("UNKNOWN", f"CRC check failed: {wrong}") from None
            raise Failed("INTERNAL", str(wrong)) from None

    def _upload(self, name: str, body: bytes) -> None:
        def upload() -> None:
            if not self.bends.on("bazel-writes-lost"):
                try:
                    self.servant.write(self.key(name), body)
                except Unavailable:
                    return  # A line in the log, and never tried again.

        asyncio.get_running_loop().call_later(UPLOADED_AFTER, upload)
