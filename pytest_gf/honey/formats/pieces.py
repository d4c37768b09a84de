"""Bytes that are read once, in the amounts that their reader needs: from pieces as they come, or from a connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

PIECE = 1024 * 1024
"""Bytes that `each` asks for."""


class Source(Protocol):
    """Gives bytes in their order. What a call returned stands until the next: its buffer may be used again."""

    def some(self, most: int) -> memoryview:
        """Return between 1 and ``most`` bytes, none at the end."""

    def up_to(self, count: int) -> memoryview:
        """Return so many bytes in one, fewer where they end."""


class Pieces:
    """A `Source` of pieces of any size. A piece is not looked at any more once the next is asked for."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._piece = memoryview(b"")

    def some(self, most: int) -> memoryview:
        """See `Source`."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return memoryview(b"")
            self._piece = memoryview(piece)
        taken, self._piece = self._piece[:most], self._piece[most:]
        return taken

    def up_to(self, count: int) -> memoryview:
        """See `Source`."""
        first = self.some(count)
        return first if len(first) == count else joined(self, count, bytes(first))


def joined(source: Source, count: int, begun: bytes = b"") -> memoryview:
    """Return so many bytes that come in parts, fewer where they end; ``begun`` are the first of them."""
    parts, left = [begun], count - len(begun)
    while left and (part := source.some(left)):
        parts.append(bytes(part))  # A copy: the next part may lie in the same buffer.
        left -= len(part)
    return memoryview(b"".join(parts))


def each(source: Source) -> Iterator[memoryview]:
    """Yield all bytes, each piece only until the next is asked for."""
    while piece := source.some(PIECE):
        yield piece
