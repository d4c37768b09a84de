"""Attic's tokens: HS256 with its claim, and what they allow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import msgspec

CLAIM = "https://jwt.attic.rs/v1"
CACHE = "main"
LIFE = 10 * 365 * 86_400
"""Seconds: as long as a lab's folder is kept."""


def token(secret: str, *, life: int = LIFE, **rights: int) -> str:
    """Return an HS256 token for the cache with Attic's claim, as ``r=1, w=1``; ``life`` in seconds."""
    claims = {"sub": "lab", "exp": int(time.time()) + life, CLAIM: {"caches": {CACHE: rights}}}
    head = f"{_text({'alg': 'HS256', 'typ': 'JWT'})}.{_text(claims)}"
    return f"{head}.{_base64(_mac(secret, head))}"


def may(header: str, secret: str, right: str) -> bool:
    """Tell whether an Authorization header carries a token that is good now and has a right (1, as Attic wants it)."""
    head, _, signature = header.removeprefix("Bearer ").rpartition(".")
    try:
        kind, claims = (msgspec.json.decode(_bytes(part), type=dict[str, Any]) for part in head.split("."))
        given = _bytes(signature)
    except ValueError:
        return False
    good = kind.get("alg") == "HS256" and hmac.compare_digest(given, _mac(secret, head))
    now = time.time()
    if not good or not claims.get("exp", 0) > now or claims.get("nbf", 0) > now:
        return False
    held: Any = claims.get(CLAIM, {}).get("caches", {}).get(CACHE, {})
    return type(held.get(right)) is int and held[right] == 1


def _mac(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def _text(value: object) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
