"""What a client says about its body: Content-MD5 and x-amz-checksum-*, checked and kept."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping

from pytest_gf.lab.rustfs.call import Call, Refusal

PREFIX = "x-amz-checksum-"

_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
}
_NO_DIGESTS = {"algorithm", "mode", "type"}


def md5(body: bytes) -> str:
    """Return the MD5 in hexadecimal: the ETag of a single PUT."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def sha256(body: bytes) -> str:
    """Return the SHA-256 in base64: what ``x-amz-checksum-sha256`` says."""
    return base64.b64encode(_DIGESTS["sha256"](body)).decode()


def verified(call: Call, payload: bytes) -> dict[str, str]:
    """Return the checksums that the client sent, as ``"sha256" -> base64``, all of them right.

    Raises Refusal: BadDigest, or InvalidRequest for an algorithm that the lab can't check.
    """
    said = call.header("content-md5")
    if said and said != base64.b64encode(hashlib.md5(payload, usedforsecurity=False).digest()).decode():
        raise Refusal(500, "InternalError", "The Content-MD5 you specified did not match what we received.")
    kept = {}
    for name, value in call.headers:
        algorithm = name.removeprefix(PREFIX)
        if algorithm == name or algorithm in _NO_DIGESTS:
            continue
        if algorithm not in _DIGESTS:
            raise Refusal(400, "InvalidRequest", f"The lab checks {', '.join(_DIGESTS)} only, not {algorithm[:32]}.")
        if base64.b64encode(_DIGESTS[algorithm](payload)).decode() != value.strip():
            raise Refusal(
                400, "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum."
            )
        kept[algorithm] = value.strip()
    return kept
