"""Attic's tokens, which are JSON Web Tokens (RFC 7519). They are read and not verified, since nobody here has the key."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLAIM = "https://jwt.attic.rs/v1"
RIGHTS: Mapping[str, str] = {
    "r": "pull",
    "w": "push",
    "d": "delete paths",
    "cc": "create a cache",
    "cr": "configure a cache",
    "cq": "configure a cache's retention",
    "cd": "destroy a cache",
}
"""Attic's rights on a cache, by the letters that a token has for them."""
LONGEST = 64 * 1024
"""Characters; a header of a request is shorter."""
LATEST = 253_402_300_799
"""The last second of the year 9999: a later one is no date."""

_PART = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_PARTS = 3


class Malformed(ValueError):
    """A text that is no token of Attic's. The message says why, and holds no character of the text."""


@dataclass(frozen=True)
class Token:
    """What a token says: its end in seconds since 1970, None where it has none, and the rights on caches by name or pattern."""

    expires: float | None
    caches: Mapping[str, frozenset[str]]


def read(text: str) -> Token:
    """Return what a token says. Raises Malformed."""
    if len(text) > LONGEST:
        raise Malformed(f"it is longer than {LONGEST} characters")
    parts = text.split(".")
    if len(parts) != _PARTS:
        raise Malformed(f"it has {len(parts)} parts between dots, and a token has {_PARTS}")
    _object(parts[0], "header")
    claims = _object(parts[1], "payload")
    own = claims.get(CLAIM)
    caches = own.get("caches") if isinstance(own, dict) else None
    if not isinstance(caches, dict):
        raise Malformed("it names no caches, so it is no token of Attic's")
    return Token(_moment(claims.get("exp")), {name: _rights(held) for name, held in caches.items()})


def write(claims: Mapping[str, object], algorithm: str, key: bytes | None) -> str:
    """Return a token with these claims, signed by HMAC and SHA-256 where there is a key, else without a signature."""
    head = ".".join(_part(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    return f"{head}.{_part(hmac.digest(key, head.encode(), 'sha256')) if key is not None else ''}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(part: str, what: str) -> dict[str, Any]:
    if not _PART.fullmatch(part):
        raise Malformed(f"its {what} is no base64url")
    bare = part.rstrip("=")
    try:
        decoded = json.loads(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise Malformed(f"its {what} is no JSON in base64url") from None
    if not isinstance(decoded, dict):
        raise Malformed(f"its {what} is no JSON object")
    return decoded


def _moment(value: object) -> float | None:
    """Return an end of life; None for what never comes. Raises Malformed for what is no number."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  # NaN.
        raise Malformed("its exp is no number")
    return float(max(value, 0)) if value <= LATEST else None


def _rights(held: object) -> frozenset[str]:
    """Return the rights on one cache. Attic reads 0 and 1, and no token that says anything else."""
    if not isinstance(held, dict):
        raise Malformed("its rights on a cache are no JSON object")
    known = {name: held.get(name, 0) for name in RIGHTS}
    if any(type(value) is not int or value not in {0, 1} for value in known.values()):
        raise Malformed("one of its rights is neither 0 nor 1")
    return frozenset(name for name, value in known.items() if value)
