"""JSON objects from a hostile place: strictly read, bounded, and never quoted in what is raised."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

DEEPEST = 200
"""Levels of nesting; a real state has about ten."""
MOST_DIGITS = 20
"""An integer of more digits is nobody's serial, and costs quadratic time to read: it is read as a float, as values may be."""

Kind = Literal[
    "empty",
    "too-large",
    "bom",
    "not-utf8",
    "html",
    "not-json",
    "trailing",
    "duplicate-member",
    "too-deep",
    "not-an-object",
]

_MEANING: Mapping[Kind, str] = {
    "empty": "the body is empty",
    "too-large": "the body is larger than may be",
    "bom": "the body begins with a byte order mark",
    "not-utf8": "the body is not UTF-8",
    "html": "the body is an HTML page",
    "not-json": "the body is not JSON",
    "trailing": "bytes follow the JSON object",
    "duplicate-member": "an object has two members of one name",
    "too-deep": f"the body is nested deeper than {DEEPEST} levels",
    "not-an-object": "the body is JSON, and no object",
}
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""A string that never ends is a token too: looked for again at each quote in it, a cut body would cost quadratic time."""
_SPACE = " \t\r\n"


class Malformed(ValueError):
    """The body is no strict JSON object. Says its kind and the place (a byte or character offset), and nothing of the body."""

    def __init__(self, kind: Kind, offset: int = 0) -> None:
        super().__init__(f"{_MEANING[kind]} (at {offset})" if offset else _MEANING[kind])
        self.kind = kind
        self.offset = offset


class _Refused(Exception):  # Never leaves this file.
    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


def read(body: bytes, largest: int) -> dict[str, Any]:
    """Return the members of a JSON object of at most ``largest`` bytes. Raises Malformed, and nothing else."""
    kind, offset, tables = _parse(body, largest)
    if kind is not None:
        raise Malformed(kind, offset)
    return tables


def _parse(body: bytes, largest: int) -> tuple[Kind | None, int, dict[str, Any]]:  # noqa: C901, PLR0911  # One line a kind.
    """Return kind and offset of what is wrong, or the object. It raises nothing, so no exception carries the body."""
    if not body.strip():
        return "empty", 0, {}
    if len(body) > largest:
        return "too-large", 0, {}
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return "bom", 0, {}
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        return "not-utf8", wrong.start, {}
    start = len(text) - len(text.lstrip(_SPACE))
    if text[start : start + 1] == "<":
        return "html", start, {}
    if depth_of(body) > DEEPEST:
        return "too-deep", 0, {}
    decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer)
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as wrong:
        return "not-json", wrong.pos, {}
    except _Refused as refused:
        return refused.kind, 0, {}
    except RecursionError:
        return "too-deep", 0, {}
    if text[end:].strip(_SPACE):
        return "trailing", end, {}
    return (None, 0, value) if isinstance(value, dict) else ("not-an-object", 0, {})


def depth_of(body: bytes) -> int:
    """Return how deep a JSON document is nested."""
    depth = deepest = 0
    for token in _TOKENS.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("duplicate-member")
    return members


def _constant(_: str) -> NoReturn:
    raise _Refused("not-json")  # NaN and Infinity: Python's own, no JSON (RFC 8259, 6).


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)
