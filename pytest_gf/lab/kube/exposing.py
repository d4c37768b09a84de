"""What leads into the emulated cluster from outside, where a fault says so: one way a bend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube.objects import meta

Object = Mapping[str, Any]
DOMAIN = "tinyland.invalid"
ELSEWHERE = "default"
INTERNAL = {"service.beta.kubernetes.io/aws-load-balancer-internal": "true"}
ROUTES = {
    "http-route": "httproutes",
    "old-route": "httproutes",
    "mirror": "httproutes",
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
    "internal-name": {},
    "tailnet": {},
    "tailscale": {"type": "LoadBalancer", "loadBalancerClass": "tailscale"},
    "internal-balancer": {"type": "LoadBalancer"},
    "selectorless": {"type": "LoadBalancer"},
}
"""What sets another Service of the same pods apart, by way."""
ANNOTATIONS: Mapping[str, Object] = {
    "public-name": {"external-dns.alpha.kubernetes.io/hostname": "{host}"},
    "internal-name": {"external-dns.alpha.kubernetes.io/internal-hostname": "{host}"},
    "tailnet": {"tailscale.com/expose": "true"},
    "internal-balancer": INTERNAL,
}
CUSTOM = {"traefik": ("traefik.io", "ingressroutes"), "istio": ("networking.istio.io", "virtualservices")}
"""The group and the resource of each way that somebody's own kind opens."""
PRIVATE = ("internal-name", "tailnet", "tailscale", "internal-balancer")
"""Ways that lead from a private net alone."""
IN_PODS = ("host-port", "host-network")
"""Ways that stand in the pods' own spec: rustfs_pods.py and bazel.py make them."""
FAULTS = ("rustfs-exposed", "bazel-exposed")


@dataclass(frozen=True)
class Backend:
    """A Service that is to be exposed: its name, port and selector."""

    name: str
    port: int
    selector: Mapping[str, str]
    address: str = ""
    """Where one of its pods listens."""


def groups(bends: Bends) -> set[str]:
    """Return the groups of somebody's own kinds that are installed: where a fault leads somewhere by one."""
    ways = {bends.argument(fault) for fault in FAULTS}
    return {group for way, (group, _) in CUSTOM.items() if way in ways}


def has_gateway(bends: Bends) -> bool:
    """Tell whether a Gateway API is installed: where a fault leads somewhere by it."""
    return any(bends.argument(fault) in ROUTES for fault in FAULTS)


def is_old(bends: Bends) -> bool:
    """Tell whether the Gateway API that is installed is one before v1: HTTPRoutes are served by v1beta1 alone."""
    return any(bends.argument(fault) == "old-route" for fault in FAULTS)


def objects(resource: str, bends: Bends, namespace: str, backends: Mapping[str, Backend]) -> list[Object]:
    """Return the objects of a resource that lead to these backends, by the first word of their fault."""
    return [
        made
        for fault in FAULTS
        if (way := bends.argument(fault)) is not None
        for made in _leading(resource, way, namespace, backends[fault.partition("-")[0]])
    ]


def _leading(resource: str, way: str, namespace: str, backend: Backend) -> Iterator[Object]:
    name = f"{backend.name}-outside"
    if resource == "services":
        yield from _services(way, name, namespace, backend)
    elif resource == "endpointslices" and way == "selectorless":
        labels = {"labels": {"kubernetes.io/service-name": name}}
        endpoints = [{"addresses": [backend.address], "conditions": {"ready": True}}]
        made = {"addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "s3", "port": backend.port}]}
        yield {"metadata": meta(f"{name}-x", namespace) | labels, **made}
    elif resource == "configmaps" and way == "tcp-services":
        port = {str(backend.port): f"{namespace}/{backend.name}:{backend.port}"}
        yield {"metadata": meta("tcp-services", "ingress-nginx"), "data": port}
    elif way in CUSTOM and resource == CUSTOM[way][1]:
        yield {"metadata": meta(name, ELSEWHERE), "spec": _custom(way, namespace, backend)}
    elif resource == "ingresses" and way in {"ingress", "default-backend", "alias", "alias-chain"}:
        yield _ingress(way, name, namespace, backend)
    elif ROUTES.get(way) == resource:
        yield {"metadata": meta(name, ELSEWHERE), "spec": _route(way, namespace, backend)}


def _services(way: str, name: str, namespace: str, backend: Backend) -> Iterator[Object]:
    if way in SERVICES:
        annotations = {key: value.format(host=_host(backend)) for key, value in ANNOTATIONS.get(way, {}).items()}
        selected = {} if way == "selectorless" else {"selector": dict(backend.selector)}
        spec = {"type": "ClusterIP", "ports": [{"port": backend.port}], **selected, **SERVICES[way]}
        yield {"metadata": meta(name, namespace) | {"annotations": annotations}, "spec": spec}
    elif way in {"alias", "alias-chain"}:
        aliases = {name: f"{backend.name}.{namespace}"}
        aliases |= {f"{name}-again": f"{name}.{ELSEWHERE}"} if way == "alias-chain" else {}
        for alias, target in aliases.items():
            spec = {"type": "ExternalName", "externalName": f"{target}.svc.cluster.local"}
            yield {"metadata": meta(alias, ELSEWHERE), "spec": spec}


def _host(backend: Backend) -> str:
    return f"{backend.name}.{DOMAIN}"


def _ingress(way: str, name: str, namespace: str, backend: Backend) -> Object:
    led = {"alias": name, "alias-chain": f"{name}-again"}.get(way, backend.name)
    service = {"name": led, "port": {"number": backend.port}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": {"service": service}}]
    spec: Object = {"rules": [{"host": _host(backend), "http": {"paths": paths}}]}
    if way == "default-backend":
        spec = {"defaultBackend": {"service": service}}
    return {"metadata": meta(name, ELSEWHERE if way.startswith("alias") else namespace), "spec": spec}


def _route(way: str, namespace: str, backend: Backend) -> Object:
    reference = {"name": backend.name, "namespace": namespace, "port": backend.port}
    rules: list[Object] = [{"backendRefs": [reference]}]
    if way == "mirror":
        mirrored = [{"type": "RequestMirror", "requestMirror": {"backendRef": reference}}]
        rules = [{"backendRefs": [{"name": "another"}], "filters": mirrored}]
    hosts = {} if way == "tcp-route" else {"hostnames": [_host(backend)]}
    return {"parentRefs": [{"name": "public"}], "rules": rules} | hosts


def _custom(way: str, namespace: str, backend: Backend) -> Object:
    host = _host(backend)
    if way == "traefik":
        service = {"name": backend.name, "namespace": namespace, "port": backend.port}
        return {"entryPoints": ["websecure"], "routes": [{"match": f"Host(`{host}`)", "services": [service]}]}
    destination = {"destination": {"host": f"{backend.name}.{namespace}.svc.cluster.local"}}
    return {"hosts": [host], "gateways": ["istio-system/public"], "http": [{"route": [destination]}]}
