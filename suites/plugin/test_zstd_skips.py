"""What a healthy bazel-remote sends compressed: a casblob, whose header is a skippable frame (RFC 8878, 3.1.2)."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import casblob, zstd

SKIPPED = st.tuples(st.integers(0, 15), st.binary(max_size=300)).map(
    lambda skip: struct.pack("<II", 0x184D2A50 + skip[0], len(skip[1])) + skip[1]
)


def decoded(data: bytes, step: int = 1_000_000, *, skips: bool = True) -> bytes:
    decoder = zstd.Decoder(skips=skips)
    pieces = [piece for at in range(0, len(data), step) for piece in decoder.feed(data[at : at + step])]
    decoder.finish()
    return b"".join(pieces)


@given(
    st.lists(st.tuples(SKIPPED, st.binary(min_size=1, max_size=500)), min_size=1, max_size=5),
    SKIPPED,
    st.integers(1, 400),
)
def test_skippable_frames_between_frames_and_around_them(
    parts: list[tuple[bytes, bytes]], last: bytes, step: int
) -> None:
    data = b"".join(skipped + zstandard.ZstdCompressor().compress(payload) for skipped, payload in parts) + last
    assert decoded(data, step) == b"".join(payload for _, payload in parts)


@pytest.mark.parametrize("size", [1, 6_000, casblob.CHUNK, 3 * casblob.CHUNK + 5])
def test_a_casblob_decodes_as_it_is_sent(size: int) -> None:
    payload = b"a healthy blob " * (size // 15 + 1)
    assert decoded(casblob.encode(payload[:size]), 65_536) == payload[:size]


def test_the_bytes_in_the_bucket_stay_strict() -> None:
    with pytest.raises(zstd.Malformed, match="begins 502a4d18"):
        decoded(casblob.encode(b"payload"), skips=False)


@given(SKIPPED, st.integers(1, 7))
def test_what_ends_in_a_skippable_frame_is_cut(skipped: bytes, step: int) -> None:
    frame = zstandard.ZstdCompressor().compress(b"x")
    for data in (skipped, frame + skipped[: len(skipped) - step], skipped[:3]):
        if data != frame:
            with pytest.raises(zstd.Malformed):
                decoded(data)


def test_skipped_bytes_are_bounded_and_not_held() -> None:
    with pytest.raises(zstd.Malformed, match="too-long"):
        decoded(struct.pack("<II", 0x184D2A50, zstd.MOST_SKIPPED))
    decoder, begun = zstd.Decoder(skips=True), time.process_time()
    tracemalloc.start()
    list(decoder.feed(struct.pack("<II", 0x184D2A5F, 10_000_000)))
    for _ in range(1_000):
        list(decoder.feed(bytes(10_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
    assert time.process_time() - begun < 10
    assert list(decoder.feed(zstandard.ZstdCompressor().compress(b"after"))) == [b"after"]
