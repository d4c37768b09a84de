"""A public page, and whether it answered."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer


@dataclass(frozen=True)
class Page(Observed):
    """The answer to GET of a page that the contract promises."""

    url: str
    answer: Answer

    promises = "GET {self.url} answers 200"
    sees = "GET {self.url}: {self.answer}"

    def trouble(self) -> Trouble | None:
        if self.answer.ok:
            return None
        says = f"the page does not answer as published: {self.answer}"
        step = "look at the release workflow's last run, and at FlakeHub's status"
        return Trouble(Cause("page-missing", self.url), says, step)
