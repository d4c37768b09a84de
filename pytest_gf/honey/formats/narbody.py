"""A NAR as a binary cache sends it. It is decompressed piece by piece, hashed, and read strictly, up to the promised size."""

from __future__ import annotations

import hashlib

from pytest_gf.honey.formats import nar, zstd
from pytest_gf.honey.formats.packed import Decoder, Malformed, applied, decoder

SLACK = 1024 * 1024
"""Bytes that a compressed archive may be longer than itself, besides a 64th."""


class NarBody:
    """Takes a body in pieces. The first thing that is wrong with it is kept, and the rest is only counted.

    ``promised`` bounds the archive in bytes. After `finish`, ``trouble`` says what is wrong, "" where nothing is. ``archive`` is
    set where the body was read to its end and holds no well-formed archive.
    """

    def __init__(self, compression: str, promised: int) -> None:
        self.received = 0
        self.size = 0
        self.trouble = ""
        self.archive = ""
        self._promised = promised
        self._decoder = decoder(compression, promised)
        self._outer: Decoder | None = None
        self._reader = nar.Reader()
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> bytes:
        """The digest of what was decompressed so far."""
        return self._digest.digest()

    def begin(self, encoding: str) -> None:
        """Take the Content-Encoding that the body comes with, before its first byte.

        Nix reads one that is `br`, and guesses any other from the bytes, which fails where they are compressed besides.
        """
        if encoding == "br":
            self._outer = decoder("br", self._promised + self._promised // 64 + SLACK)
        elif applied(encoding):
            self.trouble = f"the body comes with Content-Encoding {encoding[:40]!r}: Nix 2.8 can't read it"

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.received += len(data)
        if self.trouble:
            return
        try:
            for packed in (data,) if self._outer is None else self._outer.feed(data):
                for piece in self._decoder.feed(packed):
                    self._take(piece)
        except (zstd.Malformed, Malformed) as wrong:
            self.trouble = f"the compressed body is malformed: {wrong}"

    def finish(self) -> None:
        """Note what the end shows: a frame or an archive that goes on. A digest that differs is the caller's to judge."""
        if self.trouble:
            return
        try:
            if self._outer is not None:
                self._outer.finish()
            self._decoder.finish()
        except (zstd.Malformed, Malformed) as wrong:
            self.trouble = f"the compressed body is malformed: {wrong}"
            return
        if not self.archive:
            try:
                self._reader.finish()
            except nar.Malformed as wrong:
                self.archive = str(wrong)
        if self.archive:
            self.trouble = f"the archive is malformed: {self.archive}"

    def _take(self, piece: bytes) -> None:
        """Digest all of it, also past a malformed archive: whether the hash agrees is half of the diagnosis."""
        self.size += len(piece)
        self._digest.update(piece)
        if not self.archive:
            try:
                self._reader.feed(piece)
            except nar.Malformed as wrong:
                self.archive = str(wrong)
