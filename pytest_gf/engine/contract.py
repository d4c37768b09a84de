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
    """What is promised, as far as the engine reads it; facts know their own contract's type."""

    @property
    def name(self) -> str: ...
    @property
    def statements(self) -> Mapping[str, Statement]: ...
    @property
    def tickets(self) -> Mapping[str, str]: ...
    @property
    def does_not_prove(self) -> tuple[Claim, ...]: ...
    @property
    def waivers(self) -> tuple[Waiver, ...]: ...
