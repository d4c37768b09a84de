"""A NAR as a binary cache sends it: decompressed piece by piece, hashed, and read strictly; bounded by what was promised."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator
from typing import Protocol

from pytest_gf.honey.formats import nar, zstd

UNDERSTOOD = ("zstd", "none", "xz")
"""What Attic compresses by, but for brotli."""
XZ_MEMORY = 128 * 1024 * 1024
PIECE = 1024 * 1024
"""Bytes that are decompressed at once at most."""


class Malformed(ValueError):
    """The body is no whole compressed archive; ``str`` says in what way."""


class _Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...
    def finish(self) -> None: ...


class Body:
    """Takes a body in pieces. The first thing that is wrong with it is kept, and the rest is only counted.

    ``promised`` bounds the archive in bytes. After `finish`, ``trouble`` is "" where the archive is whole and strict.
    """

    def __init__(self, compression: str, promised: int) -> None:
        self.received = 0
        self.size = 0
        self.trouble = ""
        self._decoder = _decoder(compression, promised)
        self._reader = nar.Reader()
        self._digest = hashlib.sha256()
        self._archive = ""

    @property
    def sha256(self) -> bytes:
        """The digest of what was decompressed so far."""
        return self._digest.digest()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.received += len(data)
        if self.trouble:
            return
        try:
            for piece in self._decoder.feed(data):
                self._take(piece)
        except (zstd.Malformed, Malformed) as wrong:
            self.trouble = f"the compressed body is malformed: {wrong}"

    def finish(self) -> None:
        """Note what the end shows: a frame or an archive that goes on. A digest that differs is the caller's to judge."""
        if self.trouble:
            return
        try:
            self._decoder.finish()
        except (zstd.Malformed, Malformed) as wrong:
            self.trouble = f"the compressed body is malformed: {wrong}"
            return
        if not self._archive:
            try:
                self._reader.finish()
            except nar.Malformed as wrong:
                self._archive = str(wrong)
        if self._archive:
            self.trouble = f"the archive is malformed: {self._archive}"

    def _take(self, piece: bytes) -> None:
        """Digest all of it, also past a malformed archive: whether the hash agrees is half of the diagnosis."""
        self.size += len(piece)
        self._digest.update(piece)
        if not self._archive:
            try:
                self._reader.feed(piece)
            except nar.Malformed as wrong:
                self._archive = str(wrong)


class _Plain:
    def __init__(self, promised: int) -> None:
        self._left = promised

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._left -= len(data)
        if self._left < 0:
            raise Malformed("it is longer than promised")
        yield data

    def finish(self) -> None:
        return


class _Xz:
    """One stream after another: Attic compresses each chunk by itself, and sends them one after another."""

    def __init__(self, promised: int) -> None:
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        self._left = promised

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._decoder.eof:
                data = self._decoder.unused_data + data
                if not data:
                    return
                self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            try:
                piece = self._decoder.decompress(data, PIECE)
            except lzma.LZMAError as wrong:
                raise Malformed(f"xz: {wrong}") from None
            data = b""
            self._left -= len(piece)
            if self._left < 0:
                raise Malformed("it is longer than promised")
            if piece:
                yield piece
            elif self._decoder.needs_input:
                return

    def finish(self) -> None:
        if not self._decoder.eof:
            raise Malformed("the bytes end inside of an xz stream")


def _decoder(compression: str, promised: int) -> _Decoder:
    if compression == "zstd":
        return zstd.Decoder(most=promised)
    if compression == "none":
        return _Plain(promised)
    if compression == "xz":
        return _Xz(promised)
    raise ValueError(f"compression {compression!r} is not among {', '.join(UNDERSTOOD)}")
