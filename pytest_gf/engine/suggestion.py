"""What to suggest to somebody who wrote an unknown word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 12
"""The most known words that a line lists."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a line about an unknown word. It names the word most like it, or else the known words."""
    words = list(dict.fromkeys(known))
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(words)}" if 0 < len(words) <= MOST else ""
