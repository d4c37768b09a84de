"""Patterns that take time linear in the text, whatever the text is: RE2's. Everything that reads a checkout's text uses these."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Protocol, cast

import re2

LONGEST = 20_000
"""Characters of one pattern."""


class Match(Protocol):
    """A match, as Python's own has it."""

    def __getitem__(self, group: int | str, /) -> str: ...

    def start(self, group: int = 0, /) -> int:
        """Return where a group begins."""
        ...


class Pattern(Protocol):
    """A pattern, as Python's own has it."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The groups that have a name."""
        ...

    def search(self, text: str, /) -> Match | None:
        """Return the first match."""
        ...

    def match(self, text: str, /) -> Match | None:
        """Return the match at the beginning."""
        ...

    def fullmatch(self, text: str, /) -> Match | None:
        """Return the match of the whole text."""
        ...

    def finditer(self, text: str, /) -> Iterator[Match]:
        """Yield each match."""
        ...

    def sub(self, put: str, text: str, /) -> str:
        """Return the text with each match replaced."""
        ...


class Refused(ValueError):
    """A pattern that RE2 does not take, and why."""


@functools.cache
def linear(pattern: str) -> Pattern:
    """Return a pattern of RE2's. Raises Refused, for look-around and back-references among others."""
    options = re2.Options()
    options.log_errors = False
    try:
        return cast("Pattern", re2.compile(pattern, options))
    except re2.error as wrong:
        said = wrong.args[0] if wrong.args else "no reason given"
        raise Refused(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None


def any_of(patterns: tuple[str, ...]) -> Pattern:
    """Return one pattern for all of these, without regard to case; it matches nothing where there are none."""
    return linear("(?i)" + ("|".join(f"(?:{pattern})" for pattern in patterns) or r"[^\s\S]"))
