"""What may be shown: known secrets, and what is a credential by its form, are struck out of every text."""

from __future__ import annotations

import base64
import functools
import html
import json
import re
import urllib.parse
from collections.abc import Iterable

MARK = "[redacted]"
SHORTEST = 4
"""A shorter "secret" would strike out half of every text, and hides nothing."""
FRAGMENT = 8
"""Characters. A secret cut in two by somebody's truncation is struck out where at least about this much is left."""

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
"""No pattern can match a text without one of these: most texts are done here."""


class Redactor:
    """Strikes out the secrets that it has learned, in the spellings in which they travel, and credentials by their form."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._probes: tuple[str, ...] = ()
        self._fragments: re.Pattern[str] | None = None
        self._secrets: set[str] = set()

    def learn(self, secrets: Iterable[str]) -> None:
        """Strike these out from now on. Values shorter than `SHORTEST` are ignored."""
        new = {secret for secret in secrets if len(secret) >= SHORTEST} - self._secrets
        if not new:
            return
        self._secrets |= new
        forms = {form for secret in self._secrets for form in _spellings(secret)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))
        long = [secret for secret in self._secrets if len(secret) > FRAGMENT]
        self._probes = tuple({part for secret in long for part in _parts(secret, 4)})
        parts = sorted({part for secret in long for part in _parts(secret, 1)})
        self._fragments = re.compile(f"(?=({'|'.join(map(re.escape, parts))}))") if parts else None

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        if not text:
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MARK)
        if self._fragments is not None and any(probe in text for probe in self._probes):
            text = self._without_fragments(text, self._fragments)
        if any(hint in text for hint in _HINTS):
            for pattern, replacement in _PATTERNS:
                text = pattern.sub(replacement, text)
        return text

    def shows(self, text: str) -> bool:
        """Return whether a learned secret stands in the text."""
        return any(form in text for form in self._forms)

    def _without_fragments(self, text: str, fragments: re.Pattern[str]) -> str:
        kept: list[str] = []
        position = 0
        struck = 0
        for match in fragments.finditer(text):
            start, end = match.start(), match.start() + FRAGMENT
            if start > struck or not kept:
                kept += [text[position:start], MARK]
            struck = position = end
        return "".join(kept) + text[position:]


def _spellings(secret: str) -> set[str]:
    raw = secret.encode()
    return {
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        html.escape(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
    }


def _parts(secret: str, step: int) -> set[str]:
    return {secret[start : start + FRAGMENT] for start in range(0, len(secret) - FRAGMENT + 1, step)}


@functools.cache
def redactor() -> Redactor:
    """Return the process's redactor. There is one, since pytest's logs, warnings and reports are the process's too."""
    return Redactor()


def redact(text: str) -> str:
    """Return the text without the secrets that this process knows of."""
    return redactor().redact(text)
