"""Prints of secrets: whether two values are one is told by salted hashes, and neither value is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

SHORTEST_CUT = 12
"""Bytes: a shorter beginning or end of a secret is no copy of it."""
LONGEST_CUT = 8 * 1024
"""Bytes of a value whose beginnings and ends are looked at; a longer one is compared whole."""
DEEPEST = 2
"""How many times base64 is undone."""

_AROUND = b" \t\r\n\v\f\0\"'"
_STANDARD, _URL = re.compile(rb"[A-Za-z0-9+/\s]+"), re.compile(rb"[A-Za-z0-9_\s-]+")


@dataclass(frozen=True)
class Print:
    """One value's print: of its forms, and of what a cut leaves of them. Compare it only with prints of the same salt."""

    forms: frozenset[bytes] = field(repr=False)
    cuts: frozenset[bytes] = field(repr=False)

    @classmethod
    def of(cls, value: bytes, salt: bytes) -> Print:
        """Return the print of a value."""
        forms = list(_forms(value))
        known = frozenset(_hash(salt, form) for form in forms)
        spelt = [*forms, *(base64.b64encode(form).rstrip(b"=") for form in forms)]
        return cls(known, known.union(*(_cuts(salt, text) for text in spelt)))

    def shares(self, other: Print) -> bool:
        """Tell whether one value is the other, base64 of it, or what a cut at its beginning or end leaves of it."""
        return not (self.forms.isdisjoint(other.cuts) and self.cuts.isdisjoint(other.forms))


def _forms(value: bytes) -> Iterator[bytes]:
    """Yield a value without blanks, quotes and padding around it, and what base64 hides in it."""
    for _ in range(DEEPEST + 1):
        plain = value.strip(_AROUND).rstrip(b"=")
        if not plain:
            return
        yield plain
        decoded = _decoded(plain)
        if not decoded:
            return
        value = decoded


def _decoded(text: bytes) -> bytes:
    """Return what a text of base64 holds, b"" where it is none."""
    if _URL.fullmatch(text) and not _STANDARD.fullmatch(text):
        text = text.translate(bytes.maketrans(b"-_", b"+/"))
    elif not _STANDARD.fullmatch(text):
        return b""
    text = b"".join(text.split())
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""


def _cuts(salt: bytes, text: bytes) -> set[bytes]:
    if len(text) > LONGEST_CUT:
        return set()
    cuts = set()
    for at in range(SHORTEST_CUT, len(text)):
        cuts |= {_hash(salt, text[:at]), _hash(salt, text[-at:])}
    return cuts


def _hash(salt: bytes, value: bytes) -> bytes:
    return hashlib.blake2b(value, key=salt, digest_size=16).digest()
