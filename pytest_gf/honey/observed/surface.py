"""What S3 answers to somebody without a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer

_FAILED = 500


@dataclass(frozen=True)
class AnonymousView(Observed):
    """The answers to anonymous reads, by operation and what it asked for."""

    answers: Mapping[str, Answer]

    @property
    def failed(self) -> str:
        """What was answered by a failure of the server, which tells nothing about who may read; "" where nothing was."""
        return "; ".join(f"{asked}: {answer}" for asked, answer in self.answers.items() if answer.status >= _FAILED)

    @property
    def promised(self) -> str:
        return "every anonymous request is refused with 401 or 403"

    @property
    def seen(self) -> str:
        return "; ".join(f"{asked}: {answer}" for asked, answer in self.answers.items())

    def trouble(self) -> Trouble | None:
        answered = [asked for asked, answer in self.answers.items() if answer.status not in {401, 403}]
        if not answered:
            return None
        step = "take the public policy away: state bodies hold secrets in clear, so rotate what they name"
        return Trouble(Cause("anonymous-allowed", "s3"), f"S3 answers the anonymous: {', '.join(answered)}", step)
