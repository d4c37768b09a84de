"""The bounds of a narinfo to the character, and what is said of one that is refused."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pytest_gf.honey.formats import nixbase32
from pytest_gf.honey.formats.contentaddress import ContentAddress
from pytest_gf.honey.formats.narinfo import (
    COMPRESSIONS,
    LONGEST,
    MOST_REFERENCES,
    MOST_SIGNATURES,
    Malformed,
    NarInfo,
    PublicKey,
    Signature,
    parse,
    public_half,
)

SEED = hashlib.sha256(b"a key for tests").digest()
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = KEY.public_key().public_bytes_raw()
HASH = hashlib.sha256(b"a nar").digest()
ROOT = "00bgd045z0d4icpbc2yyz4gx48ak44la"
BASE = f"{ROOT}-hello"


def text(**changes: str | None) -> bytes:
    known: dict[str, str | None] = {
        "StorePath": f"/nix/store/{BASE}",
        "URL": "nar/x.nar",
        "NarHash": f"sha256:{HASH.hex()}",
        "NarSize": "4711",
    }
    return "".join(f"{name}: {value}\n" for name, value in {**known, **changes}.items() if value is not None).encode()


def refused(data: bytes) -> str:
    with pytest.raises(Malformed) as raised:
        parse(data)
    assert str(raised.value).startswith(f"{raised.value.kind}: ")
    return str(raised.value)


def test_what_the_least_narinfo_says() -> None:
    assert parse(text()) == NarInfo(f"/nix/store/{BASE}", "nar/x.nar", "bzip2", HASH, 4711, (), (), "", None)
    assert parse(text(Deriver="unknown-deriver", References="", CA="")) == parse(text())
    assert parse(text(FileSize="0", FileHash=f"sha256:{HASH.hex()}", More="x", Else="")[:-7]) == parse(text())
    assert [parse(text(Compression=kind)).compression for kind in COMPRESSIONS] == list(COMPRESSIONS)


def test_the_longest_text() -> None:
    def padded(size: int) -> bytes:
        begun = text() + b"More: "
        return begun + b"x" * (size - len(begun) - 1) + b"\n"

    assert LONGEST == 1024 * 1024
    assert parse(padded(LONGEST)).nar_size == 4711
    assert refused(padded(LONGEST + 1)) == f"text: {LONGEST + 1} bytes; {LONGEST} are allowed"


def test_the_most_references_and_signatures() -> None:
    reference = f"{ROOT}-a"
    assert len(parse(text(References=" ".join([reference] * MOST_REFERENCES))).references) == MOST_REFERENCES
    assert refused(text(References=" ".join([reference] * (MOST_REFERENCES + 1)))) == "references: 20001 of them"
    strange = refused(text(References=" ".join([reference, "x", *[reference] * MOST_REFERENCES])))
    assert strange == "references: 'x'", "what is strange is said before how many there are"
    assert len(parse(text() + b"Sig: x\n" * MOST_SIGNATURES).signatures) == MOST_SIGNATURES
    assert refused(text() + b"Sig: x\n" * (MOST_SIGNATURES + 1)) == "signature: 101 of them"


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        (f"/nix/store/{ROOT}-{'n' * 211}", True),
        (f"/nix/store/{ROOT}-{'n' * 212}", False),
        (f"/{'s' * 200}/{BASE}", True),
        (f"/{'s' * 201}/{BASE}", False),
        (f"//{BASE}", False),
        (f"nix/store/{BASE}", False),
        (f"/nix/store/{ROOT}-", False),
        (f"/nix/store/{ROOT[:-1]}-a", False),
        (f"/nix/store/{ROOT}a-a", False),
        (f"/nix/store/{ROOT}-.", False),
        (f"/nix/store/{ROOT}-..", False),
        (f"/nix/store/{ROOT}-.-a", False),
        (f"/nix/store/{ROOT}-..-a", False),
        (f"/nix/store/{ROOT}-.a", True),
        (f"/nix/store/{ROOT}-...", True),
        (f"/nix/store/{ROOT}-a+b-c._?=0Z", True),
        (f"/nix/store/{ROOT}-a b", False),
        (f"/nix/store/{ROOT}-a/b", False),
    ],
)
def test_store_paths(path: str, is_one: bool) -> None:
    if is_one:
        info = parse(text(StorePath=path))
        assert (info.store_path, info.store_hash) == (path, ROOT)
    else:
        assert refused(text(StorePath=path)) == f"path: StorePath {path!r}"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"URL": "a b"}, "url: 'a b' is empty, or has a blank in it: curl asks for no such URL"),
        ({"URL": "a\x7f"}, "url: 'a\\x7f' is empty, or has a blank in it: curl asks for no such URL"),
        ({"URL": "u" * 121 + " "}, f"url: {'u' * 120!r} is empty, or has a blank in it: curl asks for no such URL"),
        ({"Compression": "c" * 51}, f"compression: {'c' * 50!r}"),
        ({"Compression": ""}, "compression: ''"),
        ({"NarSize": "0"}, "size: NarSize '0'"),
        ({"NarSize": "1" * 51}, f"size: NarSize {'1' * 50!r}"),
        ({"NarSize": "+1"}, "size: NarSize '+1'"),
        ({"FileSize": "1x"}, "size: FileSize '1x'"),
        ({"FileSize": "1" * 19}, f"size: FileSize {'1' * 19!r}"),
        ({"FileHash": "sha256:x"}, "hash: 'sha256:x' is no SHA-256"),
        ({"NarHash": "sha512:" + "0" * 128}, f"hash: {'sha512:' + '0' * 93!r} is no SHA-256"),
        (
            {"NarHash": f"sha256-{base64.b64encode(HASH).decode()}!"},
            f"hash: 'sha256-{base64.b64encode(HASH).decode()}!' is no SHA-256",
        ),
        ({"NarHash": HASH.hex()}, f"hash: {HASH.hex()!r} is no SHA-256"),
        ({"Deriver": "/nix/store/x"}, "deriver: '/nix/store/x' is no base name of a store path"),
        ({"Deriver": "d" * 251}, f"deriver: {'d' * 250!r} is no base name of a store path"),
        ({"References": f"{BASE} /x"}, "references: '/x'"),
        ({"References": "r" * 251}, f"references: {'r' * 250!r}"),
        ({"StorePath": "p" * 301}, f"path: StorePath {'p' * 300!r}"),
        ({"StorePath": None}, "missing: no StorePath"),
        ({"URL": None, "NarSize": None}, "missing: no URL"),
        ({"NarHash": None}, "missing: no NarHash"),
        ({"NarSize": None}, "missing: no NarSize"),
    ],
)
def test_what_is_said_of_a_field(changes: dict[str, str | None], says: str) -> None:
    assert refused(text(**changes)) == says


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (b"\xff\n", "text: bytes that are no ASCII"),
        (b"More: x", "text: the last line has no end: cut?"),
        (b"\n", "line: '' is no NAME: VALUE with a blank behind the colon"),
        (b"More\n", "line: 'More' is no NAME: VALUE with a blank behind the colon"),
        (b"More:\n", "line: 'More:' is no NAME: VALUE with a blank behind the colon"),
        (b"CA:x\n", "line: 'CA:x' is no NAME: VALUE with a blank behind the colon"),
        (b"Sig:x\n", "line: 'Sig:x' is no NAME: VALUE with a blank behind the colon"),
        (b"x" * 101 + b"\n", f"line: {'x' * 100!r} is no NAME: VALUE with a blank behind the colon"),
        (b"URL: a\n", "duplicate: two lines URL"),
        (b"CA: fixed:md6:x\n", "ca: "),
    ],
)
def test_what_is_said_of_a_line(more: bytes, says: str) -> None:
    assert refused(text() + more).startswith(says)


def test_what_nix_does_not_know_needs_no_blank() -> None:
    assert parse(text() + b"More:x\nMore:y\n") == parse(text())


@pytest.mark.parametrize(
    ("written", "signature"),
    [
        (f"main:{base64.b64encode(bytes(64)).decode()}", Signature("main", bytes(64))),
        (f"main:{base64.b64encode(bytes(63)).decode()}", Signature("main", b"")),
        (f"main:{base64.b64encode(bytes(65)).decode()}", Signature("main", b"")),
        (f":{base64.b64encode(bytes(64)).decode()}", Signature("", b"")),
        (f"main:{base64.b64encode(bytes(64)).decode()[:-3]}B==", Signature("main", b"")),
        (f"main:{base64.b64encode(bytes(64)).decode()}\t", Signature("main", b"")),
        ("n" * 121, Signature("n" * 120, b"")),
        ("", Signature("", b"")),
    ],
)
def test_signatures_are_64_bytes_in_the_one_way_to_write_them(written: str, signature: Signature) -> None:
    assert parse(text() + f"Sig: {written}\n".encode()).signatures == (signature,)


def test_every_signature_under_the_own_name_is_tried() -> None:
    info = parse(text())
    good, other = KEY.sign(info.fingerprint.encode()), bytes(64)
    key = PublicKey("main", PUBLIC)

    def signed(*signatures: tuple[str, bytes]) -> bool:
        return replace(info, signatures=tuple(Signature(*pair) for pair in signatures)).signed_by(key)

    assert signed(("main", good))
    assert signed(("main", other), ("main", good))
    assert signed(("other", other), ("main", good), ("main", other))
    assert signed(("other", b""), ("main", good))
    assert not signed(("main", b""), ("main", good))
    assert not signed(("main", other))
    assert not signed(("other", good))
    assert not signed()


def test_a_keys_public_half() -> None:
    whole = f"main:{base64.b64encode(SEED + PUBLIC).decode()}"
    assert public_half(whole) == f"main:{base64.b64encode(PUBLIC).decode()}"
    for strange in ("", "main:", f"main:{base64.b64encode(SEED).decode()}", whole[:-4], f":{whole[5:]}"):
        assert public_half(strange) == ""
    assert PublicKey.parse(public_half(whole)) == PublicKey("main", PUBLIC)
    with pytest.raises(Malformed, match=f"^signature: '{'x' * 120}' is not NAME:BASE64 of 32 bytes$"):
        PublicKey.parse("x" * 121)


def test_a_content_address_says_the_path() -> None:
    address = ContentAddress("fixed:r", "sha256", HASH)
    path = address.path("/nix/store", "hello", [], itself=False)
    info = replace(parse(text(StorePath=path)), ca=address)
    assert info.ca_trouble == ""
    assert parse(text(StorePath=path, CA=f"fixed:r:sha256:{nixbase32.encode(HASH)}")) == info
    assert replace(info, ca=None, store_path=f"/nix/store/{BASE}").ca_trouble == ""
    assert replace(info, store_path=f"/nix/store/{BASE}").ca_trouble == "the store path does not follow from CA"
    assert replace(info, nar_hash=bytes(32)).ca_trouble == "CA names another hash than NarHash"
    flat = replace(address, method="fixed")
    plain = replace(info, ca=flat, nar_hash=bytes(32), store_path=flat.path("/nix/store", "hello", [], itself=False))
    assert plain.ca_trouble == "", "a flat file's hash is not its archive's"
    others = [f"/nix/store/{ROOT}-glibc"]
    uses = replace(
        info, store_path=address.path("/nix/store", "hello", others, itself=False), references=(f"{ROOT}-glibc",)
    )
    assert uses.ca_trouble == ""
    assert replace(uses, references=()).ca_trouble == "the store path does not follow from CA"


def test_texts_that_nix_makes() -> None:
    """As ``builtins.toFile`` of Nix 2.8 names them; the second names the first."""
    first = "/nix/store/nmrmdcw1bfnl35a893n7nyhw4xa5vy08-hello"
    text_ = ContentAddress("text", "sha256", hashlib.sha256(b"hello\n").digest())
    assert text_.path("/nix/store", "hello", [], itself=False) == first
    uses = ContentAddress("text", "sha256", hashlib.sha256(f"see {first}\n".encode()).digest())
    path = uses.path("/nix/store", "uses", [first, first], itself=False)
    assert path == "/nix/store/3gz8r53f7fwhxisci9rp1q5a7mg8qx0x-uses"
