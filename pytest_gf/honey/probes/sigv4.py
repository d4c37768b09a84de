"""Signature Version 4 for reads, made by hand: a few microseconds a request, where a library spends a millisecond."""

from __future__ import annotations

import hmac
import string
from hashlib import sha256
from time import gmtime, strftime, time
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_UNRESERVED = f"{string.ascii_letters}{string.digits}-_.~".encode()
_SIGNED = "host;x-amz-content-sha256;x-amz-date"


class Signer:
    """Requests without a body, ready to be sent, as one identity at one host. Not to be shared between threads."""

    def __init__(self, credentials: tuple[str, str], region: str, host: str) -> None:
        self._access_key, self._secret = credentials
        self._region, self._host = region, host
        self._turn(int(time()))

    def request(self, method: str, path: str, query: str = "", headers: str = "") -> bytes:
        """Return the request line and headers, of an encoded path and a query whose names are sorted. ``headers`` are not signed."""
        now = int(time())
        if now != self._second:
            self._turn(now)
        canonical = sha256(f"{method}\n{path}\n{query}{self._canonical}".encode()).hexdigest()
        signature = self._signing.copy()
        signature.update(canonical.encode())
        target = f"{path}?{query}" if query else path
        return f"{method} {target}{self._head}{signature.hexdigest()}\r\n{headers}\r\n".encode()

    def _turn(self, now: int) -> None:
        """Make what all requests of one second share."""
        date = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
        scope, key = f"{date[:8]}/{self._region}/s3/aws4_request", f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._signing = hmac.new(key, f"{_ALGORITHM}\n{date}\n{scope}\n".encode(), "sha256")
        headers = f"host:{self._host}\nx-amz-content-sha256:{_UNSIGNED}\nx-amz-date:{date}\n"
        self._canonical = f"\n{headers}\n{_SIGNED}\n{_UNSIGNED}"
        self._head = (
            f" HTTP/1.1\r\nHost: {self._host}\r\nAccept-Encoding: identity\r\nX-Amz-Date: {date}\r\nX-Amz-Content-Sha256: {_UNSIGNED}\r\n"
            f"Authorization: {_ALGORITHM} Credential={self._access_key}/{scope}, SignedHeaders={_SIGNED}, Signature="
        )
        self._second = now


def encoded(text: str, *, safe: str = "") -> str:
    """Return a text as the signature wants it encoded: everything but RFC 3986's unreserved characters and ``safe``."""
    return text if not text.encode().translate(None, _UNRESERVED + safe.encode()) else quote(text, safe=f"{safe}-_.~")
