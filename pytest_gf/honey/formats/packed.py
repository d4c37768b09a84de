"""Compressed bodies, decoded piece by piece and bounded: zstd, xz, brotli, gzip or none, as a narinfo or a header says."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from pytest_gf.honey.formats import zstd

UNDERSTOOD = ("zstd", "none", "xz", "br")
"""What Attic compresses by."""
XZ_MEMORY = 128 * 1024 * 1024
PIECE = 1024 * 1024
"""Bytes that are decompressed at once at most."""
MOST_PIECES = 64
"""Of the first megabyte of brotli, where its end is looked for."""

_MAGIC = {b"\x1f\x8b": "gzip", zstd.MAGIC: "zstd", b"\xfd7zXZ\x00": "xz"}
_GZIP_WINDOW = 31
"""zlib's word for a gzip header around 32 KiB of window."""


class Malformed(ValueError):
    """The bytes are not what they are said to be; ``str`` says in what way."""


class Decoder(Protocol):
    """Takes the packed bytes in pieces, gives the plain ones. Both raise `Malformed` or `zstd.Malformed`."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes complete, at most `PIECE` at a time."""

    def finish(self) -> None:
        """Raise where the bytes end too early."""


def decoder(kind: str, most: int) -> Decoder:
    """Return what decodes one kind to at most so many bytes. Raises ValueError for an unknown kind."""
    if kind == "zstd":
        return zstd.Decoder(most=most)
    made: Any = {"none": _Plain, "xz": _Xz, "br": _Brotli, "gzip": _Gzip}.get(kind)
    if made is None:
        raise ValueError(f"compression {kind!r} is not among {', '.join(UNDERSTOOD)}")
    chosen: Decoder = made(most)
    return chosen


def applied(encoding: str) -> bool:
    """Tell whether Nix decodes a body that comes with this Content-Encoding: ``none`` and an empty one it takes as it is."""
    return encoding not in {"", "none"}


def decoded(data: bytes, encoding: str, most: int) -> bytes:
    """Return a small body without its Content-Encoding, as Nix reads it: Nix 2.8 by the bytes' own magic, Nix 2.26 by the name.

    Raises Malformed where the encoding was not applied, is another than its name says, or holds more than ``most`` bytes.
    """
    if not applied(encoding):
        return data
    kind = "br" if encoding == "br" else next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")
    if not kind:
        raise Malformed(f"it comes with Content-Encoding {encoding[:40]!r}, which was not applied: Nix can't read it")
    if kind != encoding:
        raise Malformed(
            f"it comes with Content-Encoding {encoding[:40]!r}, and the bytes are {kind}: Nix 2.26 goes by the name"
        )
    one = decoder(kind, most)
    try:
        plain = b"".join(one.feed(data))
        one.finish()
    except (Malformed, zstd.Malformed) as wrong:
        raise Malformed(f"it comes with Content-Encoding {encoding[:40]!r}, and can't be decoded: {wrong}") from None
    return plain


class _Bounded:
    """What all decoders count."""

    def __init__(self, most: int) -> None:
        self._left = most

    def _count(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise Malformed("it is longer than promised")


class _Plain(_Bounded):
    def feed(self, data: bytes) -> Iterator[bytes]:
        self._count(data)
        yield data

    def finish(self) -> None:
        return


class _Xz(_Bounded):
    """One stream after another: Attic compresses each chunk by itself, and sends them one after another."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._stream.eof:
                data = self._stream.unused_data + data
                if not data:
                    return
                self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            try:
                piece = self._stream.decompress(data, PIECE)
            except lzma.LZMAError as wrong:
                raise Malformed(f"xz: {wrong}") from None
            data = b""
            self._count(piece)
            if piece:
                yield piece
            elif self._stream.needs_input:
                return

    def finish(self) -> None:
        if not self._stream.eof:
            raise Malformed("the bytes end inside of an xz stream")


class _Brotli(_Bounded):
    """One stream alone: where Attic sends one for each chunk, Nix reads the first and gives up ("coroutine has finished")."""

    def __init__(self, most: int) -> None:
        import brotli

        super().__init__(most)
        self._made: Any = brotli.Decompressor
        self._error: type[Exception] = brotli.error
        self._stream = self._made()
        self._begin = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._begin += data[: PIECE - len(self._begin)]
        piece = data
        while piece:  # Until nothing is held back: that the stream takes more says nothing about that.
            try:
                piece = self._stream.process(data, output_buffer_limit=PIECE)
            except self._error:
                raise Malformed(self._why()) from None
            data = b""
            self._count(piece)
            if piece:
                yield piece

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise Malformed("the bytes end inside of a brotli stream")

    def _why(self) -> str:
        """Tell bytes behind a whole stream from bytes that are no brotli: the library says one word to both."""
        low, high = 0, len(self._begin)
        while low < high:
            middle = (low + high) // 2
            ended = self._ends(self._begin[:middle])
            if ended:
                return f"bytes follow the first brotli stream, of {middle} bytes: Nix can't read brotli of more than one chunk"
            low, high = (low, middle) if ended is None else (middle + 1, high)
        return "it is no brotli"

    def _ends(self, data: bytes) -> bool | None:
        """Tell whether a stream is whole with these bytes, None where they are too many, or no brotli."""
        stream = self._made()
        try:
            for _ in range(MOST_PIECES):
                if not stream.process(data, output_buffer_limit=PIECE):
                    break
                data = b""
        except self._error:
            return None
        return bool(stream.is_finished())


class _Gzip(_Bounded):
    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._stream = zlib.decompressobj(_GZIP_WINDOW)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:
                raise Malformed("bytes follow the gzip stream")
            try:
                piece = self._stream.decompress(data, PIECE)
            except zlib.error as wrong:
                raise Malformed(f"gzip: {wrong}") from None
            data = self._stream.unconsumed_tail or self._stream.unused_data
            self._count(piece)
            if piece:
                yield piece

    def finish(self) -> None:
        if not self._stream.eof:
            raise Malformed("the bytes end inside of a gzip stream")
