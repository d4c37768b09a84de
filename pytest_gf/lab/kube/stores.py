"""What stands in the emulated cluster beside RustFS: the caches and their database, and other stores, one a fault."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_gf.honey.contract import Contract
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube import bazel
from pytest_gf.lab.kube.objects import CREATED, FINISHED, finished_job, meta, owned

ELSEWHERE = "object-store"
Object = Mapping[str, Any]


@dataclass(frozen=True)
class Store:
    """One workload: its name, kind of controller, image, how many pods on how many nodes, the class of its volumes.

    ``node`` is the first of its nodes, where it has one of its own; ``namespace`` "" is RustFS's. ``ports`` are those of a
    Service, by name; ``service`` is its name. ``container`` and ``volumes`` go into the pods' spec.
    """

    name: str
    kind: str
    image: str
    replicas: int
    nodes: int
    storage_class: str = ""
    node: str = ""
    namespace: str = ""
    service: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=dict)
    volumes: tuple[Mapping[str, Any], ...] = ()
    pod: Mapping[str, Any] = field(default_factory=dict)


COMPONENTS: Mapping[str, Store] = {
    "attic-api": Store(
        "attic",
        "Deployment",
        "ghcr.io/zhaofengli/attic",
        1,
        1,
        node="honey",
        service="attic",
        ports={"http": 80},
    ),
    "attic-database": Store(
        "attic-pg", "Cluster", "ghcr.io/cloudnative-pg/postgresql", 1, 1, "local-path", node="honey"
    ),
    "bazel-cache": Store(
        "bazel-cache", "Deployment", "docker.io/buchgr/bazel-remote-cache", 1, 1, node="honey", service="bazel-cache"
    ),
}
"""By the contract's names of the limits."""
GROUPS: Mapping[str, str] = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "Cluster": "postgresql.cnpg.io/v1"}
BESIDE = (
    Store("attic-gc", "Deployment", "ghcr.io/zhaofengli/attic", 1, 1, node="sting"),
    Store("attic-pg-1-initdb", "Job", "ghcr.io/cloudnative-pg/postgresql", 1, 1, node="sting"),
)
"""Workloads that run a component's image and are not that component. Honey has them too (tofu/stacks/attic)."""
CANDIDATES: Mapping[str, Store] = {
    store.name: replace(store, namespace=ELSEWHERE)
    for store in (
        Store("dedicated", "StatefulSet", "quay.io/minio/minio", 4, 3, "local-path"),
        Store("dedicated-single", "Deployment", "docker.io/chrislusf/seaweedfs", 1, 1, "openebs-bumble-zfs"),
        Store("replicated-rustfs", "StatefulSet", "docker.io/rustfs/rustfs", 2, 2, "openebs-bumble-zfs"),
        Store("local-path", "Deployment", "quay.io/minio/minio", 1, 1, "local-path"),
        Store("cache-store", "Deployment", "ghcr.io/zhaofengli/attic", 1, 1),
    )
}


def objects(resource: str, bends: Bends, contract: Contract, nodes: tuple[str, ...]) -> list[Object]:
    """Return these workloads' objects of a resource, as the faults change them."""
    namespace = contract.rustfs.namespace if contract.rustfs is not None else ""
    if bends.on("namespace-empty"):
        return []
    standing: list[Store] = [
        replace(store, replicas=2, nodes=2) if bends.on("component-spread", name) else store
        for name, store in ({**COMPONENTS, "bazel-cache": _bazel(contract, bends)}).items()
        if not bends.on("component-gone", name)
    ]
    standing += BESIDE
    standing += [store for name, store in CANDIDATES.items() if bends.on("candidate", name)]
    placed = [replace(store, namespace=store.namespace or namespace) for store in standing]
    return [made for store in placed for made in _of(resource, store, nodes)]


def _bazel(contract: Contract, bends: Bends) -> Store:
    made = bazel.pod(contract, bends)
    shaped = {"container": made["container"], "volumes": tuple(made["volumes"]), "pod": made["pod"]}
    return replace(COMPONENTS["bazel-cache"], ports=bazel.ports(bends), **shaped)


def _of(resource: str, store: Store, nodes: tuple[str, ...]) -> Iterator[Object]:
    pods = range(store.replicas)
    if resource == "jobs" and store.kind == "Job":
        yield {"metadata": _meta(store, store.name), "spec": finished_job(_containers(store)), "status": FINISHED}
    elif resource == f"{store.kind.lower()}s" and store.kind != "Job":
        yield {"metadata": _meta(store, store.name), **_scaled(store)}
    elif resource == "replicasets" and store.kind == "Deployment":
        owner = owned("apps/v1", store.kind, _meta(store, store.name))
        yield {"metadata": _replica_set(store) | owner, **_scaled(store)}
    elif resource == "pods":
        yield from (_pod(store, at, nodes) for at in pods)
    elif resource == "services" and store.service:
        ports = [{"name": name, "port": port, "targetPort": name} for name, port in store.ports.items()]
        spec = {"type": "ClusterIP", "selector": {"app": store.name}, "ports": ports}
        yield {"metadata": _meta(store, store.service), "spec": spec}
    elif resource == "persistentvolumeclaims" and store.storage_class:
        for at in pods:
            size = {"requests": {"storage": "10Gi"}}
            spec = {"storageClassName": store.storage_class, "volumeName": f"pv-{store.name}-{at}"}
            spec |= {"accessModes": ["ReadWriteOnce"], "resources": size}
            yield {"metadata": _meta(store, f"data-{store.name}-{at}"), "spec": spec, "status": {"phase": "Bound"}}


def _scaled(store: Store) -> Object:
    """Return spec and status of what keeps pods: a Deployment, its ReplicaSet, a StatefulSet."""
    template = {"metadata": {"labels": {"app": store.name}}, "spec": _containers(store)}
    spec = {"replicas": store.replicas, "selector": {"matchLabels": {"app": store.name}}, "template": template}
    return {"spec": spec, "status": {"replicas": store.replicas, "readyReplicas": store.replicas}}


def _pod(store: Store, at: int, nodes: tuple[str, ...]) -> Object:
    own = tuple(name for name in nodes if name == store.node)
    chosen = (*own, *(name for name in reversed(nodes) if name not in own))[: store.nodes]
    spec = _containers(store) | {"nodeName": chosen[at % len(chosen)] if chosen else ""}
    if store.storage_class:
        claim = {"persistentVolumeClaim": {"claimName": f"data-{store.name}-{at}"}}
        spec |= {"volumes": [{"name": "data", **claim}]}
    if store.kind == "Deployment":
        owner = owned("apps/v1", "ReplicaSet", _replica_set(store))
    else:
        owner = owned(GROUPS.get(store.kind, "batch/v1"), store.kind, _meta(store, store.name))
    return {"metadata": _meta(store, f"{store.name}-{at}") | owner, "spec": spec, "status": _status(store, at)}


def _status(store: Store, at: int) -> Object:
    finished = store.kind == "Job"
    ready = {"type": "Ready", "status": "False" if finished else "True"}
    state: Object = {"running": {"startedAt": CREATED}}
    if finished:
        state = {"terminated": {"reason": "Completed", "exitCode": 0}}
    status = {"name": store.name, "ready": not finished, "restartCount": 0, "image": store.image, "imageID": ""}
    phase = "Succeeded" if finished else "Running"
    containers = [{**status, "state": state}]
    return {"phase": phase, "podIP": address(store.name, at), "conditions": [ready], "containerStatuses": containers}


def address(name: str, at: int = 0) -> str:
    """Return where a workload's pod listens; no other pod has it."""
    return f"10.42.{zlib.crc32(name.encode()) % 200 + 3}.{at + 20}"


def _replica_set(store: Store) -> dict[str, Any]:
    return _meta(store, f"{store.name}-5c9d8b7f6")


def _containers(store: Store) -> dict[str, Any]:
    container = {"name": store.name, "image": f"{store.image}@sha256:{'7c' * 32}", **store.container}
    return {"containers": [container], **store.pod} | ({"volumes": list(store.volumes)} if store.volumes else {})


def _meta(store: Store, name: str) -> dict[str, Any]:
    return meta(name, store.namespace, labels={"app": store.name})
