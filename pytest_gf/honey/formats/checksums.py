"""Checksums that S3 keeps of an object and sends with it (x-amz-checksum-*), base64 of the digest."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping

CHECKSUMS: Mapping[str, Callable[[bytes], bytes]] = {
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
}
"""What is recomputed. CRC32C and CRC64NVME are not: nothing here computes them in bearable time."""
_COMPOSITE = re.compile(r"-[0-9]+\Z")
"""A checksum of checksums, of an object in parts: it says nothing of the bytes as a whole."""


def disagreeing(sent: Mapping[str, str], data: bytes) -> tuple[str, ...]:
    """Return the algorithms whose checksum, as it was sent, is not that of the bytes."""
    return tuple(
        name
        for name, text in sent.items()
        if not _COMPOSITE.search(text) and text != base64.b64encode(CHECKSUMS[name](data)).decode()
    )
