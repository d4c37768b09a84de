"""casblob: how bazel-remote stores a blob (``cas.v2``), a header and independent chunks (facts/bazel.md). Read strictly."""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_gf.formats import zstd

MAGIC = 0x184D2A50
IDENTITY, ZSTD = 0, 1
CHUNK = 1024 * 1024
"""Bytes of payload in a chunk, as bazel-remote writes it; another size is legal."""
HELD = 2 * CHUNK
"""Stored bytes of a chunk that are held to be decoded at once, which is faster; a longer one is decoded as it comes."""
MOST_CHUNKS = 1024 * 1024
"""A header may name so many chunks: with bazel-remote's own chunk size, a payload of 1 TiB."""

Kind = Literal[
    "cut", "magic", "frame-size", "logical-size", "compression", "chunk-size", "offset-count", "offsets", "trailing",
    "frame", "extra-frame", "bomb", "short-chunk",
]  # fmt: skip

_HEADER = struct.Struct("<IIqBIq")
HEAD = _HEADER.size
"""Bytes before the offsets."""
_BEFORE_FRAME = 8
"""Bytes that the frame size does not count: magic and itself."""
_FEWEST_OFFSETS = 2


class Malformed(ValueError):
    """No casblob. ``kind`` says in what way; ``chunk`` which, where it is one (from 0). A wrong digest is another finding."""

    def __init__(self, kind: Kind, text: str, chunk: int | None = None) -> None:
        super().__init__(f"{kind}: {text}" if chunk is None else f"{kind}: chunk {chunk}: {text}")
        self.kind, self.chunk = kind, chunk


@dataclass(frozen=True)
class Header:
    """The head of a casblob: sizes in bytes, ``offsets`` of each chunk and of the object's end."""

    logical_size: int
    compression: int
    chunk_size: int
    offsets: tuple[int, ...]

    def payload(self, chunk: int) -> int:
        """Return how many bytes of payload a chunk holds."""
        return min(self.chunk_size, self.logical_size - chunk * self.chunk_size)


def decode(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield the payload of a whole object, piece by piece. Raises Malformed, at the latest at the end."""
    return decode_stream((data,))


def decode_stream(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the payload of an object that comes in pieces of any size; at most `HELD` stored bytes are held.

    A piece is not looked at any more once the next is asked for, so its buffer may be used again.

    Raises Malformed, at the latest when the pieces end: what was yielded before is no payload then.
    """
    source = _Source(pieces)
    header = _read_header(source)
    if header.compression == IDENTITY:
        yield from _identity(header, source)
    else:
        for chunk in range(len(header.offsets) - 1):
            yield from _zstd_chunk(header, chunk, source)
    if source.more():
        raise Malformed("trailing", "bytes follow the last chunk")


def logical_size(data: bytes) -> int | None:
    """Return how long a header says that the payload is, None where it doesn't say so credibly; nothing else is checked."""
    if len(data) < _HEADER.size:
        return None
    magic, _, logical, *_ = _HEADER.unpack_from(data)
    return int(logical) if magic == MAGIC and logical > 0 else None


def encode(payload: bytes, *, compression: int = ZSTD, chunk_size: int = CHUNK, checksum: bool = True) -> bytes:
    """Return the object that bazel-remote's default writer makes of a payload; its cgo writer makes no checksums.

    Raises ValueError for an empty payload, which is never stored.
    """
    import zstandard

    if not payload:
        raise ValueError("an empty blob is never stored")
    chunks = [payload[at : at + chunk_size] for at in range(0, len(payload), chunk_size)]
    if compression == ZSTD:
        compressor = zstandard.ZstdCompressor(write_checksum=checksum)
        chunks = [compressor.compress(chunk) for chunk in chunks]
    count = len(chunks) + 1
    offsets = [_HEADER.size + 8 * count]
    for chunk in chunks:
        offsets.append(offsets[-1] + len(chunk))
    size = _HEADER.size - _BEFORE_FRAME + 8 * count
    head = _HEADER.pack(MAGIC, size, len(payload), compression, chunk_size, count)
    return b"".join((head, struct.pack(f"<{count}q", *offsets), *chunks))


class _Source:
    """Bytes in pieces, taken in the amounts that the reader needs."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._piece = memoryview(next(self._pieces, b""))

    def some(self, most: int) -> memoryview:
        """Return between 1 and ``most`` bytes, none at the end."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return memoryview(b"")
            self._piece = memoryview(piece)
        taken, self._piece = self._piece[:most], self._piece[most:]
        return taken

    def up_to(self, count: int) -> bytes | memoryview:
        """Return so many bytes, fewer where the object ends."""
        piece = self._piece
        if len(piece) >= count:
            self._piece = piece[count:]
            return piece[:count]
        parts: list[bytes] = []
        while count and (part := self.some(count)):
            parts.append(bytes(part))  # A copy: the next piece may lie in the same buffer.
            count -= len(part)
        return b"".join(parts)

    def exactly(self, count: int, what: str) -> bytes:
        """Return so many bytes. Raises Malformed ``cut``."""
        taken = self.up_to(count)
        if len(taken) < count:
            raise Malformed("cut", f"the object ends in {what}")
        return bytes(taken)

    def more(self) -> bool:
        """Tell whether a byte is left."""
        return bool(self.some(1))


def _read_header(source: _Source) -> Header:
    magic, frame, logical, compression, chunk, count = _HEADER.unpack(source.exactly(_HEADER.size, "its header"))
    if magic != MAGIC:
        raise Malformed("magic", f"0x{magic:08x}, not 0x{MAGIC:08x}")
    if logical <= 0:
        raise Malformed("logical-size", f"{logical} bytes of payload")
    if compression not in {IDENTITY, ZSTD}:
        raise Malformed("compression", f"{compression} is neither identity (0) nor zstd (1)")
    if not chunk:
        raise Malformed("chunk-size", "0 (it makes a real bazel-remote die)")
    if not _FEWEST_OFFSETS <= count <= MOST_CHUNKS + 1:
        raise Malformed("offset-count", f"{count} offsets")
    if compression == ZSTD and count - 1 != -(-logical // chunk):
        raise Malformed("offset-count", f"{count} offsets for {logical} bytes in chunks of {chunk}")
    if frame != _HEADER.size - _BEFORE_FRAME + 8 * count:
        raise Malformed("frame-size", f"{frame} for {count} offsets")
    offsets = struct.unpack(f"<{count}q", source.exactly(8 * count, "its offsets"))
    if offsets[0] != _HEADER.size + 8 * count:
        raise Malformed("offsets", f"the first is {offsets[0]}, and the header ends at {_HEADER.size + 8 * count}")
    if any(map(operator.ge, offsets, offsets[1:])):
        raise Malformed("offsets", "they do not increase")
    return Header(logical, compression, chunk, offsets)


def _identity(header: Header, source: _Source) -> Iterator[bytes]:
    """Yield a payload that is stored as it is: chunks mean nothing then, only their end does."""
    left = header.offsets[-1] - header.offsets[0]
    if left != header.logical_size:
        raise Malformed("offsets", f"{left} bytes are stored of {header.logical_size}")
    while left:
        piece = source.some(min(left, header.chunk_size))
        if not piece:
            raise Malformed("cut", f"{left} bytes of payload are missing")
        left -= len(piece)
        yield bytes(piece)


def _zstd_chunk(header: Header, chunk: int, source: _Source) -> Iterator[bytes]:
    expected = header.payload(chunk)
    left = header.offsets[chunk + 1] - header.offsets[chunk]
    if left <= HELD and expected <= HELD:
        stored = source.up_to(left)
        payload = zstd.whole(stored, expected) if len(stored) == left else None
        if payload is not None:
            yield payload
            return
        source = _Source((stored,))  # Read again, strictly, for what is wrong with it.
    decoder = zstd.Decoder(single=True, most=expected)
    try:
        while left:
            piece = source.some(min(left, CHUNK))
            if not piece:
                raise Malformed("cut", f"{left} stored bytes are missing", chunk)
            left -= len(piece)
            yield from decoder.feed(bytes(piece))
        decoder.finish()
    except zstd.Malformed as wrong:
        kinds: dict[str, Kind] = {"too-long": "bomb", "window": "bomb", "extra": "extra-frame"}
        raise Malformed(kinds.get(wrong.kind, "frame"), str(wrong), chunk) from None
    if decoder.size != expected:
        raise Malformed("short-chunk", f"{decoder.size} bytes of {expected}", chunk)
