"""High availability: the interim shape of the state authority, what strict HA asks beyond it, and what may be waived."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble

GATE = "TIN-1012 closes with strict HA; --gf-expect-interim accepts this while the interim shape holds"
STALE = "the contract page says so; if this was meant, change the page, the contract's [rustfs] and its waivers"


@dataclass(frozen=True)
class InterimShape(Observed):
    """RustFS as the contract describes it until TIN-1012 closes. Statement S110.

    ``wrong`` names each part that is otherwise, ``because`` what is wrong with it; ``shape`` says all in one line.
    """

    promise: str
    shape: str
    wrong: tuple[str, ...]
    because: tuple[Cause, ...] = ()

    promises = "{self.promise}"
    sees = "{self.shape}"

    def trouble(self) -> Trouble | None:
        if not self.wrong:
            return None
        says = f"the interim shape is broken: {'; '.join(self.wrong)}"
        return Trouble(Cause("interim-shape"), says, f"start no protected tofu apply; {STALE}", self.because)


@dataclass(frozen=True)
class Limit(Observed):
    """The pods of a component and the nodes that they are on, beside the page's words on it. Statements S120 to S123."""

    component: str
    says: str
    pods: tuple[str, ...]
    nodes: tuple[str, ...]
    workload: str = ""

    promises = "{self.component}: {self.says}"

    @property
    def seen(self) -> str:
        return f"{', '.join(self.pods)} on {', '.join(self.nodes)}"

    def trouble(self) -> Trouble | None:
        if len(self.nodes) == 1:
            return None
        news = f"news: {self.component} runs on {len(self.nodes)} nodes, and the page still says {self.says!r}"
        step = f"is it meant? then change that row of the page, and [limits.{self.component}]"
        because = (Cause("not-one-replica", self.workload),) if self.workload else ()
        return Trouble(Cause("page-stale", self.component), news, step, because)


@dataclass(frozen=True)
class Strict(Observed):
    """One demand of strict HA, and how it is met. Statements S109, S113.

    ``waivable``: whether the interim shape was seen to hold, and something runs in it; else no waiver counts, and
    ``unwaived`` says why, ``because`` what is wrong there.
    """

    demand: str
    promise: str
    found: str
    missing: str
    step: str
    waivable: bool
    unwaived: str = "the interim shape does not hold"
    because: tuple[Cause, ...] = ()

    promises = "{self.promise}"
    sees = "{self.found}"

    def trouble(self) -> Trouble | None:
        if not self.missing:
            return None
        says = self.missing if self.waivable else f"{self.missing}; nothing waives it: {self.unwaived}"
        return Trouble(Cause("strict-ha"), says, self.step, () if self.waivable else self.because)
