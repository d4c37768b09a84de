"""A SelfSubjectAccessReview in Kubernetes' protobuf, as `kubectl auth can-i` sends it (authorization.k8s.io/v1, generated.proto)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\x00"
_RAW, _SPEC, _RESOURCE, _OTHER = 2, 2, 1, 2
_ATTRIBUTES = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"}
_PATH = {1: "path", 2: "verb"}
_BYTES = 2
"""The wire type of a field that has a length."""


def review(body: bytes) -> dict[str, Any]:
    """Return the review as its JSON would have it. Raises ValueError for what is none."""
    if not body.startswith(MAGIC):
        raise ValueError("the body is not Kubernetes' protobuf")
    spec = _one(_one(_one(body[len(MAGIC) :], _RAW), _SPEC), _RESOURCE)
    if spec:
        attributes = {_ATTRIBUTES[at]: value.decode() for at, value in _fields(spec) if at in _ATTRIBUTES}
        return {"spec": {"resourceAttributes": attributes}}
    other = _one(_one(_one(body[len(MAGIC) :], _RAW), _SPEC), _OTHER)
    return {
        "spec": {"nonResourceAttributes": {_PATH[at]: value.decode() for at, value in _fields(other) if at in _PATH}}
    }


def _one(message: bytes, wanted: int) -> bytes:
    return next((value for at, value in _fields(message) if at == wanted), b"")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each field that has a length: its number and its bytes; numbers alone are passed over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        size, at = _varint(message, at)
        if tag & 7 == _BYTES:
            if at + size > len(message):
                raise ValueError("the message is cut")
            yield tag >> 3, message[at : at + size]
            at += size
        elif tag & 7:
            raise ValueError("a field of a kind that no review has")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # The bit that says that more follows.
            return value, at
        shift += 7
    raise ValueError("the message is cut")
