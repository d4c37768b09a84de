"""Attic's own way to S3: an identity of its own, and presigned URLs, which it also hands to its clients."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote

from pytest_gf.lab.journal import Exchange
from pytest_gf.lab.rustfs import checksums, sigv4
from pytest_gf.lab.rustfs.call import Call, Reply
from pytest_gf.lab.rustfs.service import REGION, Service
from pytest_gf.lab.rustfs.store import Version

ACCESS_KEY = "GFLABATTIC"
LIFE = 600
"""Seconds that a presigned URL lives."""


class Unavailable(Exception):
    """S3 did not give the chunk."""


class Chunks:
    """The objects of the bucket, as Attic's identity reaches them. ``is_up`` tells whether S3 listens."""

    def __init__(self, service: Service, bucket: str, is_up: Callable[[], bool]) -> None:
        self._service, self._bucket, self._is_up = service, bucket, is_up
        self.bends = service.bends
        self._secret = secrets.token_hex(20)
        service.servants[ACCESS_KEY] = self._secret

    def url(self, base: str, key: str) -> str:
        """Return a presigned URL of a chunk at the S3 server ``base``."""
        host = base.partition("://")[2]
        path, query = self._signed("GET", host, key)
        return f"{base}{path}?{query}"

    def read(self, key: str) -> bytes:
        """Return a chunk as it is stored. Raises Unavailable."""
        return b"".join(self._ask("GET", key).chunks)

    def write(self, key: str, data: bytes) -> None:
        """Store a chunk. Raises Unavailable."""
        self._ask("PUT", key, data)

    def keep(self, key: str, data: bytes) -> None:
        """Put a chunk in its place as a seed or a fault does: past S3 and what ails it."""
        store = self._service.store
        sums = {"sha256": checksums.sha256(data)}
        store.put(self._bucket, key, data, Version(size=len(data), etag=checksums.md5(data), checksums=sums))

    def drop(self, key: str) -> None:
        """Take a chunk away past S3, as who deletes it by hand does."""
        self._service.store.delete(self._bucket, key)

    def peek(self, key: str) -> bytes:
        """Return a chunk past S3. Raises ValueError where it is gone."""
        version = self._service.store.find(self._bucket, key)
        if version is None:
            raise ValueError(f"chunk {key} is gone, so it can't be bent")
        return b"".join(self._service.store.read(self._bucket, key, version, 0, version.size))

    def _ask(self, method: str, key: str, body: bytes = b"") -> Reply:
        if not self._is_up():
            raise Unavailable("S3 does not listen")
        path, query = self._signed(method, "s3", key)
        call = Call(method, path, query, (("host", "s3"),), body)
        reply = self._service.answer(call, Exchange("attic", f"{method.capitalize()}Object", self._bucket, key))
        if reply.code:
            raise Unavailable(reply.code)
        return reply

    def _signed(self, method: str, host: str, key: str) -> tuple[str, str]:
        secret = "another" if self.bends.on("attic-wrong-secret") else self._secret
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        asked = {
            "X-Amz-Algorithm": sigv4.ALGORITHM,
            "X-Amz-Credential": f"{ACCESS_KEY}/{scope}",
            "X-Amz-Date": now,
            "X-Amz-Expires": str(LIFE),
            "X-Amz-SignedHeaders": "host",
        }
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())
        path = f"/{self._bucket}/{quote(key)}"
        call = Call(method, path, query, (("host", host),))
        request = sigv4.canonical_request(call, ["host"], sigv4.UNSIGNED, presigned=True)
        text = f"{sigv4.ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        derived = sigv4.signing_key(secret, now[:8], REGION)
        signature = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
        return path, f"{query}&X-Amz-Signature={signature}"
