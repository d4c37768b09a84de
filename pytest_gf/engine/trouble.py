"""What is wrong with an observed value: its cause, a sentence about it, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import msgspec


class Severity(StrEnum):
    """How bad an incident is. The worst comes first."""

    CRITICAL = "critical"
    MAJOR = "major"
    UNKNOWN = "unknown"
    MINOR = "minor"


SEVERITIES: Mapping[Severity, str] = {
    Severity.CRITICAL: "Data is lost or may be lost with the next step, or somebody may do what he must not. Stop, and act now.",
    Severity.MAJOR: "Something that people or jobs use does not work as promised.",
    Severity.UNKNOWN: "The run could not look. It says nothing about the contract, and what it did not see may be down.",
    Severity.MINOR: "It works, and something differs from the contract.",
}
"""What each severity means."""


@dataclass(frozen=True)
class Kind:
    """One kind of cause, as people read it.

    ``title`` says in a few words what it is, and ``means`` what follows from it. ``first`` is what a person does first,
    ``avoid`` what not to do, a sentence each. ``tickets`` stay open while it may happen. ``page`` is where more is written,
    and ``see`` a further page beside it.
    """

    title: str
    severity: Severity
    means: str = ""
    first: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    page: str = ""
    see: str = ""


OWN_KINDS: Mapping[str, Kind] = msgspec.toml.decode(
    Path(__file__).with_name("causes.toml").read_bytes(), type=dict[str, Kind]
)
"""The kinds of causes that the engine names itself. A House adds its own."""


@dataclass(frozen=True)
class Cause:
    """What made a row red: a kind of the House's or of `OWN_KINDS`, and a subject such as a node or a file ("" for none)."""

    kind: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


_FAILURES = ("unreachable", "too-slow", "throttled", "not-understood", "probe-broken")
"""The kinds of a system that gives no answer. Where it fails in several ways at once, the first of them stands for all."""


def failing(system: str, before: str = "") -> tuple[Cause, ...]:
    """Return the causes that say that this system gives no answer. With ``before``: only those that stand before that kind."""
    kinds = _FAILURES[: _FAILURES.index(before)] if before else _FAILURES
    return tuple(Cause(kind, system) for kind in kinds)


def is_failing(cause: Cause) -> bool:
    """Return whether this is the cause of a system that gives no answer."""
    return cause.kind in _FAILURES


@dataclass(frozen=True)
class Trouble:
    """Why an observed value is not as promised.

    ``says`` is the diagnosis. ``next_step`` is what a person does first. ``because`` names causes that explain this one, if the
    value saw them.
    """

    cause: Cause
    says: str
    next_step: str
    because: tuple[Cause, ...] = ()


class Observed:
    """A value that a clause judges: ``assert value.holds``. It has one method that says what is wrong, if anything is.

    ``promised`` says what the contract promises, ``seen`` all that was seen, in a line each. Where a text with attributes in braces
    says it, as in "{self.name} is listed", it stands in ``promises`` or ``sees``.
    """

    promises: ClassVar[str]
    sees: ClassVar[str]

    @property
    def promised(self) -> str:
        """What the contract promises."""
        return self.promises.format(self=self)

    @property
    def seen(self) -> str:
        """All that was seen: the answers around the wrong one make the diagnosis."""
        return self.sees.format(self=self)

    def trouble(self) -> Trouble | None:
        """Return what is not as promised, or None if all is as promised."""
        raise NotImplementedError

    @property
    def holds(self) -> bool:
        """Whether all is as promised."""
        return self.trouble() is None

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The cause of its trouble, for what depends on it: none where it holds."""
        trouble = self.trouble()
        return (trouble.cause,) if trouble is not None else ()

    @property
    def diagnosis(self) -> str:
        """What is wrong, "" where nothing is."""
        trouble = self.trouble()
        return trouble.says if trouble is not None else ""

    @property
    def next_step(self) -> str:
        """What a person does first, "" where nothing is wrong."""
        trouble = self.trouble()
        return trouble.next_step if trouble is not None else ""
