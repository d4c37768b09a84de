"""What somebody meant who wrote a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 12
"""More known words than these are not listed."""


def meant(word: str, known: Iterable[str]) -> str:
    """Return how the line about an unknown word ends: with the word that is most like it, else with the known ones."""
    words = list(dict.fromkeys(known))
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(words)}" if 0 < len(words) <= MOST else ""
