"""Other stores in the emulated cluster, one a fault: what the inventory of candidates is to classify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = "object-store"
Object = Mapping[str, Any]


@dataclass(frozen=True)
class Store:
    """One workload: its kind of controller, image, how many pods on how many nodes, and the class of its volumes."""

    kind: str
    image: str
    replicas: int
    nodes: int
    storage_class: str


STORES: Mapping[str, Store] = {
    "dedicated": Store("StatefulSet", "quay.io/minio/minio", 4, 3, "local-path"),
    "dedicated-single": Store("Deployment", "docker.io/chrislusf/seaweedfs", 1, 1, "openebs-bumble-zfs"),
    "replicated-rustfs": Store("StatefulSet", "docker.io/rustfs/rustfs", 2, 2, "openebs-bumble-zfs"),
    "local-path": Store("Deployment", "quay.io/minio/minio", 1, 1, "local-path"),
    "cache-store": Store("Deployment", "ghcr.io/zhaofengli/attic", 1, 1, ""),
}


def objects(resource: str, names: tuple[str, ...], nodes: tuple[str, ...]) -> list[Object]:
    """Return the objects of a resource that these stores stand in the cluster with."""
    return [each for name in names for each in _of(resource, name, STORES[name], nodes)]


def _of(resource: str, name: str, store: Store, nodes: tuple[str, ...]) -> list[Object]:
    pods = range(store.replicas)
    if resource == f"{store.kind.lower()}s":
        spec = {
            "replicas": store.replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": _containers(name, store)},
        }
        status = {"replicas": store.replicas, "readyReplicas": store.replicas}
        return [{"metadata": _meta(name, name), "spec": spec, "status": status}]
    if resource == "pods":
        return [_pod(name, store, at, nodes) for at in pods]
    if not store.storage_class:
        return []
    if resource == "persistentvolumeclaims":
        return [
            {
                "metadata": _meta(f"data-{name}-{at}", name),
                "spec": {"storageClassName": store.storage_class, "volumeName": f"pv-{name}-{at}"},
                "status": {"phase": "Bound"},
            }
            for at in pods
        ]
    return []


def _pod(name: str, store: Store, at: int, nodes: tuple[str, ...]) -> Object:
    chosen = tuple(reversed(nodes))[: store.nodes]
    spec = _containers(name, store) | {"nodeName": chosen[at % len(chosen)] if chosen else ""}
    if store.storage_class:
        spec |= {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}-{at}"}}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": _meta(f"{name}-{at}", name), "spec": spec, "status": status}


def _containers(name: str, store: Store) -> dict[str, Any]:
    return {"containers": [{"name": name, "image": f"{store.image}@sha256:{'7c' * 32}"}]}


def _meta(name: str, app: str) -> dict[str, Any]:
    made = {"name": name, "namespace": NAMESPACE, "uid": f"{app}-{name}", "resourceVersion": "4711"}
    return made | {"creationTimestamp": "2026-03-14T09:26:53Z", "labels": {"app": app}}
