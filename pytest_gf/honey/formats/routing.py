"""What leads to a Service from outside of its cluster, as Kubernetes' own objects and the Gateway API's say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
Documents = tuple[Document, ...]
Place = tuple[str, str]
"""Namespace and name."""

KINDS = {
    "ingresses": "Ingress",
    "httproutes": "HTTPRoute",
    "grpcroutes": "GRPCRoute",
    "tcproutes": "TCPRoute",
    "tlsroutes": "TLSRoute",
}
"""What routes to Services, by resource."""
OPEN_TYPES = ("LoadBalancer", "NodePort")
PUBLIC_NAME = "external-dns.alpha.kubernetes.io/hostname"


@dataclass(frozen=True)
class Way:
    """One object that leads to a Service from outside, and the host names that it answers to."""

    kind: str
    place: Place
    hosts: tuple[str, ...] = ()

    def __str__(self) -> str:
        hosts = f" ({', '.join(self.hosts)})" if self.hosts else ""
        return f"{self.kind} {'/'.join(self.place)}{hosts}"


def place_of(document: Document) -> Place:
    """Return an object's namespace and name."""
    metadata = document.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def services_to(service: Document, services: Documents, pods: Documents) -> Documents:
    """Return every Service that leads to the pods behind one: itself, others that select them, and aliases of each by name."""
    namespace, _ = place_of(service)
    mine = [pod for pod in pods if place_of(pod)[0] == namespace and _selects(service, pod)]
    found = [each for each in services if place_of(each) == place_of(service)]
    found += [
        each
        for each in services
        if place_of(each)[0] == namespace and each not in found and any(_selects(each, pod) for pod in mine)
    ]
    names = {f"{name}.{space}.svc" for space, name in map(place_of, found)}
    return (*found, *(each for each in services if _alias(each) in names))


def ways_to(services: Documents, routes: Mapping[str, Documents]) -> tuple[Way, ...]:
    """Return what leads to these Services: they themselves where they are open, and routes, by resource, whose backend they are."""
    backends = {place_of(each) for each in services}
    found = [way for each in services for way in _own(each)]
    for resource, documents in routes.items():
        names = _ingress if resource == "ingresses" else _route
        leading = [each for each in documents if backends.intersection(names(each))]
        found += [Way(KINDS[resource], place_of(each), _hosts(each)) for each in leading]
    return tuple(found)


def _selects(service: Document, pod: Document) -> bool:
    selector = (service.get("spec") or {}).get("selector") or {}
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return bool(selector) and selector.items() <= labels.items()


def _alias(service: Document) -> str:
    name = str((service.get("spec") or {}).get("externalName") or "").rstrip(".")
    return ".".join(name.split(".")[:3])


def _own(service: Document) -> Iterator[Way]:
    spec, place = service.get("spec") or {}, place_of(service)
    if spec.get("type") in OPEN_TYPES:
        yield Way(f"{spec['type']} Service", place)
    if spec.get("externalIPs"):
        yield Way("Service with external addresses", place, tuple(map(str, spec["externalIPs"])))
    annotations = (service.get("metadata") or {}).get("annotations") or {}
    if annotations.get(PUBLIC_NAME):
        yield Way("Service with a public name", place, (str(annotations[PUBLIC_NAME]),))


def _ingress(document: Document) -> Iterator[Place]:
    spec, (namespace, _) = document.get("spec") or {}, place_of(document)
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        yield namespace, str(((backend or {}).get("service") or {}).get("name") or "")


def _route(document: Document) -> Iterator[Place]:
    """Yield a gateway route's backends; a route of a Service's own is a mesh's, and comes from nowhere outside."""
    spec, (namespace, _) = document.get("spec") or {}, place_of(document)
    parents = spec.get("parentRefs") or ()
    if parents and all(parent.get("kind") == "Service" for parent in parents):
        return
    for rule in spec.get("rules") or ():
        for backend in rule.get("backendRefs") or ():
            if backend.get("kind", "Service") == "Service":
                yield str(backend.get("namespace") or namespace), str(backend.get("name") or "")


def _hosts(document: Document) -> tuple[str, ...]:
    spec = document.get("spec") or {}
    named = [str(rule["host"]) for rule in spec.get("rules") or () if rule.get("host")]
    return tuple(dict.fromkeys((*named, *map(str, spec.get("hostnames") or ()))))
