"""NAR, the archive that Nix hashes and signs: read strictly in pieces of any size, written byte for byte as Nix does.

Format: "nix-archive-1" (E. Dolstra, The Purely Functional Software Deployment Model, figure 5.2; Nix manual, "Nix Archive").
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from operator import lt
from typing import Any, Literal

MAGIC = b"nix-archive-1"
DEEPEST = 512
"""Directories within one another."""
MOST_NAME = 255
"""Bytes of a name in a directory."""
MOST_TARGET = 4095
"""Bytes of a symlink's target."""
MOST_ENTRIES = 10_000_000
TAIL = 16 * 1024
"""Bytes at the end of a piece that wait for the next one, so that a small file across both is read as one."""

Kind = Literal["magic", "token", "padding", "name", "order", "target", "deep", "entries", "cut", "trailing"]

_LENGTH = struct.Struct("<Q")
_WORD = 8
_LONGEST_TOKEN = 16
_ENTRIES = -1
"""What the parser asks for where entries may follow: to pass over those that lie whole in the bytes at hand."""


class Malformed(ValueError):
    """No NAR, or not the one way to write it. ``kind`` says in what way, ``at`` at which byte."""

    def __init__(self, kind: Kind, at: int, text: str) -> None:
        super().__init__(f"{kind} at byte {at}: {text}")
        self.kind, self.at = kind, at


class Reader:
    """Checks an archive that is fed in pieces; holds no contents, only where it stands in them.

    ``size`` counts the bytes that were fed, ``files`` the regular files that were seen whole.
    """

    def __init__(self) -> None:
        self.size = 0
        self.files = 0
        self.complete = False
        """Whether the archive's last byte was seen."""
        self._need = 0
        self._skip = 0
        self._held = bytearray()
        self._tail = b""
        self._at = 0
        self._last = b""
        self._entries = 0
        self._strange = False
        """Whether invalid names were seen. From then on, the parser reads token by token."""
        self._parser = self._parse()
        self._need = next(self._parser)

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Malformed; nothing may be fed after that."""
        self.size += len(data)
        start = 0
        if self._tail:
            data, start = self._mended(data)
        self._read(data, start, TAIL)

    def finish(self) -> None:
        """Raise Malformed where the archive is not complete."""
        tail, self._tail = self._tail, b""
        self._read(tail, 0, 0)
        if not self.complete:
            raise Malformed("cut", self.size, "the archive goes on")

    def _mended(self, data: bytes) -> tuple[bytes, int]:
        """Pass over the file in which the last piece ended, and return the bytes to go on with, and where in them."""
        joined, before = self._tail + data[:TAIL], len(self._tail)
        at = self._files(joined, 0)
        if before < at <= before + len(data):
            self._tail = b""
            self._at += at
            return data, at - before
        joined, self._tail = self._tail + data, b""
        return joined, 0

    def _read(self, data: bytes, start: int, tail: int) -> None:
        """Take bytes from ``start`` on; up to ``tail`` of them are held back where a file of a directory may end behind them."""
        end = len(data)
        while start < end:
            if self.complete:
                raise Malformed("trailing", self._at, "bytes follow the archive")
            if self._need == _ENTRIES:
                begun, start = start, self._files(data, start)
                self._at += start - begun
                if 0 < end - start <= tail:
                    self._tail = data[start:]
                    return
                self._need = self._parser.send(b"")
                continue
            if self._skip:
                step = min(self._skip, end - start)
                self._skip -= step
            else:
                step = min(self._need - len(self._held), end - start)
                self._held += data[start : start + step]
            start += step
            self._at += step
            if not self._skip and len(self._held) == self._need:
                self._step()

    def _step(self) -> None:
        """Give the parser what it asked for, until it asks for bytes that are not here."""
        try:
            while not self._skip and len(self._held) == self._need:
                held, self._held = bytes(self._held), bytearray()
                self._need = self._parser.send(held)
        except StopIteration:
            self.complete = True
            self._need = -1

    def _files(self, data: bytes, at: int) -> int:
        """Pass over the regular files that lie whole in these bytes, and return where the first that does not begins.

        A directory of small files is most of its tokens: read one by one they cost twenty times their digest. Whatever looks
        strange is left to the parser, which says what is wrong with it. Padding is compared with what stands behind it, and
        all names together at the end.
        """
        if self._strange:
            return at
        starts, begun, names = data.startswith, at, list[bytes]()
        note, files, following, steps = names.append, _FILES, _NEXT, _STEPS
        more, at = starts(_ENTRY, at), at + _ENTRY_LENGTH  # Where the name of an entry begins.
        while more:
            try:
                size = data[at]
                unpack, wanted, passed = files[size]
                length, name, head, contents = unpack(data, at)
                if head != wanted:
                    unpack, wanted, passed = _EXECUTABLES[size]
                    length, name, head, contents = unpack(data, at)
                    if head != wanted:
                        break
            except (IndexError, struct.error):  # It is not here as a whole.
                break
            close, over = at + passed + contents, contents & 7
            more = starts(following[over], close)
            if length != size or not (more or starts(_CLOSED[over], close)):
                break
            at = close + steps[over]
            note(name)
        at -= _ENTRY_LENGTH
        if not names:
            return at
        if not self._are_names(names):
            self._strange = True
            return begun
        self._last = names[-1]
        self._entries += len(names)
        self.files += len(names)
        return at

    def _are_names(self, names: list[bytes]) -> bool:
        """Return whether these name entries of a directory, in their order, behind the last one."""
        text = b"/".join((b"", *names, b""))
        whole = text.count(b"/") == len(names) + 1 and not any(map(text.__contains__, _NO_NAMES_BETWEEN))
        return whole and names[0] > self._last and all(map(lt, names, names[1:]))

    def _parse(self) -> Generator[int, bytes, None]:
        yield from self._expect(MAGIC, "magic")
        if (yield from self._node()):
            return
        last = [b""]  # The last name in each directory that is open.
        while last:
            self._last = last[-1]
            yield _ENTRIES
            if self._entries > MOST_ENTRIES:
                raise Malformed("entries", self._at, f"more than {MOST_ENTRIES}")
            last[-1] = self._last
            token = yield from self._string(_LONGEST_TOKEN)
            if token == b")":
                last.pop()
                if last:
                    yield from self._expect(b")")
                continue
            if token != b"entry":
                raise Malformed("token", self._at, f"{token!r} in a directory")
            last[-1] = yield from self._entry(last[-1])
            self._entries += 1
            if (yield from self._node()):
                yield from self._expect(b")")
            elif len(last) >= DEEPEST:
                raise Malformed("deep", self._at, f"more than {DEEPEST} directories within one another")
            else:
                last.append(b"")

    def _node(self) -> Generator[int, bytes, bool]:
        """Read a node up to its end; of a directory only its head, and return False."""
        yield from self._expect(b"(")
        yield from self._expect(b"type")
        kind = yield from self._string(_LONGEST_TOKEN)
        if kind == b"directory":
            return False
        if kind == b"symlink":
            yield from self._expect(b"target")
            target = yield from self._string(MOST_TARGET, "target")
            if not target or b"\0" in target:
                raise Malformed("target", self._at, "an empty target, or one with NUL")
        elif kind == b"regular":
            yield from self._regular()
        else:
            raise Malformed("token", self._at, f"a node of type {kind!r}")
        yield from self._expect(b")")
        return True

    def _regular(self) -> Generator[int, bytes, None]:
        token = yield from self._string(_LONGEST_TOKEN)
        if token == b"executable":
            yield from self._expect(b"")
            token = yield from self._string(_LONGEST_TOKEN)
        if token != b"contents":
            raise Malformed("token", self._at, f"{token!r} in a regular file")
        (length,) = _LENGTH.unpack((yield _WORD))
        self._skip = length
        yield from self._padding(length)
        self.files += 1

    def _entry(self, last: bytes) -> Generator[int, bytes, bytes]:
        """Read an entry's head and return its name; its node follows."""
        yield from self._expect(b"(")
        yield from self._expect(b"name")
        name = yield from self._string(MOST_NAME, "name")
        if not _is_name(name):
            raise Malformed("name", self._at, f"{name!r} names nothing in a directory")
        if name <= last:
            raise Malformed("order", self._at, f"{name!r} after {last!r}")
        yield from self._expect(b"node")
        return name

    def _expect(self, token: bytes, kind: Kind = "token") -> Generator[int, bytes, None]:
        text = yield from self._string(_LONGEST_TOKEN, kind)
        if text != token:
            raise Malformed(kind, self._at, f"{text!r} in the place of {token!r}")

    def _string(self, most: int, kind: Kind = "token") -> Generator[int, bytes, bytes]:
        (length,) = _LENGTH.unpack((yield _WORD))
        if length > most:
            raise Malformed(kind, self._at, f"a string of {length} bytes, where {most} are allowed")
        text = (yield length) if length else b""
        yield from self._padding(length)
        return text

    def _padding(self, length: int) -> Generator[int, bytes, None]:
        # Where contents are skipped, an amount of nothing is asked for, which comes when they have been.
        if self._skip:
            yield 0
        if (rest := -length % _WORD) and any((yield rest)):
            raise Malformed("padding", self._at, "bytes that are not zero")


@dataclass(frozen=True)
class Regular:
    """A file."""

    contents: bytes
    executable: bool = False


@dataclass(frozen=True)
class Symlink:
    """A symbolic link."""

    target: bytes


@dataclass(frozen=True)
class Directory:
    """A directory, its entries by name."""

    entries: Mapping[bytes, Node] = field(default_factory=dict)


Node = Regular | Symlink | Directory


def write(node: Node) -> Iterator[bytes]:
    """Yield the archive of a tree, as ``nix-store --dump`` writes it; recursion is as deep as the tree."""
    yield string(MAGIC)
    yield from _write(node)


def _write(node: Node) -> Iterator[bytes]:
    if isinstance(node, Symlink):
        yield _strings(b"(", b"type", b"symlink", b"target", node.target, b")")
    elif isinstance(node, Regular):
        yield _strings(b"(", b"type", b"regular", *((b"executable", b"") if node.executable else ()), b"contents")
        yield string(node.contents)
        yield string(b")")
    else:
        yield _strings(b"(", b"type", b"directory")
        for name in sorted(node.entries):
            yield _strings(b"entry", b"(", b"name", name, b"node")
            yield from _write(node.entries[name])
            yield string(b")")
        yield string(b")")


def string(text: bytes) -> bytes:
    """Return a string as a NAR holds it: its length, itself, zeros up to a multiple of eight."""
    return _LENGTH.pack(len(text)) + text + bytes(-len(text) % _WORD)


def _strings(*texts: bytes) -> bytes:
    return b"".join(map(string, texts))


def _is_name(name: bytes) -> bool:
    return name not in _NO_NAMES and b"/" not in name and b"\0" not in name


_NO_NAMES = frozenset({b"", b".", b".."})
_NO_NAMES_BETWEEN = (b"\0", *(b"/" + name + b"/" for name in _NO_NAMES))
"""What is in no names that stand between slashes."""
_ENTRY = _strings(b"entry", b"(", b"name")
_CLOSE = _strings(b")", b")")
_FILE = _strings(b"node", b"(", b"type", b"regular", b"contents")
_EXECUTABLE = _strings(b"node", b"(", b"type", b"regular", b"executable", b"", b"contents")
_ENTRY_LENGTH = len(_ENTRY)
_PADDINGS = [bytes(-over & 7) for over in range(_WORD)]
"""What fills contents up to a multiple of eight, by how many bytes they go over one."""
_CLOSED, _NEXT = ([padding + text for padding in _PADDINGS] for text in (_CLOSE, _CLOSE + _ENTRY))
_STEPS = [len(text) for text in _NEXT]
"""From the end of a file's contents to the name of the next entry."""


def _heads(node: bytes) -> list[tuple[Callable[[bytes, int], tuple[Any, ...]], bytes, int]]:
    """Return by a name's size how what stands before a file's contents is read, what it must be, and how long it is."""
    heads: list[tuple[Callable[[bytes, int], tuple[Any, ...]], bytes, int]] = []
    for size in range(MOST_NAME + 1):
        head = bytes(-size & 7) + node
        made = struct.Struct(f"<Q{size}s{len(head)}sQ")
        heads.append((made.unpack_from, head, made.size))
    return heads


_FILES, _EXECUTABLES = _heads(_FILE), _heads(_EXECUTABLE)
