"""What leads into the emulated cluster from outside, where a fault says so: one way a bend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_gf.lab.bends import Bends

Object = Mapping[str, Any]
DOMAIN = "tinyland.invalid"
ELSEWHERE = "default"
ROUTES = {
    "http-route": "httproutes",
    "grpc-route": "grpcroutes",
    "tcp-route": "tcproutes",
    "tls-route": "tlsroutes",
}
"""The resource of each way that a gateway opens."""
SERVICES: Mapping[str, Object] = {
    "load-balancer": {"type": "LoadBalancer"},
    "node-port": {"type": "NodePort"},
    "external-ip": {"externalIPs": ["203.0.113.7"]},
    "public-name": {},
}
"""What sets another Service of the same pods apart, by way."""
FAULTS = ("rustfs-exposed", "bazel-exposed")


@dataclass(frozen=True)
class Backend:
    """A Service that is to be exposed: its name, port and selector."""

    name: str
    port: int
    selector: Mapping[str, str]


def has_gateway(bends: Bends) -> bool:
    """Tell whether a Gateway API is installed: where a fault leads somewhere by it."""
    return any(bends.argument(fault) in ROUTES for fault in FAULTS)


def objects(resource: str, bends: Bends, namespace: str, backends: Mapping[str, Backend]) -> list[Object]:
    """Return the objects of a resource that lead to these backends, by the first word of their fault."""
    return [
        made
        for fault in FAULTS
        if (way := bends.argument(fault)) is not None
        for made in _leading(resource, way, namespace, backends[fault.partition("-")[0]])
    ]


def _leading(resource: str, way: str, namespace: str, backend: Backend) -> Iterator[Object]:
    name, host = f"{backend.name}-outside", f"{backend.name}.{DOMAIN}"
    if resource == "services" and way in SERVICES:
        ports = [{"port": backend.port}]
        annotations = {"external-dns.alpha.kubernetes.io/hostname": host} if way == "public-name" else {}
        spec = {"type": "ClusterIP", "selector": dict(backend.selector), "ports": ports, **SERVICES[way]}
        yield {"metadata": _meta(name, namespace) | {"annotations": annotations}, "spec": spec}
    elif resource == "services" and way == "alias":
        target = f"{backend.name}.{namespace}.svc.cluster.local"
        yield {"metadata": _meta(name, ELSEWHERE), "spec": {"type": "ExternalName", "externalName": target}}
    elif resource == "ingresses" and way in {"ingress", "default-backend", "alias"}:
        service = {"name": name if way == "alias" else backend.name, "port": {"number": backend.port}}
        rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": service}}]}}
        spec = {"defaultBackend": {"service": service}} if way == "default-backend" else {"rules": [rule]}
        yield {"metadata": _meta(name, ELSEWHERE if way == "alias" else namespace), "spec": spec}
    elif ROUTES.get(way) == resource:
        hosts = {} if way == "tcp-route" else {"hostnames": [host]}
        rules = [{"backendRefs": [{"name": backend.name, "namespace": namespace, "port": backend.port}]}]
        yield {"metadata": _meta(name, ELSEWHERE), "spec": {"parentRefs": [{"name": "public"}], "rules": rules} | hosts}


def _meta(name: str, namespace: str) -> dict[str, Any]:
    made = {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", "resourceVersion": "4711"}
    return made | {"creationTimestamp": "2026-03-14T09:26:53Z"}
