"""Patterns that take time linear in the text, whatever the text is: RE2's. Everything that reads a checkout's text uses these."""

from __future__ import annotations

import functools
import re
from typing import TypeAlias, cast

import re2

Pattern: TypeAlias = re.Pattern[str]
"""RE2's patterns are of a type of their own, with the methods of Python's."""
Match: TypeAlias = re.Match[str]


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
