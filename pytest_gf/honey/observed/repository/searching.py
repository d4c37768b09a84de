"""Looking through a checkout's texts: which paths, which lines, and what stands around them."""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterator, Sequence
from fnmatch import translate

from pytest_gf.honey.observed.repository import Sources

LONGEST_SHOWN = 120
"""Characters of a line that a finding quotes."""


def is_among(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a path fits one of the patterns; ``*`` also stands for ``/``."""
    return _union(tuple(patterns)).match(path) is not None


@functools.cache
def _union(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")


def chosen(sources: Sources, patterns: Sequence[str], but: Sequence[str] = ()) -> dict[str, str]:
    """Return the texts whose paths fit one of the patterns and none of the others."""
    fits, out = _union(tuple(patterns)).match, _union(tuple(but)).match
    return {path: text for path, text in sources.items() if fits(path) and not out(path)}


def hits(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield each match of a pattern with its line (from 1)."""
    starts: list[int] = []
    for found in pattern.finditer(text):
        if not starts:
            starts = [0, *(each.end() for each in re.finditer("\n", text))]
        yield bisect.bisect_right(starts, found.start()), found


def line_at(text: str, found: re.Match[str]) -> str:
    """Return the whole line in which a match begins."""
    end = text.find("\n", found.start())
    return text[text.rfind("\n", 0, found.start()) + 1 : end if end >= 0 else len(text)]


def around(text: str, line: int, reach: int = 2) -> str:
    """Return the paragraph around a line: what stands at most so many lines above and below it, up to blank ones."""
    lines = text.splitlines()
    first = last = min(line, len(lines)) - 1
    while first > max(0, line - 1 - reach) and lines[first - 1].strip():
        first -= 1
    while last + 1 < min(len(lines), line + reach) and lines[last + 1].strip():
        last += 1
    return " ".join(lines[max(first, 0) : last + 1])


def headings_above(text: str, line: int) -> tuple[str, ...]:
    """Return the Markdown headings that a line stands below, the outermost first."""
    found: list[tuple[int, str]] = []
    for each in text.splitlines()[:line]:
        heading = re.match(r"(#{1,6})\s+(.*)", each)
        if heading:
            found = [one for one in found if one[0] < len(heading[1])] + [(len(heading[1]), heading[2])]
    return tuple(title for _, title in found)


def any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return one pattern for all of these, without regard to case; it matches nothing where there are none."""
    return re.compile("|".join(f"(?:{each})" for each in patterns) or r"(?!)", re.IGNORECASE)


def shown(text: str) -> str:
    """Return a line as a finding quotes it."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"
