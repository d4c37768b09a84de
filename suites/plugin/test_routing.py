"""Ways into the cluster one by one: each annotation, kind and mirror; and small formats that whole runs alone had read."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest

from pytest_gf.honey.formats import baseline, checksums, kube_shapes, routing, routing_custom
from pytest_gf.honey.formats.routing import INTERNAL, Behind, WayIn

CACHE = ("ns", "cache")


def service(name: str = "cache", annotations: Any = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "annotations": annotations}, "spec": spec}


def placed(spec: Any = None, namespace: str = "ns", annotations: Any = None, **more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "r", "annotations": annotations}, "spec": spec} | more


def ways(*services: dict[str, Any], led_to: Behind | None = None, **routes: dict[str, Any]) -> list[str]:
    made = {resource: (document,) for resource, document in routes.items()}
    return list(map(str, routing.ways_in(services, made, led_to)))


@pytest.mark.parametrize(("name", "value"), INTERNAL.items())
def test_a_load_balancer_that_a_cloud_keeps_inside(name: str, value: str) -> None:
    private = "LoadBalancer Service ns/cache, in a private net alone"
    for said in (value, value.title()):
        assert ways(service(annotations={name: said}, type="LoadBalancer")) == [private]
    assert ways(service(annotations={name: "x"}, type="LoadBalancer")) == ["LoadBalancer Service ns/cache"]
    assert ways(service(annotations={name: value}, type="NodePort")) == ["NodePort Service ns/cache"]


def test_what_a_service_opens_itself() -> None:
    assert ways(service(type="LoadBalancer", loadBalancerClass="tailscale")) == [
        "LoadBalancer Service ns/cache, in a private net alone"
    ]
    assert ways(service(type="NodePort", loadBalancerClass="tailscale")) == [
        "NodePort Service ns/cache, in a private net alone"
    ]
    private = {routing.PRIVATE_NAME: "c.internal", routing.PUBLIC_NAME: "c.example"}
    assert ways(service(annotations=private)) == [
        "Service with a public name ns/cache (c.example)",
        "Service with an internal name ns/cache (c.internal), in a private net alone",
    ]
    assert ways(service(externalIPs=["1.2.3.4", 5])) == ["Service with external addresses ns/cache (1.2.3.4, 5)"]
    for said in ("true", "True"):
        assert ways(service(annotations={routing.TAILNET: said})) == [
            "Service in a tailnet ns/cache, in a private net alone"
        ]
        funnel = {routing.TAILNET: "true", routing.FUNNEL: said}
        assert ways(service(annotations=funnel)) == ["Service in a tailnet ns/cache"]
    assert ways(service(annotations={routing.TAILNET: "false"})) == []
    assert ways({"metadata": {"namespace": "ns", "name": "cache"}}, {}) == []


def test_what_pods_open_on_their_node() -> None:
    ports = [{"ports": [{"containerPort": 1}, {"hostPort": 9092}]}, {}, {"ports": [{"hostPort": 80}]}]
    pod = {"metadata": {"namespace": "ns", "name": "p"}, "spec": {"containers": ports}}
    template = {"metadata": {"labels": {"app": "cache"}}, "spec": {"hostNetwork": True, "containers": ports}}
    assert ways(led_to=Behind("ns", (pod, pod), template)) == [
        "host port of pod ns/p (9092, 80)",
        "network of the node, of pod ns/cache",
    ]
    assert ways(led_to=Behind("ns", ({"metadata": {"name": "p"}},), {})) == []
    unnamed = {"spec": {"hostNetwork": True}}
    assert ways(led_to=Behind("ns", (), unnamed)) == ["network of the node, of pod ns/"]


def test_an_ingress_of_a_tailnet() -> None:
    backend = {"defaultBackend": {"service": {"name": "cache"}}}
    inside = ["Ingress ns/r, in a private net alone"]
    assert ways(service(), ingresses=placed(backend | {"ingressClassName": "tailscale"})) == inside
    old = {"kubernetes.io/ingress.class": "tailscale"}
    assert ways(service(), ingresses=placed(backend, annotations=old)) == inside
    assert ways(service(), ingresses=placed(backend | {"ingressClassName": "nginx"}, annotations=old)) == [
        "Ingress ns/r"
    ]
    for funnel in ("true", "True"):
        annotations = old | {routing.FUNNEL: funnel}
        assert ways(service(), ingresses=placed(backend, annotations=annotations)) == ["Ingress ns/r"]
    assert ways(service(), ingresses=placed(backend)) == ["Ingress ns/r"]


def test_every_backend_of_an_ingress_and_a_route() -> None:
    def path(name: str) -> dict[str, Any]:
        return {"http": {"paths": [{"backend": {"service": {"name": "x"}}}, {"backend": {"service": {"name": name}}}]}}

    spec = {"defaultBackend": {"service": {"name": "d"}}, "rules": [{}, path("a"), path("b")]}
    assert set(routing._ingress(placed(spec))) == {("ns", service) for service in "dxab"}
    mirror = {"requestMirror": {"backendRef": {"name": "mirrored", "namespace": "far"}}}
    rules = [
        {"backendRefs": [{"name": "a", "filters": [mirror]}, {"name": "b", "kind": "Other"}]},
        {"filters": [{"requestMirror": {"backendRef": {"name": "c", "kind": "Service"}}}, {"type": "x"}]},
    ]
    assert [way for way in routing._route(placed({"rules": rules})) if way[1]] == [
        *(("ns", "a"), ("far", "mirrored"), ("ns", "c"))
    ]
    hosts = {"rules": [{"host": "a"}, {}, {"host": "b"}], "hostnames": ["c", "a"]}
    assert routing._hosts(placed(hosts)) == ("a", "b", "c")
    assert routing._hosts({}) == ()


def test_ways_stand_in_the_order_of_their_kinds() -> None:
    backend = {"defaultBackend": {"service": {"name": "cache"}}}
    rule = {"hostnames": ["h"], "rules": [{"backendRefs": [{"name": "cache"}]}]}
    istio = {"gateways": ["g"], "hosts": ["v"], "http": [{"route": [{"destination": {"host": "cache"}}]}]}
    led = ways(
        service(type="NodePort"),
        virtualservices=placed(istio),
        httproutes=placed(rule),
        configmaps=placed(data={"9092": "ns/cache:9092"}),
        ingresses=placed(backend),
    )
    assert led == [
        "NodePort Service ns/cache",
        "Ingress ns/r",
        "HTTPRoute ns/r (h)",
        "ConfigMap of nginx's TCP services ns/r",
        "VirtualService ns/r (v)",
    ]
    assert str(WayIn("Kind", CACHE, ("a", "b"), private=True)) == "Kind ns/cache (a, b), in a private net alone"


def sliced(name: str, owner: str | None, *addresses: str, namespace: str = "ns") -> dict[str, Any]:
    labels = {routing.SLICE_OF: owner} if owner is not None else None
    endpoints = [{"addresses": [address]} for address in addresses] + [{}]
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels}, "endpoints": endpoints}


def test_services_that_lead_there_by_a_slice_of_their_own() -> None:
    mine = {"metadata": {"namespace": "ns", "name": "cache"}, "spec": {"selector": {"a": "b"}, "clusterIP": "10.0.0.1"}}
    by_pod, by_service, by_slice, elsewhere = (service(name) for name in ("pod", "service", "slice", "elsewhere"))
    selecting = service("selecting", selector={"x": "y"})
    pod = {"metadata": {"namespace": "ns", "name": "p", "labels": {"a": "b"}}, "status": {"podIP": "10.1.0.1"}}
    slices = (
        sliced("1", "pod", "10.9.9.9", "10.1.0.1"),
        sliced("2", "service", "10.0.0.1"),
        sliced("3", "slice", "10.2.0.1"),
        sliced("4", "cache", "10.2.0.1"),
        sliced("5", "elsewhere", "10.3.0.1"),
        sliced("6", "selecting", "10.1.0.1"),
        sliced("7", None, "10.1.0.1"),
        sliced("8", "elsewhere", "10.1.0.1", namespace="other"),
    )
    led_to = routing.behind(mine, (pod,), {})
    every = (mine, by_pod, by_service, by_slice, elsewhere, selecting)
    assert led_to.addresses == {"10.1.0.1"}
    assert routing.services_to(mine, every, led_to, slices) == (mine, by_pod, by_service, by_slice)
    headless = {"metadata": mine["metadata"], "spec": {"selector": {"a": "b"}, "clusterIP": "None"}}
    silent = routing.behind(headless, (), {})
    nowhere = (sliced("1", "pod", "", "None"),)
    assert routing.services_to(headless, (headless, by_pod), silent, nowhere) == (headless,)


def test_what_a_service_leads_to() -> None:
    mine = service(selector={"a": "b"})
    pods = tuple(
        {"metadata": {"namespace": namespace, "name": name, "labels": labels}}
        for name, namespace, labels in (
            ("p", "ns", {"a": "b", "c": "d"}),
            ("q", "other", {"a": "b"}),
            ("r", "ns", None),
        )
    )
    template = {"metadata": {"labels": {"a": "b", "t": "u"}}}
    behind = routing.behind(mine, pods, template)
    assert behind == Behind("ns", pods[:1], template, {"a": "b"})
    assert behind.labels == ({"a": "b"}, {"a": "b", "c": "d"}, {"a": "b", "t": "u"})
    assert routing.behind(mine, pods, {"metadata": {"labels": {"a": "x"}}}).template == {}
    assert routing.behind(service(), pods, template) == Behind("ns", (), {}, {})
    assert Behind().labels == ({},)


def leads(resource: str, spec: Any, *, chained: Any = None) -> list[tuple[str, tuple[str, ...]]]:
    routes = {resource: (placed(spec),), "traefikservices": tuple(chained or ())}
    return [(kind, hosts) for kind, _, hosts in routing_custom.leading({CACHE}, routes)]


def test_traefiks_routes() -> None:
    def rule(**service_: Any) -> dict[str, Any]:
        return {"routes": [{"match": "Host(`a`) || Host(`b`)", "services": [{"name": "x"}, service_]}]}

    for resource, kind in routing_custom.TRAEFIK.items():
        assert leads(resource, rule(name="cache")) == [(kind, ("a", "b"))]
        assert leads(resource, rule(name="cache", namespace="ns")) == [(kind, ("a", "b"))]
        assert leads(resource, rule(name="cache@kubernetescrd")) == [(kind, ("a", "b"))]
        assert leads(resource, rule(name="cache", namespace="far")) == []
        assert leads(resource, rule(name="other")) == []
        assert leads(resource, rule(name="cache", kind="TraefikService")) == []
    assert leads("ingressroutetcps", {"match": "HostSNI(`s`)", "services": [{"name": "cache"}]}) == [
        ("IngressRouteTCP", ("s",))
    ]
    assert leads("ingressroutes", None) == []


def test_chains_of_traefiks_services() -> None:
    def link(name: str, **spec: Any) -> dict[str, Any]:
        return {"metadata": {"namespace": "ns", "name": name}, "spec": spec}

    end = link("end", weighted={"services": [{"name": "cache"}]})
    middle = link("middle", mirroring={"name": "end", "kind": "TraefikService"})
    begin = link("begin", mirroring={"name": "x", "mirrors": [{"name": "middle", "kind": "TraefikService"}]})
    spec = {"services": [{"name": "begin", "kind": "TraefikService"}]}
    assert leads("ingressroutes", spec, chained=(begin, middle, end)) == [("IngressRoute", ())]
    assert leads("ingressroutes", spec, chained=(begin, end)) == []
    assert leads("ingressroutes", {"services": [{"name": "begin"}]}, chained=(begin, middle, end)) == []


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("cache", CACHE),
        ("cache.ns", CACHE),
        ("cache.ns.svc", CACHE),
        ("cache.ns.svc.cluster.local", CACHE),
        ("cache.far.svc.cluster.local", ("far", "cache")),
    ],
)
def test_istios_hosts(host: str, place: tuple[str, str]) -> None:
    for spec in (
        {"http": [{"route": [{"destination": {"host": host}}]}]},
        {"http": [{"mirror": {"host": host}}]},
        {"tcp": [{"route": [{"destination": {"host": host, "port": {"number": 1}}}]}]},
    ):
        assert routing_custom.backends_of(placed(spec)) == {place}
        outside = leads("virtualservices", spec | {"gateways": ["mesh", "g"], "hosts": ["h", "i"]})
        assert outside == ([("VirtualService", ("h", "i"))] if place == CACHE else [])
        assert leads("virtualservices", spec | {"gateways": ["mesh"]}) == []
        assert leads("virtualservices", spec) == []
    assert routing_custom.backends_of(placed({"hosts": [{"host": "x"}], "destination": {"port": 1}})) == set()


def test_nginxs_tcp_services() -> None:
    data = {"1": "ns/cache:9092", "2": "far/x:1:PROXY", "3": "strange", "4": 5}
    assert list(routing_custom.tcp_services(placed(data=data))) == [CACHE, ("far", "x"), ("strange", ""), ("5", "")]
    assert list(routing_custom.tcp_services({})) == []


def test_objects_as_the_api_has_them() -> None:
    named = {"metadata": {"namespace": "ns", "name": "x"}}
    for resource in (*kube_shapes.SHAPES, "ingresses"):
        assert kube_shapes.wrong(resource, {"metadata": 3})
        assert kube_shapes.wrong(resource, [])
    assert kube_shapes.wrong("ingresses", named) == ""
    assert kube_shapes.wrong("ingresses", named | {"spec": {"anything": [1]}}) == ""
    assert kube_shapes.wrong("ingresses", named | {"spec": 3}) == "Expected `object | null`, got `int` - at `$.spec`"
    assert kube_shapes.wrong("services", named | {"spec": {"selector": 3}}).endswith("at `$.spec.selector`")
    assert kube_shapes.wrong_list({"items": 3})
    assert kube_shapes.wrong_list({"kind": "List", "metadata": {}, "items": []}) == ""


def test_checksums_that_are_not_the_bytes() -> None:
    data = b"state"
    good = {
        "SHA256": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        "SHA1": base64.b64encode(hashlib.sha1(data).digest()).decode(),  # noqa: S324  # What S3 keeps.
        "CRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode(),
    }
    assert checksums.disagreeing(good, data) == ()
    assert checksums.disagreeing(good, b"other") == ("SHA256", "SHA1", "CRC32")
    assert checksums.disagreeing(good | {"SHA1": "x"}, data) == ("SHA1",)
    assert checksums.disagreeing({"SHA256": "x-12"}, data) == (), "of an object in parts"
    assert checksums.disagreeing({"SHA256": "x-12y"}, data) == ("SHA256",)


def test_what_is_known_of_a_state() -> None:
    known = baseline.KnownState(3, "line", 4, "tag", "2026-11-24T12:00:00Z")
    assert str(known) == "serial 3, lineage line, 4 resources, ETag tag"
    nothing = baseline.KnownState(3, "", None, "", "2026-11-24T12:00:00Z")
    assert str(nothing) == "serial 3, lineage none, encrypted, ETag none"
    address = "0" * baseline.ADDRESS
    two = baseline.KnownState(3, "l", 4, "t", "", "", address + "1" * baseline.ADDRESS)
    assert str(two) == "serial 3, lineage l, 2 managed instances, ETag t"
    assert two.managed == {address, "1" * baseline.ADDRESS}
    assert known.managed == frozenset()
