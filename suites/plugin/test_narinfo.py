"""narinfo and Nix's base 32: known values, every signed field, every malformed kind."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import nixbase32
from pytest_gf.honey.formats.narinfo import Malformed, NarInfo, PublicKey, nar_hash, parse

KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests").digest())
PUBLIC = PublicKey("main", KEY.public_key().public_bytes_raw())
HASH = hashlib.sha256(b"a nar").digest()
BASE = "00bgd045z0d4icpbc2yyz4gx48ak44la-hello-2.12"
REFERENCE = "11bgd045z0d4icpbc2yyz4gx48ak44la-glibc-2.40"


def text(**changes: str | None) -> bytes:
    """Return a narinfo as Attic writes it, signed; a change of None takes a field away."""
    known: dict[str, str | None] = {
        "StorePath": f"/nix/store/{BASE}",
        "URL": f"nar/{BASE[:32]}.nar",
        "Compression": "zstd",
        "NarHash": f"sha256:{HASH.hex()}",
        "NarSize": "4711",
        "References": f"{REFERENCE} {BASE}",
        "Deriver": "22bgd045z0d4icpbc2yyz4gx48ak44la-hello-2.12.drv",
    }
    lines = [f"{name}: {value}\n" for name, value in {**known, **changes}.items() if value is not None]
    return "".join(lines).encode()


def sign(info: NarInfo, name: str = "main") -> str:
    return f"{name}:{base64.b64encode(KEY.sign(info.fingerprint.encode())).decode()}"


def signed(name: str = "main", **changes: str | None) -> bytes:
    plain = text(**changes)
    return plain + f"Sig: {sign(parse(plain), name)}\n".encode()


def test_the_fingerprint_is_what_nix_signs() -> None:
    info = parse(text())
    base32 = nixbase32.encode(HASH)
    full = f"/nix/store/{BASE},/nix/store/{REFERENCE}"
    assert info.fingerprint == f"1;/nix/store/{BASE};sha256:{base32};4711;{full}"
    assert info.store_hash == BASE[:32]
    assert parse(text(NarHash=f"sha256:{base32}")) == info, "both spellings of the hash"


def test_a_signature_holds_for_its_key_and_name_only() -> None:
    info = parse(signed())
    assert info.signed_by(PUBLIC)
    assert not info.signed_by(replace(PUBLIC, name="other"))
    assert not info.signed_by(PublicKey("main", Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
    assert not parse(signed("other")).signed_by(PUBLIC)
    assert not parse(text()).signed_by(PUBLIC)
    both = text() + f"Sig: {sign(parse(text(NarSize='1')))}\nSig: {sign(parse(text()))}\n".encode()
    assert parse(both).signed_by(PUBLIC), "one good signature is enough"


@pytest.mark.parametrize(
    "changed",
    [
        {"StorePath": f"/nix/store/{'0' * 32}-hello-2.12"},
        {"NarHash": f"sha256:{hashlib.sha256(b'another').hexdigest()}"},
        {"NarSize": "4712"},
        {"References": REFERENCE},
        {"References": BASE},
        {"References": ""},
    ],
)
def test_any_signed_field_counts(changed: dict[str, str]) -> None:
    signature = signed().splitlines()[-1]
    assert not parse(text(**changed) + signature + b"\n").signed_by(PUBLIC)


@pytest.mark.parametrize("changed", [{"URL": "nar/x"}, {"Compression": "none"}, {"Deriver": None}])
def test_what_is_not_signed_does_not(changed: dict[str, Any]) -> None:
    signature = signed().splitlines()[-1]
    assert parse(text(**changed) + signature + b"\n").signed_by(PUBLIC)


def test_every_flip_is_refused_unsigned_or_in_a_field_that_is_not_signed() -> None:
    data = signed()
    free = {"URL", "Compression", "Deriver", "Sig"}
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        with contextlib.suppress(Malformed):
            info = parse(bytes(flipped))
            line = data[: at + 1].count(b"\n") if data[at : at + 1] != b"\n" else data[:at].count(b"\n")
            name = data.splitlines()[line].partition(b":")[0].decode()
            assert not info.signed_by(PUBLIC) or name in free or info.fingerprint == parse(data).fingerprint


@given(st.binary(max_size=300))
def test_any_bytes_are_a_narinfo_or_malformed(data: bytes) -> None:
    for start in (b"", text()):
        with contextlib.suppress(Malformed):
            assert parse(start + data).nar_size > 0


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "text"),
        (b"<!DOCTYPE html>\n", "line"),
        (text()[:-1], "text"),
        (text() + b"\xff: x\n", "text"),
        (text() + b"NarSize: 4711\n", "duplicate"),
        (text(NarHash=None), "missing"),
        (text(NarSize=None), "missing"),
        (text(URL=None), "missing"),
        (text(StorePath=None), "missing"),
        (text(StorePath="/nix/store/short-hello"), "path"),
        (text(StorePath=f"/nix/store/{'e' * 32}-hello"), "path"),
        (text(StorePath=f"/nix/store/{BASE}/bin"), "path"),
        (text(URL=""), "url"),
        (text(Compression="rot13"), "compression"),
        (text(NarSize="0"), "size"),
        (text(NarSize="-1"), "size"),
        (text(NarSize="1e9"), "size"),
        (text(NarSize="9" * 19), "size"),
        (text(NarHash=f"md5:{HASH.hex()}"), "hash"),
        (text(NarHash=f"sha256:{HASH.hex()[:-1]}"), "hash"),
        (text(NarHash="sha256:" + "z" * 52), "hash"),
        (text(References="/nix/store/x"), "references"),
        (text(NarHash="sha256-AAAA"), "hash"),
        (text() + b"Sig: nothing\n" * 101, "signature"),
        (text() + b"x" * (1024 * 1024), "text"),
    ],
)
def test_each_malformed_kind_is_its_own(data: bytes, kind: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(data)
    assert raised.value.kind == kind


def test_references_are_signed_sorted_and_once() -> None:
    """As Nix 2.8 does: one that is signed in the order of its lines is refused by it."""
    base = [f"/nix/store/{name}" for name in (BASE, REFERENCE)]
    for order in (f"{REFERENCE} {BASE}", f"{BASE}  {REFERENCE} ", f"{BASE} {REFERENCE} {BASE}"):
        assert parse(text(References=order)).fingerprint.endswith(f";4711;{','.join(base)}")


@pytest.mark.parametrize("beside", ["Sig: other-1:AAAA\n", "Sig: nothing\n", "Sig: \n", "X-More: 1\nX-More: 2\n"])
def test_what_nix_passes_over_is_passed_over(beside: str) -> None:
    for data in (signed() + beside.encode(), beside.encode() + signed()):
        assert parse(data).signed_by(PUBLIC)


def test_no_signature_under_the_own_name_is_not_good() -> None:
    assert not parse(signed() + b"Sig: main:AAAA\n").signed_by(PUBLIC)


def test_every_way_to_write_a_hash() -> None:
    coded = base64.b64encode(HASH).decode()
    for way in (HASH.hex(), HASH.hex().upper(), nixbase32.encode(HASH), coded):
        assert nar_hash(f"sha256:{way}") == HASH
    assert nar_hash(f"sha256-{coded}") == HASH


def test_keys() -> None:
    assert PublicKey.parse(f"main:{base64.b64encode(PUBLIC.value).decode()}") == PUBLIC
    for strange in ("", "main", "main:", "main:AAAA", f":{base64.b64encode(PUBLIC.value).decode()}"):
        with pytest.raises(Malformed):
            PublicKey.parse(strange)


def test_base_32_of_a_known_digest() -> None:
    """SHA-256 of the empty text, as ``nix-hash --type sha256 --to-base32`` writes it."""
    known = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"
    assert nixbase32.encode(hashlib.sha256(b"").digest()) == known
    assert nar_hash(f"sha256:{known}") == hashlib.sha256(b"").digest()


@given(st.binary(max_size=64))
def test_base_32_round_trip(data: bytes) -> None:
    assert nixbase32.decode(nixbase32.encode(data)) == data


@pytest.mark.parametrize("strange", ["e", "0u", "0", "zz", "Z" * 52, "z" * 52])
def test_what_is_no_base_32(strange: str) -> None:
    with pytest.raises(ValueError, match=r"base 32|last byte"):
        nixbase32.decode(strange)
