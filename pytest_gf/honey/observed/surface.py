"""What S3 answers to somebody without a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_gf.honey.answers import Answer

_FAILED = 500


@dataclass(frozen=True)
class AnonymousView:
    """The answers to anonymous reads, by operation and what it asked for."""

    answers: Mapping[str, Answer]

    @property
    def failed(self) -> str:
        """What was answered by a failure of the server, which tells nothing about who may read; "" where nothing was."""
        return "; ".join(f"{asked}: {answer}" for asked, answer in self.answers.items() if answer.status >= _FAILED)

    @property
    def refused(self) -> bool:
        return not self._open()

    @property
    def promised(self) -> str:
        return "every anonymous request is refused with 401 or 403"

    @property
    def seen(self) -> str:
        return "; ".join(f"{asked}: {answer}" for asked, answer in self.answers.items())

    @property
    def diagnosis(self) -> str:
        if self.refused:
            return ""
        return f"S3 answers the anonymous: {', '.join(self._open())}"

    @property
    def next_step(self) -> str:
        return (
            ""
            if self.refused
            else "take the public policy away: state bodies hold secrets in clear, so rotate what they name"
        )

    def _open(self) -> list[str]:
        return [asked for asked, answer in self.answers.items() if answer.status not in {401, 403}]
