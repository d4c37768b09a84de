"""What is wrong with an observed value: one cause, in words, with the next step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """What made a row red: a kind, of the House's table, and its subject (a node, a file; "" where there is none)."""

    kind: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


@dataclass(frozen=True)
class Trouble:
    """Why an observed value is not as promised.

    ``says`` is the diagnosis, ``next_step`` what a person does first. ``because`` names the causes that explain this one,
    where the value saw them among its needs.
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
        """All that was seen, since at 3 a.m. the neighbouring answers make the diagnosis."""
        raise NotImplementedError

    def trouble(self) -> Trouble | None:
        """Return what is not as promised, None where all is."""
        raise NotImplementedError

    @property
    def holds(self) -> bool:
        """Whether all is as promised."""
        return self.trouble() is None

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
