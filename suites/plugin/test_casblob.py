"""casblob and the zstd frames below it: round trips, every cut, every flip, every malformed kind, bombs."""

from __future__ import annotations

import hashlib
import random
import resource
import struct
import subprocess
import sys
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import casblob, zstd
from pytest_gf.honey.formats.casblob import IDENTITY, ZSTD, Malformed, decode, decode_stream, encode
from pytest_gf.honey.formats.pieces import Pieces

PAYLOAD = random.Random(7).randbytes(700) + b"a" * 2000  # noqa: S311  # Test data.


def payload_of(data: bytes) -> bytes:
    return b"".join(decode(data))


def rebuilt(data: bytes, at: int, form: str, value: int) -> bytes:
    """Return the object with one header field replaced."""
    changed = bytearray(data)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


def object_of(frames: list[bytes], logical: int, chunk: int = casblob.CHUNK) -> bytes:
    """Return an object whose chunks are these frames."""
    count = len(frames) + 1
    offsets = [29 + 8 * count]
    for frame in frames:
        offsets.append(offsets[-1] + len(frame))
    head = struct.pack("<IIqBIq", casblob.MAGIC, 21 + 8 * count, logical, ZSTD, chunk, count)
    return head + struct.pack(f"<{count}q", *offsets) + b"".join(frames)


@given(
    st.binary(min_size=1, max_size=5000),
    st.sampled_from([IDENTITY, ZSTD]),
    st.integers(1, 3000),
    st.booleans(),
    st.lists(st.integers(1, 500), max_size=20),
)
def test_round_trip_in_pieces_of_any_size(
    payload: bytes, compression: int, chunk: int, checksum: bool, sizes: list[int]
) -> None:
    data = encode(payload, compression=compression, chunk_size=chunk, checksum=checksum)
    assert payload_of(data) == payload
    pieces, at = [], 0
    for size in [*sizes, len(data)]:
        pieces.append(data[at : at + size])
        at += size
    assert b"".join(decode_stream(Pieces(pieces))) == payload


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("chunk", [1000, casblob.CHUNK])
def test_what_is_taken_at_once_is_what_the_strict_reader_gives(chunk: int, checksum: bool) -> None:
    """Of every flip, cut and longer object; an object of one chunk is taken, one of several never."""
    data = encode(PAYLOAD, chunk_size=chunk, checksum=checksum)
    assert casblob.plain(memoryview(data)) == (PAYLOAD if chunk == casblob.CHUNK else None)
    bent = [data[:end] for end in range(len(data))] + [data + b"x"]
    bent += [data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :] for at in range(len(data)) for bit in (1, 0x80)]
    for packed in bent:
        payload = casblob.plain(memoryview(packed))
        assert payload is None or payload == payload_of(packed)


@pytest.mark.parametrize("compression", [IDENTITY, ZSTD])
@pytest.mark.parametrize("chunk", [512, casblob.CHUNK])
def test_every_cut_is_refused(compression: int, chunk: int) -> None:
    data = encode(PAYLOAD, compression=compression, chunk_size=chunk)
    for end in range(len(data)):
        with pytest.raises(Malformed):
            payload_of(data[:end])


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("compression", [IDENTITY, ZSTD])
def test_every_flip_is_refused_or_shows_in_the_digest_or_changes_nothing(compression: int, checksum: bool) -> None:
    data = encode(PAYLOAD, compression=compression, chunk_size=1000, checksum=checksum)
    digest = hashlib.sha256(PAYLOAD).digest()
    outcomes = set()
    for at in range(len(data)):
        for bit in (1, 0x10, 0x80, 0xFF):
            flipped = bytearray(data)
            flipped[at] ^= bit
            try:
                payload = payload_of(bytes(flipped))
            except Malformed:
                outcomes.add("malformed")
            else:
                outcomes.add("same" if payload == PAYLOAD else "digest")
                assert (hashlib.sha256(payload).digest() == digest) == (payload == PAYLOAD)
    assert "malformed" in outcomes
    if not (checksum and compression == ZSTD):
        assert "digest" in outcomes


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("single", [True, False])
def test_both_readers_say_the_same_of_every_flip_and_cut(checksum: bool, single: bool) -> None:
    """The one that has the whole object takes a shorter way through sound frames; what it gives is the same."""
    chunk = casblob.CHUNK if single else 700
    data = encode(PAYLOAD, chunk_size=chunk, checksum=checksum)
    bent = [data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :] for at in range(len(data)) for bit in (1, 0x20, 0x80)]
    for variant in (*bent, *(data[:at] for at in range(len(data))), data + b"!", data + data):
        said = []
        for reader in (decode(variant), decode_stream(Pieces((variant[:50], variant[50:])))):
            try:
                said.append(("payload", b"".join(reader)))
            except Malformed as wrong:
                said.append((wrong.kind, b""))
        assert said[0] == said[1]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_payload_or_malformed(data: bytes) -> None:
    for start in (b"", struct.pack("<I", casblob.MAGIC), encode(b"abc")[:45]):
        with pytest.raises(Malformed):
            payload_of(start + data + b"!")


GOOD = encode(PAYLOAD, chunk_size=1000)
FRAME = zstandard.ZstdCompressor().compress(PAYLOAD)
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "magic": (lambda: rebuilt(GOOD, 0, "<I", 1), "magic"),
    "frame size": (lambda: rebuilt(GOOD, 4, "<I", 22), "frame-size"),
    "logical 0": (lambda: rebuilt(GOOD, 8, "<q", 0), "logical-size"),
    "logical negative": (lambda: rebuilt(GOOD, 8, "<q", -5), "logical-size"),
    "logical absurd": (lambda: rebuilt(GOOD, 8, "<q", 2**62), "offset-count"),
    "compression": (lambda: rebuilt(GOOD, 16, "<B", 2), "compression"),
    "chunk 0": (lambda: rebuilt(GOOD, 17, "<I", 0), "chunk-size"),
    "n 1": (lambda: rebuilt(GOOD, 21, "<q", 1), "offset-count"),
    "n absurd": (lambda: rebuilt(GOOD, 21, "<q", 2**60), "offset-count"),
    "n negative": (lambda: rebuilt(GOOD, 21, "<q", -1), "offset-count"),
    "first offset": (lambda: rebuilt(GOOD, 29, "<q", 30), "offsets"),
    "not increasing": (lambda: rebuilt(GOOD, 37, "<q", 61), "offsets"),
    "last offset short": (lambda: rebuilt(GOOD, 29 + 8 * 3, "<q", len(GOOD) - 1), "frame"),
    "last offset long": (lambda: rebuilt(GOOD, 29 + 8 * 3, "<q", len(GOOD) + 1), "cut"),
    "trailing": (lambda: GOOD + b"\0", "trailing"),
    "no frame": (lambda: object_of([b"no zstd here at all"], 2700), "frame"),
    "raw payload": (lambda: object_of([PAYLOAD], len(PAYLOAD)), "frame"),
    "two frames": (lambda: object_of([zstandard.compress(b"ab") + zstandard.compress(b"cd")], 4), "extra-frame"),
    "skippable frame": (lambda: object_of([b"\x50\x2a\x4d\x18\x01\0\0\0x" + zstandard.compress(b"ab")], 2), "frame"),
    "bytes after the frame": (lambda: object_of([zstandard.compress(b"abcd") + b"x"], 4), "extra-frame"),
    "longer than its chunk": (lambda: object_of([zstandard.compress(b"a" * 5000)], 4999), "bomb"),
    "shorter than its chunk": (lambda: object_of([zstandard.compress(b"a" * 4998)], 4999), "short-chunk"),
    "cut in the last frame": (lambda: object_of([FRAME[:-3]], len(PAYLOAD)), "frame"),
    "window": (lambda: object_of([b"\x28\xb5\x2f\xfd\x00\xff" + b"\0" * 20], 4), "bomb"),
    "reserved block": (lambda: object_of([b"\x28\xb5\x2f\xfd\x00\x00\x07\0\0\0"], 4), "frame"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_malformed_kind_is_its_own(name: str) -> None:
    make, kind = CASES[name]
    with pytest.raises(Malformed) as raised:
        payload_of(make())
    assert raised.value.kind == kind


def test_a_whole_object_with_another_digest_is_not_malformed() -> None:
    assert payload_of(encode(b"x" * 2700)) == b"x" * 2700


def test_a_frame_without_its_size_and_with_a_checksum_is_read() -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True)
    assert payload_of(object_of([compressor.compress(PAYLOAD)], len(PAYLOAD))) == PAYLOAD


def test_a_flip_in_a_checksummed_frame_is_malformed() -> None:
    data = bytearray(object_of([zstandard.ZstdCompressor(write_checksum=True).compress(PAYLOAD)], len(PAYLOAD)))
    data[-1] ^= 1
    with pytest.raises(Malformed, match="chunk 0"):
        payload_of(bytes(data))


BOMB = """
import resource, struct, sys
from pytest_gf.honey.formats import casblob
frame = b"\\x28\\xb5\\x2f\\xfd\\x00\\x58" + b"".join(
    ((131072 << 3) | 2 | (at == 8191)).to_bytes(3, "little") + b"a" for at in range(8192))
head = struct.pack("<IIqBIq", casblob.MAGIC, 37, {logical}, 1, {chunk}, 2)
data = head + struct.pack("<2q", 45, 45 + len(frame)) + frame
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = 0
try:
    for piece in casblob.decode(data):
        size += len(piece)
    print("whole", size)
except casblob.Malformed as wrong:
    print(wrong.kind)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("logical", "chunk", "outcome"), [(100, 1024 * 1024, "bomb"), (2**30, 2**30, f"whole {2**30}")]
)
def test_a_gibibyte_out_of_a_small_object_costs_no_memory(logical: int, chunk: int, outcome: str) -> None:
    code = BOMB.format(logical=logical, chunk=chunk)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == outcome
    assert int(done.stderr) < 32 * 1024, "KiB more than before"
    assert resource.getpagesize()


MANY_CHUNKS = """
import struct, tracemalloc
from pytest_gf.honey.formats import casblob
count = casblob.MOST_CHUNKS + 1
head = struct.pack("<IIqBIq", casblob.MAGIC, 21 + 8 * count, casblob.MOST_CHUNKS, 1, 1, count)
first = 29 + 8 * count
data = head + struct.pack(f"<{count}q", *range(first, first + count))
tracemalloc.start()
try:
    list(casblob.decode(data))
except casblob.Malformed as wrong:
    print(wrong.kind, tracemalloc.get_traced_memory()[1] < 10 * 1024 * 1024)
"""


def test_a_million_offsets_take_little_more_than_their_bytes() -> None:
    done = subprocess.run([sys.executable, "-c", MANY_CHUNKS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "cut True\n"


def test_a_window_that_not_every_decoder_has_is_refused() -> None:
    """RFC 8878, 3.1.1.1.2: 8 MiB is what all support; every reading thread may hold one."""
    payload = random.Random(5).randbytes(9 * 1024 * 1024)  # noqa: S311  # Test data.
    for log, outcome in ((23, ""), (24, "bomb")):
        parameters = zstandard.ZstdCompressionParameters(window_log=log, compression_level=1)
        compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # It writes no content size.
        data = object_of([compressor.compress(payload) + compressor.flush()], len(payload), chunk=len(payload))
        if not outcome:
            assert payload_of(data) == payload
            continue
        with pytest.raises(Malformed) as raised:
            payload_of(data)
        assert raised.value.kind == outcome


def test_two_objects_may_be_decoded_in_turns() -> None:
    """In one thread, where frames that are longer than is held are decoded piece by piece."""
    payloads = [random.Random(seed).randbytes(3 * 1024 * 1024) for seed in (1, 2)]  # noqa: S311  # Test data.
    pairs = zip(*(decode(encode(payload, chunk_size=len(payload))) for payload in payloads), strict=True)
    assert [b"".join(pieces) for pieces in zip(*pairs, strict=True)] == payloads


# The frames alone, as Attic sends them one after another


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=5), st.integers(1, 97), st.booleans(), st.booleans())
def test_frames_one_after_another(parts: list[bytes], step: int, sized: bool, checked: bool) -> None:
    compressor = zstandard.ZstdCompressor(write_content_size=sized, write_checksum=checked)
    data = b"".join(compressor.compress(part) for part in parts)
    decoder = zstd.Decoder()
    decoded = b"".join(piece for at in range(0, len(data), step) for piece in decoder.feed(data[at : at + step]))
    decoder.finish()
    assert decoded == b"".join(parts)
    assert decoder.frames == len(parts)
    assert decoder.size == len(decoded)


@pytest.mark.parametrize("blocks", [b"\x19\0\0abc", b"\x07\0\0", b"\x05\0\0", b"\x01\0\0\xde\xad\xbe\xef"])
def test_a_frame_that_says_it_is_empty_must_be(blocks: bytes) -> None:
    """Blocks with content, of the reserved type, compressed ones of nothing, and a wrong checksum."""
    checked = 0x04 if len(blocks) == 7 and blocks[0] == 1 else 0
    with pytest.raises(zstd.Malformed):
        list(zstd.Decoder().feed(zstd.MAGIC + bytes([0x20 | checked, 0]) + blocks))


@pytest.mark.parametrize("checked", [True, False])
def test_an_empty_frame_is_read(checked: bool) -> None:
    decoder = zstd.Decoder()
    assert b"".join(decoder.feed(zstandard.ZstdCompressor(write_checksum=checked).compress(b"") * 2)) == b""
    decoder.finish()
    assert (decoder.frames, decoder.size) == (2, 0)


def test_every_cut_of_frames_is_seen_but_between_two_of_them() -> None:
    frames = [zstandard.compress(b"first" * 30), zstandard.compress(b"second")]
    data = b"".join(frames)
    whole = {len(frames[0]), len(data)}
    for end in range(len(data) + 1):
        decoder = zstd.Decoder()
        list(decoder.feed(data[:end]))
        if end in whole:
            decoder.finish()
        else:
            with pytest.raises(zstd.Malformed, match="cut"):
                decoder.finish()


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_frames_or_malformed(data: bytes, step: int) -> None:
    for start in (b"", zstd.MAGIC, zstandard.compress(b"abc" * 50)[:9]):
        decoder, fed = zstd.Decoder(most=10**6), start + data
        try:
            decoded = b"".join(piece for at in range(0, len(fed), step) for piece in decoder.feed(fed[at : at + step]))
            decoder.finish()
        except zstd.Malformed:
            continue
        with zstandard.ZstdDecompressor().stream_reader(fed, read_across_frames=True) as reader:
            assert reader.read() == decoded


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"\x28\xb5\x2f\xfe\x00", "magic"),
        (b"\x28\xb5\x2f\xfd\x08\x00", "header"),
        (b"\x28\xb5\x2f\xfd\x01\x00\x07", "dictionary"),
        (b"\x28\xb5\x2f\xfd\x00\xff", "window"),
        (b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8, "window"),
        (b"\x28\xb5\x2f\xfd\x00\x00" + b"\x07\x00\x00", "block"),
        (b"\x28\xb5\x2f\xfd\x00\x00" + b"\xff\xff\xff", "block"),
    ],
)
def test_what_a_frame_may_not_ask_for(header: bytes, kind: str) -> None:
    with pytest.raises(zstd.Malformed) as raised:
        list(zstd.Decoder().feed(header))
    assert raised.value.kind == kind
