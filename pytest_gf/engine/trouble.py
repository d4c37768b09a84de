"""What is wrong with an observed value: its cause, a sentence about it, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OWN_KINDS: Mapping[str, str] = {
    "unreachable": "a system does not answer",
    "too-slow": "a system does not answer in time",
    "identity-rejected": "a system does not accept the identity of this run",
    "not-understood": "something else answers than the system that was expected",
    "wrong-cluster": "this is another cluster than the contract's",
    "probe-broken": "a probe broke",
    "suite-broken": "the suite itself broke",
    "this-machine": "this machine has no room, or lets this user write nothing",
    "still-waived": "what a waiver covers holds",
}
"""The kinds of causes that the engine names itself, each with what it is. A House adds its own."""


@dataclass(frozen=True)
class Cause:
    """What made a row red: a kind of the House's or of `OWN_KINDS`, and a subject such as a node or a file ("" for none)."""

    kind: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


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

    ``promised`` says what the contract promises, ``seen`` all that was seen, in a line each.
    """

    @property
    def promised(self) -> str:
        """What the contract promises."""
        raise NotImplementedError

    @property
    def seen(self) -> str:
        """All that was seen: the answers around the wrong one make the diagnosis."""
        raise NotImplementedError

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
        found = self.trouble()
        return (found.cause,) if found is not None else ()

    @property
    def diagnosis(self) -> str:
        """What is wrong, "" where nothing is."""
        found = self.trouble()
        return found.says if found is not None else ""

    @property
    def next_step(self) -> str:
        """What a person does first, "" where nothing is wrong."""
        found = self.trouble()
        return found.next_step if found is not None else ""
