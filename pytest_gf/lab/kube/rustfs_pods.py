"""RustFS's pods in the emulated cluster, how faults change them, and pods beside them that are not RustFS's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_gf.honey.contract.model import Workload
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube.objects import CREATED, meta, minute_ago, owned
from pytest_gf.lab.kube.volumes import RESTORED

Object = Mapping[str, Any]
DIGEST = "sha256:" + "5f" * 32
IMAGE = "docker.io/rustfs/rustfs"
VERSION = "1.0.0-beta.7"
CONTAINER = "rustfs"
SCHEDULER = "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match PersistentVolume's node affinity."
BACK_OFF = "back-off 5m0s restarting failed container=rustfs pod=attic-rustfs-openebs"
NO_MODULE = (
    "MountVolume.SetUp failed for volume: rpc error: code = Internal desc = zfs: the kernel module is not loaded"
)
EVICTED = "The node was low on resource: ephemeral-storage."
WAITING: Mapping[str, Object] = {
    "crash-loop": {"reason": "CrashLoopBackOff", "message": BACK_OFF},
    "oom-killed": {"reason": "CrashLoopBackOff", "message": BACK_OFF},
    "image-pull": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"},
    "mount-failed": {"reason": "ContainerCreating"},  # Why stands in the kubelet's events alone.
}
ENDED: Mapping[str, Object] = {
    "crash-loop": {"reason": "Error", "exitCode": 1, "startedAt": CREATED},
    "oom-killed": {"reason": "OOMKilled", "exitCode": 137, "startedAt": CREATED},
}


@dataclass(frozen=True)
class Given:
    """What the pods are made of; ``nodes`` are those of the first and of any other, ``spare`` is a node without RustFS."""

    workload: Workload
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    replica_set: Mapping[str, Any]
    nodes: tuple[str, str]
    ready: bool
    spare: str


def spec(bends: Bends, workload: Workload) -> dict[str, Any]:
    """Return the pods' spec: one container, or behind sidecars where a fault says so."""
    image = f"{IMAGE}:{VERSION}" if bends.on("image-by-tag") else f"{IMAGE}@{DIGEST}"
    mounts = [{"name": "data", "mountPath": workload.data}]
    container = {
        "name": CONTAINER,
        "image": image,
        "ports": [
            {"name": "s3", "containerPort": workload.port},
            {"name": "console", "containerPort": workload.port + 1},
        ],
        "volumeMounts": mounts,
        "env": [{"name": "RUSTFS_SECRET_KEY", "value": "a-plain-value-in-the-pod"}],
    }
    sidecars = [
        {"name": "istio-proxy", "image": f"docker.io/istio/proxyv2@{DIGEST}"},
        {"name": "backup", "image": f"docker.io/restic/restic@{DIGEST}", "volumeMounts": mounts},
    ]
    exposed = bends.argument("rustfs-exposed")
    if exposed == "host-port":
        container["ports"] = [{"name": "s3", "containerPort": workload.port, "hostPort": workload.port}]
    made = {"containers": [*(sidecars if bends.on("sidecar-first") else []), container]}
    made |= {"volumes": [{"name": "data", **_data(bends, workload)}]}
    return made | ({"hostNetwork": True} if exposed == "host-network" else {})


def _data(bends: Bends, workload: Workload) -> Object:
    kinds: Mapping[str, Object] = {
        "claim": {"persistentVolumeClaim": {"claimName": RESTORED}},
        "empty-dir": {"emptyDir": {}},
        "host-path": {"hostPath": {"path": "/srv/rustfs"}},
    }
    return kinds.get(bends.argument("data-volume") or "", {"persistentVolumeClaim": {"claimName": workload.claim}})


def pod(bends: Bends, given: Given, name: str, at: int) -> Object:
    """Return one of RustFS's pods."""
    pending, broken = bends.on("pod-pending"), bends.argument("pod-broken")
    evicted = broken == "evicted"
    made = _meta(given, name) | owned("apps/v1", "ReplicaSet", given.replica_set)
    made |= {"deletionTimestamp": minute_ago()} if bends.on("pod-terminating") else {}
    conditions = [
        {"type": "PodScheduled", "status": "False" if pending else "True"}
        | ({"reason": "Unschedulable", "message": SCHEDULER} if pending else {}),
        {"type": "Ready", "status": "True" if given.ready else "False"}
        | ({} if given.ready else {"reason": "ContainersNotReady"}),
    ]
    phase = "Pending" if pending or broken in {"image-pull", "mount-failed"} else "Failed" if evicted else "Running"
    status: dict[str, Any] = {"phase": phase, "conditions": conditions}
    if evicted:
        status |= {"reason": "Evicted", "message": EVICTED}
    elif not pending:
        status |= {"podIP": f"10.42.1.{at + 20}", "containerStatuses": [_container(bends, given, broken)]}
    return {
        "metadata": made,
        "spec": {**given.spec, **({} if pending else {"nodeName": given.nodes[at > 0]})},
        "status": status,
    }


def _container(bends: Bends, given: Given, broken: str | None) -> Object:
    image = f"{IMAGE}@{DIGEST}"
    is_new = bends.on("pod-restarted") or bends.on("pod-replaced")
    state: Object = {"running": {"startedAt": minute_ago() if is_new else CREATED}}
    if broken is not None:
        state = {"waiting": WAITING[broken]}
    again = bends.on("pod-restarted")
    last = {"lastState": {"terminated": ENDED[broken or "crash-loop"]}} if again or broken in ENDED else {}
    restarts = 41 if broken in ENDED else 1 if again else 0
    status = {"name": CONTAINER, "ready": given.ready, "restartCount": restarts, "image": image, "imageID": image}
    return {**status, "state": state, **last}


def beside(bends: Bends, given: Given) -> Iterator[Object]:
    """Yield pods that carry the Deployment's labels and are not its pods."""
    kind = bends.argument("pod-beside")
    name = given.workload.deployment
    old = given.replica_set["name"]
    if kind == "job":
        job = meta(f"{name}-lifecycle", given.workload.namespace)
        containers = {"containers": [{"name": "mc", "image": "quay.io/minio/mc:RELEASE.2025"}]}
        made = _meta(given, f"{name}-lifecycle-abcde") | owned("batch/v1", "Job", job)
        yield {"metadata": made, "spec": {**containers, "nodeName": given.spare}, "status": _RUNNING}
    elif kind == "terminating":
        made = _meta(given, f"{old}-zzzzz") | owned("apps/v1", "ReplicaSet", given.replica_set)
        made |= {"deletionTimestamp": minute_ago()}
        yield {"metadata": made, "spec": {**given.spec, "nodeName": given.spare}, "status": _RUNNING}
    elif kind == "evicted":
        made = _meta(given, f"{old}-aaaaa") | owned("apps/v1", "ReplicaSet", given.replica_set)
        status = {"phase": "Failed", "reason": "Evicted", "message": EVICTED}
        yield {"metadata": made, "spec": {**given.spec, "nodeName": given.spare}, "status": status}


_RUNNING: Object = {"phase": "Running", "podIP": "10.42.2.9", "conditions": [{"type": "Ready", "status": "True"}]}


def _meta(given: Given, name: str) -> dict[str, Any]:
    return meta(name, given.workload.namespace, labels=given.labels)
