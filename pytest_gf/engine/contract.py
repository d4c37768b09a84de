"""What the engine reads of a contract. A House's contract has more, which its facts and clauses know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One checkable sentence of the contract. ``how``: what can show it (see statements.toml)."""

    id: str
    how: str
    text: str
    section: str


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Clauses that are known to be red until a ticket closes: why, until when (an instant), and what closes it."""

    clauses: tuple[str, ...]
    ticket: str
    reason: str
    review: datetime
    closes: str


class Disclaimer(msgspec.Struct, frozen=True):
    """One thing that a green run doesn't prove, with the statements that say so."""

    text: str
    statements: tuple[str, ...]


class Together(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Statements (ids, separated by spaces) that clauses show whole together: ids, or single rows such as ``a.b[value]``."""

    statements: str
    clauses: tuple[str, ...]


class Reminder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every report says where one of these clauses is red, and the statements that say so."""

    statements: str
    clauses: tuple[str, ...]
    text: str


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised, as far as the engine reads it. ``sections`` has the titles of the statements' sections."""

    name: str
    statements: Mapping[str, Statement]
    sections: Mapping[str, str] = {}
    tickets: Mapping[str, str]
    does_not_prove: tuple[Disclaimer, ...]
    waivers: tuple[Waiver, ...] = ()
    together: tuple[Together, ...] = ()
    reminders: tuple[Reminder, ...] = ()

    @property
    def readiness(self) -> tuple[str, ...]:
        """The clauses whose red no waiver covers."""
        return ()

    def renamed(self, text: str) -> str:  # noqa: ARG002  # A contract that renamed nothing finds nothing in it.
        """Return which old names stand in a text, with today's; "" where there is none."""
        return ""
