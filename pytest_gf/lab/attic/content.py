"""Archives and store paths of the lab's cache, and Nix's spelling of hashes."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Mapping

DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
STORE = "/nix/store"
SIZES: Mapping[str, tuple[int, int]] = {"incident": (7, 90_000), "small": (2, 900), "large": (3, 1_100_000)}
"""Of the seeded paths: how many files each has, and how many bytes a file; only `small` stays below one chunk."""

Tree = Mapping[str, bytes]


def base32(data: bytes) -> str:
    """Return bytes in Nix's base 32."""
    number = int.from_bytes(data, "little")
    return "".join(DIGITS[number >> 5 * at & 31] for at in reversed(range(-(-len(data) * 8 // 5))))


def archive(tree: Tree) -> bytes:
    """Return the NAR of a flat directory."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value + bytes(-len(value) % 8)

    def words(*values: str) -> bytes:
        return b"".join(text(value.encode()) for value in values)

    parts = [words("nix-archive-1", "(", "type", "directory")]
    for name, contents in sorted(tree.items()):
        parts += [words("entry", "(", "name", name, "node", "(", "type", "regular", "contents"), text(contents)]
        parts.append(words(")", ")"))
    return b"".join((*parts, words(")")))


def seeded(name: str) -> tuple[str, bytes]:
    """Return the store path and the archive of a seeded path: the same bytes in every lab."""
    count, size = SIZES[name]
    source = random.Random(name)  # noqa: S311  # No secret: the same bytes each time is what is wanted.
    tree = {f"file-{at}": source.randbytes(size // 2) + bytes(size - size // 2) for at in range(count)}
    data = archive(tree)
    return f"{STORE}/{base32(hashlib.sha256(data).digest()[:20])}-gf-{name}", data
