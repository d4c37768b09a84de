"""Texts that a forge or just fills in before a shell reads them: ``${{ }}``, ``$[[ ]]`` and ``{{ }}``."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

HOLE = "\0"
"""Stands in a word's text for what only a run would know."""
GITHUB = ("${{", "}}")
GITLAB = ("$[[", "]]")
JUST = ("{{", "}}")
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
        if not self.spans:
            return text
        data = text.encode("utf-8", "surrogatepass")
        made, at = b"", 0
        for span in self._within(start, start + len(data)):
            first, last = max(span.start - start, 0), min(span.end - start, len(data))
            made += data[at:first] + HOLE.encode()
            at = max(at, last)
        return (made + data[at:]).decode("utf-8", "replace")

    def original(self, text: str, start: int) -> str:
        """Return a part of the text as it stood before."""
        if not self.spans:
            return text
        data = text.encode("utf-8", "surrogatepass")
        made, at = b"", 0
        for span in self._within(start, start + len(data)):
            made += data[at : max(span.start - start, 0)] + span.original.encode("utf-8", "surrogatepass")
            at = max(at, min(span.end - start, len(data)))
        return (made + data[at:]).decode("utf-8", "replace")

    def line(self, at: int, row: int) -> int:
        """Return the line of a place in the text as it stood before."""
        return row - sum(more for end, more in self.filled if end <= at)

    def _within(self, start: int, end: int) -> Sequence[_Span]:
        first = bisect.bisect_left(self.spans, start, key=lambda span: span.end)
        spans = []
        for span in self.spans[first:]:
            if span.start >= end:
                break
            if span.end > start:
                spans.append(span)
        return spans


def rendered(text: str, marks: Sequence[tuple[str, str]], fill: Fill = lambda _: None) -> Rendered:
    """Fill in the templates between these marks; what stays unknown becomes a word of the same length."""
    if not any(opening in text for opening, _ in marks):
        return Rendered(text)
    parts: list[str] = []
    spans: list[_Span] = []
    grown: list[tuple[int, int]] = []
    at, size = 0, 0
    for start, end, inner in _templates(text, marks):
        before, whole = text[at:start], text[start:end]
        known = fill(inner)
        put = known if known is not None else "_" * len(whole.encode("utf-8", "surrogatepass"))
        parts += [before, put]
        size += len(before.encode("utf-8", "surrogatepass"))
        length = len(put.encode("utf-8", "surrogatepass"))
        if known is None:
            spans.append(_Span(size, size + length, whole))
        size += length
        more = put.count("\n") - whole.count("\n")
        if more:
            grown.append((size, more))
        at = end
    parts.append(text[at:])
    return Rendered("".join(parts), tuple(spans), tuple(grown))


def _templates(text: str, marks: Sequence[tuple[str, str]]) -> Sequence[tuple[int, int, str]]:
    templates: list[tuple[int, int, str]] = []
    at = 0
    while True:
        starts = [(place, opening, closing) for opening, closing in marks if (place := text.find(opening, at)) >= 0]
        if not starts:
            return templates
        start, opening, closing = min(starts)
        end = text.find(closing, start + len(opening))
        if end < 0:
            return templates
        templates.append((start, end + len(closing), text[start + len(opening) : end].strip()))
        at = end + len(closing)
