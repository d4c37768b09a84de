"""Attic's tokens, as the real server reads them (attic's token/src/lib.rs): HS256 or RS256, `exp`, `nbf`, `iat`, patterns of names."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLAIM = "https://jwt.attic.rs/v1"
CACHE = "main"
LIFE = 10 * 365 * 86_400
"""Seconds: as long as a lab's folder is kept."""
RIGHTS = ("r", "w", "d", "cc", "cr", "cq", "cd")
CARELESS = ("forged", "alg-none", "cut", "pull-only", "other-cache", "expired")
"""Checks that a broken server may leave out, by the gate that stands open then."""
PUSH = {"r": 1, "w": 1}
BENT: Mapping[str, dict[str, Any] | None] = {
    "attic-token-wildcard": {"caches": {CACHE: PUSH, "*": PUSH}},
    "attic-token-strong": {"caches": {CACHE: PUSH | {"d": 1, "cd": 1}}},
    "attic-token-others": {"caches": {CACHE: PUSH, "another": PUSH}},
    "attic-token-endless": {"caches": {CACHE: PUSH}, "exp": None},
    "attic-token-ending": {"caches": {CACHE: PUSH}, "life": 3_600},
    "attic-token-expired": {"caches": {CACHE: PUSH}, "life": -86_400},
    "attic-token-unset": None,
}
"""What faults make of the run's token."""
RSA_BITS, RSA_EXPONENT = 2048, 65_537


class Issuer:
    """Who signs a lab's tokens and checks them: a secret for HS256, and a key for RS256 that is made when it is first wanted."""

    def __init__(self, secret: str, folder: Path) -> None:
        self._secret, self._file = secret, folder / "attic-rs256.pem"

    def token(
        self, *, caches: Mapping[str, Mapping[str, object]], algorithm: str = "HS256", life: int = LIFE, **more: object
    ) -> str:
        """Return a token with these rights by the caches' names or patterns; ``more`` are further claims, as ``nbf``."""
        claims = {"sub": "lab", "exp": int(time.time()) + life, CLAIM: {"caches": caches}} | more
        claims = {name: value for name, value in claims.items() if value is not None}
        head = f"{_text({'alg': algorithm, 'typ': 'JWT'})}.{_text(claims)}"
        return f"{head}.{_base64(self._signed(algorithm, head))}"

    def rights(self, header: str, cache: str, careless: Collection[str] = ()) -> frozenset[str]:
        """Return the rights on a cache that an Authorization header gives just now; none where its token is not good.

        ``careless`` are the checks that a broken server leaves out, of `CARELESS`.
        """
        head, _, signature = _token_of(header).rpartition(".")
        try:
            kind, claims = (msgspec.json.decode(_bytes(part), type=dict[str, Any]) for part in head.split("."))
            algorithm, raw = str(kind.get("alg")), _bytes(signature)
            good = _passes(algorithm, raw, careless) or self._is_signed(algorithm, head, raw)
            granted = _granted(claims, cache)
            if "other-cache" in careless:
                granted |= frozenset().union(*(_granted(claims, pattern) for pattern in claims[CLAIM]["caches"]))
            granted |= {"w"} if "pull-only" in careless and "r" in granted else frozenset()
            return granted if good and ("expired" in careless or _is_now(claims)) else frozenset()
        except (ValueError, AttributeError, TypeError):  # It is no token, or its claims are of another shape.
            return frozenset()

    def issued(self, header: str) -> bool:
        """Tell whether an Authorization header has a token that this issuer signed, whatever it allows."""
        head, _, signature = _token_of(header).rpartition(".")
        try:
            algorithm = str(msgspec.json.decode(_bytes(head.partition(".")[0]), type=dict[str, Any]).get("alg"))
            return self._is_signed(algorithm, head, _bytes(signature))
        except ValueError:
            return False

    def _signed(self, algorithm: str, text: str) -> bytes:
        if algorithm == "RS256":
            return self._key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return _mac(self._secret, text) if algorithm == "HS256" else b""

    def _is_signed(self, algorithm: str, text: str, signature: bytes) -> bool:
        if algorithm == "HS256":
            return hmac.compare_digest(signature, _mac(self._secret, text))
        if algorithm != "RS256" or not self._file.exists():
            return False
        try:
            self._key().public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def _key(self) -> rsa.RSAPrivateKey:
        if not self._file.exists():
            made = rsa.generate_private_key(RSA_EXPONENT, RSA_BITS)
            form = serialization.PrivateFormat.TraditionalOpenSSL
            pem = made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
            self._file.touch(mode=0o600)
            self._file.write_bytes(pem)
        key = serialization.load_pem_private_key(self._file.read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{self._file} holds no RSA key")
        return key


def token(secret: str, *, life: int = LIFE, **rights: int) -> str:
    """Return an HS256 token for the lab's cache, as ``r=1, w=1``; ``life`` in seconds."""
    return Issuer(secret, Path()).token(caches={CACHE: rights}, life=life)


def powerless(secret: str) -> Iterator[str]:
    """Yield tokens that may not push to the lab's cache: one that only reads, one of another cache, an expired one."""
    issuer = Issuer(secret, Path())
    yield issuer.token(caches={CACHE: {"r": 1}})
    yield issuer.token(caches={"another": {"r": 1, "w": 1}})
    yield issuer.token(caches={CACHE: {"r": 1, "w": 1}}, life=-86_400)


def bent(secret: str, fault: str) -> str:
    """Return the run's token as a fault of `BENT` makes it; "" where it is not set at all."""
    said = BENT[fault]
    return Issuer(secret, Path()).token(**said) if said is not None else ""


def _token_of(header: str) -> str:
    """Return the token of an Authorization header, "" where it has none: as a bearer, or as the password of basic (a .netrc's)."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest
    try:
        return base64.b64decode(rest).decode().partition(":")[2] if scheme.lower() == "basic" else ""
    except ValueError:
        return ""


def _passes(algorithm: str, signature: bytes, careless: Collection[str]) -> bool:
    """Tell whether a careless server accepts a token whatever its signature is."""
    if algorithm == "none":
        return "alg-none" in careless
    return ("forged" if signature else "cut") in careless


def _is_now(claims: Mapping[str, Any]) -> bool:
    now = time.time()
    ends, begins, issued = claims.get("exp", now + 1), claims.get("nbf", 0), claims.get("iat", 0)
    return bool(ends > now and begins <= now and issued <= now)


def _granted(claims: Mapping[str, Any], cache: str) -> frozenset[str]:
    """Return the rights on a cache: of its own name, else of the first pattern that matches. A right is 0 or 1, nothing else."""
    caches = claims[CLAIM]["caches"]
    for held in caches.values():
        if any(type(held.get(right, 0)) is not int or held.get(right, 0) not in {0, 1} for right in RIGHTS):
            return frozenset()  # The whole token is not understood.
    pattern = cache if cache in caches else next((name for name in caches if fnmatch.fnmatchcase(cache, name)), None)
    return frozenset(right for right in RIGHTS if pattern is not None and caches[pattern].get(right))


def _mac(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def _text(value: object) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
