"""JSON as Go's ``encoding/json`` reads it, over the bytes themselves: nothing is built that is as large as the text.

The grammar is checked first, as Go does. Then a struct is read member by member: names match regardless of case (Go's
folding), the last one wins, ``null`` leaves a scalar as it was, and an array given twice merges element by element.
A value is a place in the text; a member that is given more than once has several.
"""

from __future__ import annotations

import re
import string
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Literal

from pytest_gf.honey.formats.jsontext import DEEPEST, Place, SyntaxWrong, TooMuch, Walk

MOST_MEMBERS = 20_000
"""Members of an object whose names are the state's own: outputs."""
MOST_REPEATS = 64
"""How often one member may be given in one place; a real one is given once."""

Places = Sequence[Place]
Members = defaultdict[str, list[Place]]
Shape = str | list["Shape"] | dict[str, "Shape"]
"""What Go puts a value into: a scalar's kind (``any`` takes all), a slice, a map (``*``), or a struct by folded names."""

_WHOLE = {"uint": (0, 2**64 - 1), "int": (-(2**63), 2**63 - 1)}
"""The least and the most of Go's whole numbers."""
_FOLDED = str.maketrans(
    f"{string.ascii_lowercase}\N{LATIN SMALL LETTER LONG S}\N{KELVIN SIGN}", f"{string.ascii_uppercase}SK"
)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
Kind = Literal["empty", "too-large", "bom", "html", "not-json", "too-deep", "not-an-object", "too-much"]
UNREAD: frozenset[Kind] = frozenset({"too-large", "too-much"})
"""Kinds of what was not read to its end: it may be good, or bad."""

_MEANING: Mapping[Kind, str] = {
    "empty": "the body is empty",
    "too-large": "the body is larger than is read here",
    "bom": "the body begins with a byte order mark",
    "html": "the body is an HTML page",
    "not-json": "the body is not JSON",
    "too-deep": f"the body is nested deeper than {DEEPEST} levels",
    "not-an-object": "the body is JSON, and no object",
    "too-much": "the body has more values than are read here",
}


class Malformed(ValueError):
    """The body is no JSON object that is read here. Says its kind and the place (a byte offset), and nothing of the body."""

    def __init__(self, kind: Kind, offset: int = 0) -> None:
        super().__init__(f"{_MEANING[kind]} (at byte {offset})" if offset else _MEANING[kind])
        self.kind: Kind = kind
        self.offset = offset


class TypeWrong(ValueError):
    """A value is of another type than Go's struct has there, or no value of that type. Says where, and not what."""


class Text(Walk):
    """A JSON text that is well formed, read into Go's types."""

    def struct(self, at: Places, shape: Mapping[str, Shape], what: str) -> Members:
        """Return the places of a struct's members, by their names in lower case; none for one that is not given. Raises TypeWrong."""
        members = Members(list)
        for place in at:
            if self.kind(place) == "null":
                continue
            self._is(place, "object", what)
            for name, value in self.members(place):
                known = folded(name)
                if known in shape:
                    members[known.lower()].append(value)
                    if len(members[known.lower()]) > MOST_REPEATS:
                        raise TooMuch(f"a member that is given more than {MOST_REPEATS} times")
        return members

    def slice(self, at: Places, what: str) -> Iterator[list[Place]]:
        """Yield the places of each element of a slice: elements of arrays given before lie below those of later ones."""
        arrays: list[Place] = []
        length = 0
        for place in at:
            if self.kind(place) == "null":
                arrays, length = [], 0
                continue
            self._is(place, "array", what)
            length = sum(1 for _ in self.items(place)) if len(at) > 1 else -1
            arrays = [*arrays, place] if length else []
        if len(arrays) == 1:
            yield from ([place] for place in self.items(arrays[0]))
        elif arrays:
            for index, places in enumerate(zip_longest(*map(self.items, arrays))):
                if index == length:
                    break
                yield [place for place in places if place is not None]

    def map(self, at: Places, what: str) -> dict[str, Place]:
        """Return the members of a map: what comes later replaces, or is put beside."""
        members: dict[str, Place] = {}
        for place in at:
            if self.kind(place) == "null":
                members = {}
                continue
            self._is(place, "object", what)
            for name, value in self.members(place):
                members[name] = value
                if len(members) > MOST_MEMBERS:
                    raise TooMuch(f"an object of more than {MOST_MEMBERS} members")
        return members

    def string(self, at: Places, what: str) -> str:
        """Return a string, "" where there is none."""
        value = ""
        for place in at:
            if self.kind(place) != "null":
                self._is(place, "string", what)
                value = self.text(place)
        return value

    def strings(self, at: Places, what: str) -> Iterator[str]:
        """Yield the strings of a slice."""
        return (self.string(places, what) for places in self.slice(at, what))

    def integer(self, at: Places, what: str, least: int = 0, most: int = 2**64 - 1) -> int | None:
        """Return a whole number, None where there is none, or ``null`` came last. Raises TypeWrong."""
        value = None
        for place in at:
            value = None
            if self.kind(place) == "null":
                continue
            self._is(place, "number", what)
            digits = self.number(place)
            if not re.fullmatch(r"-?[0-9]{1,20}", digits) or (digits[0] == "-" and least == 0):
                raise TypeWrong(f"{what} is no whole number that OpenTofu takes")
            value = int(digits)
            if not least <= value <= most:
                raise TypeWrong(f"{what} is out of range")
        return value

    def conforms(self, at: Place, shape: Shape, what: str) -> None:
        """Refuse a value that Go would not put into this shape: what a later one replaces is read too. Raises TypeWrong."""
        kind = self.kind(at)
        if kind == "null" or shape == "any":
            return
        if shape == "bytes":
            self.byte_count([at], what)
        elif isinstance(shape, str) and shape in _WHOLE:
            self.integer([at], what, *_WHOLE[shape])
        elif isinstance(shape, str):
            self._is(at, shape, what)
        elif isinstance(shape, list):
            self._is(at, "array", what)
            for item in self.items(at):
                self.conforms(item, shape[0], what)
        else:
            self._is(at, "object", what)
            for name, value in self.members(at):
                inner = shape.get("*", shape.get(folded(name), "any"))
                self.conforms(value, inner, f"{what}.*" if "*" in shape else f"{what}.{folded(name).lower()}")

    def byte_count(self, at: Places, what: str) -> int:
        """Return how many bytes a []byte of Go's has: base64, or an array of small numbers. Raises TypeWrong."""
        length = 0
        for place in at:
            if self.kind(place) == "array":
                length = sum(1 for element in self.slice([place], what) if self.integer(element, what, 0, 255) != -1)
                continue
            encoded = self.string([place], what).replace("\r", "").replace("\n", "")
            if _BASE64.fullmatch(encoded) is None:
                raise TypeWrong(f"{what} is no base64")
            length = len(encoded) // 4 * 3 - encoded[-2:].count("=")
        return length

    def _is(self, at: Place, kind: str, what: str) -> None:
        if (came := self.kind(at)) != kind:
            raise TypeWrong(f"{what} is no {kind}, it is {came}")


def read(body: bytes, largest: int) -> Text:
    """Return a JSON object's text of at most ``largest`` bytes. Raises Malformed, and nothing else."""
    kind, offset, text = _read(body, largest)
    if text is None:
        raise Malformed(kind, offset)
    return text


def _read(body: bytes, largest: int) -> tuple[Kind, int, Text | None]:
    """Return kind and offset of what is wrong, or the text. It raises nothing, so no exception carries the body."""
    if not body:
        return "empty", 0, None
    if len(body) > largest:
        return "too-large", 0, None
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return "bom", 0, None
    try:
        text = Text(body)
    except SyntaxWrong as wrong:
        page = body[wrong.offset : wrong.offset + 1] == b"<" and not body[: wrong.offset].strip()
        return "too-deep" if wrong.deep else "html" if page else "not-json", wrong.offset, None
    except TooMuch:
        return "too-much", 0, None
    return "not-an-object", 0, text if text.kind(text.start) == "object" else None


def folded(name: str) -> str:
    """Return a name as Go compares it: ASCII letters in upper case, and two others that fold to ASCII."""
    return name.translate(_FOLDED)


def struct(**members: Shape) -> dict[str, Shape]:
    """Return the shape of a struct."""
    return {folded(name): shape for name, shape in members.items()}
