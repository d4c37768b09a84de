"""Zstandard frames (RFC 8878), read strictly and block by block: what a frame may cost is known before it is decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE_FIRST = 0x50
SKIPPABLE = b"\x2a\x4d\x18"
"""The last three bytes of a skippable frame's magic; the first is 0x50 to 0x5f (RFC 8878, 3.1.2)."""
MOST_SKIPPED = 16 * 1024 * 1024
"""Bytes that skippable frames may have together. A casblob's header, which is one, has half of it at most."""
MOST_WINDOW = 128 * 1024 * 1024
"""Bytes. zstd's level 22 asks for so many, and decoders give as much; more is refused before it is allocated."""
MOST_BLOCK = 128 * 1024
"""Bytes that one block may decode to (RFC 8878, 3.1.1.2.4)."""
AT_ONCE = 16
"""Blocks, 2 MiB decoded."""

Kind = Literal["magic", "header", "dictionary", "window", "block", "corrupt", "cut", "too-long", "extra"]

_CONTENT_SIZE = (0, 2, 4, 8)
_DICTIONARY = (0, 1, 2, 4)
_RLE, _RESERVED = 1, 3
_BLOCK_HEADER = 3
_SKIPPABLE_HEADER = 8
_CHECKSUM = 4
_TWO_BYTES_FROM = 256
"""A content size of two bytes counts from here (3.1.1.1.4)."""


class Malformed(ValueError):
    """No sequence of zstd frames. ``kind`` says in what way."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Decoder:
    """Decodes frames that are fed in pieces of any size: one (``single``), or one after another as Attic sends them.

    ``most`` bounds the decoded bytes of all frames together. Dictionaries are refused, and skippable frames too, unless
    ``skips`` is set: what a cache sends may hold them. At most `AT_ONCE` blocks are decoded at once, so that memory stays flat.
    """

    def __init__(
        self, *, single: bool = False, most: int | None = None, most_window: int = MOST_WINDOW, skips: bool = False
    ) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._context = _made_context()  # Its own: another decoder of this thread may come between two pieces.
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._checksum = 0
        """Bytes of the open frame's checksum."""
        self._ends: int | None = None
        """What `size` is at the open frame's end, where it says the size of its content."""
        self._last = False
        """Whether the open frame's last block was decoded."""
        self._pending = b""
        self._single, self._most, self._most_window = single, most, most_window
        self._skips, self._skipped, self._skipping = skips, 0, 0
        self.frames = 0
        """Whole frames so far."""
        self.size = 0
        """Decoded bytes so far."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes complete. Raises Malformed."""
        data = self._pending + data if self._pending else data
        at = 0
        while at < len(data):
            if self._skipping or (self._frame is None and self._skips and _is_skippable(data, at)):
                end, decoded = self._skip(data, at), b""
            else:
                end, decoded = self._decode(data, at)
            if decoded:
                yield decoded
            if end == at:
                break
            at = end
        self._pending = data[at:]

    def finish(self) -> None:
        """Raise Malformed where the bytes end inside of a frame, or where there was none."""
        if self._frame is not None or self._pending or self._skipping or not self.frames:
            raise Malformed("cut", f"the bytes end inside of frame {self.frames + 1}")

    def _skip(self, data: bytes, at: int) -> int:
        """Return how far a skippable frame reaches in these bytes; its beginning where its header is not whole yet."""
        if not self._skipping:
            if len(data) - at < _SKIPPABLE_HEADER:
                return at
            self._skipping = _SKIPPABLE_HEADER + int.from_bytes(
                data[at + len(MAGIC) : at + _SKIPPABLE_HEADER], "little"
            )
            self._skipped += self._skipping
            if self._skipped > MOST_SKIPPED:
                raise Malformed("too-long", f"skippable frames of more than {MOST_SKIPPED} bytes")
        end = min(len(data), at + self._skipping)
        self._skipping -= end - at
        return end

    def _decode(self, data: bytes, start: int) -> tuple[int, bytes]:
        """Decode what is here of a frame as a whole: its header, its blocks, its checksum. Return also where that ends."""
        at = start
        if self._frame is None:
            at = self._begin(data, start)
            if at == start:
                return start, b""
        at = self._blocks(data, at)
        ends = self._last and at + self._checksum <= len(data)
        at += self._checksum if ends else 0
        try:
            decoded: bytes = self._frame.decompress(memoryview(data)[start:at]) if self._frame and at > start else b""
        except self._error as wrong:
            raise Malformed("corrupt", f"frame {self.frames + 1}: {wrong}") from None
        self._bound(len(decoded))
        self.size += len(decoded)
        if self._frame is not None and self._frame.eof != ends:
            raise Malformed("corrupt", f"frame {self.frames + 1} does not end where its blocks do")
        if ends:
            if self._ends not in {None, self.size}:
                raise Malformed("corrupt", f"frame {self.frames + 1}: its blocks hold another size than it says")
            self._frame = None
            self.frames += 1
        return at, decoded

    def _begin(self, data: bytes, at: int) -> int:
        """Open the frame that begins here, and return where its header ends; its beginning where that is not whole yet."""
        if self._single and self.frames:
            raise Malformed("extra", "bytes follow the frame")
        start = data[at : at + len(MAGIC)]
        if not MAGIC.startswith(start):
            raise Malformed("magic", f"frame {self.frames + 1} begins {start.hex()}")
        if len(data) - at <= len(MAGIC):
            return at
        end = at + _header_size(data[at + len(MAGIC)])
        if end > len(data):
            return at
        checksum, content = _check_header(data[at:end], self._most_window)
        self._bound(content or 0)
        self._frame, self._checksum, self._last = self._context.decompressobj(), _CHECKSUM * checksum, False
        self._ends = None if content is None else self.size + content
        return end

    def _blocks(self, data: bytes, at: int) -> int:
        """Return where the open frame's blocks end that are here as a whole, `AT_ONCE` of them at most."""
        for _ in range(AT_ONCE):
            if self._last or at + _BLOCK_HEADER > len(data):
                break
            last, size = _block(data, at)
            if at + _BLOCK_HEADER + size > len(data):
                break
            at, self._last = at + _BLOCK_HEADER + size, last
        return at

    def _bound(self, size: int) -> None:
        if self._most is not None and self.size + size > self._most:
            raise Malformed("too-long", f"more than {self._most} bytes")


def _is_skippable(data: bytes, at: int) -> bool:
    """Tell whether a skippable frame begins here, or may, as far as its magic has come."""
    magic = data[at : at + len(MAGIC)]
    return magic[0] & 0xF0 == SKIPPABLE_FIRST and SKIPPABLE.startswith(magic[1:])


def whole(data: bytes | memoryview, size: int, most_window: int) -> bytes | None:
    """Return what one frame decodes to, where it is here to its end, says ``size`` itself, and is sound; else None.

    It takes nothing that `Decoder` refuses, and says no reason: whoever gets None asks the Decoder.
    """
    parameters, context, error = _tools()
    try:
        head = parameters(data)
        if head.content_size != size or head.dict_id or head.window_size > most_window:
            return None
        decoded: bytes = context.decompress(data, size, False, False)  # noqa: FBT003  # Names would cost as much as a small frame.
    except error:
        return None
    return decoded


_made = threading.local()


def _tools() -> Any:
    """Return what reads a frame's header, this thread's decompressor, and what they raise: making one costs as much as a small frame."""
    try:
        return _made.tools
    except AttributeError:
        import zstandard

        _made.tools = zstandard.get_frame_parameters, _made_context(), zstandard.ZstdError
        return _made.tools


def _made_context() -> zstandard.ZstdDecompressor:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)


def _header_size(descriptor: int) -> int:
    """Return the size of a frame header with its magic, from its descriptor byte (3.1.1.1)."""
    single_segment = bool(descriptor & 0x20)
    content = _CONTENT_SIZE[descriptor >> 6] or int(single_segment)
    return len(MAGIC) + 1 + int(not single_segment) + _DICTIONARY[descriptor & 3] + content


def _check_header(header: bytes, most_window: int) -> tuple[bool, int | None]:
    """Return whether the frame ends in a checksum, and its content size if it says one. Raises Malformed for what is refused."""
    descriptor, rest = header[len(MAGIC)], header[len(MAGIC) + 1 :]
    if descriptor & 0x08:
        raise Malformed("header", "a reserved bit is set")
    single_segment = bool(descriptor & 0x20)
    dictionary_at = int(not single_segment)
    content_at = dictionary_at + _DICTIONARY[descriptor & 3]
    if any(rest[dictionary_at:content_at]):
        raise Malformed("dictionary", "the frame needs a dictionary")
    stored = rest[content_at:]
    content = int.from_bytes(stored, "little") + (_TWO_BYTES_FROM if len(stored) == 2 else 0) if stored else None  # noqa: PLR2004  # As it says.
    if single_segment:
        window = content or 0
    else:
        base = 1 << (10 + (rest[0] >> 3))
        window = base + (base >> 3) * (rest[0] & 7)
    if window > most_window:
        raise Malformed("window", f"the frame asks for a window of {window} bytes; {most_window} are allowed")
    return bool(descriptor & 0x04), content


def _block(data: bytes, at: int) -> tuple[bool, int]:
    """Return whether the block at this place is the last of its frame, and its stored size (3.1.1.2). Raises Malformed."""
    value = data[at] | data[at + 1] << 8 | data[at + 2] << 16
    kind, size = value >> 1 & 3, value >> 3
    if kind == _RESERVED:
        raise Malformed("block", "a block of the reserved type")
    if size > MOST_BLOCK:
        raise Malformed("block", f"a block of {size} bytes; {MOST_BLOCK} are allowed")
    return bool(value & 1), 1 if kind == _RLE else size
