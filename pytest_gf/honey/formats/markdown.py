"""Markdown, as far as documents are judged: code fences, headings, tables and paragraphs, each with its line."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 2_000_000
"""Characters of one document: as many as a file of a checkout may have."""


@dataclass(frozen=True)
class Fence:
    """A block of code: its language in lower case, the line of its first line of text, the text without common indent."""

    language: str
    line: int
    text: str


@dataclass(frozen=True)
class Line:
    """A line of text outside of code: its number from 1, its text, and the headings that it stands below."""

    number: int
    text: str
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A paragraph, a list's item or a table's row: its first line, its text, and the headings that it stands below."""

    line: int
    text: str
    headings: tuple[str, ...]


@dataclass(frozen=True)
class TableRow:
    """A row of a table: its line, and its cells by the header's words."""

    line: int
    cells: dict[str, str]


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # What stands within a line is of no interest, and its rules are what takes long on hostile text.
    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"], ignoreInvalid=True)


@functools.lru_cache(maxsize=64)
def tokens(text: str) -> Sequence[Token]:
    """Return a document's blocks, parsed once for all that ask in a row."""
    return _parser().parse(text[:LONGEST])


def fences(text: str) -> Iterator[Fence]:
    """Yield the code blocks between fences; one that never ends goes to the end of the text."""
    for token in tokens(text):
        if token.type == "fence" and token.map is not None:
            words = token.info.split(maxsplit=1)
            language = words[0].strip("{}.").lower() if words else ""
            yield Fence(language, token.map[0] + 2, _dedented(token.content.splitlines()))


def prose(text: str) -> Iterator[Line]:
    """Yield the lines outside of code blocks, each with the headings above it."""
    code: set[int] = set()
    titles: dict[int, tuple[int, str]] = {}
    for at, token in enumerate(tokens(text)):
        if token.map is not None and token.type in {"fence", "code_block"}:
            code.update(range(*token.map))
        elif token.map is not None and token.type == "heading_open":
            titles[token.map[0]] = int(token.tag[1:]), tokens(text)[at + 1].content
    above: list[tuple[int, str]] = []
    shown: tuple[str, ...] = ()
    for number, line in enumerate(_lines(text)):
        if number in titles:
            depth = titles[number][0]
            above = [heading for heading in above if heading[0] < depth] + [titles[number]]
            shown = tuple(title for _, title in above)
        if number not in code:
            yield Line(number + 1, line, shown)


def blocks(text: str) -> Iterator[Block]:
    """Yield paragraphs, list items and rows of tables, each as one text with the headings above it."""
    above = {line.number: line.headings for line in prose(text)}
    for token, inner in itertools.pairwise(tokens(text)):
        if token.type == "paragraph_open" and token.map is not None:
            yield Block(token.map[0] + 1, inner.content, above.get(token.map[0] + 1, ()))
    for row in rows(text):
        yield Block(row.line, " | ".join(row.cells.values()), above.get(row.line, ()))


def rows(text: str) -> Iterator[TableRow]:
    """Yield the rows of all tables. A row that was cut over several lines is joined until it has all its cells."""
    header: list[str] = []
    held: list[str] = []
    first, in_head = 0, False
    for token, inner in itertools.pairwise(tokens(text)):
        if token.type == "thead_open":
            header, held, in_head = [], [], True
        elif token.type == "thead_close":
            in_head = False
        elif token.type == "th_open" and in_head:
            header.append(inner.content.strip())
        elif token.type == "tr_open" and not in_head and token.map is not None:
            first, held = (first, held) if held else (token.map[0] + 1, [])
            held = [*held, *_cells(text, token.map[0])]
            if len(held) >= len(header):
                yield TableRow(first, dict(zip(header, held, strict=False)))
                held = []


@functools.lru_cache(maxsize=64)
def _lines(text: str) -> Sequence[str]:
    lines = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _cells(text: str, line: int) -> list[str]:
    """Return the cells that stand on a line, those that are missing left out."""
    inner = _lines(text)[line].strip().replace("\\|", "\0").removeprefix("|")
    return [cell.strip().replace("\0", "|") for cell in inner.removesuffix("|").split("|")]


def _dedented(lines: list[str]) -> str:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    common = min(indents, default=0)
    return "\n".join(line[common:] for line in lines) + "\n"
