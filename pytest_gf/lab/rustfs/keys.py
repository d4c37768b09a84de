"""Object keys as folders: any UTF-8 key becomes path components that stay inside their bucket, and comes back whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from pytest_gf.lab.rustfs.call import Refusal

META = "xl.meta"
DATA = "%data-"
"""Prefix of the folders that hold a body beside ``xl.meta``; no component that `encode` makes starts so."""
LONGEST_KEY = 1_024
LONGEST_COMPONENT = 255
"""Bytes."""

_WHOLE = {"": "%", ".": "%2E", "..": "%2E%2E", META: "%78l.meta"}
_UNSAFE = re.compile(r"[%\x00-\x1f\x7f]")


def check(key: str) -> None:
    """Raise Refusal where RustFS refuses a key: ``//``, a leading ``/``, ``.`` and ``..`` as a part, CR, LF."""
    parts = key.split("/")
    if "" in parts[:-1] or {".", ".."} & set(parts) or {"\r", "\n"} & set(key):
        raise Refusal(400, "InvalidArgument", "Object name contains unsupported characters.")


def encode(key: str) -> tuple[str, ...]:
    """Return the path components of a key. Raises Refusal KeyTooLongError where a file system can't hold them."""
    parts = tuple(
        _WHOLE.get(part) or _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", part) for part in key.split("/")
    )
    if len(key.encode("utf-8")) > LONGEST_KEY or any(len(part.encode("utf-8")) > LONGEST_COMPONENT for part in parts):
        raise Refusal(400, "KeyTooLongError", "Your key is too long.")
    return parts


def decode(parts: Sequence[str]) -> str:
    """Return the key that `encode` made these components of."""
    return "/".join("" if part == "%" else unquote(part) for part in parts)
