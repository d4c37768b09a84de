"""What leads to the Bazel cache and to RustFS, which address the cache has, and what its pod holds: way by way, shape by shape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab.faults import SHAPES, WAYS
from pytest_gf.lab.kube import exposing

pytestmark = pytest.mark.slow

CONTRACT = "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
SURFACE = ("-m", "canary", "-k", "bazel.endpoint or bazel.hot-cache or not-exposed")
ROWS = {"bazel.endpoint", "bazel.hot-cache", "bazel.not-exposed", "rustfs.not-exposed"}
SEEN = {
    "ingress": "Ingress nix-cache/{0}-outside ({0}.tinyland.invalid)",
    "default-backend": "Ingress nix-cache/{0}-outside",
    "load-balancer": "LoadBalancer Service nix-cache/{0}-outside",
    "node-port": "NodePort Service nix-cache/{0}-outside",
    "external-ip": "Service with external addresses nix-cache/{0}-outside (203.0.113.7)",
    "public-name": "Service with a public name nix-cache/{0}-outside ({0}.tinyland.invalid)",
    "alias": "Ingress default/{0}-outside ({0}.tinyland.invalid)",
    "http-route": "HTTPRoute default/{0}-outside ({0}.tinyland.invalid)",
    "grpc-route": "GRPCRoute default/{0}-outside ({0}.tinyland.invalid)",
    "tcp-route": "TCPRoute default/{0}-outside",
    "tls-route": "TLSRoute default/{0}-outside ({0}.tinyland.invalid)",
    "old-route": "HTTPRoute default/{0}-outside ({0}.tinyland.invalid)",
    "mirror": "HTTPRoute default/{0}-outside ({0}.tinyland.invalid)",
    "traefik": "IngressRoute default/{0}-outside ({0}.tinyland.invalid)",
    "istio": "VirtualService default/{0}-outside ({0}.tinyland.invalid)",
    "selectorless": "LoadBalancer Service nix-cache/{0}-outside",
    "alias-chain": "Ingress default/{0}-outside ({0}.tinyland.invalid)",
    "tcp-services": "ConfigMap of nginx's TCP services ingress-nginx/tcp-services",
    "host-port": "host port of pod nix-cache/{0}",
    "host-network": "network of the node, of pod nix-cache/{0}",
    "internal-name": "Service with an internal name nix-cache/{0}-outside ({0}.tinyland.invalid), in a private net alone",
    "tailnet": "Service in a tailnet nix-cache/{0}-outside, in a private net alone",
    "tailscale": "LoadBalancer Service nix-cache/{0}-outside, in a private net alone",
    "internal-balancer": "LoadBalancer Service nix-cache/{0}-outside, in a private net alone",
}
VIOLATED = {
    "claim": "/data outlives the pod: it is a PersistentVolumeClaim",
    "host-path": "/data outlives the pod: it is a folder of the node",
    "bucket": "its bucket is another-bucket, not bazel-cache",
    "prefix": "its prefix is elsewhere, not none",
    "endpoint": "its S3 is s3.invalid, not attic-rustfs-openebs.nix-cache",
    "no-s3": "no S3 stands behind it: /data is all there is",
}
UNPROVEN = {
    "secret": "s3.bucket comes from a Secret or a ConfigMap",
    "config-file": "a file holds its options: /etc/bazel-remote.yaml",
}


def on(lab: Lab, run_pytest: Any, *arguments: str, target: Path | None = None) -> Any:
    file = target or lab.target_file
    return run_pytest(*SURFACE, *arguments, f"--gf-target={file}", lean=True, environment=dict(lab.environment))


def target_of(lab: Lab, grpc: str, vantage: str = "runner", more: str = "") -> Path:
    """Write the lab's target with another address of the cache, and more below [bazel]."""
    path = lab.folder / "elsewhere.toml"
    text = re.sub(r'grpc = ".*"', f'grpc = "{grpc}"\n{more}', lab.target_file.read_text())
    path.write_text(text.replace('vantage = "runner"', f'vantage = "{vantage}"'))
    return path


def test_the_tables_here_know_every_way_and_shape() -> None:
    others = {"ingress", "default-backend", "alias", "alias-chain", "tcp-services", *exposing.IN_PODS, *exposing.CUSTOM}
    assert set(SEEN) == set(WAYS) == {*others, *exposing.SERVICES, *exposing.ROUTES}
    assert {*VIOLATED, *UNPROVEN, "port", "http-only"} == set(SHAPES)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_is_named_and_shuts_nothing_else(way: str, lab: Lab, drill: Any, tmp_path: Path) -> None:
    private = way in exposing.PRIVATE
    outcome = drill(*SURFACE).judge(tmp_path, f"bazel-exposed:{way}", lab=lab)
    violated = set() if private else {"bazel.not-exposed"}
    assert outcome.rows("violated") == violated
    assert outcome.rows("holds") == ROWS - violated
    said = SEEN[way].format("bazel-cache")
    assert said in (outcome.text if private else outcome.verdicts()["bazel.not-exposed"]["reason"])
    both = drill(*SURFACE).judge(tmp_path, f"bazel-exposed:{way} + rustfs-exposed:{way}", lab=lab)
    assert both.rows("violated") == {"rustfs.not-exposed"} | violated
    assert SEEN[way].format("attic-rustfs-openebs") in both.verdicts()["rustfs.not-exposed"]["reason"]


@pytest.mark.parametrize("shape", [*VIOLATED, *UNPROVEN])
def test_each_shape_of_the_hot_cache_is_told_apart(shape: str, lab: Lab, drill: Any, tmp_path: Path) -> None:
    outcome = drill(*SURFACE).judge(tmp_path, f"bazel-shape:{shape}", lab=lab)
    assert outcome.rows("violated" if shape in VIOLATED else "unproven") == {"bazel.hot-cache"}
    assert outcome.rows("holds") == ROWS - {"bazel.hot-cache"}
    row = outcome.verdicts()["bazel.hot-cache"]
    assert (VIOLATED | UNPROVEN)[shape] in row["reason"]
    assert row["next_step"]


def test_the_prefix_is_the_targets(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bazel-shape:prefix")
    outcome = on(lab, run_pytest, target=target_of(lab, lab.addresses["bazel"], more='prefix = "elsewhere"'))
    assert outcome.rows("holds") == ROWS


@pytest.mark.parametrize(
    ("grpc", "vantage", "verdict", "says"),
    [
        (CONTRACT, "runner", "holds", ""),
        (f"{CONTRACT}/", "operator", "holds", ""),
        ("grpc://localhost:9092", "operator", "holds", ""),
        (CONTRACT.replace("grpc:", "grpcs:"), "runner", "violated", ": TLS, where the contract says plain"),
        ("grpcs://bazel.tinyland.invalid:443", "runner", "violated", "is not the address that runners are promised"),
        (
            "grpcs://bazel.tinyland.invalid:443",
            "operator",
            "unproven",
            "no endpoint is promised to the vantage operator",
        ),
        ("grpc://10.0.0.7:9092", "dev-machine", "unproven", "no endpoint is promised to the vantage dev-machine"),
        (CONTRACT.replace("nix-cache", "attic-cache-dev"), "operator", "violated", "is out of contract: nix-cache is"),
    ],
)
def test_the_address_is_the_contracts_for_the_vantage(  # noqa: PLR0917  # A row of the table, and two fixtures.
    grpc: str, vantage: str, verdict: str, says: str, lab: Lab, run_pytest: Any
) -> None:
    outcome = on(lab, run_pytest, "--gf-deadline=10", target=target_of(lab, grpc, vantage))
    row = outcome.verdicts()["bazel.endpoint"]
    assert row["verdict"] == verdict
    assert says in row["reason"]
    assert bool(row["next_step"]) == (verdict != "holds")


def test_a_contract_that_names_no_service_promises_none(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    fork = '[bazel]\nendpoint = ""\nservice = ""\ndeployment = ""\n'
    (tmp_path / "c.toml").write_text(f'extends = "gloriousflywheel"\nname = "fork"\n{fork}')
    outcome = on(lab, run_pytest, f"--gf-contract={tmp_path / 'c.toml'}")
    assert outcome.rows("unproven") == ROWS - {"rustfs.not-exposed"}
    assert outcome.verdicts()["bazel.endpoint"]["reason"] == "contract 'fork' promises no endpoint"


def test_what_nobody_may_list_is_unproven_also_where_it_is_not_installed(lab: Lab, run_pytest: Any) -> None:
    lab.bend("kubernetes-forbidden:list grpcroutes")
    outcome = on(lab, run_pytest)
    assert outcome.rows("unproven") == {"bazel.not-exposed", "rustfs.not-exposed"}
    assert 'apiGroups: ["gateway.networking.k8s.io"]' in outcome.verdicts()["rustfs.not-exposed"]["next_step"]
