"""Packed bodies and the archives in them: bounds to the byte, and what is said of one that is refused."""

from __future__ import annotations

import gzip
import hashlib
import lzma
from collections.abc import Callable

import brotli
import pytest
import zstandard

from pytest_gf.honey.formats import packed, zstd
from pytest_gf.honey.formats.nar import Directory, Regular, write
from pytest_gf.honey.formats.narbody import SLACK, NarBody
from pytest_gf.honey.formats.packed import Malformed, applied, decoded, decoder

PACK: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "zstd": zstandard.compress,
    "xz": lzma.compress,
    "br": brotli.compress,
    "gzip": gzip.compress,
}
NAR = b"".join(write(Directory({b"a": Regular(b"hello\n" * 500), b"b": Regular(b"x" * 77)})))


def read(kind: str, data: bytes, most: int) -> bytes:
    one = decoder(kind, most)
    got = b"".join(one.feed(data))
    one.finish()
    return got


def refused(kind: str, data: bytes, most: int = 10_000) -> str:
    with pytest.raises((Malformed, zstd.Malformed)) as raised:
        read(kind, data, most)
    return str(raised.value)


@pytest.mark.parametrize("kind", PACK)
def test_the_most_to_the_byte(kind: str) -> None:
    data = PACK[kind](b"x" * 1000)
    assert read(kind, data, 1000) == b"x" * 1000
    says = "too-long: more than 999 bytes" if kind == "zstd" else "it is longer than promised"
    assert refused(kind, data, 999) == says


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("zstd", "cut: the bytes end inside of frame 1"),
        ("xz", "the bytes end inside of an xz stream"),
        ("br", "the bytes end inside of a brotli stream"),
        ("gzip", "the bytes end inside of a gzip stream"),
    ],
)
def test_what_is_said_of_a_cut(kind: str, says: str) -> None:
    data = PACK[kind](b"hello hello hello")
    assert refused(kind, data[:-1]) == says
    assert refused(kind, b"") == says


def test_what_is_said_of_what_is_none() -> None:
    assert refused("xz", b"<html>" * 5) == "xz: Input format not supported by decoder"
    assert refused("gzip", b"<html>" * 5) == "gzip: Error -3 while decompressing data: incorrect header check"
    assert refused("br", b"<html>" * 5) == "it is no brotli"
    assert refused("gzip", gzip.compress(b"a") * 2) == "bytes follow the gzip stream"
    first = brotli.compress(b"hello " * 50)
    says = f"bytes follow the first brotli stream, of {len(first)} bytes: Nix can't read brotli of more than one chunk"
    assert refused("br", first + brotli.compress(b"x")) == says
    with pytest.raises(ValueError, match=r"^compression 'rot13' is not among zstd, none, xz, br$"):
        decoder("rot13", 1)


def test_streams_of_xz_one_after_another() -> None:
    data = lzma.compress(b"a") + lzma.compress(b"") + lzma.compress(b"bc")
    assert read("xz", data, 3) == b"abc"
    assert refused("xz", data, 2) == "it is longer than promised"
    assert refused("xz", data + b"x" * 20).startswith("xz: ")
    one = decoder("xz", 3)
    assert b"".join(piece for at in range(len(data)) for piece in one.feed(data[at : at + 1])) == b"abc"
    one.finish()
    alone = lzma.compress(b"a", lzma.FORMAT_ALONE)
    assert refused("xz", alone) == "xz: Input format not supported by decoder"


@pytest.mark.parametrize("kind", ["xz", "br", "gzip"])
def test_no_more_than_a_piece_at_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "PIECE", 100_000)
    data = PACK[kind](bytes(250_000))
    pieces = list(decoder(kind, 250_000).feed(data))
    assert sum(map(len, pieces)) == 250_000
    assert len(pieces) > 1
    assert max(map(len, pieces)) < 250_000


@pytest.mark.parametrize("size", [2_500_000, 5_000_001])
@pytest.mark.parametrize("kind", PACK)
def test_what_a_few_bytes_hold_is_read_to_its_end(kind: str, size: int) -> None:
    """Brotli takes all bytes at once, and holds back what it made of them: an archive of zeros was called cut."""
    data = PACK[kind](bytes(size)) if kind != "br" else brotli.compress(bytes(size), quality=5)
    assert read(kind, data, size) == bytes(size)
    if kind != "none":
        assert decoded(data, kind, size) == bytes(size)
    if kind == "br":
        says = f"bytes follow the first brotli stream, of {len(data)} bytes: "
        assert refused(kind, data + brotli.compress(b"x"), size + 1).startswith(says)


def test_encodings_that_say_nothing() -> None:
    assert [applied(encoding) for encoding in ("", "none", "gzip", "identity")] == [False, False, True, True]
    assert decoded(b"x" * 50, "none", 1) == b"x" * 50, "what is not decoded is the caller's to bound"
    for kind in ("gzip", "zstd", "xz"):
        assert decoded(PACK[kind](b"abc"), kind, 3) == b"abc"
        with pytest.raises(Malformed, match=rf"^it comes with Content-Encoding '{kind}', and can't be decoded: "):
            decoded(PACK[kind](b"abc"), kind, 2)
        with pytest.raises(
            Malformed, match=rf"^it comes with Content-Encoding 'x', and the bytes are {kind}: Nix 2.26 "
        ):
            decoded(PACK[kind](b"abc"), "x", 3)
    with pytest.raises(Malformed) as raised:
        decoded(b"abc", "e" * 41, 3)
    assert str(raised.value) == (
        f"it comes with Content-Encoding {'e' * 40!r}, which was not applied: Nix can't read it"
    )


def body(data: bytes, kind: str = "zstd", promised: int = len(NAR), encoding: str = "", step: int = 1 << 30) -> NarBody:
    made = NarBody(kind, promised)
    made.begin(encoding)
    for at in range(0, len(data), step):
        made.feed(data[at : at + step])
    made.finish()
    return made


@pytest.mark.parametrize("kind", sorted(set(PACK) - {"gzip"}))
@pytest.mark.parametrize("step", [1, 1 << 30])
def test_a_whole_archive(kind: str, step: int) -> None:
    data = PACK[kind](NAR)
    made = body(data, kind, step=step)
    assert (made.trouble, made.archive, made.received, made.size) == ("", "", len(data), len(NAR))
    assert made.sha256 == hashlib.sha256(NAR).digest()


def test_what_is_wrong_with_a_body_is_said_once() -> None:
    packed_ = zstandard.compress(NAR)
    longer = body(packed_, promised=len(NAR) - 1)
    assert longer.trouble == f"the compressed body is malformed: too-long: more than {len(NAR) - 1} bytes"
    assert longer.received == len(packed_), "the rest is counted"
    cut = body(packed_[:-1])
    assert cut.trouble == "the compressed body is malformed: cut: the bytes end inside of frame 1"
    assert cut.archive == ""
    assert body(NAR, "none", len(NAR) - 1).trouble == "the compressed body is malformed: it is longer than promised"
    short = body(zstandard.compress(NAR[:-8]))
    assert short.archive == f"cut at byte {len(NAR) - 8}: the archive goes on"
    assert short.trouble == f"the archive is malformed: {short.archive}"
    assert short.sha256 == hashlib.sha256(NAR[:-8]).digest()


def test_a_malformed_archive_is_digested_to_its_end() -> None:
    wrong = b"nothing of an archive at all" * 100
    made = body(wrong, "none", len(wrong), step=100)
    assert made.sha256 == hashlib.sha256(wrong).digest()
    assert (made.size, made.received) == (len(wrong), len(wrong))
    assert made.archive.startswith("magic at byte 8: ")
    assert made.trouble == f"the archive is malformed: {made.archive}"


def test_the_encoding_of_a_body() -> None:
    assert body(brotli.compress(zstandard.compress(NAR)), encoding="br").trouble == ""
    assert body(zstandard.compress(NAR), encoding="none").trouble == ""
    made = body(zstandard.compress(NAR), encoding="e" * 41)
    assert made.trouble == f"the body comes with Content-Encoding {'e' * 40!r}: Nix 2.8 can't read it"
    assert (made.received, made.size) == (len(zstandard.compress(NAR)), 0)
    cut = body(brotli.compress(zstandard.compress(NAR))[:-1], encoding="br")
    assert cut.trouble.startswith("the compressed body is malformed: ")


def test_what_a_compressed_body_may_be_longer_than_its_archive() -> None:
    most = 6_400 + 6_400 // 64 + SLACK
    for size, trouble in ((most, ""), (most + 1, "the compressed body is malformed: it is longer than promised")):
        made = NarBody("none", 1 << 40)
        made._promised = 6_400
        made.begin("br")
        made.feed(brotli.compress(bytes(size), quality=1))
        assert made.trouble == trouble
