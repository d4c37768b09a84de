"""CA, the content address of a store path: what it says, and the path that follows from it (Nix, libstore/store-api.cc)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_gf.honey.formats import nixbase32

SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
STORE_HASH = 20
"""Bytes of a store path's hash."""


class Malformed(ValueError):
    """No content address."""


@dataclass(frozen=True)
class ContentAddress:
    """``method`` is ``text``, ``fixed`` (of one file) or ``fixed:r`` (of the archive)."""

    method: str
    algorithm: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.method}:{self.algorithm}:{nixbase32.encode(self.digest)}"

    def path(self, store: str, name: str, references: Sequence[str], *, itself: bool) -> str:
        """Return the store path of these contents; ``references`` are full paths, ``itself`` tells whether it names itself."""
        more = "".join(f":{reference}" for reference in sorted(set(references))) + (":self" if itself else "")
        if self.method == "text":
            return _made(f"text{more}", self.digest.hex(), store, name)
        if (self.method, self.algorithm) == ("fixed:r", "sha256"):
            return _made(f"source{more}", self.digest.hex(), store, name)
        way = "r:" if self.method == "fixed:r" else ""
        inner = hashlib.sha256(f"fixed:out:{way}{self.algorithm}:{self.digest.hex()}:".encode())
        return _made("output:out", inner.hexdigest(), store, name)


def parse(text: str) -> ContentAddress:
    """Return what ``text:sha256:…``, ``fixed:…`` or ``fixed:r:…`` says. Raises Malformed."""
    for method in ("text", "fixed:r", "fixed"):
        rest = text.removeprefix(f"{method}:")
        algorithm, colon, value = rest.partition(":")
        if rest == text or not colon or algorithm not in SIZES:
            continue
        digest = digest_of(value, SIZES[algorithm])
        if digest is not None and (method != "text" or algorithm == "sha256"):
            return ContentAddress(method, algorithm, digest)
    raise Malformed(f"{text[:120]!r} is no content address (text:sha256:HASH, fixed:r:sha256:HASH)")


def digest_of(text: str, size: int) -> bytes | None:
    """Return the bytes of a hash in hexadecimal, Nix's base 32 or base 64, told apart by their length; None where it is none."""
    try:
        if len(text) == 2 * size:
            return binascii.unhexlify(text)
        if len(text) == -(-size * 8 // 5):
            return nixbase32.decode(text)
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if len(data) == size else None


def _made(kind: str, inner: str, store: str, name: str) -> str:
    digest = hashlib.sha256(f"{kind}:sha256:{inner}:{store}:{name}".encode()).digest()
    folded = bytearray(STORE_HASH)
    for at, byte in enumerate(digest):
        folded[at % STORE_HASH] ^= byte
    return f"{store}/{nixbase32.encode(bytes(folded))}-{name}"
