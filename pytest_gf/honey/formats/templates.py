"""Texts that a forge or just fills in before a shell reads them: ``${{ }}``, ``$[[ ]]`` and ``{{ }}``."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

HOLE = "\0"
"""Stands in a word's text for what only a run would know."""
GITHUB = ("${{", "}}")
GITLAB = ("$[[", "]]")
JUST = ("{{", "}}")
_UTF8 = ("utf-8", "surrogatepass")
Fill = Callable[[str], str | None]
"""From an expression to its text; None where only a run would know it."""


class _Span(NamedTuple):
    start: int
    end: int
    original: str


@dataclass(frozen=True)
class Rendered:
    """A text in which each template is filled in, or is an unknown word of its own length (``spans``, in bytes)."""

    text: str
    spans: tuple[_Span, ...] = ()
    filled: tuple[tuple[int, int], ...] = ()
    """Where a text that was filled in ends (in bytes), and how many lines it added."""

    def holed(self, text: str, start: int) -> str:
        """Return a part of the text that begins at this byte, with `HOLE` in the place of each unknown word."""
        return self._with(lambda _: HOLE, text, start)

    def original(self, text: str, start: int) -> str:
        """Return a part of the text as it stood before."""
        return self._with(lambda span: span.original, text, start)

    def _with(self, put: Callable[[_Span], str], text: str, start: int) -> str:
        if not self.spans:
            return text
        data = text.encode(*_UTF8)
        first = bisect.bisect_right(self.spans, start, key=lambda span: span.end)
        last = bisect.bisect_left(self.spans, start + len(data), key=lambda span: span.start)
        made, at = b"", 0
        for span in self.spans[first:last]:
            made += data[at : max(span.start - start, 0)] + put(span).encode(*_UTF8)
            at = min(span.end - start, len(data))
        return (made + data[at:]).decode("utf-8", "replace")

    def line(self, at: int, row: int) -> int:
        """Return the line of a place in the text as it stood before."""
        return row - sum(more for end, more in self.filled if end <= at)


def rendered(text: str, marks: Sequence[tuple[str, str]], fill: Fill = lambda _: None) -> Rendered:
    """Fill in the templates between these marks; what stays unknown becomes a word of the same length."""
    if not any(opening in text for opening, _ in marks):
        return Rendered(text)
    parts: list[str] = []
    spans: list[_Span] = []
    grown: list[tuple[int, int]] = []
    at, size = 0, 0
    for start, end, inner in _templates(text, marks):
        whole, known = text[start:end], fill(inner)
        put = known if known is not None else "_" * len(whole.encode(*_UTF8))
        parts += [text[at:start], put]
        size += len(text[at:start].encode(*_UTF8))
        length = len(put.encode(*_UTF8))
        if known is None:
            spans.append(_Span(size, size + length, whole))
        size += length
        more = put.count("\n") - whole.count("\n")
        if more:
            grown.append((size, more))
        at = end
    parts.append(text[at:])
    return Rendered("".join(parts), tuple(spans), tuple(grown))


def _templates(text: str, marks: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int, str]]:
    at = 0
    while starts := [(place, *mark) for mark in marks if (place := text.find(mark[0], at)) >= 0]:
        start, opening, closing = min(starts)
        end = text.find(closing, start + len(opening))
        if end < 0:
            return
        at = end + len(closing)
        yield start, at, text[start + len(opening) : end].strip()
