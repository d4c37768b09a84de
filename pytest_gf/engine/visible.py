"""Text of servers is made harmless: nothing in it can control a terminal, a workflow or a parser. Its length is bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MOST = 500
"""Characters of one line that a server said."""
MOST_OF_A_TEXT = 20_000
"""Characters of a text of several lines, ours and a server's."""
_CUT = " [cut]"
_COMMAND = re.compile(r"^(?P<before>\s*)::|##(?=\[|vso\[)", re.MULTILINE)
"""What a workflow takes for a command: ``::`` at the beginning of a line, ``##[`` anywhere (GitHub), ``##vso[`` (Azure)."""


def visible(text: str, most: int = MOST) -> str:
    r"""Return a server's text as one line of at most ``most`` characters. A probe calls this as soon as it has the text.

    Control, format (bidi, zero width), surrogate and unassigned characters stand as ``\x1b`` or ``\u202e``, line breaks too.
    Text that is visible already stays as it is, so that calling it twice does no harm.
    """
    return _bounded(_escaped(text[:most], kept=""), most, len(text) > most)


def visible_lines(text: str, most: int = MOST_OF_A_TEXT) -> str:
    """Do the same for a text of several lines. Its line breaks and tabs stay."""
    return _bounded(_escaped(text[:most], kept="\n\t"), most, len(text) > most)


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON-like value with all its texts changed, names included. What is no text stays."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(name)): map_texts(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [map_texts(item, change) for item in value]
    return value


def visible_within(value: Any) -> Any:
    """Return a JSON-like value with all its texts visible."""
    return map_texts(value, visible_lines)


def _escaped(text: str, kept: str) -> str:
    rest = text.replace("\n", "").replace("\t", "") if kept else text
    if not rest.isprintable():
        text = "".join(
            character if character.isprintable() or character in kept else _spelt(character) for character in text
        )
    if "::" not in text and "##" not in text:  # Nearly all texts, and the expression costs more than all the rest.
        return text
    return _COMMAND.sub(lambda match: "\\x23#" if match["before"] is None else f"{match['before']}\\x3a:", text)


def _spelt(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004  # The spellings of Python.


def _bounded(text: str, most: int, cut: bool) -> str:
    return f"{text[: max(0, most - len(_CUT))]}{_CUT}" if cut or len(text) > most else text
