"""OpenTofu's HCL and its JSON form, as far as backends go: which are declared, and what is literal in them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 500_000
"""Characters of one file."""
MOST_ATTRIBUTES = 50
"""Lines below a block in which its key is looked for."""
_IMPORTING = threading.Lock()
"""The library imports itself in a circle: two threads that import it at once have been seen to wait for each other for ever."""
DEEPEST = 60
"""Brackets within one another."""
_DECLARED = re.compile(r'^[^#\n]*?\bbackend\s+"(?P<kind>\w+)"', re.MULTILINE)


class NoHcl(ValueError):
    """A text that is not read, and why."""


@dataclass(frozen=True)
class Backend:
    """One backend block: its kind, its line, its attributes as written (an expression keeps its ``${ }``).

    ``key_line`` is the line of its key, or the block's own.
    """

    kind: str
    line: int
    key_line: int
    attributes: Mapping[str, str]


def is_literal(text: str) -> bool:
    """Return whether an attribute says what it says without an expression."""
    return "${" not in text and "%{" not in text


def backends(text: str, *, is_json: bool = False) -> tuple[Backend, ...]:
    """Return the backend blocks of a file, in their order. Raises NoHcl."""
    tables = _json(text) if is_json else _hcl(text)
    lines: dict[str, list[int]] = {}
    for found in _DECLARED.finditer(text):
        lines.setdefault(found["kind"], []).append(text.count("\n", 0, found.start("kind")) + 1)
    made: list[Backend] = []
    for kind, attributes in _blocks(tables):
        known = lines.get(kind, [])
        line = known.pop(0) if known else _line_of(text, f'"{kind}"')
        made.append(Backend(kind, line, _key_line(text, line), attributes))
    return tuple(made)


def attributes(text: str) -> dict[str, str]:
    """Return the attributes of a ``-backend-config`` file. Raises NoHcl."""
    return _attributes(_hcl(text))


def _hcl(text: str) -> dict[str, Any]:
    _bounded(text)
    with _IMPORTING:
        import hcl2  # It takes a third of a second, and most checkouts' files never ask for it.
        from hcl2 import SerializationOptions
        from lark.exceptions import LarkError

    try:
        read = hcl2.loads(
            text, serialization_options=SerializationOptions(strip_string_quotes=True, with_comments=False)
        )
    except (LarkError, ValueError, RecursionError, KeyError, IndexError, AttributeError, TypeError) as wrong:
        raise NoHcl(f"no HCL: {' '.join(str(wrong).split())[:160]}") from None
    return dict(read)


def _json(text: str) -> dict[str, Any]:
    _bounded(text)
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise NoHcl(f"no JSON: {wrong}") from None
    if not isinstance(read, dict):
        raise NoHcl("no JSON object")
    return read


def _bounded(text: str) -> None:
    if len(text) > LONGEST:
        raise NoHcl(f"{len(text)} characters; at most {LONGEST} are read")
    depth = 0
    for each in re.findall(r"[\[({\])}]", text):
        depth += 1 if each in "[({" else -1
        if depth > DEEPEST:
            raise NoHcl(f"nested deeper than {DEEPEST}")


def _blocks(tables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for top in _each(tables.get("terraform")):
        for backend in _each(top.get("backend")):
            for kind, below in backend.items():
                if not kind.startswith("__"):
                    for each in _each(below):
                        yield kind.strip('"'), _attributes(each)


def _each(node: Any) -> list[Mapping[str, Any]]:
    nodes = node if isinstance(node, list) else [node]
    return [each for each in nodes if isinstance(each, Mapping)]


def _attributes(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in table.items() if isinstance(value, str) and not name.startswith("__")}


def _key_line(text: str, line: int) -> int:
    for number, each in enumerate(text.splitlines()[line : line + MOST_ATTRIBUTES], line + 1):
        if re.match(r'\s*"?key"?\s*[=:]', each):
            return number
    return line


def _line_of(text: str, word: str) -> int:
    at = text.find(word)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1
