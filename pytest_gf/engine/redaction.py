"""Redaction: known secrets, and what looks like a credential, are struck out of every text."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable

from pytest_gf.engine import spelling
from pytest_gf.engine.spelling import FRAGMENT, Needles

MARK = "[redacted]"
SHORT = 100
"""Characters. What became of shorter texts is kept: names of fields and verdicts come by the thousand."""
SHORTEST = 4
"""A shorter "secret" would strike out half of every text, and hides nothing. A target's must have `LEAST_SECRET` (target.py)."""

_PATTERNS = (
    # The query of any URL: presigned signatures, tokens in redirects. RFC 3986, 3.4.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,15}://[^\s?#\"'<>]*\?)[^\s#\"'<>]+", re.IGNORECASE), rf"\1{MARK}"),
    # Userinfo in a URL. RFC 3986, 3.2.1.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,15}://)[^\s/@\"'<>]+@", re.IGNORECASE), rf"\1{MARK}@"),
    # Authorization and its kin, as a header or in a repr of headers. RFC 9110, 11.6.2.
    (
        re.compile(
            r"((?:proxy-)?authorization|x-amz-security-token|set-cookie|cookie)(['\"]?\s*[:=,]\s*(?:b?['\"])?)[^'\"\r\n]+",
            re.IGNORECASE,
        ),
        rf"\1\2{MARK}",
    ),
    (re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"'<>]+", re.IGNORECASE), rf"\1{MARK}"),
    # A JSON Web Token. RFC 7519.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"), MARK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MARK),
)
_HINTS = ("://", "uthorization", "UTHORIZATION", "ookie", "ecurity-token", "X-Amz-", "eyJ", "PRIVATE KEY")
"""Every pattern needs one of these in the text. Most texts have none, and are done."""


class Redactor:
    """Strikes out the secrets that it has learned, however they are spelt, and credentials by their form."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._needles = Needles()
        self._shortest = 0
        self._kept = self._keeping()

    def learn(self, secrets: Iterable[str]) -> None:
        """Strike these out from now on. Values shorter than `SHORTEST` are ignored."""
        new = {secret for secret in secrets if len(secret) >= SHORTEST} - self._secrets
        if new:
            self._secrets |= new
            self._needles = Needles.of(self._secrets)
            self._shortest = min(FRAGMENT, *map(len, self._secrets))
            self._kept = self._keeping()  # The last step: what is kept from now on was looked at with the new secrets.

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        return self._kept(text) if len(text) <= SHORT else self._redacted(text)

    def _keeping(self) -> Callable[[str], str]:
        return functools.lru_cache(maxsize=2_048)(self._redacted)

    def _redacted(self, text: str) -> str:
        if self._secrets and len(text) >= self._shortest:
            text = spelling.strike(text, self._needles, MARK)
        if any(hint in text for hint in _HINTS):
            for pattern, replacement in _PATTERNS:
                text = pattern.sub(replacement, text)
        return text

    def shows(self, text: str) -> bool:
        """Return whether a learned secret stands in the text."""
        return bool(self._secrets) and spelling.strike(text, self._needles, MARK) != text


@functools.cache
def redactor() -> Redactor:
    """Return the process's redactor. There is one, since pytest's logs, warnings and reports are the process's too."""
    return Redactor()


def redact(text: str) -> str:
    """Return the text without the secrets that this process knows of."""
    return redactor().redact(text)
