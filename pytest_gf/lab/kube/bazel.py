"""bazel-remote's Deployment and Service in the emulated cluster, and how faults change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_gf.honey.contract import Contract
from pytest_gf.lab.bends import Bends

PORT = 9092
HTTP = 8080
SECRET = {"secretKeyRef": {"name": "bazel-cache-s3", "key": "value"}}


def pod(contract: Contract, bends: Bends) -> dict[str, Any]:
    """Return what sets its pods apart: arguments, variables, volumes. ``s3.bucket`` comes by a variable, as charts have it."""
    shape = bends.argument("bazel-shape")
    rustfs, promised = contract.rustfs, contract.bazel
    host = f"{rustfs.service}.{rustfs.namespace}.svc.cluster.local:{rustfs.port}" if rustfs else ""
    bucket = promised.bucket if promised else ""
    given = {
        "--dir": "/data",
        "--max_size": "40",
        "--s3.auth_method": "access_key",
        "--s3.bucket": "another-bucket" if shape == "bucket" else "$(BUCKET)",
        "--s3.endpoint": "s3.invalid:9000" if shape == "endpoint" else host,
        "--s3.disable_ssl": "true",
    }
    given |= {"--s3.prefix": "elsewhere"} if shape == "prefix" else {}
    given |= {"--config_file": "/etc/bazel-remote.yaml"} if shape == "config-file" else {}
    if shape == "no-s3":
        given = {name: value for name, value in given.items() if "s3" not in name}
    keys = {f"BAZEL_REMOTE_S3_{name}": SECRET for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    env: list[Mapping[str, Any]] = [{"name": name, "valueFrom": source} for name, source in keys.items()]
    env.append({"name": "BUCKET", **({"valueFrom": SECRET} if shape == "secret" else {"value": bucket})})
    container: dict[str, Any] = {
        "args": [f"{name}={value}" for name, value in given.items()],
        "env": env,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    exposed = bends.argument("bazel-exposed")
    if exposed == "host-port":
        container["ports"] = [{"name": "grpc", "containerPort": PORT, "hostPort": PORT}]
    kind: dict[str, Any] = {"emptyDir": {"sizeLimit": "50Gi"}}
    if shape == "claim":
        kind = {"persistentVolumeClaim": {"claimName": "bazel-cache-data"}}
    elif shape == "host-path":
        kind = {"hostPath": {"path": "/var/lib/bazel-cache"}}
    network = {"hostNetwork": True} if exposed == "host-network" else {}
    return {"container": container, "volumes": [{"name": "data", **kind}], "pod": network}


def ports(bends: Bends) -> dict[str, int]:
    """Return the ports of its Service, by name."""
    shape = bends.argument("bazel-shape")
    if shape == "http-only":
        return {"http": HTTP}
    return {"grpc": PORT + 1 if shape == "port" else PORT, "http": HTTP}
