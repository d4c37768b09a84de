"""Port-forwards: the same verdicts as without them, their bounds, and a route that dies."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from typing import Any

import pytest

from pytest_gf.honey import routes
from pytest_gf.honey.house import load_target
from pytest_gf.honey.probes.kube import Kube
from pytest_gf.honey.target import PortForward
from pytest_gf.lab import Lab
from pytest_gf.lab.seed import ROUTED


@pytest.fixture
def kube(lab: Lab) -> Kube:
    section = load_target(lab.target_file, environment=lab.environment).kubernetes
    assert section is not None
    return Kube(section, deadline=5)


WANTED = PortForward("nix-cache", "attic-rustfs-openebs", 9000)


def pod_of(kube: Kube) -> str:
    names = (str(document["metadata"]["name"]) for document in kube.list("pods", "nix-cache"))
    return next(name for name in names if name.startswith("attic-rustfs-openebs-"))


def connected(route: routes.Forward) -> socket.socket:
    host, port = route.address.split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def verdicts(outcome: Any) -> dict[str, str]:
    return {name: row["verdict"] for name, row in outcome.verdicts().items()}


@pytest.mark.upholds("S106")
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["", "bucket-index-lost:tofu-state", "wrong-secret"])
def test_the_canary_through_port_forwards_gives_the_same_verdicts(fault: str, lab: Lab, run_pytest: Any) -> None:
    if fault:
        lab.bend(fault)
    arguments = ("-m", "canary", "--gf-deadline=5")
    environment = dict(lab.environment)
    direct = run_pytest(*arguments, f"--gf-target={lab.target_file}", environment=environment)
    lab.reset()
    routed = run_pytest(*arguments, f"--gf-target={lab.folder / ROUTED}", environment=environment)
    assert (direct.exit == 0) == (not fault), direct.text
    assert verdicts(routed) == verdicts(direct)
    assert routed.exit == direct.exit
    counts = lab.counts()
    assert counts["kubernetes get pods/portforward"] > 1
    assert routed.record["vantage"] == "operator"


def test_a_route_that_dies_is_an_error_and_the_run_ends(lab: Lab, run_pytest: Any) -> None:
    lab.bend("port-forward-dies:3000")
    outcome = run_pytest(  # Which ends it after two minutes.
        "-m", "canary", "--gf-deadline=3", f"--gf-target={lab.folder / ROUTED}", environment=dict(lab.environment)
    )
    assert outcome.exit == 10, outcome.text
    assert outcome.rows("violated") == set()
    errors = outcome.rows("error")
    assert errors
    assert all(row.startswith(("rustfs.", "state.", "attic.nar-whole[", "bazel.")) for row in errors)
    assert not {"rustfs.workload-ready", "rustfs.volume-bound"} & errors
    assert any("the route broke" in outcome.verdicts()[row]["reason"] for row in errors)


def test_the_host_is_kept_and_the_port_is_closed_at_the_end(kube: Kube) -> None:
    route = routes.open_route(kube, WANTED)
    host, port = route.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("GET", "/health", headers={"Host": "attic-rustfs-openebs.nix-cache.svc.cluster.local:9000"})
    assert connection.getresponse().status == 200
    connection.close()
    assert route.broken == ""
    route.close()
    route.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=60)


def test_a_body_arrives_whole_through_a_route(kube: Kube, lab: Lab) -> None:
    """Five MiB both ways, byte for byte: frames are neither lost nor mixed."""
    import boto3
    from botocore.config import Config

    route = routes.open_route(kube, WANTED)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{route.address}",
        region_name="us-east-1",
        aws_access_key_id=lab.environment["GF_LAB_S3_ACCESS_KEY"],
        aws_secret_access_key=lab.environment["GF_LAB_S3_SECRET_KEY"],
        config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    body = bytes(range(256)) * 20_480
    client.put_object(Bucket="attic", Key="five", Body=body)
    assert client.get_object(Bucket="attic", Key="five")["Body"].read() == body
    client.close()
    route.close()


def test_bounds_of_a_route(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_CONNECTIONS", 2)
    route = routes.open_route(kube, WANTED)
    for _ in range(3):
        with connected(route) as client, contextlib.suppress(ConnectionResetError):
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            client.recv(1)
    assert "more than 2 connections" in route.broken
    route.close()
    monkeypatch.setattr(routes, "MOST_CONNECTIONS", 512)
    monkeypatch.setattr(routes, "MOST_BYTES", 10)
    route = routes.open_route(kube, WANTED)
    with connected(route) as client:
        client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert client.recv(1) == b""
    assert "more than 10 bytes" in route.broken
    route.close()


def test_a_routes_lifetime_ends(kube: Kube) -> None:
    pod = pod_of(kube)
    route = routes.Forward(kube, "nix-cache", pod, 9000, lifetime=0.3)
    route.start()
    ends = time.monotonic() + 60
    while not route.broken and time.monotonic() < ends:
        time.sleep(0.05)
    assert route.broken == "its lifetime is over"


def test_a_port_that_nobody_listens_on_is_the_routes_failure(kube: Kube) -> None:
    pod = pod_of(kube)
    route = routes.Forward(kube, "nix-cache", pod, 9999)
    route.start()
    with connected(route) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(1) == b""
    assert "connection refused" in route.broken
    route.close()


def get(route: routes.Forward, path: str = "/health") -> bytes:
    """Ask as a client that says all and half-closes; return all that comes."""
    with connected(route) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(65_536):
                parts.append(data)
        return b"".join(parts)


def test_a_half_close_passes_on_and_the_answer_comes(kube: Kube) -> None:
    route = routes.open_route(kube, WANTED)
    assert get(route).startswith(b"HTTP/1.0 200")
    assert route.broken == ""
    route.close()


def test_a_route_that_broke_once_is_whole_again(kube: Kube, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    route = routes.open_route(kube, WANTED)
    lab.bend("kubelet-refuses")
    assert get(route) == b""
    assert "error dialing backend" in route.broken
    lab.mend()
    assert get(route).startswith(b"HTTP/1.0 200")
    monkeypatch.setattr(routes, "ECHO", 0.0)
    assert route.broken == "", "a later exchange is not blamed on it"
    route.close()


def test_a_route_finds_the_pod_that_took_the_others_place(kube: Kube, lab: Lab) -> None:
    lab.bend("pod-beside:terminating")
    lab.bend("pod-beside:job")
    route = routes.open_route(kube, WANTED)
    first = route.pod
    assert first.endswith("-x2kqp"), "neither the terminating pod nor a Job's"
    lab.bend("pod-replaced")
    assert get(route).startswith(b"HTTP/1.0 200")
    assert route.pod != first
    assert route.broken == ""
    route.close()
