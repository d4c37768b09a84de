"""Baselines: what each stack's state was when all was well, as a small JSON document without any value of a state."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

FORMAT = 1
LARGEST = 1024 * 1024
"""Bytes."""


class Malformed(ValueError):
    """No baseline; one line."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stack's state: ``resources`` is None where it is encrypted, ``etag`` unquoted, ``recorded`` a time (UTC).

    ``sha256`` of the body in hex, "" where an earlier version recorded none.
    """

    serial: int
    lineage: str
    resources: int | None
    etag: str
    recorded: str
    sha256: str = ""

    def __str__(self) -> str:
        resources = "encrypted" if self.resources is None else f"{self.resources} resources"
        return f"serial {self.serial}, lineage {self.lineage}, {resources}, ETag {self.etag or 'none'}"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    stacks: dict[str, Known]


def read(data: bytes) -> dict[str, Known]:
    """Return what is known of stacks by name. Raises Malformed."""
    if len(data) > LARGEST:
        raise Malformed(f"longer than {LARGEST} bytes")
    try:
        found = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Malformed(str(wrong)) from None
    if found.format != FORMAT:
        raise Malformed(f"format {found.format}; this version reads {FORMAT}")
    return found.stacks


def write(stacks: Mapping[str, Known]) -> bytes:
    """Return the document, stacks in the order of their names."""
    return msgspec.json.format(msgspec.json.encode(_File(FORMAT, dict(sorted(stacks.items())))), indent=2) + b"\n"
