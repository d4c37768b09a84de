"""Lines for a terminal. They wrap on words, and no text of a server becomes a workflow's command in them."""

from __future__ import annotations

import os
import shlex
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
    wrap = textwrap.TextWrapper(width, subsequent_indent=indent, break_on_hyphens=False).wrap
    lines = [line for part in text.splitlines() or [""] for line in wrap(part) or [""]]
    return [visible(line, most=2 * len(line) + 1) for line in lines]


def wrapped_all(texts: Iterable[str]) -> list[str]:
    """Return these texts in lines of at most `WIDTH` columns. Each text begins a line, and its line breaks are escaped."""
    return [line for text in texts for line in wrapped(visible(text, 20_000), WIDTH, "  ")]


def number(count: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def cut(text: str, width: int) -> str:
    """Return the first line of a text, cut to ``width`` columns."""
    first, *more = text.splitlines() or [""]
    if len(first) <= width and not more:
        return first
    return f"{first[: width - 1].rstrip()}…"


def command(text: str, width: int, indent: str) -> list[str]:
    """Return a shell command in lines that a shell reads as one: each but the last ends in a backslash. No word is cut."""
    filled = [""]
    for word in _words(text):
        if filled[-1] and len(filled[-1]) + len(word) + 3 > width:
            filled.append("")
        filled[-1] += f" {word}" if filled[-1] else word
    lines = [f"{indent if index else ''}{line}" for index, line in enumerate(filled)]
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _words(text: str) -> list[str]:
    """Return a command's words as they are spelt, or the whole command as one word where they can't be told apart."""
    try:
        words = shlex.split(text, posix=False)
        whole = shlex.split(text) == [part for word in words for part in shlex.split(word)]
    except ValueError:
        return [text]
    return words if whole and all(len(shlex.split(word)) == 1 for word in words) else [text]
