"""casblob: how bazel-remote stores a blob (``cas.v2``), a header and independent chunks (docs/systems.md). Read strictly."""

from __future__ import annotations

import operator
import struct
import sys
from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from pytest_gf.honey.formats import zstd
from pytest_gf.honey.formats.pieces import Pieces, Source

MAGIC = 0x184D2A50
IDENTITY, ZSTD = 0, 1
CHUNK = 1024 * 1024
"""Bytes of payload in a chunk, as bazel-remote writes it; another size is legal."""
HELD = 2 * CHUNK
"""Stored bytes of a chunk that are held to be decoded at once, which is faster; a longer one is decoded as it comes."""
MOST_WINDOW = 8 * 1024 * 1024
"""Bytes of a frame's window: what every decoder supports (RFC 8878, 3.1.1.1.2), and no more than an audit's threads can hold each."""
MOST_CHUNKS = 1024 * 1024
"""A header may name so many chunks: with bazel-remote's own chunk size, a payload of 1 TiB."""

Kind = Literal[
    "cut", "magic", "frame-size", "logical-size", "compression", "chunk-size", "offset-count", "offsets", "trailing",
    "frame", "extra-frame", "bomb", "short-chunk",
]  # fmt: skip

DEADLY: frozenset[Kind] = frozenset({"chunk-size", "offset-count"})
"""What bazel-remote may die of: it divides by the chunk size, and makes room for as many offsets as the header names."""

_HEADER = struct.Struct("<IIqBIq")
HEAD = _HEADER.size
"""Bytes before the offsets."""
_ONE_CHUNK = struct.Struct("<QqBIqqq")
"""The header of an object of one chunk, and its two offsets."""
_BEFORE_FRAME = 8
"""Bytes that the frame size does not count: magic and itself."""
_ONE_CHUNK_BEGINS = MAGIC | (_ONE_CHUNK.size - _BEFORE_FRAME) << 32
_FEWEST_OFFSETS = 2
_AT_ONCE = 64 * 1024
"""Offsets that are read at once."""


class Malformed(ValueError):
    """No casblob. ``kind`` says in what way; ``chunk`` which, where it is one (from 0). A wrong digest is another finding.

    ``size`` is how many bytes of payload the header promises, None where it does not say so credibly.
    """

    def __init__(self, kind: Kind, text: str, chunk: int | None = None) -> None:
        super().__init__(f"{kind}: {text}" if chunk is None else f"{kind}: chunk {chunk}: {text}")
        self.kind, self.chunk = kind, chunk
        self.size: int | None = None


class Header(NamedTuple):
    """The head of a casblob as it stands, its offsets aside: sizes in bytes."""

    magic: int
    frame_size: int
    logical_size: int
    compression: int
    chunk_size: int
    offset_count: int

    def payload(self, chunk: int) -> int:
        """Return how many bytes of payload a chunk holds."""
        return min(self.chunk_size, self.logical_size - chunk * self.chunk_size)


def decode(data: bytes | memoryview) -> Iterator[bytes]:
    """Yield the payload of a whole object, piece by piece. Raises Malformed, at the latest at the end."""
    return decode_stream(Pieces((data,)))


def decode_stream(source: Source) -> Iterator[bytes]:
    """Yield the payload of an object that is read as it comes; at most `HELD` stored bytes are held.

    Raises Malformed, at the latest where the object ends: what was yielded before is no payload then.
    """
    header = Header._make(_HEADER.unpack(_exactly(source, HEAD, "its header")))
    try:
        _check(header)
        offsets = _offsets(header.offset_count, source)
        if header.compression == IDENTITY:
            yield from _identity(header, offsets[-1] - offsets[0], source)
        else:
            for chunk in range(header.offset_count - 1):
                yield from _chunk(header, chunk, offsets[chunk + 1] - offsets[chunk], source)
        _end(source)
    except Malformed as wrong:
        if header.magic == MAGIC and header.logical_size > 0:
            wrong.size = header.logical_size
        raise


def plain(data: memoryview) -> bytes | memoryview | None:
    """Return the payload of a whole object of one chunk, as nearly all are; None for any other: `decode` judges it.

    It takes nothing that `decode` refuses.
    """
    if len(data) <= _ONE_CHUNK.size:
        return None
    begins, logical, compression, chunk_size, count, first, end = _ONE_CHUNK.unpack_from(data)
    if begins != _ONE_CHUNK_BEGINS or count != 2 or first != _ONE_CHUNK.size or end != len(data):  # noqa: PLR2004  # Offsets.
        return None
    if compression == ZSTD:
        return zstd.whole(data[first:], logical, MOST_WINDOW) if 0 < logical <= chunk_size and logical <= HELD else None
    return data[first:] if compression == IDENTITY and logical == end - first and chunk_size else None


def payload_size(head: bytes | memoryview) -> int | None:
    """Return how many bytes of payload an object's first `HEAD` bytes promise, None where they are no head of a casblob."""
    if len(head) < HEAD:
        return None
    header = Header._make(_HEADER.unpack(head[:HEAD]))
    return header.logical_size if header.magic == MAGIC and header.logical_size > 0 else None


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


def _exactly(source: Source, count: int, what: str) -> memoryview:
    taken = source.up_to(count)
    if len(taken) < count:
        raise Malformed("cut", f"the object ends in {what}")
    return taken


def _check(header: Header) -> None:
    """Raise Malformed where a header contradicts itself."""
    magic, frame, logical, compression, chunk_size, count = header
    if magic != MAGIC:
        raise Malformed("magic", f"0x{magic:08x}, not 0x{MAGIC:08x}")
    if logical <= 0:
        raise Malformed("logical-size", f"{logical} bytes of payload")
    if compression not in {IDENTITY, ZSTD}:
        raise Malformed("compression", f"{compression} is neither identity (0) nor zstd (1)")
    if not chunk_size:
        raise Malformed("chunk-size", "0 (it makes a real bazel-remote die)")
    if not _FEWEST_OFFSETS <= count <= MOST_CHUNKS + 1:
        raise Malformed("offset-count", f"{count} offsets")
    if compression == ZSTD and count - 1 != -(-logical // chunk_size):
        raise Malformed("offset-count", f"{count} offsets for {logical} bytes in chunks of {chunk_size}")
    if frame != HEAD - _BEFORE_FRAME + 8 * count:
        raise Malformed("frame-size", f"{frame} for {count} offsets")


def _offsets(count: int, source: Source) -> array[int]:
    """Return where each chunk begins, and where the object ends. Raises Malformed."""
    offsets = array("q")  # Numbers in a tuple take five times as much.
    while len(offsets) < count:
        offsets.frombytes(_exactly(source, 8 * min(count - len(offsets), _AT_ONCE), "its offsets"))
    if sys.byteorder == "big":
        offsets.byteswap()
    if offsets[0] != HEAD + 8 * count:
        raise Malformed("offsets", f"the first is {offsets[0]}, and the header ends at {HEAD + 8 * count}")
    if any(map(operator.ge, offsets, islice(offsets, 1, None))):
        raise Malformed("offsets", "they do not increase")
    return offsets


def _identity(header: Header, left: int, source: Source) -> Iterator[bytes]:
    """Yield a payload that is stored as it is, in ``left`` bytes: chunks mean nothing then, only their end does."""
    if left != header.logical_size:
        raise Malformed("offsets", f"{left} bytes are stored of {header.logical_size}")
    while left:
        piece = source.some(min(left, header.chunk_size, HELD))
        if not piece:
            raise Malformed("cut", f"{left} bytes of payload are missing")
        left -= len(piece)
        yield bytes(piece)


def _chunk(header: Header, chunk: int, left: int, source: Source) -> Iterator[bytes]:
    """Yield a chunk's payload: one frame in ``left`` bytes. One that is short is held, and decoded at once, which is faster."""
    expected = header.payload(chunk)
    if left <= HELD and expected <= HELD:
        stored = source.up_to(left)
        payload = zstd.whole(stored, expected, MOST_WINDOW) if len(stored) == left else None
        if payload is not None:
            yield payload
            return
        source = Pieces((stored,))  # Read again, strictly, for what is wrong with it.
    decoder = zstd.Decoder(single=True, most=expected, most_window=MOST_WINDOW)
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


def _end(source: Source) -> None:
    if source.some(1):
        raise Malformed("trailing", "bytes follow the last chunk")
