"""What is wrong with an observed value: its cause, a sentence about it, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


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


OWN_KINDS: Mapping[str, Kind] = {
    "unreachable": Kind(
        "a system does not answer",
        Severity.UNKNOWN,
        "No connection came about: refused, reset, no route, or TLS failed.",
        ("Look whether the address in the target file is right, and whether the system runs.",),
        ("Don't take this for a loss: nothing was seen.",),
    ),
    "too-slow": Kind(
        "a system does not answer in time",
        Severity.UNKNOWN,
        "No whole answer came before the deadline.",
        ("Look at the load of the system and of the network, and run again.",),
        ("Don't raise the deadline until you know why it is slow.",),
    ),
    "identity-rejected": Kind(
        "a system does not accept the identity of this run",
        Severity.UNKNOWN,
        "The credential is unknown there, or its signature is wrong.",
        ("Look at the variables that the target file names: was the credential rotated?",),
        ("Don't try other credentials in a row.",),
    ),
    "throttled": Kind(
        "a system refuses for now",
        Severity.UNKNOWN,
        "It says that it is overloaded, or that it starts, for as long as the run waited.",
        ("Run again when it is quiet.",),
        ("Don't ask it in a loop: that adds to its load.",),
    ),
    "not-understood": Kind(
        "something else answers than the system that was expected",
        Severity.UNKNOWN,
        "The answer is not of the expected protocol. A proxy or a login page may stand before the system.",
        ("Read the answer in the evidence, and see what stands at the address.",),
    ),
    "wrong-cluster": Kind(
        "this is another cluster than the contract's",
        Severity.UNKNOWN,
        "Nothing that was seen of it is judged, and nothing is made there.",
        ("Name the right cluster in the target file.",),
        ("Don't change anything in that cluster by this target.",),
    ),
    "probe-broken": Kind(
        "a probe broke",
        Severity.UNKNOWN,
        "What was asked gave no answer that can be judged.",
        ("Read what was tried and what came back, and run again.",),
    ),
    "suite-broken": Kind(
        "the suite itself broke",
        Severity.UNKNOWN,
        "A fault of this suite. It says nothing about the system.",
        ("Report it with the traceback.",),
    ),
    "this-machine": Kind(
        "this machine has no room, or lets this user write nothing",
        Severity.UNKNOWN,
        "The run could not keep what it saw.",
        ("Make room on this machine, or let this user write there, and run again.",),
    ),
    "still-waived": Kind(
        "what a waiver covers holds",
        Severity.MINOR,
        "The row is expected to be red, and it holds.",
        ("Take the row out of the waiver in the contract. Look what else the waiver waits for.",),
        ("Don't close the ticket because of this row alone.",),
    ),
    "not-judged": Kind(
        "a row could not be judged",
        Severity.UNKNOWN,
        "Something broke before the row was judged, and no cause is known.",
        ("Read the row's own text, and run it again.",),
    ),
    "not-as-promised": Kind(
        "something differs from the contract",
        Severity.MAJOR,
        "The row names no cause of its own.",
        ("Read the row: what was promised, and what was seen.",),
    ),
}
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
