"""A public page, and whether it answered."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.honey.answers import Answer


@dataclass(frozen=True)
class Page:
    """The answer to GET of a page that the contract promises."""

    url: str
    answer: Answer

    @property
    def answered(self) -> bool:
        return self.answer.ok

    @property
    def promised(self) -> str:
        return f"GET {self.url} answers 200"

    @property
    def seen(self) -> str:
        return f"GET {self.url}: {self.answer}"

    @property
    def diagnosis(self) -> str:
        return "" if self.answered else f"the page does not answer as published: {self.answer}"

    @property
    def next_step(self) -> str:
        return "" if self.answered else "look at the release workflow's last run, and at FlakeHub's status"
