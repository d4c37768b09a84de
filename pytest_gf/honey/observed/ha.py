"""High availability: the interim shape of the state authority, what strict HA asks beyond it, and what may be waived."""

from __future__ import annotations

from dataclasses import dataclass

GATE = "TIN-1012 closes with strict HA; --gf-expect-interim accepts this while the interim shape holds"
STALE = "the contract page says so; if this was meant, change the page, the contract's [rustfs] and its waivers"


@dataclass(frozen=True)
class InterimShape:
    """RustFS as the contract describes it until TIN-1012 closes. Statement S110.

    ``wrong`` names each part that is otherwise; ``seen`` is the shape in one line.
    """

    promised: str
    seen: str
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.wrong

    @property
    def diagnosis(self) -> str:
        return f"the interim shape is broken: {'; '.join(self.wrong)}" if self.wrong else ""

    @property
    def next_step(self) -> str:
        return f"start no protected tofu apply; {STALE}" if self.wrong else ""


@dataclass(frozen=True)
class Limit:
    """The pods of a component and the nodes that they are on, beside the page's words on it. Statements S120 to S123."""

    component: str
    says: str
    pods: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def as_documented(self) -> bool:
        return len(self.nodes) <= 1

    @property
    def promised(self) -> str:
        return f"{self.component}: {self.says}"

    @property
    def seen(self) -> str:
        return f"{', '.join(self.pods)} on {', '.join(self.nodes) or 'no node'}"

    @property
    def diagnosis(self) -> str:
        if self.as_documented:
            return ""
        return f"news: {self.component} runs on {len(self.nodes)} nodes, and the page still says {self.says!r}"

    @property
    def next_step(self) -> str:
        return (
            ""
            if self.as_documented
            else f"is it meant? then change that row of the page, and [limits.{self.component}]"
        )


@dataclass(frozen=True)
class Strict:
    """One demand of strict HA, and how it is met. Statements S109, S113.

    ``waivable``: whether the interim shape was seen to hold, and something runs in it; else no waiver counts, and
    ``unwaived`` says why.
    """

    promised: str
    seen: str
    missing: str
    next_step: str
    waivable: bool
    unwaived: str = "the interim shape does not hold"

    @property
    def met(self) -> bool:
        return not self.missing

    @property
    def diagnosis(self) -> str:
        if self.met:
            return ""
        return self.missing if self.waivable else f"{self.missing}; nothing waives it: {self.unwaived}"
