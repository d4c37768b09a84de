"""The aws-chunked body: chunks signed or not, with or without trailing checksums, checked and taken apart."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from pytest_gf.lab.rustfs.call import Call, Refusal
from pytest_gf.lab.rustfs.sigv4 import Signed

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
MOST_TRAILER = 4_096
"""Bytes."""

_HEAD = re.compile(rb"([0-9a-fA-F]{1,15})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_EMPTY = hashlib.sha256(b"").hexdigest()


def payload_of(call: Call, signed: Signed | None) -> tuple[bytes, Mapping[str, str]]:
    """Return the payload and its trailers (names in lower case); a plain body is its own payload.

    Raises Refusal: SignatureDoesNotMatch, IncompleteBody, InvalidRequest, NotImplemented.
    """
    kind = call.header("x-amz-content-sha256")
    if not kind.startswith("STREAMING-"):
        return call.body, {}
    if kind not in {SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER}:
        raise Refusal(501, "NotImplemented", f"The lab does not take bodies signed as {kind[:64]}.")
    seed = signed if kind != UNSIGNED_TRAILER else None
    if seed is None and kind != UNSIGNED_TRAILER:
        raise Refusal(403, "AccessDenied", "Access Denied")
    payload, rest, last = _chunks(call.body, seed)
    trailers = _trailers(rest, seed if kind == SIGNED_TRAILER else None, last)
    said = call.header("x-amz-decoded-content-length")
    if said and said != str(len(payload)):
        raise Refusal(
            400, "IncompleteBody", "The body does not have the length that x-amz-decoded-content-length says."
        )
    return payload, trailers


def _chunks(body: bytes, seed: Signed | None) -> tuple[bytes, bytes, str]:
    """Return the payload, what follows the last chunk's head, and the last signature."""
    whole = bytearray()
    previous = seed.signature if seed else ""
    at = 0
    while head := _HEAD.match(body, at):
        size = int(head[1], 16)
        data = body[head.end() : head.end() + size]
        if seed is not None:
            wanted = seed.chain("AWS4-HMAC-SHA256-PAYLOAD", previous, _EMPTY, hashlib.sha256(data).hexdigest())
            previous = _same(wanted, head[2] or b"")
        if size == 0:
            return bytes(whole), body[head.end() :], previous
        whole += data
        at = head.end() + size + 2
        if body[at - 2 : at] != b"\r\n":
            break
    raise Refusal(400, "IncompleteBody", "The aws-chunked body ends before its last chunk.")


def _trailers(rest: bytes, seed: Signed | None, last: str) -> Mapping[str, str]:
    if len(rest) > MOST_TRAILER:
        raise Refusal(400, "InvalidRequest", "The trailer is too long.")
    trailers: dict[str, str] = {}
    for line in filter(None, (stripped.strip() for stripped in rest.split(b"\n"))):
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip().lower()] = value.strip()
    signature = trailers.pop("x-amz-trailer-signature", "")
    if seed is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        wanted = seed.chain("AWS4-HMAC-SHA256-TRAILER", last, hashlib.sha256(lines.encode("latin-1")).hexdigest())
        _same(wanted, signature.encode("latin-1"))
    return trailers


def _same(wanted: str, given: bytes) -> str:
    if not hmac.compare_digest(wanted.encode(), given):
        raise Refusal(403, "SignatureDoesNotMatch", "The signature of a chunk does not match.")
    return wanted
