"""narinfo: what a binary cache says of a store path, its fingerprint and its signatures (docs/systems.md)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Literal

from pytest_gf.honey.formats import contentaddress, nixbase32

LONGEST = 1024 * 1024
"""Bytes; a path with thousands of references has some 100 kB."""
MOST_REFERENCES = 20_000
MOST_SIGNATURES = 100
COMPRESSIONS = ("none", "br", "xz", "zstd", "bzip2", "gzip", "lzip", "lz4")

Kind = Literal[
    "text", "line", "duplicate", "missing", "path", "url", "compression", "hash", "size", "references", "signature",
    "deriver", "ca",
]  # fmt: skip

# A name begins with a dot where Nix 2.8 and 2.26 both take it: "." and "..", alone or before a dash, 2.26 refuses.
_BASE = r"[0-9abcdfghijklmnpqrsvwxyz]{32}-(?!\.{1,2}(?:-|$|\s))[0-9A-Za-z+\-._?=]{1,211}"
_PATH = re.compile(rf"(?P<store>/[0-9A-Za-z+\-._?=/]{{1,200}})/(?P<base>{_BASE})")
_REFERENCE = re.compile(_BASE)
_SIZE = re.compile(r"[0-9]{1,18}")
_URL = re.compile(r"[!-~]+")
"""No blank and no control character: curl asks for no such URL."""
_NO_DERIVER = "unknown-deriver"
_KEY_BYTES, _SIGNATURE_BYTES, _HASH_BYTES = 32, 64, 32
_BASE64 = 44
"""Characters of a SHA-256 in base 64."""
_NEEDED = ("StorePath", "URL", "NarHash", "NarSize")
_KNOWN = {*_NEEDED, "Compression", "References", "Deriver", "CA", "FileHash", "FileSize"}


class Malformed(ValueError):
    """No narinfo, or no key. ``kind`` says in what way."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@dataclass(frozen=True)
class Signature:
    """Who signed, and what: ``value`` has 64 bytes, none where it is no signature."""

    name: str
    value: bytes


@dataclass(frozen=True)
class PublicKey:
    """``main:<base64>``: a cache's ed25519 key, 32 bytes."""

    name: str
    value: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Return the key. Raises Malformed."""
        name, value = _named(text, _KEY_BYTES)
        return cls(name, value)


def public_half(text: str) -> str:
    """Return ``NAME:BASE64``, the public half of a signing key as Nix and Attic write it: seed and public key. "" for what is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        name, value = _named(text, 2 * _KEY_BYTES)
    except Malformed:
        return ""
    public = Ed25519PrivateKey.from_private_bytes(value[:_KEY_BYTES]).public_key().public_bytes_raw()
    return f"{name}:{base64.b64encode(public).decode()}"


@dataclass(frozen=True)
class NarInfo:
    """The fields that count. ``nar_hash`` is the SHA-256 of the NAR, ``nar_size`` its bytes; references are base names."""

    store_path: str
    url: str
    compression: str
    nar_hash: bytes
    nar_size: int
    references: tuple[str, ...]
    signatures: tuple[Signature, ...]
    deriver: str = ""
    ca: contentaddress.ContentAddress | None = None

    @property
    def store_hash(self) -> str:
        """The 32 characters by which the path is asked for."""
        return self.store_path.rpartition("/")[2][:32]

    @property
    def fingerprint(self) -> str:
        """The text that is signed. URL, compression, deriver and CA are no part of it. Nix sorts references and drops doubles."""
        store = self.store_path.rpartition("/")[0]
        full = ",".join(f"{store}/{reference}" for reference in sorted(set(self.references)))
        return f"1;{self.store_path};sha256:{nixbase32.encode(self.nar_hash)};{self.nar_size};{full}"

    @property
    def ca_trouble(self) -> str:
        """What Nix finds wrong with the content address, "" where path and hash follow from it, or there is none.

        A signature does not cover it, and a wrong one makes Nix refuse the path beside a good signature.
        """
        if self.ca is None:
            return ""
        store, _, base = self.store_path.rpartition("/")
        itself = base in self.references
        others = [f"{store}/{reference}" for reference in self.references if reference != base]
        of_archive = (self.ca.method, self.ca.algorithm) == ("fixed:r", "sha256")
        if of_archive and not itself and self.ca.digest != self.nar_hash:
            return "CA names another hash than NarHash"
        if self.ca.path(store, base.partition("-")[2], others, itself=itself) != self.store_path:
            return "the store path does not follow from CA"
        return ""

    def signed_by(self, key: PublicKey) -> bool:
        """Tell whether a signature of this key's name is good; key and name must both match.

        One of this name that is no signature at all makes Nix give up, whatever others stand beside it.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        public = Ed25519PublicKey.from_public_bytes(key.value)
        own = [signature.value for signature in self.signatures if signature.name == key.name]
        for value in own if all(own) else ():
            try:
                public.verify(value, self.fingerprint.encode())
            except InvalidSignature:
                continue
            return True
        return False


def parse(data: bytes) -> NarInfo:
    """Return what a narinfo says. Fields that Nix does not know are passed over, as Nix does. Raises Malformed."""
    fields, signatures = _fields(data)
    for name in _NEEDED:
        if name not in fields:
            raise Malformed("missing", f"no {name}")
    if _PATH.fullmatch(fields["StorePath"]) is None:
        raise Malformed("path", f"StorePath {fields['StorePath'][:300]!r}")
    if _URL.fullmatch(fields["URL"]) is None:
        raise Malformed("url", f"{fields['URL'][:120]!r} is empty, or has a blank in it: curl asks for no such URL")
    compression = fields.get("Compression", "bzip2")  # Nix's default where the field is absent.
    if compression not in COMPRESSIONS:
        raise Malformed("compression", f"{compression[:50]!r}")
    if _SIZE.fullmatch(fields["NarSize"]) is None or not int(fields["NarSize"]):
        raise Malformed("size", f"NarSize {fields['NarSize'][:50]!r}")
    if "FileHash" in fields:  # Of the compressed file: Nix reads it, and looks no further.
        nar_hash(fields["FileHash"])
    if _SIZE.fullmatch(fields.get("FileSize", "0")) is None:
        raise Malformed("size", f"FileSize {fields['FileSize'][:50]!r}")
    return NarInfo(
        store_path=fields["StorePath"],
        url=fields["URL"],
        compression=compression,
        nar_hash=nar_hash(fields["NarHash"]),
        nar_size=int(fields["NarSize"]),
        references=_references(fields.get("References", "")),
        signatures=tuple(map(_signature, signatures)),
        deriver=_deriver(fields.get("Deriver", _NO_DERIVER)),
        ca=_ca(fields.get("CA", "")),
    )


def nar_hash(text: str) -> bytes:
    """Return the 32 bytes of ``sha256:…``, in hexadecimal (Attic), Nix's base 32 (Nix itself), base 64 or SRI (``sha256-…``).

    Raises Malformed.
    """
    kind, mark, value = text.partition(":" if ":" in text else "-")
    good = kind == "sha256" and (mark == ":" or len(value) == _BASE64)
    digest = contentaddress.digest_of(value, _HASH_BYTES) if good else None
    if digest is None:
        raise Malformed("hash", f"{text[:100]!r} is no SHA-256")
    return digest


def _fields(data: bytes) -> tuple[dict[str, str], list[str]]:
    if len(data) > LONGEST:
        raise Malformed("text", f"{len(data)} bytes; {LONGEST} are allowed")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("text", "bytes that are no ASCII") from None
    if not text.endswith("\n"):
        raise Malformed("text", "the last line has no end: cut?")
    fields: dict[str, str] = {}
    signatures: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        # Nix passes over one character behind the colon, whatever it is: where the line ends there, the next one is read for
        # this one's value ("References:" without its blank is refused).
        name, colon, value = line.partition(":")
        if not colon or not value or (name in {*_KNOWN, "Sig"} and not value.startswith(" ")):
            raise Malformed("line", f"{line[:100]!r} is no NAME: VALUE with a blank behind the colon")
        value = value[1:]
        if name == "Sig":
            signatures.append(value)
        elif name in fields and name in _KNOWN:
            raise Malformed("duplicate", f"two lines {name}")
        else:
            fields[name] = value
    if len(signatures) > MOST_SIGNATURES:
        raise Malformed("signature", f"{len(signatures)} of them")
    return fields, signatures


def _deriver(text: str) -> str:
    if text != _NO_DERIVER and _REFERENCE.fullmatch(text) is None:
        raise Malformed("deriver", f"{text[:250]!r} is no base name of a store path")
    return "" if text == _NO_DERIVER else text


def _ca(text: str) -> contentaddress.ContentAddress | None:
    try:
        return contentaddress.parse(text) if text else None
    except contentaddress.Malformed as wrong:
        raise Malformed("ca", str(wrong)) from None


def _references(text: str) -> tuple[str, ...]:
    references = tuple(filter(None, text.split(" ")))
    strange = [reference for reference in references if _REFERENCE.fullmatch(reference) is None]
    if strange or len(references) > MOST_REFERENCES:
        raise Malformed("references", f"{strange[0][:250]!r}" if strange else f"{len(references)} of them")
    return references


def _signature(text: str) -> Signature:
    try:
        return Signature(*_named(text, _SIGNATURE_BYTES))
    except Malformed:  # Another's key may be of another kind: Nix looks at its own keys' signatures alone.
        return Signature(text.partition(":")[0][:120], b"")


def _named(text: str, size: int) -> tuple[str, bytes]:
    """Return name and bytes of ``name:<base64>``."""
    name, _, value = text.partition(":")
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        data = b""
    if not name or len(data) != size or base64.b64encode(data).decode() != value:
        raise Malformed("signature", f"{text[:120]!r} is not NAME:BASE64 of {size} bytes")
    return name, data
