"""The bounds of zstd frames to the byte, and what is said of a frame that is refused."""

from __future__ import annotations

import itertools
import struct

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import zstd
from pytest_gf.honey.formats.zstd import MAGIC, Decoder, Malformed

RAW, RLE, PACKED, RESERVED = range(4)
SINGLE, CHECKED = 0x20, 0x04


def block(kind: int, size: int, stored: bytes, *, last: bool = False) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little") + stored


def raw(data: bytes, *, last: bool = True) -> bytes:
    return block(RAW, len(data), data, last=last)


def rle(count: int, *, last: bool = False) -> bytes:
    return block(RLE, count, b"a", last=last)


def unsized(*blocks: bytes, window: int = 0x38) -> bytes:
    """Return a frame that says a window, 128 KiB if no other, and no size of its contents."""
    return MAGIC + bytes([0, window]) + b"".join(blocks)


def sized(size: int, *blocks: bytes) -> bytes:
    """Return a frame of one segment that says its size in four bytes."""
    return MAGIC + bytes([0x80 | SINGLE]) + struct.pack("<I", size) + b"".join(blocks)


def decoded(data: bytes, step: int = 1 << 30, **bounds: int | bool | None) -> bytes:
    made = Decoder(**bounds)  # type: ignore[arg-type]  # A table of both.
    pieces = [piece for at in range(0, len(data), step) for piece in made.feed(data[at : at + step])]
    made.finish()
    assert made.size == sum(map(len, pieces))
    return b"".join(pieces)


def refused(data: bytes, step: int = 1 << 30, **bounds: int | bool | None) -> str:
    with pytest.raises(Malformed) as raised:
        decoded(data, step, **bounds)
    assert str(raised.value).startswith(f"{raised.value.kind}: ")
    return str(raised.value)


@pytest.mark.parametrize("descriptor", range(256))
def test_a_header_is_read_as_the_library_reads_it(descriptor: int) -> None:
    size = zstd._header_size(descriptor)
    header = (MAGIC + bytes([descriptor]) + bytes(range(1, 15)))[:size]
    assert size == zstandard.frame_header_size(header.ljust(18, b"\0"))
    if descriptor & 8:
        assert refused(header) == "header: a reserved bit is set"
        return
    known = zstandard.get_frame_parameters(header)
    if descriptor & 3:
        assert refused(header) == "dictionary: the frame needs a dictionary"
        return
    checksum, content = zstd._check_header(header, 1 << 64)
    assert checksum == known.has_checksum
    assert content == (None if known.content_size == 2**64 - 1 else known.content_size)


@given(st.integers(0, 255))
def test_a_window_is_read_as_the_library_reads_it(window: int) -> None:
    header = MAGIC + bytes([0, window])
    try:
        known = zstandard.get_frame_parameters(header).window_size
    except zstandard.ZstdError:  # The library refuses more than 2 GiB.
        known = (1 << (10 + (window >> 3))) * (8 + (window & 7)) // 8
    assert zstd._check_header(header, known) == (False, None)
    says = f"window: the frame asks for a window of {known} bytes; {known - 1} are allowed"
    with pytest.raises(Malformed) as raised:
        zstd._check_header(header, known - 1)
    assert str(raised.value) == says


def test_a_dictionary_of_number_zero_is_none() -> None:
    for descriptor, empty in ((1, bytes(1)), (2, bytes(2)), (3, bytes(4))):
        assert decoded(MAGIC + bytes([descriptor, 0x38]) + empty + raw(b"x")) == b"x"
        assert refused(MAGIC + bytes([descriptor, 0x38]) + empty[:-1] + b"\1" + raw(b"x")) == (
            "dictionary: the frame needs a dictionary"
        )


def test_what_single_segments_ask_for_is_their_size() -> None:
    data = sized(1000, rle(1000, last=True))
    assert decoded(data, most_window=1000) == b"a" * 1000
    assert refused(data, most_window=999) == "window: the frame asks for a window of 1000 bytes; 999 are allowed"


def test_a_size_of_two_bytes_counts_from_256() -> None:
    data = MAGIC + bytes([0x40 | SINGLE]) + struct.pack("<H", 44) + rle(300, last=True)
    assert decoded(data) == b"a" * 300


@pytest.mark.parametrize(
    ("stored", "is_last", "size"),
    [
        (raw(b"abc"), True, 3),
        (raw(b"abc", last=False), False, 3),
        (rle(70_000), False, 1),
        (block(PACKED, 5, b""), False, 5),
        (block(RAW, 0, b"", last=True), True, 0),
        (block(PACKED, zstd.MOST_BLOCK, b""), False, zstd.MOST_BLOCK),
        (rle(zstd.MOST_BLOCK, last=True), True, 1),
    ],
)
def test_the_header_of_a_block(stored: bytes, is_last: bool, size: int) -> None:
    assert zstd._block(b"??" + stored, 2) == (is_last, size)


def test_blocks_that_are_refused() -> None:
    assert refused(unsized(block(RESERVED, 1, b"x"))) == "block: a block of the reserved type"
    for kind in (RAW, RLE, PACKED):
        assert refused(unsized(block(kind, zstd.MOST_BLOCK + 1, b"x"))) == (
            "block: a block of 131073 bytes; 131072 are allowed"
        )


@pytest.mark.parametrize("count", [1, 2, zstd.AT_ONCE - 1, zstd.AT_ONCE, zstd.AT_ONCE + 1, 40])
@pytest.mark.parametrize("step", [1, 7, 1 << 30])
@pytest.mark.parametrize("checked", [False, True])
def test_frames_of_few_and_of_many_blocks(count: int, step: int, checked: bool) -> None:
    payload = bytes(range(count)) * 3
    blocks = b"".join(raw(payload[at * 3 : at * 3 + 3], last=at == count - 1) for at in range(count))
    frame = unsized(blocks)
    if checked:
        packed = zstandard.ZstdCompressor(write_checksum=True).compress(payload)
        frame = MAGIC + bytes([CHECKED, 0x38]) + blocks + packed[-4:]
    assert decoded(frame * 3, step) == payload * 3
    assert refused(frame * 3, step, single=True) == "extra: bytes follow the frame"
    assert refused(frame[:-1], step) == "cut: the bytes end inside of frame 1"
    assert refused(frame * 2 + frame[:-1], step) == "cut: the bytes end inside of frame 3"
    if checked:
        broken = refused(frame[:-1] + bytes([frame[-1] ^ 1]), step)
        assert broken.startswith("corrupt: frame 1: ")


@pytest.mark.parametrize("count", [3, 20])
@pytest.mark.parametrize("step", [1, 1 << 30])
def test_the_most_that_a_decoder_gives(count: int, step: int) -> None:
    frame = unsized(*(raw(b"abcd", last=at == count - 1) for at in range(count)))
    size = 4 * count
    assert decoded(frame, step, most=size) == b"abcd" * count
    assert refused(frame, step, most=size - 1) == f"too-long: more than {size - 1} bytes"
    assert decoded(frame * 2, step, most=2 * size) == b"abcd" * count * 2
    assert refused(frame * 2, step, most=2 * size - 1) == f"too-long: more than {2 * size - 1} bytes"


def test_a_size_that_is_too_long_is_refused_before_it_is_decoded() -> None:
    corrupt = sized(1001, block(PACKED, 3, b"???", last=True))
    assert refused(corrupt, most=1000) == "too-long: more than 1000 bytes"
    assert refused(corrupt, most=1001).startswith("corrupt: frame 1: ")
    twice = sized(600, rle(600, last=True)) * 2
    assert refused(twice, most=1199) == "too-long: more than 1199 bytes"
    assert decoded(twice, most=1200) == b"a" * 1200


@pytest.mark.parametrize("step", [1, 1 << 30])
def test_a_frame_promises_no_more_than_its_blocks_hold(step: int) -> None:
    most = 2 * zstd.MOST_BLOCK
    two = (rle(zstd.MOST_BLOCK), rle(zstd.MOST_BLOCK, last=True))
    assert decoded(sized(most, *two), 1 << 30) == b"a" * most
    for frame in (sized(most + 1, *two), sized(1, raw(b"ab")), sized(16, raw(b"")), sized(3, rle(2), raw(b""))):
        # The library itself takes the last two where they come in pieces.
        assert refused(frame, step).startswith("corrupt: frame 1: ")


def test_a_frame_that_begins_otherwise() -> None:
    assert refused(b"\x28\xb5\x2f\xfe") == "magic: frame 1 begins 28b52ffe"
    assert refused(b"PK") == "magic: frame 1 begins 504b"
    assert refused(unsized(raw(b"x")) + b"<html>") == "magic: frame 2 begins 3c68746d"
    for end in range(1, 6):
        assert refused(MAGIC[:end]) == "cut: the bytes end inside of frame 1"
    assert refused(b"") == "cut: the bytes end inside of frame 1"


def skippable(size: int, first: int = zstd.SKIPPABLE_FIRST, held: int | None = None) -> bytes:
    return bytes([first]) + zstd.SKIPPABLE + struct.pack("<I", size) + bytes(size if held is None else held)


def test_skippable_frames_to_the_byte() -> None:
    frame = unsized(raw(b"x"))
    for first, step in itertools.product((0x50, 0x5F), (1, 5, 1 << 30)):
        assert decoded(skippable(3, first) + frame + skippable(0, first), step, skips=True) == b"x"
        assert refused(skippable(3, first) + frame + skippable(4, first)[:-1], step, skips=True) == (
            "cut: the bytes end inside of frame 2"
        )
    for first in (0x4F, 0x60):
        assert refused(skippable(3, first) + frame, skips=True) == f"magic: frame 1 begins {first:02x}2a4d18"
    assert refused(skippable(3), skips=True) == "cut: the bytes end inside of frame 1"
    assert refused(skippable(3) + frame) == "magic: frame 1 begins 502a4d18"


def test_the_most_that_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zstd, "MOST_SKIPPED", 40)
    frame = unsized(raw(b"x"))
    assert decoded(skippable(32) + frame, skips=True) == b"x"
    assert decoded(skippable(12) + frame + skippable(12), skips=True) == b"x", "40 bytes with their headers"
    says = "too-long: skippable frames of more than 40 bytes"
    assert refused(skippable(33, held=0), skips=True) == says
    assert refused(skippable(12) + frame + skippable(13), skips=True) == says


def test_one_whole_frame_that_says_its_size() -> None:
    frame = zstandard.ZstdCompressor(write_content_size=True).compress(b"x" * 5_000)
    assert zstd.whole(frame, 5_000, 8_192) == b"x" * 5_000
    assert zstd.whole(memoryview(frame), 5_000, 5_000) == b"x" * 5_000
    assert zstd.whole(frame, 4_999, 8_192) is None
    assert zstd.whole(frame, 5_001, 8_192) is None
    assert zstd.whole(frame, 5_000, 4_999) is None
    assert zstd.whole(frame + b"\0", 5_000, 8_192) is None
    assert zstd.whole(frame[:-1], 5_000, 8_192) is None
    assert zstd.whole(frame[:5], 5_000, 8_192) is None
    numbered = MAGIC + bytes([0x80 | SINGLE | 1, 7]) + struct.pack("<I", 3) + raw(b"abc")
    assert zstd.whole(numbered, 3, 8_192) is None
    assert zstd.whole(sized(3, raw(b"abc")), 3, 8_192) == b"abc"


def test_what_is_allowed_if_nobody_says_otherwise() -> None:
    assert (zstd.MOST_SKIPPED, zstd.MOST_WINDOW) == (16 * 1024 * 1024, 128 * 1024 * 1024)
    assert decoded(unsized(raw(b"x"), window=17 << 3)) == b"x"
    says = "window: the frame asks for a window of 150994944 bytes; 134217728 are allowed"
    assert refused(unsized(raw(b"x"), window=17 << 3 | 1)) == says
