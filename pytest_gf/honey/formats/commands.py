"""The commands of a script, as values: words, redirections, and the condition that each stands behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_gf.honey.formats.templates import HOLE


@dataclass(frozen=True)
class Word:
    """A word with its quotes off. What only a run would know is `HOLE` in ``text``; ``raw`` is the word as it stands."""

    text: str
    raw: str
    offset: int = 0

    @property
    def known(self) -> bool:
        """Whether the text says all of it."""
        return HOLE not in self.text


@dataclass(frozen=True)
class Redirect:
    """Where a command writes (``>``, ``>>``) or reads (``<``); ``<<`` and ``<<<`` with the text that they feed."""

    sign: str
    target: Word


@dataclass(frozen=True)
class Command:
    """A simple command: the line that it begins on (from 0), its words, and the condition it stands behind ("" for none).

    ``fed``: the command whose output it reads. ``function``: the function whose body it is in. ``broken``: the grammar did not fit there.
    """

    offset: int
    words: tuple[Word, ...]
    raw: str
    guard: str = ""
    function: str = ""
    assigned: Mapping[str, Word] = field(default_factory=dict)
    redirects: tuple[Redirect, ...] = ()
    fed: Command | None = None
    broken: bool = False
    directory: str = ""
    """Where it runs, seen from where its script, or its function, begins."""


@dataclass(frozen=True)
class Script:
    """What was read: the commands in their order, and the lines that the grammar did not fit (from 0, with their text)."""

    commands: tuple[Command, ...]
    broken: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Scope:
    """Where a statement stands, as `Command` has it; ``conditional``: a run may not come to it."""

    guard: str = ""
    conditional: bool = False
    function: str = ""
    broken: bool = False
    redirects: tuple[Redirect, ...] = ()
    fed: Command | None = None
    depth: int = 0

    def behind(self, text: str) -> Scope:
        """Return the scope behind a condition too."""
        return replace(self, guard=self.guard or text, conditional=True, fed=None)

    @property
    def is_sure(self) -> bool:
        """Whether every run comes to it, in the order in which it stands."""
        return not self.conditional and not self.function
