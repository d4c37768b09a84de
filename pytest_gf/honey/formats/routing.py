"""What leads to a Service from outside of its cluster, as Kubernetes' own objects and the Gateway API's say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pytest_gf.honey.formats import routing_custom
from pytest_gf.honey.formats.pods import Document, Documents, Place, annotations_of, labels_of, place_of, status
from pytest_gf.honey.formats.pods import spec as spec_of

KINDS = {
    "ingresses": "Ingress",
    "httproutes": "HTTPRoute",
    "grpcroutes": "GRPCRoute",
    "tcproutes": "TCPRoute",
    "tlsroutes": "TLSRoute",
    "configmaps": "ConfigMap of nginx's TCP services",
}
"""What routes to Services, by resource."""
OTHERS = {
    "traefik.io": {**routing_custom.TRAEFIK, routing_custom.CHAINED: "TraefikService"},
    "networking.istio.io": {"virtualservices": "VirtualService"},
}
"""What routes to Services where a cluster serves these groups, by resource."""
OPEN_TYPES = ("LoadBalancer", "NodePort")
PUBLIC_NAME = "external-dns.alpha.kubernetes.io/hostname"
PRIVATE_NAME = "external-dns.alpha.kubernetes.io/internal-hostname"
TAILNET, TAILSCALE, FUNNEL = "tailscale.com/expose", "tailscale", "tailscale.com/funnel"
INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "networking.gke.io/load-balancer-type": "internal",
    "cloud.google.com/load-balancer-type": "internal",
    "service.beta.kubernetes.io/openstack-internal-load-balancer": "true",
}
"""The annotation of each cloud that keeps a load balancer in its private net, and its value in lower case."""
SLICE_OF = "kubernetes.io/service-name"


@dataclass(frozen=True)
class WayIn:
    """One object that leads to a Service from outside, and the host names that it answers to."""

    kind: str
    place: Place
    hosts: tuple[str, ...] = ()
    private: bool = False
    """Whether only somebody in a private net comes by it: a tailnet, an internal load balancer, an internal name."""

    def __str__(self) -> str:
        hosts = f" ({', '.join(self.hosts)})" if self.hosts else ""
        return f"{self.kind} {'/'.join(self.place)}{hosts}{', in a private net alone' if self.private else ''}"


@dataclass(frozen=True)
class Behind:
    """What stands behind a Service: its pods, and the template that its workload makes pods of ({} where none is known)."""

    namespace: str = ""
    pods: Documents = ()
    template: Document = field(default_factory=dict)
    selector: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[Mapping[str, str], ...]:
        """The labels of each, and at least those of the selector: a Service leads there also when no pod is up."""
        return (self.selector, *map(labels_of, filter(None, (*self.pods, self.template))))

    @property
    def addresses(self) -> frozenset[str]:
        """Where the pods listen."""
        return frozenset(ip for pod in self.pods if (ip := str(status(pod).get("podIP") or "")))


def behind(service: Document, pods: Documents, template: Document) -> Behind:
    """Return what a Service leads to: the pods that it selects, and the template where it selects what comes of it."""
    namespace, _ = place_of(service)
    mine = tuple(pod for pod in pods if place_of(pod)[0] == namespace and _selects(service, labels_of(pod)))
    return Behind(namespace, mine, template if _selects(service, labels_of(template)) else {}, _selector(service))


def services_to(service: Document, services: Documents, led_to: Behind, slices: Documents = ()) -> Documents:
    """Return every Service that leads where one leads: by a selector, by an EndpointSlice of its own, by a name of another."""
    leading = [service]
    leading += [other for other in services if other not in leading and _leads_to(other, led_to)]
    while more := [other for other in services if other not in leading and _leads_on(other, leading, slices, led_to)]:
        leading += more
    return tuple(leading)


def _leads_to(service: Document, led_to: Behind) -> bool:
    near = place_of(service)[0] == led_to.namespace
    return near and any(_selects(service, labels) for labels in led_to.labels)


def _leads_on(service: Document, leading: list[Document], slices: Documents, led_to: Behind) -> bool:
    """Tell whether a Service is an alias of one of these, or has an EndpointSlice with an address of theirs."""
    if _alias(service) in {f"{name}.{space}.svc" for space, name in map(place_of, leading)}:
        return True
    if _selector(service):
        return False
    known = {*led_to.addresses, *(str(spec_of(other).get("clusterIP") or "") for other in leading)}
    known = known.union(*(_addresses(other, slices) for other in leading)) - {"", "None"}
    return not known.isdisjoint(_addresses(service, slices))


def _addresses(service: Document, slices: Documents) -> set[str]:
    """Return what the EndpointSlices of a Service lead to."""
    namespace, name = place_of(service)
    own = [part for part in slices if (place_of(part)[0], labels_of(part).get(SLICE_OF)) == (namespace, name)]
    endpoints = [endpoint for part in own for endpoint in part.get("endpoints") or ()]
    return {str(address) for endpoint in endpoints for address in endpoint.get("addresses") or ()}


def ways_in(services: Documents, routes: Mapping[str, Documents], led_to: Behind | None = None) -> tuple[WayIn, ...]:
    """Return what leads to these Services: they themselves and their pods where they are open, and routes, by resource."""
    backends = {place_of(service) for service in services}
    ways = [way for service in services for way in _own(service)]
    led_to = led_to or Behind()
    ways += list(dict.fromkeys(way for pod in (*led_to.pods, led_to.template) for way in _of_pod(pod, led_to)))
    for resource, kind in KINDS.items():
        names = {"ingresses": _ingress, "configmaps": routing_custom.tcp_services}.get(resource, _route)
        leading = [route for route in routes.get(resource, ()) if backends.intersection(names(route))]
        ways += [WayIn(kind, place_of(route), _hosts(route), _is_tailnets(route)) for route in leading]
    for kind, document, hosts in routing_custom.leading(backends, routes):
        ways.append(WayIn(kind, place_of(document), hosts))
    return tuple(ways)


def _selector(service: Document) -> Mapping[str, str]:
    return spec_of(service).get("selector") or {}


def _selects(service: Document, labels: Mapping[str, str]) -> bool:
    return bool(_selector(service)) and _selector(service).items() <= labels.items()


def _alias(service: Document) -> str:
    return ".".join(str(spec_of(service).get("externalName") or "").split(".")[:3])


def _own(service: Document) -> Iterator[WayIn]:
    spec, place, annotations = spec_of(service), place_of(service), annotations_of(service)
    tailnets = spec.get("loadBalancerClass") == TAILSCALE
    internal = any(str(annotations.get(name, "")).lower() == value for name, value in INTERNAL.items())
    if spec.get("type") in OPEN_TYPES:
        yield WayIn(f"{spec['type']} Service", place, private=tailnets or (internal and spec["type"] == "LoadBalancer"))
    if spec.get("externalIPs"):
        yield WayIn("Service with external addresses", place, tuple(map(str, spec["externalIPs"])))
    if annotations.get(PUBLIC_NAME):
        yield WayIn("Service with a public name", place, (str(annotations[PUBLIC_NAME]),))
    if annotations.get(PRIVATE_NAME):
        yield WayIn("Service with an internal name", place, (str(annotations[PRIVATE_NAME]),), private=True)
    if str(annotations.get(TAILNET, "")).lower() == "true":
        yield WayIn("Service in a tailnet", place, private=str(annotations.get(FUNNEL, "")).lower() != "true")


def _of_pod(pod: Document, led_to: Behind) -> Iterator[WayIn]:
    """Yield what a pod, or the template of pods, opens on its node."""
    spec = spec_of(pod)
    name = str(next(iter(labels_of(pod).values()), "")) if pod is led_to.template else place_of(pod)[1]
    offered = [port for container in spec.get("containers") or () for port in container.get("ports") or ()]
    ports = tuple(str(port["hostPort"]) for port in offered if port.get("hostPort"))
    if spec.get("hostNetwork"):
        yield WayIn("network of the node, of pod", (led_to.namespace, name))
    elif ports:
        yield WayIn("host port of pod", (led_to.namespace, name), ports)


def _is_tailnets(document: Document) -> bool:
    annotations = annotations_of(document)
    named = spec_of(document).get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    return named == TAILSCALE and str(annotations.get(FUNNEL, "")).lower() != "true"


def _ingress(document: Document) -> Iterator[Place]:
    spec, (namespace, _) = spec_of(document), place_of(document)
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        yield namespace, str(((backend or {}).get("service") or {}).get("name") or "")


def _route(document: Document) -> Iterator[Place]:
    """Yield a gateway route's backends; a route of a Service's own is a mesh's, and comes from nowhere outside."""
    spec, (namespace, _) = spec_of(document), place_of(document)
    parents = spec.get("parentRefs") or ()
    if parents and all(parent.get("kind") == "Service" for parent in parents):
        return
    for rule in spec.get("rules") or ():
        filters = [*(rule.get("filters") or ())]
        filters += [filter_ for backend in rule.get("backendRefs") or () for filter_ in backend.get("filters") or ()]
        mirrors = [(filter_.get("requestMirror") or {}).get("backendRef") or {} for filter_ in filters]
        for backend in (*(rule.get("backendRefs") or ()), *mirrors):
            if backend.get("kind", "Service") == "Service":
                yield str(backend.get("namespace") or namespace), str(backend.get("name") or "")


def _hosts(document: Document) -> tuple[str, ...]:
    spec = spec_of(document)
    named = [str(rule["host"]) for rule in spec.get("rules") or () if rule.get("host")]
    return tuple(dict.fromkeys((*named, *map(str, spec.get("hostnames") or ()))))
