"""What leads to a Service by somebody's own kinds: Traefik's, Istio's, and nginx's list of TCP services."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pytest_gf.honey.formats.pods import Document, Documents, Place, place_of
from pytest_gf.honey.formats.pods import spec as spec_of

TRAEFIK = {"ingressroutes": "IngressRoute", "ingressroutetcps": "IngressRouteTCP"}
CHAINED = "traefikservices"
MESH = "mesh"
"""Istio's word for what comes from inside of the cluster, where a VirtualService names no gateway too."""
_HOST = re.compile(r"Host(?:SNI)?\(`([^`]+)`")


def leading(
    backends: Collection[Place], routes: Mapping[str, Documents]
) -> Iterator[tuple[str, Document, tuple[str, ...]]]:
    """Yield kind, object and hosts of what leads to these Services."""
    chained = {place_of(document): document for document in routes.get(CHAINED, ())}
    mine: set[Place] = set()
    while more := {
        place for place, document in chained.items() if place not in mine and _leads(document, backends, mine)
    }:
        mine |= more
    for resource, kind in TRAEFIK.items():
        for route in routes.get(resource, ()):
            if _leads(route, backends, mine):
                yield kind, route, tuple(_HOST.findall(str(route.get("spec"))))
    for service in routes.get("virtualservices", ()):
        spec = spec_of(service)
        gateways = spec.get("gateways") or [MESH]
        if any(gateway != MESH for gateway in gateways) and backends_of(service) & set(backends):
            yield "VirtualService", service, tuple(map(str, spec.get("hosts") or ()))


def tcp_services(document: Document) -> Iterator[Place]:
    """Yield the Services of nginx's ConfigMap: ``PORT: NAMESPACE/SERVICE:PORT``, with an optional ``:PROXY`` behind."""
    for value in (document.get("data") or {}).values():
        namespace, _, rest = str(value).partition("/")
        yield namespace, rest.partition(":")[0]


def backends_of(document: Document) -> set[Place]:
    """Return the Services that a VirtualService sends to: every ``host`` of a destination or a mirror in it."""
    namespace, _ = place_of(document)
    places = set()
    for key, mapping in _mappings(spec_of(document)):
        if key in {"destination", "mirror"} and mapping.get("host"):
            parts = str(mapping["host"]).removesuffix(".cluster.local").removesuffix(".svc").split(".")
            places.add((parts[1] if len(parts) > 1 else namespace, parts[0]))
    return places


def _leads(document: Document, backends: Collection[Place], chained: Collection[Place]) -> bool:
    namespace, _ = place_of(document)
    for key, mapping in _mappings(spec_of(document)):
        if key in {"services", "mirroring", "mirrors"} and mapping.get("name"):
            place = str(mapping.get("namespace") or namespace), str(mapping["name"]).partition("@")[0]
            if place in (chained if mapping.get("kind") == "TraefikService" else backends):
                return True
    return False


def _mappings(value: Any, key: str = "") -> Iterator[tuple[str, Document]]:
    """Yield every mapping inside of a value with the member that holds it, be it alone or in a list."""
    if isinstance(value, Mapping):
        yield key, value
        for name, inner in value.items():
            yield from _mappings(inner, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _mappings(item, key)
