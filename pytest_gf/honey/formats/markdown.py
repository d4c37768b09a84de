"""Markdown, as far as documents are judged: code fences, headings, tables and paragraphs, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"\s*(?:[-*>]\s+)?(`{3,}|~{3,})\s*([\w+-]*)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_RULE = re.compile(r"\s*\|?\s*:?-{1,}:?\s*(?:\|\s*:?-{1,}:?\s*)*\|?\s*$")


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
class Row:
    """A row of a table: its line, and its cells by the header's words."""

    line: int
    cells: dict[str, str]


def fences(text: str) -> Iterator[Fence]:
    """Yield the code blocks between fences; one that never ends goes to the end of the text."""
    mark, language, first, held = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        found = _FENCE.match(line)
        if not mark and found:
            mark, language, first, held = found[1], found[2].lower(), number + 1, []
        elif mark and found and found[1].startswith(mark) and line.strip() == found[1]:
            yield Fence(language, first, _dedented(held))
            mark = ""
        elif mark:
            held.append(line)
    if mark:
        yield Fence(language, first, _dedented(held))


def prose(text: str) -> Iterator[Line]:
    """Yield the lines outside of code blocks, each with the headings above it."""
    mark = ""
    above: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _FENCE.match(line)
        if mark:
            mark = "" if found and found[1].startswith(mark) and line.strip() == found[1] else mark
            continue
        if found:
            mark = found[1]
            continue
        heading = _HEADING.match(line)
        if heading:
            above = [each for each in above if each[0] < len(heading[1])] + [(len(heading[1]), heading[2])]
        yield Line(number, line, tuple(title for _, title in above))


def rows(text: str) -> Iterator[Row]:
    """Yield the rows of all tables. A row that was cut over several lines is joined until it ends in ``|``."""
    header: list[str] = []
    held, first, previous = "", 0, ""
    for line in prose(text):
        if _RULE.match(line.text) and "|" in line.text and "|" in previous:
            header, held = _cells(previous), ""
        elif header and (held or "|" in line.text):
            first = first if held else line.number
            held = f"{held} {line.text.strip()}" if held else line.text.strip()
            cells = _cells(held)
            if not line.text.strip() or len(cells) > len(header):
                header, held = [], ""
            elif held.endswith("|") and len(cells) == len(header):
                yield Row(first, dict(zip(header, cells, strict=True)))
                held = ""
        elif not line.text.strip():
            header = []
        previous = line.text


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner.removesuffix("|")
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", inner)]


def _dedented(lines: list[str]) -> str:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    common = min(indents, default=0)
    return "\n".join(line[common:] for line in lines) + "\n"
