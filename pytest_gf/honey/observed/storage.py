"""Where RustFS's data lies: what its pod mounts, the claim, and the volume behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_gf.engine.trouble import Cause, Observed, Trouble


@dataclass(frozen=True)
class Mount:
    """What lies at the data path of RustFS's container: the kind of volume, and the claim's name where it is one."""

    kind: str
    claim: str


def _name_of(owner: Mapping[str, Any]) -> str:
    return f"{owner.get('namespace')}/{owner.get('name')}"


@dataclass(frozen=True)
class VolumeClaim(Observed):
    """The volume claim beside what is promised of it; sizes as Kubernetes quantities. Statements S017, S110."""

    name: str
    found: bool
    phase: str
    modes: tuple[str, ...]
    storage_class: str
    size: str
    size_bytes: int
    volume: str
    promised_mode: str
    promised_class: str
    promised_size: str
    promised_bytes: int
    mount: Mount = Mount("persistentVolumeClaim", "")
    """What lies at the data path; the rest is of that claim."""
    path: str = "/data"
    reference: str = ""
    """Its namespace and name, as a volume names it."""
    uid: str = ""

    promises = (
        "claim {self.name}: Bound, {self.promised_mode}, class {self.promised_class}, at least {self.promised_size}"
    )

    def is_claimed_by(self, owner: Mapping[str, Any]) -> bool:
        """Tell whether a volume's claimRef means this claim; one without a claim is nobody's yet."""
        if not owner:
            return True
        return _name_of(owner) == self.reference and owner.get("uid") in {None, "", self.uid}

    def in_words(self, owner: Mapping[str, Any]) -> str:
        """Name the claim that a volume's claimRef means, "" for none; one that was deleted may have had this one's name."""
        name = _name_of(owner) if owner else ""
        was_deleted = name == self.reference and not self.is_claimed_by(owner)
        return f"{name}, which was deleted and made anew" if was_deleted else name

    @property
    def instead(self) -> str:
        """What is mounted in the claim's place, "" where it is the claim."""
        if not self.mount.kind:
            return f"nothing is mounted at {self.path}: what is written there goes with the container"
        if self.mount.kind != "persistentVolumeClaim":
            return f"{self.path} is a volume of kind {self.mount.kind}, and no claim"
        if self.mount.claim not in {self.name, ""}:
            return f"claim {self.mount.claim} is mounted at {self.path}, not {self.name}"
        return ""

    @property
    def _wrong(self) -> list[str]:
        if self.instead:
            return [self.instead]
        if not self.found:
            return [f"claim {self.name} is gone: is the data still on its volume?"]
        modes = ", ".join(self.modes)
        checks = {
            f"it is {self.phase}, not Bound": self.phase != "Bound",
            f"its access modes are {modes}, not {self.promised_mode}": self.modes != (self.promised_mode,),
            f"its class is {self.storage_class}, not {self.promised_class}": self.storage_class != self.promised_class,
            f"its size is {self.size}, less than {self.promised_size}": self.size_bytes < self.promised_bytes,
        }
        return [text for text, wrong in checks.items() if wrong]

    @property
    def seen(self) -> str:
        if not self.found:
            return self.instead or "no claim of that name"
        mounted = f"{self.mount.claim}: " if self.mount.claim not in {self.name, ""} else ""
        return f"{mounted}{self.phase}, {', '.join(self.modes)}, class {self.storage_class}, {self.size}"

    def trouble(self) -> Trouble | None:
        if not self._wrong:
            return None
        step = "kubectl describe pvc says why; delete no claim and no volume: the state lies on it"
        return Trouble(Cause("claim-wrong", self.name), "; ".join(self._wrong), step)


@dataclass(frozen=True)
class Volume(Observed):
    """The volume behind the claim: where it can be mounted, and whose it is. Statements S017, S110."""

    name: str
    nodes: tuple[str, ...] | None
    """The nodes of the cluster that may mount it, None where any may."""
    promised_node: str
    promised_provisioner: str
    storage_class: str = ""
    provisioner: str = ""
    found: bool = True
    one_nodes: bool = False
    """Whether it is a folder or a disk of one node, whatever its affinity says."""
    affinity: str = ""
    phase: str = "Bound"
    claimed_by: str = ""
    is_claims: bool = True
    """Whether it belongs to the claim that is looked at."""
    instead: str = ""
    """The kind of what the pod mounts where it mounts no claim."""
    because: tuple[Cause, ...] = ()
    """What is wrong with the claim."""

    promises = "the volume is {self.promised_node}'s alone, and a provisioner of {self.promised_provisioner} made it"

    @property
    def tied(self) -> str:
        """Why it can't be mounted on another node than one, "" where it can."""
        if self.instead:
            return f"{self.instead} is a folder of the node that the pod is on"
        if not self.found:
            return f"volume {self.name} is gone, so nothing can mount it"
        if self.one_nodes and self.nodes is None:
            return f"volume {self.name} is a folder of one node"
        if self.nodes is None or len(self.nodes) > 1:
            return ""
        return f"volume {self.name} can be mounted on {self.nodes[0] if self.nodes else 'no node that is there'} alone"

    @property
    def _theirs(self) -> bool:
        return f".{self.provisioner}".endswith(f".{self.promised_provisioner}")

    @property
    def seen(self) -> str:
        if self.instead or not self.found:
            return self.tied
        where = "no node in particular" if self.nodes is None else ", ".join(self.nodes) or "no node"
        affinity = f" ({self.affinity})" if self.affinity else ""
        by = self.provisioner or "no such class"
        return f"volume {self.name}: {where}{affinity}; class {self.storage_class}: {by}"

    def trouble(self) -> Trouble | None:
        if not self._wrong:
            return None
        step = "kubectl describe pv and storageclass; the contract page names OpenEBS on the storage node; delete no volume"
        gone = (Cause("storage-node-down", self.promised_node),) if self.found and self.nodes == () else ()
        return Trouble(Cause("volume-wrong", self.name), self._wrong, step, (*gone, *self.because))

    @property
    def _wrong(self) -> str:  # noqa: PLR0911  # One line a cause.
        if self.instead:
            return f"{self.instead} is no volume of {self.promised_provisioner}'s: {self.tied}"
        if not self.found:
            return f"volume {self.name}, which the claim names, is gone"
        if self.phase != "Bound":
            return f"volume {self.name} is {self.phase}, not Bound: it was {self.claimed_by or 'nobody'}'s"
        if not self.is_claims:
            return f"volume {self.name} belongs to another claim: {self.claimed_by}"
        if self.nodes != (self.promised_node,):
            one = "a folder of whichever node the pod is on" if self.one_nodes else "any node"
            where = one if self.nodes is None else ", ".join(self.nodes) or "no node that is there"
            return f"the volume can be mounted on {where}, not on {self.promised_node} alone"
        if not self._theirs:
            by = self.provisioner or "gone"
            return f"storage class {self.storage_class} is {by}: it is no OpenEBS class any more"
        return ""
