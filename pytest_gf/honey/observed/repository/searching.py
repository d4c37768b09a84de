"""Looking through a checkout's texts: which paths, which lines, and what stands around them."""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import translate

from pytest_gf.engine.errors import Unproven
from pytest_gf.honey.answers import Texts
from pytest_gf.honey.formats import markdown
from pytest_gf.honey.formats.linear import Match, Pattern
from pytest_gf.honey.observed.repository import Sources

LONGEST_SHOWN = 120
"""Characters of a line that a finding quotes."""
MOST_HITS = 1_000
"""Matches of one pattern in one text that are looked at. More make the row unproven."""
IT = "it"
"""The group of a pattern that is the hit itself, where the pattern also says what must stand around it."""


def is_among(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a path fits one of the patterns; ``*`` also stands for ``/``."""
    return _fits(tuple(patterns))(path)


_WILD = re.compile(r"[*?\[]")


@functools.cache
def _fits(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a judge of paths. Nearly all patterns are a beginning or an end, and those need no regular expression."""
    plain = [pattern for pattern in patterns if not set(pattern.strip("*")) & set("*?[")]
    exact = frozenset(pattern for pattern in plain if "*" not in pattern)
    begins = tuple(pattern[:-1] for pattern in plain if pattern.endswith("*") and not pattern.startswith("*"))
    ends = tuple(pattern[1:] for pattern in plain if pattern.startswith("*") and not pattern.endswith("*"))
    begins = tuple(beginning for beginning in begins if not beginning.endswith("*"))
    ends = tuple(ending for ending in ends if not ending.startswith("*"))
    easy = {*exact, *(f"{beginning}*" for beginning in begins), *(f"*{ending}" for ending in ends)}
    rest = [pattern for pattern in patterns if pattern not in easy]
    match = re.compile("|".join(map(translate, rest)) or r"(?!)").match
    if not rest:
        return lambda path: path.endswith(ends) or path.startswith(begins) or path in exact
    return lambda path: path.endswith(ends) or path.startswith(begins) or path in exact or match(path) is not None


def chosen(sources: Sources, patterns: Sequence[str], but: Sequence[str] = ()) -> dict[str, str]:
    """Return the texts whose paths fit one of the patterns and none of the others."""
    fits, out = _fits(tuple(patterns)), _fits(tuple(but))
    return {path: sources[path] for path in _near(sources, patterns) if fits(path) and not out(path)}


def _near(sources: Sources, patterns: Sequence[str]) -> Iterable[str]:
    """Return the paths among which all that fit stand, in their order: few, where each pattern has a literal beginning."""
    beginnings = {_WILD.split(pattern, maxsplit=1)[0] for pattern in patterns}
    if not isinstance(sources, Texts) or "" in beginnings:
        return sources
    return sorted({path for beginning in beginnings for path in sources.below(beginning)})


class Lines:
    """The lines of one text, cut once: the line of a place, a line's text, what stands around it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(end + 1 for end in _ends(text))]

    @functools.cached_property
    def headings(self) -> dict[int, tuple[str, ...]]:
        """The Markdown headings above each line (from 1)."""
        return {line.number: line.headings for line in markdown.prose(self.text)}

    def at(self, place: int) -> int:
        """Return the line (from 1) of a place."""
        return bisect.bisect_right(self.starts, place)

    def line(self, number: int) -> str:
        """Return a line's text."""
        start = self.starts[number - 1]
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        return self.text[start:end]

    def around(self, number: int, reach: int = 2) -> str:
        """Return the paragraph around a line: what stands at most so many lines above and below it, up to blank ones."""
        first = last = min(number, len(self.starts)) - 1
        while first > max(0, number - 1 - reach) and self.line(first).strip():
            first -= 1
        while last + 1 < min(len(self.starts), number + reach) and self.line(last + 2).strip():
            last += 1
        return " ".join(self.line(index + 1) for index in range(max(first, 0), last + 1))

    def above(self, number: int) -> tuple[str, ...]:
        """Return the Markdown headings that a line stands below, the outermost first."""
        return self.headings.get(number, ())


def _ends(text: str) -> Iterator[int]:
    at = text.find("\n")
    while at >= 0:
        yield at
        at = text.find("\n", at + 1)


def hits(lines: Lines, pattern: Pattern) -> Iterator[tuple[int, Match]]:
    """Yield each match of a pattern with its line (from 1). Raises Unproven where there are more than `MOST_HITS`."""
    group = pattern.groupindex.get(IT, 0)
    for count, match in enumerate(pattern.finditer(lines.text)):
        if count >= MOST_HITS:
            first = f"{shown(match[0])} in line {lines.at(match.start(group))} is the first that is not"
            why = f"one text has more than {MOST_HITS} matches, and they are not all looked at: {first}"
            raise Unproven(why, "split the file, or exclude it from the checkout that is judged")
        yield lines.at(match.start(group)), match


def hit(match: Match, pattern: Pattern) -> str:
    """Return the text of a match that is the hit itself."""
    return match[IT] if IT in pattern.groupindex else match[0]


def shown(text: str) -> str:
    """Return a line as a finding quotes it."""
    line = " ".join(text[: 10 * LONGEST_SHOWN].split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"
