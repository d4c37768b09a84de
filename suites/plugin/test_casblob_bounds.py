"""The bounds of a casblob to the byte, and what is said of one that is refused."""

from __future__ import annotations

import struct

import pytest
import zstandard

from pytest_gf.honey.formats import casblob, pieces
from pytest_gf.honey.formats.casblob import HEAD, IDENTITY, MAGIC, ZSTD, Header, Malformed, decode, encode
from pytest_gf.honey.formats.pieces import Pieces

PAYLOAD = bytes(range(250)) * 10


def blob(*chunks: bytes, logical: int = 2, compression: int = ZSTD, chunk: int = 1, **changed: int) -> bytes:
    """Return an object with these stored chunks; ``changed`` are fields of its head."""
    count = len(chunks) + 1
    offsets = [HEAD + 8 * count]
    for stored in chunks:
        offsets.append(offsets[-1] + len(stored))
    head = {"magic": MAGIC, "frame": HEAD - 8 + 8 * count, "logical": logical, "compression": compression}
    head |= {"chunk": chunk, "count": count} | changed
    return struct.pack("<IIqBIq", *head.values()) + struct.pack(f"<{count}q", *offsets) + b"".join(chunks)


def packed(data: bytes) -> bytes:
    return zstandard.compress(data)


def refused(data: bytes) -> tuple[str, int | None, int | None]:
    with pytest.raises(Malformed) as raised:
        list(decode(data))
    wrong = raised.value
    assert str(wrong).startswith(f"{wrong.kind}: " if wrong.chunk is None else f"{wrong.kind}: chunk {wrong.chunk}: ")
    return str(wrong), wrong.chunk, wrong.size


TWO = (packed(b"a"), packed(b"b"))


@pytest.mark.parametrize(
    ("data", "says", "size"),
    [
        (b"", "cut: the object ends in its header", None),
        (blob(*TWO)[: HEAD - 1], "cut: the object ends in its header", None),
        (blob(*TWO)[: HEAD + 23], "cut: the object ends in its offsets", 2),
        (blob(*TWO, magic=MAGIC + 1), "magic: 0x184d2a51, not 0x184d2a50", None),
        (blob(*TWO, magic=0x184D), "magic: 0x0000184d, not 0x184d2a50", None),
        (blob(*TWO, logical=0), "logical-size: 0 bytes of payload", None),
        (blob(*TWO, logical=-1), "logical-size: -1 bytes of payload", None),
        (blob(*TWO, compression=2), "compression: 2 is neither identity (0) nor zstd (1)", 2),
        (blob(*TWO, chunk=0), "chunk-size: 0 (it makes a real bazel-remote die)", 2),
        (blob(*TWO, count=1), "offset-count: 1 offsets", 2),
        (blob(*TWO, count=casblob.MOST_CHUNKS + 2), f"offset-count: {casblob.MOST_CHUNKS + 2} offsets", 2),
        (
            blob(*TWO, count=casblob.MOST_CHUNKS + 1),
            f"offset-count: {casblob.MOST_CHUNKS + 1} offsets for 2 bytes in chunks of 1",
            2,
        ),
        (blob(*TWO, count=2), "offset-count: 2 offsets for 2 bytes in chunks of 1", 2),
        (blob(*TWO, logical=3), "offset-count: 3 offsets for 3 bytes in chunks of 1", 3),
        (blob(*TWO, frame=44), "frame-size: 44 for 3 offsets", 2),
        (blob(*TWO) + b"x", "trailing: bytes follow the last chunk", 2),
    ],
)
def test_what_is_said_of_a_header(data: bytes, says: str, size: int | None) -> None:
    assert refused(data) == (says, None, size)


def test_what_is_said_of_offsets() -> None:
    def moved(at: int, by: int) -> bytes:
        changed = bytearray(blob(*TWO))
        (before,) = struct.unpack_from("<q", changed, HEAD + 8 * at)
        struct.pack_into("<q", changed, HEAD + 8 * at, before + by)
        return bytes(changed)

    assert refused(moved(0, 1))[0] == "offsets: the first is 54, and the header ends at 53"
    assert refused(moved(1, -len(TWO[0])))[0] == "offsets: they do not increase"
    assert refused(moved(1, len(TWO[1])))[0] == "offsets: they do not increase"
    assert refused(moved(2, 1))[:2] == ("cut: chunk 1: 1 stored bytes are missing", 1)
    says, chunk, size = refused(moved(1, -1))
    assert (says, chunk, size) == ("frame: chunk 0: cut: the bytes end inside of frame 1", 0, 2)


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (packed(b"ab"), "bomb: chunk 1: too-long: more than 1 bytes"),
        (packed(b""), "short-chunk: chunk 1: 0 bytes of 1"),
        (packed(b"b") + b"x", "extra-frame: chunk 1: extra: bytes follow the frame"),
        (b"b", "frame: chunk 1: magic: frame 1 begins 62"),
        (b"\x28\xb5\x2f\xfd\x00\x69", "bomb: chunk 1: window: the frame asks for a window of 9437184 bytes; 8388608 are allowed"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_chunk(chunk: bytes, says: str) -> None:
    assert refused(blob(packed(b"a"), chunk)) == (says, 1, 2)


def test_a_payload_that_is_stored_as_it_is() -> None:
    for chunk in (1, 4, 5, 6, 1 << 20):
        assert b"".join(decode(blob(b"abcde", logical=5, compression=IDENTITY, chunk=chunk))) == b"abcde"
    assert [len(piece) for piece in decode(blob(b"abcde", logical=5, compression=IDENTITY, chunk=2))] == [2, 2, 1]
    says = "offsets: 5 bytes are stored of 4"
    assert refused(blob(b"abcde", logical=4, compression=IDENTITY))[0] == says
    assert refused(blob(b"abcde", logical=5, compression=IDENTITY)[:-2])[0] == "cut: 2 bytes of payload are missing"
    assert refused(blob(b"abcde", logical=5, compression=IDENTITY) + b"x")[0] == "trailing: bytes follow the last chunk"


def test_how_much_a_chunk_holds() -> None:
    header = Header(MAGIC, 0, 25, ZSTD, 10, 4)
    assert [header.payload(chunk) for chunk in range(3)] == [10, 10, 5]


def test_large_chunks_are_read_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(PAYLOAD, chunk_size=1000)
    strict = [bytes(piece) for piece in decode(data)]
    assert list(map(len, strict)) == [1000, 1000, 500]
    for held in (1, 400, 999, 1000):
        monkeypatch.setattr(casblob, "HELD", held)
        assert b"".join(decode(data)) == PAYLOAD
    monkeypatch.setattr(casblob, "HELD", 1)
    monkeypatch.setattr(casblob, "CHUNK", 7)
    assert b"".join(casblob.decode_stream(Pieces([data]))) == PAYLOAD
    assert refused(blob(packed(b"a"), packed(b"b") + b"x"))[0] == "extra-frame: chunk 1: extra: bytes follow the frame"
    assert refused(blob(packed(b"a"), packed(b"b")[:-1]))[0].startswith("frame: chunk 1: cut: ")


def test_many_offsets_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casblob, "_AT_ONCE", 3)
    for size in (2, 5, 6, 7):
        data = encode(b"x" * size, chunk_size=1)
        assert b"".join(decode(data)) == b"x" * size


def test_one_chunk_is_taken_at_once_and_nothing_else() -> None:
    data = encode(PAYLOAD)
    assert casblob.plain(memoryview(data)) == PAYLOAD
    for size in (0, 1, 44, 45, 46, len(data) - 1):
        assert casblob.plain(memoryview(data[:size])) is None
    assert casblob.plain(memoryview(data + b"x")) is None
    assert casblob.plain(memoryview(encode(PAYLOAD, chunk_size=1000))) is None
    as_it_is = encode(PAYLOAD[:1000], compression=IDENTITY)
    assert casblob.plain(memoryview(as_it_is)) == PAYLOAD[:1000]
    assert casblob.plain(memoryview(as_it_is[:-1])) is None
    assert casblob.plain(memoryview(as_it_is + b"x")) is None
    assert casblob.plain(memoryview(blob(packed(b"ab"), logical=2, chunk=2))) == b"ab"
    assert casblob.plain(memoryview(blob(packed(b"ab"), logical=2, chunk=1))) is None
    assert casblob.plain(memoryview(blob(packed(b""), logical=0, chunk=1))) is None
    for changed in ({"magic": 1}, {"frame": 38}, {"count": 3}, {"logical": 3}, {"compression": 0}):
        assert casblob.plain(memoryview(blob(packed(b"ab"), **{"logical": 2, "chunk": 9} | changed))) is None


def test_what_is_longer_than_is_held_is_not_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(PAYLOAD)
    monkeypatch.setattr(casblob, "HELD", len(PAYLOAD))
    assert casblob.plain(memoryview(data)) == PAYLOAD
    monkeypatch.setattr(casblob, "HELD", len(PAYLOAD) - 1)
    assert casblob.plain(memoryview(data)) is None


def test_the_size_that_a_head_promises() -> None:
    data = encode(PAYLOAD)
    assert casblob.payload_size(data) == casblob.payload_size(memoryview(data[:HEAD])) == len(PAYLOAD)
    assert casblob.payload_size(data[: HEAD - 1]) is None
    assert casblob.payload_size(blob(*TWO, magic=1)) is None
    assert casblob.payload_size(blob(*TWO, logical=0)) is None
    assert casblob.payload_size(blob(*TWO, logical=1)) == 1


def test_what_is_written() -> None:
    data = encode(b"abcde", compression=IDENTITY, chunk_size=2)
    assert data == blob(b"ab", b"cd", b"e", logical=5, compression=IDENTITY, chunk=2)
    assert encode(b"ab", chunk_size=2) == blob(
        zstandard.ZstdCompressor(write_checksum=True).compress(b"ab"), logical=2, chunk=2
    )
    assert encode(b"ab", checksum=False) == blob(packed(b"ab"), logical=2, chunk=casblob.CHUNK)
    with pytest.raises(ValueError, match=r"^an empty blob is never stored$"):
        encode(b"")


def test_bytes_are_given_in_the_amounts_that_are_asked_for() -> None:
    source = Pieces([b"", b"abc", b"", b"de", memoryview(b"fgh")])
    assert bytes(source.some(2)) == b"ab"
    assert bytes(source.some(5)) == b"c"
    assert bytes(source.up_to(4)) == b"defg"
    assert bytes(source.up_to(4)) == b"h"
    assert bytes(source.some(4)) == bytes(source.up_to(4)) == b""
    assert [bytes(each) for each in pieces.each(Pieces([b"ab", b"c"]))] == [b"ab", b"c"]
    assert bytes(pieces.joined(Pieces([b"c", b"d", b"ef"]), 5, b"ab")) == b"abcde"
    assert bytes(pieces.joined(Pieces([b"c"]), 5, b"ab")) == b"abc"


def test_no_more_than_a_piece_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 2)
    assert [bytes(each) for each in pieces.each(Pieces([b"abc"]))] == [b"ab", b"c"]
