"""RustFS as the cluster shows it: its Deployment and pods, its volume, its readiness; which cluster it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_gf.honey.observed.storage import Mount

BRING_BACK = (
    "bring the node back (is its ZFS module loaded? 2026-05-11); start no protected tofu apply; repair no bucket"
)


@dataclass(frozen=True)
class Node:
    """A node and whether its kubelet reports Ready."""

    name: str
    ready: bool
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ClusterSeen:
    """The contract's cluster, and what identified it. ``nodes`` is None where they could not be read.

    ``foreign``: nodes that stand beside its own, and that the contract does not name.
    """

    name: str
    known_by: str
    nodes: tuple[Node, ...] | None
    foreign: tuple[str, ...] = ()

    def down(self, node: str) -> bool:
        """Whether this node is known to be down, or to have left the cluster."""
        if self.nodes is None or not node:
            return False
        return not any(each.name == node and each.ready for each in self.nodes)


@dataclass(frozen=True)
class Pod:
    """One pod of the Deployment; ``node`` "" where none took it; ``image`` as the spec says it, ``image_id`` as it runs.

    ``container``, both images and ``runs`` are RustFS's own container's; ``why`` is in Kubernetes' words.
    """

    name: str
    phase: str
    node: str
    ready: bool
    image: str
    image_id: str
    container: str
    node_ready: bool = True
    why: str = ""
    runs: bool = True

    @property
    def serves(self) -> bool:
        return self.phase == "Running" and bool(self.node) and self.node_ready and self.runs


@dataclass(frozen=True)
class RustFS:
    """The Deployment and its pods; ``promised_node`` is the contract's storage node. Statements S092, S110."""

    deployment: str
    namespace: str
    found: bool
    replicas: int
    ready_replicas: int
    pods: tuple[Pod, ...]
    promised_node: str
    left: tuple[str, ...] = ()
    """Pods of it that are taken away or have ended, each with why."""
    mounts: tuple[Mount, ...] = ()
    """What lies at the data path, of each pod that stands; of the Deployment's template where none does."""
    strange: bool = False
    """Whether none of the contract's workloads stands in that namespace."""

    @property
    def pinned(self) -> bool:
        return bool(self.pods) and all("@sha256:" in pod.image for pod in self.pods)

    @property
    def ready(self) -> bool:
        one = self.found and self.replicas == 1 and self.ready_replicas == 1
        return one and len(self.pods) == 1 and self.pods[0].ready and self.pods[0].node_ready and self.pinned

    @property
    def digest(self) -> str:
        """The digest that runs, or that the spec names, "" where neither is known."""
        for pod in self.pods:
            for image in (pod.image_id, pod.image):
                if "@sha256:" in image:
                    return image.partition("@")[2]
        return ""

    @property
    def promised(self) -> str:
        return f"Deployment {self.namespace}/{self.deployment}: one replica, ready, its image pinned by digest"

    @property
    def seen(self) -> str:
        pods = f"pods: {', '.join(map(_pod, self.pods)) or 'none'}{''.join(f'; {each}' for each in self.left)}"
        return f"{self.ready_replicas} of {self.replicas} ready; {pods}" if self.found else f"no Deployment; {pods}"

    @property
    def diagnosis(self) -> str:  # noqa: PLR0911  # One line a cause.
        if self.ready:
            return ""
        if self.strange:
            return f"namespace {self.namespace} holds none of honey's workloads: Deployment {self.deployment} is not there either"
        if not self.found:
            return f"Deployment {self.deployment} is gone from namespace {self.namespace}"
        for pod in self.pods:
            if pod.node and not pod.node_ready:
                return (
                    f"node down: {pod.node} does not report Ready, and the pod is there; this is no bucket-index loss"
                )
        if not self.pods:
            why = f" that stands ({'; '.join(self.left)})" if self.left else ""
            return f"pod down: the Deployment has no pod{why}"
        if any(not pod.node for pod in self.pods):
            return f"pod down: no node takes it ({self.pods[0].why or self.pods[0].phase})"
        if self.replicas != 1 or len(self.pods) != 1:
            return f"{self.replicas} replicas instead of one: RustFS's volume and index are made for one writer"
        if not self.pods[0].ready or self.ready_replicas != 1:
            return (
                f"pod down: it runs on {self.pods[0].node} and is not ready ({self.pods[0].why or self.pods[0].phase})"
            )
        return "the image is not pinned by digest: what runs after a restart is not what was proved"

    @property
    def next_step(self) -> str:
        if self.ready:
            return ""
        if self.strange:
            return "does [kubernetes] of the target name the namespace that RustFS runs in?"
        if any(pod.node and not pod.node_ready for pod in self.pods):
            return BRING_BACK
        if self.found and self.ready_replicas == 1 and self.replicas == 1:
            return "pin the image by its digest in the stack's inputs"
        return "preserve logs before anything restarts: kubectl logs --previous, kubectl describe pod; start no protected tofu apply"


@dataclass(frozen=True)
class StorageNode:
    """The contract's storage node as the cluster lists it; ``ready`` False also where it is not listed."""

    name: str
    listed: bool
    ready: bool

    @property
    def promised(self) -> str:
        return f"node {self.name} is listed and reports Ready"

    @property
    def seen(self) -> str:
        return "Ready" if self.ready else "not Ready" if self.listed else "not listed"

    @property
    def diagnosis(self) -> str:
        if self.ready:
            return ""
        return (
            f"node down: {self.name} does not report Ready" if self.listed else f"node {self.name} has left the cluster"
        )

    @property
    def next_step(self) -> str:
        return "" if self.ready else BRING_BACK


@dataclass(frozen=True)
class ClusterNodes:
    """The contract's nodes that do not report Ready or are not listed, and what the page says goes with each. S125, S126."""

    promised_nodes: tuple[str, ...]
    down: tuple[str, ...]
    gone: tuple[str, ...]
    losses: Mapping[str, str]
    foreign: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return not self.down and not self.gone

    @property
    def promised(self) -> str:
        return f"{', '.join(self.promised_nodes)} report Ready"

    @property
    def seen(self) -> str:
        if self.ready:
            beside = f"; beside them stand {', '.join(self.foreign)}, which the contract does not name"
            return f"all report Ready{beside if self.foreign else ''}"
        return "; ".join(
            [*(f"{name} does not report Ready" for name in self.down), *(f"{name} is not listed" for name in self.gone)]
        )

    @property
    def diagnosis(self) -> str:
        said = [f"{name}: {self.losses[name]}" for name in (*self.down, *self.gone) if name in self.losses]
        return (
            "" if self.ready else f"node down, no bucket-index loss: {self.seen}{''.join(f'; {each}' for each in said)}"
        )

    @property
    def next_step(self) -> str:
        return "" if self.ready else BRING_BACK


@dataclass(frozen=True)
class Placement:
    """Where the pod runs, from the pod itself. Statement S017."""

    nodes: tuple[str, ...]
    promised_node: str

    @property
    def on_promised_node(self) -> bool:
        return self.nodes == (self.promised_node,)

    @property
    def promised(self) -> str:
        return f"RustFS's pod runs on {self.promised_node}"

    @property
    def seen(self) -> str:
        return f"it runs on {', '.join(self.nodes)}"

    @property
    def diagnosis(self) -> str:
        return (
            ""
            if self.on_promised_node
            else f"RustFS runs on {', '.join(self.nodes)}, and its volume is {self.promised_node}'s"
        )

    @property
    def next_step(self) -> str:
        return (
            ""
            if self.on_promised_node
            else "which volume does it serve? kubectl describe pvc; start no protected tofu apply"
        )


@dataclass(frozen=True)
class Readiness:
    """``/health`` and ``/health/ready`` of RustFS; ``reason`` is what the body says of a refusal."""

    version: str
    status: int
    reason: str
    listing_empty: bool | None = None
    """Whether ListBuckets answers 200 with nothing; None where that was not seen."""

    @property
    def ready(self) -> bool:
        return self.status == 200  # noqa: PLR2004  # RFC 9110, 15.3.1.

    @property
    def promised(self) -> str:
        return "/health/ready answers 200"

    @property
    def seen(self) -> str:
        return (
            f"/health says RustFS {self.version or 'of no version'}; /health/ready {self.status} {self.reason}".rstrip()
        )

    @property
    def diagnosis(self) -> str:
        if self.ready:
            return ""
        if self.listing_empty:
            return "disk offline inside RustFS: /health/ready 503 beside a listing that is 200 and empty"
        return f"RustFS says that it is not ready: {self.status} {self.reason}".rstrip()

    @property
    def next_step(self) -> str:
        return "" if self.ready else "preserve logs, run RCA before any restart; start no protected tofu apply"


def _pod(pod: Pod) -> str:
    return f"{pod.name} {pod.phase} on {pod.node or 'no node'}{'' if pod.ready else ', not ready'}"
