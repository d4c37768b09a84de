"""High availability: the interim shape of the state authority, what strict HA asks beyond it, and what could become the authority."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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


NONE = "NO_LIVE_HA_STATE_CANDIDATE"


class Class(StrEnum):
    """What a workload is as a state authority. Only the first two may become one."""

    DEDICATED = "dedicated HA S3-compatible service: primary"
    REPLICATED = "replicated RustFS: conditional, with repair proof"
    SINGLETON = "current singleton: interim only"
    ANOTHER = "one replica or one node: no HA"
    LOCAL = "local-path on one node: rejected"
    CACHE = "object-store surface of Attic or Bazel: rejected"


@dataclass(frozen=True)
class Candidate:
    """One workload that may store objects: its name, image without digest, ready pods and the nodes they are on."""

    namespace: str
    name: str
    kind: str
    image: str
    replicas: int
    ready: int
    nodes: tuple[str, ...]
    storage_classes: tuple[str, ...]
    what: Class

    @property
    def live(self) -> bool:
        """Whether it could become the authority by what is seen of it now; a guard of it is still to be run."""
        return self.what in {Class.DEDICATED, Class.REPLICATED}

    def __str__(self) -> str:
        volumes = ", ".join(self.storage_classes) or "no volume"
        return (
            f"{self.namespace}/{self.name}: {self.what} ({self.kind}, {self.image}, {self.ready} of {self.replicas} ready"
            f" on {', '.join(self.nodes) or 'no node'}, {volumes})"
        )


@dataclass(frozen=True)
class Inventory(Observed):
    """All candidates, and whether the current authority is among them: without it the cluster did not list everything.

    Statement S108: that there is no live candidate is valid evidence.
    """

    candidates: tuple[Candidate, ...]
    current: str

    promises = "the cluster's object stores are listed and classified, {self.current} among them"

    @property
    def result(self) -> str:
        """The outcome in one word, or the live candidates by name."""
        live = [f"{candidate.namespace}/{candidate.name}" for candidate in self.candidates if candidate.live]
        return f"LIVE_HA_STATE_CANDIDATE {', '.join(live)}" if live else NONE

    @property
    def table(self) -> str:
        """One line a candidate, the outcome first."""
        prove = "; prove it: a target file of its endpoint, then pytest -m guard --gf-target=FILE"
        first = self.result if self.result == NONE else f"{self.result}{prove}"
        return "\n".join([first, *(f"  {candidate}" for candidate in self.candidates)])

    @property
    def seen(self) -> str:
        return f"{len(self.candidates)} candidates: {'; '.join(map(str, self.candidates)) or 'none'}"

    def trouble(self) -> Trouble | None:
        if any(f"{candidate.namespace}/{candidate.name}" == self.current for candidate in self.candidates):
            return None
        says = f"the inventory is not complete: {self.current} is not in it, and it is the authority"
        step = "is the Deployment gone, or its image named otherwise ([inventory] of the contract)?"
        namespace, _, name = self.current.rpartition("/")
        because = (Cause("workload-gone", name), Cause("wrong-namespace", namespace))
        return Trouble(Cause("inventory-incomplete", self.current), says, step, because)
