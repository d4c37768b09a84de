"""How bazel-remote reads what it stores: it looks at a casblob's header, and hashes nothing (casblob.go, disk.go)."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator

import zstandard

EMPTY_FRAME = bytes([40, 181, 47, 253, 32, 0, 1, 0, 0])
"""What stands for an empty blob that is asked for compressed."""
PIECE = 1024 * 1024
"""Bytes of one message."""
_HEADER = struct.Struct("<IIqBIq")
_MAGIC, _IDENTITY, _ZSTD = 0x184D2A50, 0, 1
_UNCOUNTED, _FIXED = 8, 21
_FEWEST = 2


class Missing(Exception):
    """The blob has another size than was asked for, which is a miss."""


class Refused(Exception):
    """The server answers with an error: ``code`` is gRPC's, the text the server's own."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Died(Exception):
    """The server panicked, and its process is gone."""


def payload(body: bytes, size: int | None, *, casblobs: bool, compressed: bool) -> Iterator[bytes]:
    """Return the pieces of a blob from what is stored. What the header shows is raised at once: Missing, Refused, Died."""
    if not casblobs:
        if size is not None and len(body) != size:
            raise Missing
        return _pieces(zstandard.ZstdCompressor().compress(body) if compressed else body)
    compression, chunk_size, begins = _check(body, size)
    if compression == _IDENTITY:
        plain = body[begins:]
        return _pieces(zstandard.ZstdCompressor().compress(plain) if compressed else plain)
    if compressed:
        return _pieces(body)
    if not chunk_size:
        raise Died("panic: runtime error: integer divide by zero")
    return _frames(body[begins:])


def _check(body: bytes, size: int | None) -> tuple[int, int, int]:
    """Return the compression, the chunk size, and where the chunks begin."""
    if len(body) < _HEADER.size:
        raise Refused("INTERNAL", "unexpected EOF")
    magic, frame, logical, compression, chunk_size, count = _HEADER.unpack(body[: _HEADER.size])
    if logical <= 0:
        raise Refused("INTERNAL", f"expected blob to have positive size, found {logical}")
    if size is not None and logical != size:
        raise Missing
    if magic != _MAGIC:
        raise Refused("INTERNAL", "expected magic number not found")
    if count < _FEWEST:
        raise Refused("INTERNAL", f"internal error: need at least one chunk, found {count - 1}")
    if frame != 8 * count + _FIXED:
        raise Refused("INTERNAL", f"metadata frame size {frame}, but metadata size {8 * count + _FIXED}")
    begins = _offsets(body, count)
    if compression not in {_IDENTITY, _ZSTD}:
        raise Refused("INTERNAL", f"internal error: unsupported compression type {compression}")
    return compression, chunk_size, begins


def _offsets(body: bytes, count: int) -> int:
    """Look at the offsets, and return where they end."""
    begins = _HEADER.size + 8 * count
    if begins > len(body):
        raise Refused("INTERNAL", "unexpected EOF")
    offsets = struct.unpack(f"<{count}q", body[_HEADER.size : begins])
    for before, after in itertools.pairwise(offsets):
        if after <= before:
            raise Refused("INTERNAL", f"offset table values should increase: {after} -> {before}")
    if offsets[-1] != len(body):
        raise Refused("INTERNAL", f"final offset in chunk table {offsets[-1]} should be file size {len(body)}")
    return begins


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[at : at + PIECE] for at in range(0, len(body), PIECE))


def _frames(body: bytes) -> Iterator[bytes]:
    """Yield what the frames decode to, however long it is; an error comes after what was good."""
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body), read_across_frames=True)
    try:
        while piece := reader.read(PIECE):
            yield piece
    except zstandard.ZstdError as wrong:
        raise Refused("UNKNOWN", f"CRC check failed: {wrong}") from None
