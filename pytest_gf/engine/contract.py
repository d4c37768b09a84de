"""What the engine reads of a contract. Facts and clauses know their own contract's type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol


class Statement(Protocol):
    """One checkable sentence of a contract."""

    @property
    def id(self) -> str: ...
    @property
    def how(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def section(self) -> str: ...


class Claim(Protocol):
    """One thing that a green run does not prove, with the statements that say so."""

    @property
    def text(self) -> str: ...
    @property
    def statements(self) -> tuple[str, ...]: ...


class Together(Protocol):
    """Statements, separated by spaces, that only all these clauses together prove whole."""

    @property
    def statements(self) -> str: ...
    @property
    def clauses(self) -> tuple[str, ...]: ...


class Reminder(Protocol):
    """A text that every report shows where one of these clauses is red, and the statements that it comes from."""

    @property
    def statements(self) -> str: ...
    @property
    def clauses(self) -> tuple[str, ...]: ...
    @property
    def text(self) -> str: ...


class Waiver(Protocol):
    """Clauses that are known to be red until a ticket closes."""

    @property
    def clauses(self) -> tuple[str, ...]: ...
    @property
    def ticket(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def review(self) -> datetime: ...
    @property
    def closes(self) -> str: ...


class Contract(Protocol):
    """What is promised, as far as the engine reads it; facts know their own contract's type.

    ``sections`` has the titles of the statements' sections. ``readiness`` names the clauses whose red no waiver covers.
    ``renamed`` tells which old names stand in a text.
    """

    @property
    def name(self) -> str: ...
    @property
    def statements(self) -> Mapping[str, Statement]: ...
    @property
    def sections(self) -> Mapping[str, str]: ...
    @property
    def tickets(self) -> Mapping[str, str]: ...
    @property
    def does_not_prove(self) -> tuple[Claim, ...]: ...
    @property
    def waivers(self) -> tuple[Waiver, ...]: ...
    @property
    def together(self) -> tuple[Together, ...]: ...
    @property
    def reminders(self) -> tuple[Reminder, ...]: ...
    @property
    def readiness(self) -> tuple[str, ...]: ...
    def renamed(self, text: str) -> str: ...
