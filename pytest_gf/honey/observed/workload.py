"""RustFS as the cluster shows it: its Deployment and pods, its volume, its readiness; which cluster it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.observed.disk import PRESERVE
from pytest_gf.honey.observed.storage import Mount

BRING_BACK = (
    "bring the node back (is its ZFS module loaded? 2026-05-11); start no protected tofu apply; repair no bucket"
)
KEEP_LOGS = "preserve logs before anything restarts: kubectl logs --previous, kubectl describe pod; start no protected tofu apply"


def node_down(node: str, storage: str) -> Cause:
    """Return the cause that is a node which does not report Ready: the one that holds the disk, or another."""
    return Cause("storage-node-down" if node == storage else "node-down", node)


@dataclass(frozen=True)
class ClusterNode:
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
    nodes: tuple[ClusterNode, ...] | None
    foreign: tuple[str, ...] = ()

    def down(self, node: str) -> bool:
        """Whether this node is known to be down, or to have left the cluster."""
        if self.nodes is None or not node:
            return False
        return not any(other.name == node and other.ready for other in self.nodes)


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
class RustFS(Observed):
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

    promises = "Deployment {self.namespace}/{self.deployment}: one replica, ready, its image pinned by digest"

    @property
    def digest(self) -> str:
        """The digest that runs, or that the spec names, "" where neither is known."""
        images = (image for pod in self.pods for image in (pod.image_id, pod.image))
        return next((image.partition("@")[2] for image in images if "@sha256:" in image), "")

    @property
    def seen(self) -> str:
        pods = f"pods: {', '.join(map(_pod, self.pods)) or 'none'}{''.join(f'; {reason}' for reason in self.left)}"
        return f"{self.ready_replicas} of {self.replicas} ready; {pods}" if self.found else f"no Deployment; {pods}"

    def trouble(self) -> Trouble | None:
        if self.strange:
            says = f"namespace {self.namespace} holds none of honey's workloads: Deployment {self.deployment} is not there either"
            step = "does [kubernetes] of the target name the namespace that RustFS runs in?"
            return Trouble(Cause("wrong-namespace", self.namespace), says, step)
        down = next((pod.node for pod in self.pods if pod.node and not pod.node_ready), "")
        if self.found and down:
            says = f"node down: {down} does not report Ready, and the pod is there; this is no bucket-index loss"
            return Trouble(node_down(down, self.promised_node), says, BRING_BACK)
        return self._of_pods()

    def _of_pods(self) -> Trouble | None:  # noqa: PLR0911  # One line a cause.
        name, down = self.deployment, Cause("pod-down", self.deployment)
        if not self.found:
            says = f"Deployment {name} is gone from namespace {self.namespace}"
            return Trouble(Cause("workload-gone", name), says, KEEP_LOGS)
        if not self.pods:
            why = f" that stands ({'; '.join(self.left)})" if self.left else ""
            return Trouble(down, f"pod down: the Deployment has no pod{why}", KEEP_LOGS)
        pod = self.pods[0]
        if any(not other.node for other in self.pods):
            return Trouble(down, f"pod down: no node takes it ({pod.why or pod.phase})", KEEP_LOGS)
        if self.replicas != 1 or len(self.pods) != 1:
            says = f"{self.replicas} replicas instead of one: RustFS's volume and index are made for one writer"
            return Trouble(Cause("not-one-replica", name), says, KEEP_LOGS)
        if not pod.ready or self.ready_replicas != 1:
            says = f"pod down: it runs on {pod.node} and is not ready ({pod.why or pod.phase})"
            return Trouble(down, says, KEEP_LOGS)
        if "@sha256:" in pod.image:
            return None
        says = "the image is not pinned by digest: what runs after a restart is not what was proved"
        return Trouble(Cause("image-not-pinned", name), says, "pin the image by its digest in the stack's inputs")


@dataclass(frozen=True)
class StorageNode(Observed):
    """The contract's storage node as the cluster lists it; ``ready`` False also where it is not listed."""

    name: str
    listed: bool
    ready: bool

    promises = "node {self.name} is listed and reports Ready"

    @property
    def seen(self) -> str:
        return "Ready" if self.ready else "not Ready" if self.listed else "not listed"

    def trouble(self) -> Trouble | None:
        if self.ready:
            return None
        how = f"node {self.name} has left the cluster"
        if self.listed:
            how = f"node down: {self.name} does not report Ready"
        return Trouble(node_down(self.name, self.name), how, BRING_BACK)


@dataclass(frozen=True)
class ClusterNodes(Observed):
    """The contract's nodes that do not report Ready or are not listed, and what the page says goes with each. S125, S126."""

    promised_nodes: tuple[str, ...]
    down: tuple[str, ...]
    gone: tuple[str, ...]
    losses: Mapping[str, str]
    foreign: tuple[str, ...] = ()
    storage: str = ""
    """The node that holds RustFS's disk."""

    @property
    def promised(self) -> str:
        return f"{', '.join(self.promised_nodes)} report Ready"

    @property
    def seen(self) -> str:
        if not self.down and not self.gone:
            beside = f"; beside them stand {', '.join(self.foreign)}, which the contract does not name"
            return f"all report Ready{beside if self.foreign else ''}"
        down = [f"{name} does not report Ready" for name in self.down]
        return "; ".join([*down, *(f"{name} is not listed" for name in self.gone)])

    def trouble(self) -> Trouble | None:
        down = (*self.down, *self.gone)
        if not down:
            return None
        losses = [f"; {name}: {self.losses[name]}" for name in down if name in self.losses]
        cause = node_down(self.storage if self.storage in down else down[0], self.storage)
        return Trouble(cause, f"node down, no bucket-index loss: {self.seen}{''.join(losses)}", BRING_BACK)


@dataclass(frozen=True)
class Placement(Observed):
    """Where the pod runs, from the pod itself. Statement S017."""

    nodes: tuple[str, ...]
    promised_node: str
    deployment: str = ""

    promises = "RustFS's pod runs on {self.promised_node}"

    @property
    def seen(self) -> str:
        return f"it runs on {', '.join(self.nodes)}"

    def trouble(self) -> Trouble | None:
        if self.nodes == (self.promised_node,):
            return None
        nodes = ", ".join(self.nodes)
        says = f"RustFS runs on {nodes}, and its volume is {self.promised_node}'s"
        step = "which volume does it serve? kubectl describe pvc; start no protected tofu apply"
        because = (Cause("not-one-replica", self.deployment),) if len(self.nodes) > 1 else ()
        return Trouble(Cause("pod-elsewhere", nodes), says, step, because)


@dataclass(frozen=True)
class Readiness(Observed):
    """``/health`` and ``/health/ready`` of RustFS; ``reason`` is what the body says of a refusal."""

    version: str
    status: int
    reason: str
    listing_empty: bool | None = None
    """Whether ListBuckets answers 200 with nothing; None where that was not seen."""

    promises = "/health/ready answers 200"

    @property
    def ready(self) -> bool:
        return self.status == 200  # noqa: PLR2004  # RFC 9110, 15.3.1.

    @property
    def seen(self) -> str:
        version = self.version or "of no version"
        return f"/health says RustFS {version}; /health/ready {self.status} {self.reason}".rstrip()

    def trouble(self) -> Trouble | None:
        if self.ready:
            return None
        cause, says = Cause("s3-not-ready"), f"RustFS says that it is not ready: {self.status} {self.reason}".rstrip()
        if self.listing_empty:
            cause = Cause("disk-offline")
            says = "disk offline inside RustFS: /health/ready 503 beside a listing that is 200 and empty"
        return Trouble(cause, says, f"{PRESERVE}; start no protected tofu apply")


def _pod(pod: Pod) -> str:
    return f"{pod.name} {pod.phase} on {pod.node or 'no node'}{'' if pod.ready else ', not ready'}"
