"""What stands in the emulated cluster beside RustFS: the caches and their database, and other stores, one a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_gf.honey.contract import Contract
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube import bazel

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


COMPONENTS: Mapping[str, Store] = {
    "attic-api": Store(
        "attic-server",
        "Deployment",
        "ghcr.io/zhaofengli/attic",
        1,
        1,
        node="honey",
        service="attic",
        ports={"http": 80},
    ),
    "attic-database": Store("postgres", "StatefulSet", "docker.io/library/postgres", 1, 1, "local-path", node="honey"),
    "bazel-cache": Store(
        "bazel-cache", "Deployment", "docker.io/buchgr/bazel-remote-cache", 1, 1, node="honey", service="bazel-cache"
    ),
}
"""By the contract's names of the limits."""
CANDIDATES: Mapping[str, Store] = {
    each.name: replace(each, namespace=ELSEWHERE)
    for each in (
        Store("dedicated", "StatefulSet", "quay.io/minio/minio", 4, 3, "local-path"),
        Store("dedicated-single", "Deployment", "docker.io/chrislusf/seaweedfs", 1, 1, "openebs-bumble-zfs"),
        Store("replicated-rustfs", "StatefulSet", "docker.io/rustfs/rustfs", 2, 2, "openebs-bumble-zfs"),
        Store("local-path", "Deployment", "quay.io/minio/minio", 1, 1, "local-path"),
        Store("cache-store", "Deployment", "ghcr.io/zhaofengli/attic", 1, 1),
    )
}


def objects(resource: str, bends: Bends, contract: Contract, nodes: tuple[str, ...]) -> list[Object]:
    """Return the objects of a resource that these workloads stand in the cluster with, as the bends have them."""
    namespace = contract.rustfs.namespace if contract.rustfs is not None else ""
    standing = [
        replace(each, replicas=2, nodes=2) if bends.on("component-spread", name) else each
        for name, each in ({**COMPONENTS, "bazel-cache": _bazel(contract, bends)}).items()
    ]
    standing += [each for name, each in CANDIDATES.items() if bends.on("candidate", name)]
    placed = [replace(each, namespace=each.namespace or namespace) for each in standing]
    return [made for each in placed for made in _of(resource, each, nodes)]


def _bazel(contract: Contract, bends: Bends) -> Store:
    made = bazel.pod(contract, bends)
    shaped = {"container": made["container"], "volumes": tuple(made["volumes"])}
    return replace(COMPONENTS["bazel-cache"], ports=bazel.ports(bends), **shaped)


def _of(resource: str, store: Store, nodes: tuple[str, ...]) -> Iterator[Object]:
    pods = range(store.replicas)
    if resource == f"{store.kind.lower()}s":
        spec = {
            "replicas": store.replicas,
            "selector": {"matchLabels": {"app": store.name}},
            "template": {"metadata": {"labels": {"app": store.name}}, "spec": _containers(store)},
        }
        status = {"replicas": store.replicas, "readyReplicas": store.replicas}
        yield {"metadata": _meta(store, store.name), "spec": spec, "status": status}
    elif resource == "pods":
        yield from (_pod(store, at, nodes) for at in pods)
    elif resource == "services" and store.service:
        ports = [{"name": name, "port": port, "targetPort": name} for name, port in store.ports.items()]
        spec = {"type": "ClusterIP", "selector": {"app": store.name}, "ports": ports}
        yield {"metadata": _meta(store, store.service), "spec": spec}
    elif resource == "persistentvolumeclaims" and store.storage_class:
        for at in pods:
            spec = {"storageClassName": store.storage_class, "volumeName": f"pv-{store.name}-{at}"}
            yield {"metadata": _meta(store, f"data-{store.name}-{at}"), "spec": spec, "status": {"phase": "Bound"}}


def _pod(store: Store, at: int, nodes: tuple[str, ...]) -> Object:
    own = tuple(name for name in nodes if name == store.node)
    chosen = (*own, *(name for name in reversed(nodes) if name not in own))[: store.nodes]
    spec = _containers(store) | {"nodeName": chosen[at % len(chosen)] if chosen else ""}
    if store.storage_class:
        claim = {"persistentVolumeClaim": {"claimName": f"data-{store.name}-{at}"}}
        spec |= {"volumes": [{"name": "data", **claim}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": _meta(store, f"{store.name}-{at}"), "spec": spec, "status": status}


def _containers(store: Store) -> dict[str, Any]:
    container = {"name": store.name, "image": f"{store.image}@sha256:{'7c' * 32}", **store.container}
    return {"containers": [container]} | ({"volumes": list(store.volumes)} if store.volumes else {})


def _meta(store: Store, name: str) -> dict[str, Any]:
    made = {"name": name, "namespace": store.namespace, "uid": f"{store.namespace}-{name}", "resourceVersion": "4711"}
    return made | {"creationTimestamp": "2026-03-14T09:26:53Z", "labels": {"app": store.name}}
