"""What Kubernetes' objects say of ways into the cluster, and a container of its bazel-remote."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.honey.formats import bazel_remote, routing
from pytest_gf.honey.formats.bazel_remote import BUCKET, DIR, ENDPOINT, PREFIX

BACKEND = {"service": {"name": "cache", "port": {"number": 1}}}
PODS = ({"metadata": {"namespace": "ns", "name": "p", "labels": {"app": "cache", "tier": "x"}}},)


def service(name: str, *, namespace: str = "ns", annotations: Any = None, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "annotations": annotations}
    return {"metadata": metadata, "spec": {"selector": {"app": "cache"}} | spec}


def route(parents: Any = ({"name": "gateway"},), **backend: Any) -> dict[str, Any]:
    spec = {"parentRefs": list(parents), "rules": [{"backendRefs": [{"name": "cache"} | backend]}]}
    return {"metadata": {"namespace": "ns", "name": "r"}, "spec": spec}


MINE = service("cache")


@pytest.mark.parametrize(
    ("other", "leads"),
    [
        (service("other"), True),
        (service("narrow", selector={"tier": "x"}), True),
        (service("another", selector={"app": "attic"}), False),
        (service("without", selector=None), False),
        (service("elsewhere", namespace="default"), False),
        (service("alias", namespace="default", externalName="cache.ns.svc.cluster.local."), True),
        (service("short", namespace="default", externalName="cache.ns.svc"), True),
        (service("stranger", namespace="default", externalName="cache.other.svc.cluster.local"), False),
    ],
)
def test_services_that_lead_to_the_same_pods(other: dict[str, Any], leads: bool) -> None:
    services = routing.services_to(MINE, (MINE, other), routing.behind(MINE, PODS, {}))
    assert services == ((MINE, other) if leads else (MINE,))


def test_a_service_leads_to_the_workload_also_when_no_pod_is_up() -> None:
    template = {"metadata": {"labels": {"app": "cache", "tier": "x"}}}
    others = service("same"), service("narrow", selector={"tier": "x"}), service("another", selector={"app": "attic"})
    led_to = routing.behind(MINE, (), template)
    assert routing.services_to(MINE, (MINE, *others), led_to) == (MINE, *others[:2])
    assert routing.services_to(MINE, (MINE, *others), routing.behind(MINE, (), {})) == (MINE, others[0])


def test_an_alias_of_an_alias_leads_there_too() -> None:
    first = service("first", namespace="a", selector=None, externalName="cache.ns.svc")
    second = service("second", namespace="b", selector=None, externalName="first.a.svc.cluster.local")
    assert routing.services_to(MINE, (second, MINE, first), routing.behind(MINE, (), {})) == (MINE, first, second)


@pytest.mark.parametrize(
    ("resource", "document", "leads"),
    [
        ("ingresses", {"spec": {"defaultBackend": BACKEND}}, True),
        ("ingresses", {"spec": {"rules": [{"http": {"paths": [{"backend": BACKEND}]}}]}}, True),
        (
            "ingresses",
            {"spec": {"rules": [{"host": "h"}, {"http": {"paths": [{"backend": {"resource": {}}}]}}]}},
            False,
        ),
        ("ingresses", {"metadata": {"namespace": "other"}, "spec": {"defaultBackend": BACKEND}}, False),
        ("ingresses", {}, False),
        ("httproutes", route(), True),
        ("httproutes", route(namespace="ns"), True),
        ("httproutes", route(namespace="other"), False),
        ("httproutes", route(kind="ServiceImport"), False),
        ("grpcroutes", route(parents=()), True),
        ("tcproutes", route(parents=({"kind": "Service", "name": "cache"},)), False),
        ("tlsroutes", route(parents=({"kind": "Service", "name": "cache"}, {"name": "gateway"})), True),
        ("tlsroutes", {"metadata": {"namespace": "ns"}}, False),
    ],
)
def test_routes_lead_to_their_backends(resource: str, document: dict[str, Any], leads: bool) -> None:
    placed = {"metadata": {"namespace": "ns", "name": "r"}} | document
    ways = routing.ways_in((MINE,), {resource: (placed,)})
    assert [way.kind for way in ways] == ([routing.KINDS[resource]] if leads else [])


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (service("cache"), []),
        (service("cache", type="ExternalName"), []),
        (service("cache", type="LoadBalancer"), ["LoadBalancer Service ns/cache"]),
        (service("cache", type="NodePort"), ["NodePort Service ns/cache"]),
        (service("cache", externalIPs=["203.0.113.7"]), ["Service with external addresses ns/cache (203.0.113.7)"]),
        (
            service("cache", annotations={routing.PUBLIC_NAME: "c.example"}),
            ["Service with a public name ns/cache (c.example)"],
        ),
    ],
)
def test_services_that_are_open_themselves(own: dict[str, Any], says: list[str]) -> None:
    assert list(map(str, routing.ways_in((own,), {}))) == says


def test_a_way_names_its_hosts_once() -> None:
    rules = [{"host": "a"}, {"host": "a"}, {"host": "b"}]
    made = {"metadata": {"namespace": "ns", "name": "i"}, "spec": {"rules": rules, "defaultBackend": BACKEND}}
    assert list(map(str, routing.ways_in((MINE,), {"ingresses": (made,)}))) == ["Ingress ns/i (a, b)"]


@pytest.mark.parametrize(
    ("container", "given"),
    [
        ({"args": ["--s3.bucket=b", "--s3.prefix", "p", "-dir=/x"]}, {BUCKET: "b", PREFIX: "p", DIR: "/x"}),
        ({"command": ["sh", "-c", "bazel-remote --s3.bucket=b --dir /x"]}, {BUCKET: "b", DIR: "/x"}),
        ({"env": [{"name": "BAZEL_REMOTE_S3_ENDPOINT", "value": "s3:9000"}]}, {ENDPOINT: "s3:9000"}),
        ({"args": ["--s3.bucket=b"], "env": [{"name": "BAZEL_REMOTE_S3_BUCKET", "value": "other"}]}, {BUCKET: "b"}),
        ({"args": ["--s3.bucket=$(B)"], "env": [{"name": "B", "value": "b"}]}, {BUCKET: "b"}),
        ({"args": ["--max_size=4", "s3.bucket=b", "--s3.buckets=c"]}, {}),
        ({}, {}),
    ],
)
def test_options_of_arguments_and_variables(container: dict[str, Any], given: dict[str, str]) -> None:
    assert bazel_remote.options(container) == bazel_remote.Options(given)


@pytest.mark.parametrize(
    ("container", "hidden"),
    [
        ({"args": ["--s3.bucket=$(B)"]}, "s3.bucket comes from a Secret or a ConfigMap"),
        (
            {"env": [{"name": "BAZEL_REMOTE_S3_PREFIX", "valueFrom": {}}]},
            "s3.prefix comes from a Secret or a ConfigMap",
        ),
        ({"args": ["--config_file=/c.yaml", "--s3.bucket=b"]}, "a file holds its options: /c.yaml"),
        ({"envFrom": [{}]}, "its variables come from a Secret or a ConfigMap"),
    ],
)
def test_options_that_cannot_be_read_say_why(container: dict[str, Any], hidden: str) -> None:
    assert bazel_remote.options(container).hidden == hidden


def test_an_argument_stands_before_a_hidden_variable() -> None:
    container = {"args": ["--s3.bucket=b"], "env": [{"name": "BAZEL_REMOTE_S3_BUCKET", "valueFrom": {}}]}
    assert bazel_remote.options(container) == bazel_remote.Options({BUCKET: "b"})
