"""Types and values of outputs, as OpenTofu's type system reads them from JSON (go-cty): whether a value has its type."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_gf.honey.formats.gojson import Text, TypeWrong
from pytest_gf.honey.formats.jsontext import Place, TooMuch

MOST_TYPES = 50_000
"""Members of the types of all outputs; a real state has some hundred."""

_NUMBER = re.compile(r"[+-]?(?:[iI]nf|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEpP][+-]?[0-9]+)?)")
_BOOLS = ("true", "false", "1", "0")


@dataclass(frozen=True)
class Type:
    """A type: ``of`` for the elements of a collection, ``parts`` for those of an object or a tuple."""

    kind: str
    of: Type | None = None
    parts: dict[str | int, Type] = field(default_factory=dict)


_PRIMITIVE = {name: Type(name) for name in ("bool", "number", "string", "dynamic")}
DYNAMIC = _PRIMITIVE["dynamic"]
Steps = Generator["Steps", Any, Any]


class Values:
    """The values of one text; their types have `MOST_TYPES` members at most. Raises TypeWrong and TooMuch."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._types = 0

    def type(self, at: Place) -> Type:
        """Return the type that is described at a place."""
        described: Type = _run(self._type(at))
        return described

    def check(self, at: Place, of: Type) -> None:
        """Refuse a value that is not of a type."""
        _run(self._value(at, of))

    def _type(self, at: Place) -> Steps:
        text = self._text
        self._types += 1
        if self._types > MOST_TYPES:
            raise TooMuch(f"types of more than {MOST_TYPES} members")
        if text.kind(at) == "string" and (name := text.text(at)) in _PRIMITIVE:
            return _PRIMITIVE[name]
        if text.kind(at) != "array":
            raise TypeWrong("an output's type is not valid")
        parts = text.items(at)
        first = next(parts, None)
        kind = text.text(first) if first is not None and text.kind(first) == "string" else ""
        inner = next(parts, None)
        if inner is None or kind not in {"list", "set", "map", "object", "tuple"}:
            raise TypeWrong("an output's type is not valid")
        made = yield self._parts(inner, kind) if kind in {"object", "tuple"} else self._type(inner)
        described = Type(kind, parts=made) if kind in {"object", "tuple"} else Type(kind, made)
        if kind == "object" and (optional := next(parts, None)) is not None:
            names = set(text.strings([optional], "an output's type"))
            if not names <= set(described.parts):
                raise TypeWrong("an output's type has an optional attribute that it has not")
        if next(parts, None) is not None:
            raise TypeWrong("an output's type is followed by something else")
        return described

    def _parts(self, at: Place, kind: str) -> Steps:
        text, parts = self._text, dict[str | int, Type]()
        if text.kind(at) == "null":
            return parts
        if text.kind(at) != ("object" if kind == "object" else "array"):
            raise TypeWrong("an output's type has no parts")
        for name, place in self._named(at, kind):
            parts[unicodedata.normalize("NFC", name) if isinstance(name, str) else name] = yield self._type(place)
        return parts

    def _value(self, at: Place, of: Type) -> Steps:
        kind = self._text.kind(at)
        if kind == "null":
            return
        if of.kind == "dynamic":
            yield self._dynamic(at)
        elif of.kind in {"bool", "number", "string"}:
            self._primitive(at, of.kind, kind)
        else:
            if kind != ("object" if of.kind in {"map", "object"} else "array"):
                raise TypeWrong("an output's value is not of its type")
            yield self._inner(at, kind, of)

    def _named(self, at: Place, kind: str) -> Iterator[tuple[str | int, Place]]:
        yield from self._text.members(at) if kind == "object" else enumerate(self._text.items(at))

    def _inner(self, at: Place, kind: str, of: Type) -> Steps:
        count = 0
        for name, place in self._named(at, kind):
            inner = of.of if of.of is not None else of.parts.get(name)
            if inner is None:
                raise TypeWrong("an output's value has a member that its type has not")
            yield self._value(place, inner)
            count += 1
        if of.kind == "tuple" and count != len(of.parts):
            raise TypeWrong("an output's value has fewer elements than its type")

    def _dynamic(self, at: Place) -> Steps:
        text, of, value = self._text, None, None
        if text.kind(at) != "object":
            raise TypeWrong("a value of any type says no type")
        for name, place in text.members(at):
            if name == "type":
                of = yield self._type(place)
            elif name == "value":
                value = place
            else:
                raise TypeWrong("a value of any type has another member than type and value")
        if of is None or value is None:
            raise TypeWrong("a value of any type lacks its type or its value")
        yield self._value(value, of)

    def _primitive(self, at: Place, wanted: str, kind: str) -> None:
        fits = {
            "bool": kind == "bool" or (kind == "string" and self._text.text(at) in _BOOLS),
            "number": kind == "number" or (kind == "string" and _NUMBER.fullmatch(self._text.text(at)) is not None),
            "string": kind in {"string", "number", "bool"},
        }
        if not fits[wanted]:
            raise TypeWrong("an output's value is not of its type")


def _run(steps: Steps) -> Any:
    """Run what asks for what lies deeper: nesting up to Go's limit needs no deep call."""
    stack, value = [steps], None
    while stack:
        try:
            deeper = stack[-1].send(value)
        except StopIteration as done:
            stack.pop()
            value = done.value
        else:
            stack.append(deeper)
            value = None
    return value
