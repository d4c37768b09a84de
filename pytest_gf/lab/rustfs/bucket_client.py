"""How a service of the lab reaches its bucket in S3: with an identity of its own, by presigned URLs."""

from __future__ import annotations

import copy
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote

from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange
from pytest_gf.lab.rustfs import checksums, sigv4
from pytest_gf.lab.rustfs.call import Call, Reply
from pytest_gf.lab.rustfs.service import REGION, Service
from pytest_gf.lab.rustfs.store import Version

LIFE = 600
"""Seconds that a presigned URL lives."""

_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


class Unavailable(Exception):
    """S3 did not do it. ``code`` is S3's, "" where nobody answered; the text has its own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code, self.message = code, message


class BucketClient:
    """The objects of one bucket, as the identity of ``name`` reaches them from ``node``. ``is_up`` tells whether S3 listens.

    Its faults are ``NAME-wrong-secret`` and ``NAME-unknown-key``.
    """

    def __init__(self, service: Service, name: str, bucket: str, node: str, is_up: Callable[[], bool]) -> None:
        self._service, self._name, self._bucket, self._node, self._is_up = service, name, bucket, node, is_up
        self.bends = service.bends
        self._access_key, self._secret = f"GFLAB{name.upper()}", secrets.token_hex(20)
        service.service_keys[self._access_key] = self._secret

    def at(self, bucket: str) -> BucketClient:
        """Return the same identity on another bucket."""
        other = copy.copy(self)
        other._bucket = bucket  # noqa: SLF001  # It is one of this class.
        return other

    def shut_by(self, bend: Bend) -> bool:
        """Tell whether nobody answers for this service under a fault: its ports are closed, or its node is down."""
        gone = (Bend(fault, self._node) for fault in ("node-down", "node-gone"))
        return bend.name == f"{self._name}-unreachable" or bend in gone

    def url(self, base: str, key: str) -> str:
        """Return a presigned URL of an object at the S3 server ``base``."""
        host = base.partition("://")[2]
        path, query = self._signed("GET", host, key)
        return f"{base}{path}?{query}"

    def read(self, key: str) -> bytes:
        """Return an object as it is stored. Raises Unavailable."""
        return b"".join(self._ask("GET", key).chunks)

    def write(self, key: str, data: bytes) -> None:
        """Store an object. Raises Unavailable."""
        self._ask("PUT", key, data)

    def length(self, key: str) -> int | None:
        """Return an object's length as HEAD says it, None if HEAD finds none or is refused."""
        try:
            return self._ask("HEAD", key).length
        except Unavailable:
            return None

    def keep(self, key: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Store an object past S3 and its faults, as the seed and faults do. ``headers`` are given back with its body."""
        store = self._service.store
        sums, given = {"sha256": checksums.sha256(data)}, dict(headers or {})
        version = Version(size=len(data), etag=checksums.md5(data), checksums=sums, headers=given)
        store.put(self._bucket, key, data, version)

    def lose(self) -> None:
        """Take this bucket and those of the states out of the API, as the losses of 2026-05-08 and 05-13 did."""
        states = (stack.bucket for stack in self._service.contract.stacks.values())
        self._service.disk.lost.update({self._bucket, *states})

    def losing(self) -> Callable[[], None]:
        """Return what gives back whatever `lose` takes from now on."""
        return partial(self._service.disk.lost.intersection_update, set(self._service.disk.lost))

    def drop(self, key: str) -> None:
        """Remove an object past S3, as somebody does who deletes it by hand."""
        self._service.store.delete(self._bucket, key)

    def holds(self, key: str) -> bool:
        """Whether the object lies there, past S3."""
        return self._service.store.find(self._bucket, key) is not None

    def peek(self, key: str) -> bytes:
        """Return an object past S3. Raises ValueError where it is gone."""
        version = self._service.store.find(self._bucket, key)
        if version is None:
            raise ValueError(f"object {key} is gone, so it can't be bent")
        return b"".join(self._service.store.read(self._bucket, key, version, 0, version.size))

    def _ask(self, method: str, key: str, body: bytes = b"") -> Reply:
        if not self._is_up():
            raise Unavailable("", "S3 does not listen: connection refused")
        path, query = self._signed(method, "s3", key)
        call = Call(method, path, query, (("host", "s3"),), body)
        reply = self._service.answer(call, Exchange(self._name, f"{method.capitalize()}Object", self._bucket, key))
        if reply.code:
            message = _MESSAGE.search(b"".join(reply.chunks))
            raise Unavailable(reply.code, message[1].decode() if message else f"status code {reply.status}")
        return reply

    def _signed(self, method: str, host: str, key: str) -> tuple[str, str]:
        secret = "another" if self.bends.on(f"{self._name}-wrong-secret") else self._secret
        access_key = "GFLABNOBODY" if self.bends.on(f"{self._name}-unknown-key") else self._access_key
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        parameters = {
            "X-Amz-Algorithm": sigv4.ALGORITHM,
            "X-Amz-Credential": f"{access_key}/{scope}",
            "X-Amz-Date": now,
            "X-Amz-Expires": str(LIFE),
            "X-Amz-SignedHeaders": "host",
        }
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
        path = f"/{self._bucket}/{quote(key)}"
        call = Call(method, path, query, (("host", host),))
        request = sigv4.canonical_request(call, ["host"], sigv4.UNSIGNED, presigned=True)
        text = f"{sigv4.ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        derived = sigv4.signing_key(secret, now[:8], REGION)
        signature = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
        return path, f"{query}&X-Amz-Signature={signature}"
