"""What bodies are packed by: every kind decoded piece by piece, bounded, and never taken for whole where it is not."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import contentaddress, zstd
from pytest_gf.honey.formats.contentaddress import ContentAddress
from pytest_gf.honey.formats.nar import Directory, Regular, write
from pytest_gf.honey.formats.narbody import NarBody
from pytest_gf.honey.formats.packed import Malformed, decoded, decoder

PACK: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "zstd": zstandard.compress,
    "xz": lzma.compress,
    "br": brotli.compress,
    "gzip": gzip.compress,
}
NAR = b"".join(write(Directory({b"a": Regular(b"hello\n" * 500), b"b": Regular(b"x" * 77, executable=True)})))
MEBIBYTE = 1024 * 1024


@given(kind=st.sampled_from(sorted(PACK)), data=st.binary(max_size=3000), step=st.integers(1, 700))
def test_each_kind_in_pieces_of_any_size(kind: str, data: bytes, step: int) -> None:
    one, body = decoder(kind, len(data)), PACK[kind](data)
    got = b"".join(piece for at in range(0, len(body), step) for piece in one.feed(body[at : at + step]))
    one.finish()
    assert got == data


@given(
    kind=st.sampled_from(sorted(set(PACK) - {"none"})),
    data=st.binary(min_size=1, max_size=300),
    cut=st.integers(1, 400),
)
def test_what_is_cut_is_not_whole(kind: str, data: bytes, cut: int) -> None:
    body = PACK[kind](data)
    one = decoder(kind, len(data))

    def read() -> None:
        list(one.feed(body[: max(len(body) - cut, 0)]))
        one.finish()

    with pytest.raises((Malformed, zstd.Malformed)):
        read()


@pytest.mark.parametrize("kind", sorted(set(PACK) - {"none"}))
def test_a_bomb_ends_early(kind: str) -> None:
    body = PACK[kind](bytes(64 * MEBIBYTE))
    one, size = decoder(kind, 1000), 0

    def read() -> None:
        nonlocal size
        for piece in one.feed(body):
            size += len(piece)

    with pytest.raises((Malformed, zstd.Malformed), match=r"longer|too-long"):
        read()
    assert size <= 2 * MEBIBYTE


@given(first=st.binary(min_size=1, max_size=500), second=st.binary(min_size=1, max_size=500), step=st.integers(1, 400))
def test_a_second_brotli_stream_is_said_so(first: bytes, second: bytes, step: int) -> None:
    one, body = decoder("br", 10_000), brotli.compress(first) + brotli.compress(second)

    def read() -> None:
        for at in range(0, len(body), step):
            list(one.feed(body[at : at + step]))

    with pytest.raises(Malformed, match="of more than one chunk"):
        read()


def test_no_brotli_is_said_so() -> None:
    with pytest.raises(Malformed, match="it is no brotli"):
        list(decoder("br", 10_000).feed(NAR))


@pytest.mark.parametrize(
    ("encoding", "body", "says"),
    [
        ("", NAR, ""),
        ("none", NAR, ""),
        ("gzip", gzip.compress(NAR), ""),
        ("br", brotli.compress(NAR), ""),
        ("zstd", zstandard.compress(NAR), ""),
        ("x-gzip", gzip.compress(NAR), "the bytes are gzip"),
        ("whatever", gzip.compress(NAR), "the bytes are gzip"),
        ("zstd", gzip.compress(NAR), "the bytes are gzip"),
        ("identity", NAR, "not applied"),
        ("aws-chunked", NAR, "not applied"),
        ("gzip", NAR, "not applied"),
        ("br", NAR, "can't be decoded"),
        ("gzip", gzip.compress(NAR)[:-1], "can't be decoded"),
        ("deflate", zlib.compress(NAR), "not applied"),
        ("bzip2", bz2.compress(NAR), "not applied"),
        ("gzip", gzip.compress(bytes(MEBIBYTE)), "longer than promised"),
    ],
)
def test_an_encoding_is_read_as_nix_reads_it(encoding: str, body: bytes, says: str) -> None:
    if not says:
        assert decoded(body, encoding, len(NAR)) == NAR
        return
    with pytest.raises(Malformed, match=says):
        decoded(body, encoding, len(NAR))


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "br", "zstd", "xz", "none"]))
def test_any_bytes_are_decoded_or_malformed(data: bytes, encoding: str) -> None:
    for start in (b"", b"\x1f\x8b", zstd.MAGIC, b"\xfd7zXZ\x00"):
        try:
            assert len(decoded(start + data, encoding, 10_000)) <= 10_000
        except Malformed as wrong:
            assert encoding in str(wrong)


def test_a_body_with_an_encoding() -> None:
    for encoding, data, trouble in (
        ("br", brotli.compress(zstandard.compress(NAR)), ""),
        ("gzip", gzip.compress(zstandard.compress(NAR)), "Nix 2.8 can't read it"),
        ("identity", zstandard.compress(NAR), "Nix 2.8 can't read it"),
        ("br", zstandard.compress(NAR), "it is no brotli"),
    ):
        body = NarBody("zstd", len(NAR))
        body.begin(encoding)
        body.feed(data)
        body.finish()
        assert trouble in body.trouble
        assert bool(trouble) == bool(body.trouble)
        assert not body.archive


def test_only_an_archive_that_was_read_is_malformed_itself() -> None:
    for data, archive in ((NAR[:-16] + bytes(16), True), (b"none at all", True), (NAR, False)):
        body = NarBody("zstd", len(data))
        body.feed(zstandard.compress(data))
        body.finish()
        assert bool(body.archive) == archive
        behind = NarBody("zstd", len(data))
        behind.feed(zstandard.compress(data) + b"garbage")
        behind.finish()
        assert "compressed body" in behind.trouble


@given(st.text(max_size=80))
def test_any_text_is_a_content_address_or_malformed(text: str) -> None:
    for start in ("", "fixed:r:sha256:", "text:sha256:"):
        try:
            address = contentaddress.parse(start + text)
        except contentaddress.Malformed:
            continue
        assert len(address.digest) == contentaddress.SIZES[address.algorithm]


def test_paths_that_nix_makes() -> None:
    """As ``nix-store --add-fixed`` of Nix 2.8 names a file: as an archive, by SHA-256 and by SHA-1."""
    archive = hashlib.sha256(b"".join(write(Regular(b"hello\n")))).digest()
    known = (
        (ContentAddress("fixed:r", "sha256", archive), "gwina1sjk7g95wq6fxc6b7s1hza53h74"),
        (ContentAddress("fixed", "sha256", hashlib.sha256(b"hello\n").digest()), "8zv8i345w2xn27jrxj4cyjc6x3b4am1q"),
        (ContentAddress("fixed", "sha1", hashlib.sha1(b"hello\n").digest()), "032avhrrgjp8441c41iid7ywc92j4z76"),  # noqa: S324
    )
    for address, place in known:
        assert address.path("/nix/store", "hello", (), itself=False) == f"/nix/store/{place}-hello"
    first = known[0][0]
    made = {
        first.path("/nix/store", "hello", refs, itself=itself) for refs in ((), ("/x",)) for itself in (True, False)
    }
    assert len(made) == 4, "what it refers to is part of the name"
