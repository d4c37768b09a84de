"""Lines for a terminal: they wrap on words, and what a server said stands nowhere as a workflow's command."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_gf.engine.visible import visible

if TYPE_CHECKING:
    import pytest

WIDTH = 100
"""Columns of a file, and the most that an incident takes."""
_NARROWEST = 30


def columns(terminal: pytest.TerminalReporter) -> int:
    """Return how wide a line may be: as the terminal is, as COLUMNS says, or `WIDTH` for a file."""
    if not (terminal.isatty or os.environ.get("COLUMNS")):
        return WIDTH
    return max(_NARROWEST, terminal.config.get_terminal_writer().fullwidth)


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return the lines of a text; ``indent`` stands before each that continues one."""
    lines = [line for part in text.splitlines() or [""] for line in _wrap(part, width, indent) or [""]]
    return [visible(each, most=2 * len(each) + 1) for each in lines]


def _wrap(text: str, width: int, indent: str) -> Iterable[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


def cut(text: str, width: int) -> str:
    """Return the first line of a text, cut to ``width`` columns."""
    first, *more = text.splitlines() or [""]
    if len(first) <= width and not more:
        return first
    return f"{first[: width - 1].rstrip()}…"


def command(text: str, width: int, indent: str) -> list[str]:
    """Return a shell command in lines that a shell reads as one: each but the last ends in a backslash."""
    lines = textwrap.wrap(
        text, width - 2, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    ) or [""]
    return [*(f"{each} \\" for each in lines[:-1]), lines[-1]]
