"""What a person sees while a run waits: one line that changes in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_gf.engine.reports.lines import cut
from pytest_gf.engine.visible import visible

EVERY = 60.0
"""Seconds between two lines where there is no terminal: a log keeps them all."""
_FRESH = 30.0
"""Seconds for which news of a fact stand in the line."""


class Live:
    """The line of one run. ``write`` writes a text at once; ``width`` is the terminal's, None where there is none.

    `news` may be called by any thread, `waits` by the main thread only, which writes nothing else between them.
    """

    def __init__(
        self, write: Callable[[str], None], width: int | None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._width, self._now = write, width, now
        self._said = now()
        self._news, self._heard = "", float("-inf")
        self._shown = False

    def news(self, line: str) -> None:
        """Show how a long fact goes on."""
        self._news, self._heard = visible(line), self._now()
        if self._width is None:
            self._sparsely(self._news)

    def waits(self, line: str) -> None:
        """Show what the run waits for, or the news of it; "" takes the line away again."""
        if line and self._now() - self._heard < _FRESH:
            line = self._news
        if self._width is None:
            if line:
                self._sparsely(line)
        elif line or self._shown:
            room = self._width - 1
            self._write(f"\r{cut(line, room):<{room}}" if line else f"\r{'':<{room}}\r")
            self._shown = bool(line)

    def _sparsely(self, line: str) -> None:
        if self._now() - self._said >= EVERY:
            self._said = self._now()
            self._write(f"{line}\n")
