"""JSON's grammar as Go checks it (RFC 8259, bytes that are no UTF-8 too), over the bytes themselves: nothing is built.

A value is a place in the text: where it begins.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache

DEEPEST = 10_000
"""Levels of nesting that Go reads (scanner.go, maxNestingDepth)."""
MOST_STEPS = 3_000_000
"""Values that are looked at one by one, or gone into; a real state of 16 MiB has fewer."""

Place = int


def _many(group: bytes, times: bytes = b"*") -> bytes:
    """Return the pattern of a group, repeated, that gives nothing back.

    Until 3.11.5 a possessive repeat of a group went wrong (python/cpython#106052): good JSON did not match. An atomic group is
    right there too, and takes more memory.
    """
    return group + times + b"+" if sys.version_info >= (3, 11, 5) else b"(?>" + group + times + b")"


_W = rb"[ \t\r\n]*+"
_STRING = rb'"[^"\\\x00-\x1f]*+' + _many(rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)') + rb'"'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_FLAT = rb"(?:" + _STRING + rb"|" + _NUMBER + rb"|true|false|null)"
_KEY = _STRING + _W + rb":" + _W


def _around(value: bytes) -> bytes:
    """Return the pattern of such a value, or of an array or object of such values."""
    item, member = value + _W, _KEY + value + _W
    array = rb"\[" + _W + rb"(?:" + item + _many(rb"(?:," + _W + item + rb")") + rb")?\]"
    table = rb"\{" + _W + rb"(?:" + member + _many(rb"(?:," + _W + member + rb")") + rb")?\}"
    return rb"(?:" + value + rb"|" + array + rb"|" + table + rb")"


_INLINE = 2
"""Levels of nesting that one pattern takes at once; deeper ones are walked."""
_RUN = rb"{0,4096}"
"""So many members are taken at once at most: between two matches other threads run."""


def _patterns(value: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what matches a value; what follows one in an array, and in an object, up to a value that is to be walked."""
    tail = rb"(?:(\])|(,)" + _W + rb")"
    array = _W + _many(rb"(?:," + _W + value + _W + rb")", _RUN) + tail
    table = _W + _many(rb"(?:," + _W + _KEY + value + _W + rb")", _RUN) + rb"(?:(\})|(,)" + _W + _KEY + rb")"
    return re.compile(value), re.compile(array, re.DOTALL), re.compile(table, re.DOTALL)


@cache
def _nested() -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    return _patterns(_around(_around(_FLAT)))  # Some tenths of a second.


@cache
def _shallow() -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    return _patterns(_FLAT)


_SPACE = re.compile(_W)
_OPEN_ARRAY = re.compile(rb"\[" + _W + rb"(\])?")
_OPEN_TABLE = re.compile(rb"\{" + _W + rb"(?:(\})|" + _KEY + rb")")
_NAME = re.compile(rb'("[^"\\]*+' + _many(rb'(?:\\.[^"\\]*+)') + rb'")' + _W + rb":" + _W, re.DOTALL)
_NEXT = re.compile(_W + rb",?" + _W)
_A_STRING = re.compile(_STRING, re.DOTALL)
_A_NUMBER = re.compile(_NUMBER)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_ARRAY, _TABLE = 0, 1
_LARGE = 256
"""Bytes of a value that is worth a note of where it ends; ``_MOST_ENDS`` notes are kept."""
_MOST_ENDS = 100_000


class SyntaxWrong(ValueError):
    """No JSON. ``offset`` in bytes; ``deep``: only nested deeper than Go reads."""

    def __init__(self, offset: int, *, deep: bool = False) -> None:
        super().__init__(offset)
        self.offset, self.deep = offset, deep


class TooMuch(ValueError):
    """More values, or repeats of one member, than this reader goes through."""


class Walk:
    """A JSON text that is well formed. Raises SyntaxWrong."""

    def __init__(self, data: bytes) -> None:
        self.data, self._steps = data, 0
        self._ends: dict[Place, Place] = {}
        self.start = self._after_space(0)
        end = self._after_space(self.end(self.start))
        if end != len(data):
            raise SyntaxWrong(end)

    def _after_space(self, at: Place) -> Place:
        space = _SPACE.match(self.data, at)
        return space.end() if space else at

    def step(self) -> None:
        """Count one value that is looked at. Raises TooMuch."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooMuch(f"more than {MOST_STEPS} values")

    def end(self, at: Place) -> Place:
        """Return where the value at a place ends. Raises SyntaxWrong."""
        if at in self._ends:
            return self._ends[at]
        data, open_, starts = self.data, bytearray(), list[Place]()
        while True:
            value, *after = _nested() if len(open_) < DEEPEST - _INLINE else _shallow()
            match = value.match(data, at)
            if match is None:
                begun = at
                at, closed = self._opened(at, open_)
                if not closed:
                    starts.append(begun)
                    continue
            else:
                at = match.end()
            while open_:
                value, *after = _nested() if len(open_) < DEEPEST - _INLINE else _shallow()
                follows = after[open_[-1]].match(data, at)
                if follows is None:
                    raise SyntaxWrong(self._after_space(at))
                at = follows.end()
                if follows[1] is None:
                    break  # A comma, and a value that is to be walked.
                open_.pop()
                self._note(starts.pop(), at)
            if not open_:
                return at

    def _note(self, start: Place, end: Place) -> None:
        """Keep where a large value ends: it is gone through again for each level above it."""
        if end - start >= _LARGE and len(self._ends) < _MOST_ENDS:
            self._ends[start] = end

    def _opened(self, at: Place, open_: bytearray) -> tuple[Place, bool]:
        """Go into the array or object at a place; return where its first value stands, or its end if it has none."""
        first = self.data[at : at + 1]
        opening = {b"[": _OPEN_ARRAY, b"{": _OPEN_TABLE}.get(first, _OPEN_ARRAY).match(self.data, at)
        if opening is None:
            raise SyntaxWrong(at)
        if len(open_) >= DEEPEST:
            raise SyntaxWrong(at, deep=True)
        self.step()
        if opening[1] is None:
            open_.append(_ARRAY if first == b"[" else _TABLE)
        return opening.end(), opening[1] is not None

    def kind(self, at: Place) -> str:
        """Return which kind of value stands there, in Go's word."""
        return _KINDS.get(self.data[at], "number")

    def members(self, at: Place) -> Iterator[tuple[str, Place]]:
        """Yield names and values of an object, as they come."""
        at = self._after_space(at + 1)
        while (member := _NAME.match(self.data, at)) is not None:
            self.step()
            yield unquoted(member[1]), member.end()
            at = self._after_comma(self.end(member.end()))

    def items(self, at: Place) -> Iterator[Place]:
        """Yield the values of an array."""
        at = self._after_space(at + 1)
        while self.data[at] != ord("]"):
            self.step()
            yield at
            at = self._after_comma(self.end(at))

    def _after_comma(self, at: Place) -> Place:
        separator = _NEXT.match(self.data, at)
        return separator.end() if separator else at

    def text(self, at: Place) -> str:
        """Return the string at a place."""
        string = _A_STRING.match(self.data, at)
        return unquoted(string[0]) if string else ""

    def meaning(self, at: Place) -> bytes:
        """Return a value without white space, and with its strings spelled in one way: what two writers of it have in common."""
        return _SPELLED.sub(_one_spelling, self.data[at : self.end(at)])

    def number(self, at: Place) -> str:
        """Return the number at a place, as it is written."""
        digits = _A_NUMBER.match(self.data, at)
        return digits[0].decode() if digits else ""


_KINDS = {
    ord("{"): "object",
    ord("["): "array",
    ord('"'): "string",
    ord("t"): "bool",
    ord("f"): "bool",
    ord("n"): "null",
}


_SPELLED = re.compile(rb'"[^"\\]*+"|"[^"\\]*+' + _many(rb'(?:\\.[^"\\]*+)', b"+") + rb'"|[ \t\r\n]++', re.DOTALL)


def _one_spelling(match: re.Match[bytes]) -> bytes:
    if match[0][:1] != b'"':
        return b""
    return json.dumps(unquoted(match[0]), ensure_ascii=False).encode() if b"\\" in match[0] else match[0]


def unquoted(literal: bytes) -> str:
    """Return the text of a string literal: bytes that are no UTF-8, and lone surrogates, are replaced."""
    text = decoded(literal[1:-1])
    if "\\" not in text:
        return text
    text = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else _ESCAPED[escape[2]], text)
    return _SURROGATES.sub(_paired, text)


def _paired(surrogates: re.Match[str]) -> str:
    """Return the character that two surrogates make; a lone one is replaced."""
    if len(surrogates[0]) == 1:
        return _REPLACED
    high, low = map(ord, surrogates[0])
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def decoded(data: bytes) -> str:
    """Return UTF-8 as text; each byte that is none is replaced by itself, as Go does."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(
            _REPLACED if "\udc80" <= character <= "\udcff" else character
            for character in data.decode(errors="surrogateescape")
        )
