"""What could become the state authority: the object stores of the cluster, each with its class (docs/systems.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_gf.engine.trouble import Cause, Observed, Trouble

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
        step = (
            "; prove it: a target file of its endpoint, then pytest -m guard --gf-target=FILE"
            if self.result != NONE
            else ""
        )
        return "\n".join([f"{self.result}{step}", *(f"  {candidate}" for candidate in self.candidates)])

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
