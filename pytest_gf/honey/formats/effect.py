"""What OpenTofu makes of a stack's state: five outcomes, each with its own words and next step (docs/systems.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["reads", "changes", "no-state", "refused", "plan-fails"]

NO_APPLY = "start no plan or apply on this stack"
NO_STATE = "OpenTofu would take it for no state: plan to create everything, exit without an error, and overwrite the live state"
FIND = f"{NO_APPLY}; keep this body; find the last good one (versions, backup, an errored.tfstate) and compare serial and lineage"


@dataclass(frozen=True)
class TofuEffect:
    """One outcome: ``words`` say what OpenTofu does, ``next_step`` what a person does ("" where all is well)."""

    outcome: Outcome
    words: str
    next_step: str = ""

    @property
    def good(self) -> bool:
        """Whether OpenTofu goes on from the state that is there."""
        return self.outcome in {"reads", "changes"}


READS = TofuEffect("reads", "OpenTofu reads it; no plan was tried: a provider's schema is not known here")
CHANGES = TofuEffect(
    "changes",
    "OpenTofu reads it with U+FFFD in the place of bytes that are no UTF-8, and plans to change what has them; no plan was"
    " tried: a provider's schema is not known here",
)
ABSENT = TofuEffect(
    "no-state", NO_STATE, f"{NO_APPLY}; look for the object's versions and for the last run that wrote it"
)
NOTHING_MANAGED = TofuEffect("no-state", f"it holds no managed instance. {NO_STATE}", FIND)


def refused(why: str) -> TofuEffect:
    """Return the effect of a body that OpenTofu stops at: nothing is planned, nothing is overwritten."""
    return TofuEffect("refused", f"{why}. OpenTofu refuses to read it, and plans nothing", FIND)


def plan_fails(why: str) -> TofuEffect:
    """Return the effect of a body that is read, and fails in the plan."""
    return TofuEffect("plan-fails", f"{why}. OpenTofu reads it, and its plan fails", FIND)


def stops(why: str, next_step: str) -> TofuEffect:
    """Return the effect of an answer of S3 at which OpenTofu stops with an error."""
    return TofuEffect(
        "refused", f"{why}. OpenTofu stops there with an error: it plans nothing, and overwrites nothing", next_step
    )
