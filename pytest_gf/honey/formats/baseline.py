"""Baselines: what each stack's state was when all was well, as a small JSON document without any value of a state."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

FORMAT = 2
READ = (1, FORMAT)
"""Format 1 has a number of resources, and no addresses."""
LARGEST = 16 * 1024 * 1024
"""Bytes."""
ADDRESS = 16
"""Hex digits of an address's digest."""


class Malformed(ValueError):
    """No baseline. The message is one line."""


class KnownState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stack's state: ``resources`` is None where it is encrypted, ``etag`` unquoted, ``recorded`` a time (UTC).

    ``sha256`` of the body in hex, "" where an earlier version recorded none. ``addresses`` has a digest of each managed
    instance's address, in hex and in order, one after the other; None where an earlier version recorded none, or the body is
    encrypted.
    """

    serial: int
    lineage: str
    resources: int | None
    etag: str
    recorded: str
    sha256: str = ""
    addresses: str | None = None

    def __str__(self) -> str:
        counted = "encrypted" if self.resources is None else f"{self.resources} resources"
        if self.addresses is not None:
            counted = f"{len(self.managed)} managed instances"
        return f"serial {self.serial}, lineage {self.lineage or 'none'}, {counted}, ETag {self.etag or 'none'}"

    @property
    def managed(self) -> frozenset[str]:
        """The digests of the managed instances' addresses."""
        hexes = self.addresses or ""
        return frozenset(hexes[at : at + ADDRESS] for at in range(0, len(hexes), ADDRESS))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    stacks: dict[str, KnownState]


def read(data: bytes) -> dict[str, KnownState]:
    """Return what is known of stacks by name. Raises Malformed."""
    if len(data) > LARGEST:
        raise Malformed(f"longer than {LARGEST} bytes")
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Malformed(str(wrong)) from None
    if file.format not in READ:
        raise Malformed(f"format {file.format}; this version reads {' and '.join(map(str, READ))}")
    for stack, known in file.stacks.items():
        if re.fullmatch(rf"(?:[0-9a-f]{{{ADDRESS}}})*", known.addresses or "") is None:
            raise Malformed(f"the addresses of {stack} are no digests of {ADDRESS} hex digits each")
    return file.stacks


def write(stacks: Mapping[str, KnownState]) -> bytes:
    """Return the document, stacks in the order of their names."""
    return msgspec.json.format(msgspec.json.encode(_File(FORMAT, dict(sorted(stacks.items())))), indent=2) + b"\n"
