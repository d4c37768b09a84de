"""The grammar of Bash: a text becomes a tree, within a bound of size and of time."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node

LONGEST = 256_000
"""Bytes of one script; a longer one is not read."""
DEEPEST = 120
"""Levels of commands within commands. What stands deeper is not read."""
MOST_SECONDS = 5.0
"""Of one parse."""
_WIDE = re.compile(rb"[\xc4-\xf4][\x80-\xbf]+")
"""Characters beyond U+00FF. tree-sitter-bash 0.25.1 asks C's ``isdigit`` and ``isalpha`` of them, which read beyond a table and may end
the process, and takes some of them for spaces and letters of names. To Bash each is a part of a word."""


class Unread(ValueError):
    """A script that was not read, and why: too long, too deep, or not in time."""


@functools.cache
def _language() -> Language:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Language(tree_sitter_bash.language())


def _parsed(source: bytes) -> Node:
    """Return the tree of a source. Raises Unread."""
    if len(source) > LONGEST:
        raise Unread(f"{len(source)} bytes of shell; at most {LONGEST} are read")
    source = _WIDE.sub(lambda match: "¤".encode() + b"x" * (len(match[0]) - 2), source)
    from tree_sitter import Parser

    end = time.monotonic() + MOST_SECONDS
    # Each parse has its own parser. Facts parse in threads of their own, and each callback may let another thread run: of two
    # parses in one parser, the first to end frees the state of the other, which ends the process.
    parser = Parser(_language())
    try:
        tree = parser.parse(lambda at, _: source[at : at + 4096], progress_callback=lambda *_: time.monotonic() > end)
    except ValueError:
        tree = None
    if tree is None or time.monotonic() > end:
        raise Unread(f"its shell was not parsed within {MOST_SECONDS:.0f} s")
    return tree.root_node


class Tree:
    """A text as Bash's grammar sees it, from its ``root``; ``source`` are its bytes. Raises Unread."""

    def __init__(self, text: str) -> None:
        self.source = text.encode("utf-8", "surrogatepass")
        self.root = _parsed(self.source)

    def text(self, node: Node) -> str:
        """Return a node's text. `Node.text` is not asked: tree-sitter 0.26.1 reads memory there that it freed."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def program(self, node: Node) -> str | None:
        """Return the first word of a command, as it stands in the source."""
        name = next((child for child in node.children if child.type == "command_name"), None)
        return self.text(name) if name is not None else None

    def unfit(self) -> Iterator[tuple[int, str]]:
        """Yield the lines (from 0) within which the grammar did not fit, each with its text."""
        pending = [self.root]
        while pending:
            node = pending.pop()
            if node.is_error or node.is_missing:
                for number, line in enumerate(self.text(node).splitlines() or [""]):
                    yield node.start_point.row + number, line
            elif node.has_error:
                pending += reversed(node.children)


def is_test(node: Node) -> bool:
    """Return whether a statement tests something: ``[ … ]``, ``[[ … ]]``, ``(( … ))``."""
    return node.type == "test_command" or (
        node.type == "compound_statement" and bool(node.children) and node.children[0].type == "(("
    )
