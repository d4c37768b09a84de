"""A listing as `kubectl get` asks for it: a Table (meta.k8s.io/v1) with the columns that a real API server prints."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from pytest_gf.lab.kube.resources import Resource

Object = Mapping[str, Any]
Column = tuple[str, int, Callable[[Object], str]]
"""Its name, its priority (1: with ``-o wide`` alone), and what stands in it."""


def is_wanted(request: web.Request) -> bool:
    """Tell whether the client asks for a Table before it asks for the object itself."""
    first = request.headers.get("Accept", "").partition(",")[0]
    return "as=Table" in first and "json" in first


def of(resource: Resource, items: Sequence[Object], meta: Object) -> dict[str, Any]:
    """Return the objects as rows."""
    columns: tuple[Column, ...] = (
        ("Name", 0, lambda document: str(document["metadata"]["name"])),
        *_COLUMNS.get(resource.name, ()),
        _AGE,
    )
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": name,
            "priority": at,
        }
        for name, at, _ in columns
    ]
    rows = [{"cells": [cell(document) for _, _, cell in columns], "object": _partial(document)} for document in items]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _partial(document: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}


def _ready(pod: Object) -> str:
    statuses = pod["status"].get("containerStatuses") or ()
    return f"{sum(bool(container.get('ready')) for container in statuses)}/{len(pod['spec']['containers'])}"


def _state(pod: Object) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for container in pod["status"].get("containerStatuses") or ():
        for state in ("waiting", "terminated"):
            if state in container["state"]:
                return str(container["state"][state]["reason"])
    return str(
        pod["status"].get("reason")
        or ("Completed" if pod["status"]["phase"] == "Succeeded" else pod["status"]["phase"])
    )


def _restarts(pod: Object) -> str:
    return str(sum(container.get("restartCount", 0) for container in pod["status"].get("containerStatuses") or ()))


def _node_state(node: Object) -> str:
    return "Ready" if node["status"]["conditions"][0]["status"] == "True" else "NotReady"


def _replicas(document: Object) -> str:
    return f"{document['status'].get('readyReplicas', 0)}/{document['spec']['replicas']}"


def _images(document: Object) -> str:
    return ",".join(
        container["image"] for container in document["spec"].get("template", {}).get("spec", {}).get("containers", ())
    )


def _age(document: Object) -> str:
    """Return how old an object is, as Kubernetes prints it: in days, where it is more than one."""
    made = datetime.datetime.fromisoformat(document["metadata"]["creationTimestamp"])
    seconds = int((datetime.datetime.now(datetime.UTC) - made).total_seconds())
    days, hours = divmod(seconds // 3600, 24)
    return f"{days}d" if days > 1 else f"{days * 24 + hours}h" if days or hours else f"{seconds}s"


_AGE: Column = ("Age", 0, _age)
_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "pods": (
        ("Ready", 0, _ready),
        ("Status", 0, _state),
        ("Restarts", 0, _restarts),
        ("IP", 1, lambda pod: str(pod["status"].get("podIP", "<none>"))),
        ("Node", 1, lambda pod: str(pod["spec"].get("nodeName", "<none>"))),
    ),
    "nodes": (
        ("Status", 0, _node_state),
        ("Version", 0, lambda node: str(node["status"]["nodeInfo"]["kubeletVersion"])),
        ("Internal-IP", 1, lambda node: str(node["status"]["addresses"][0]["address"])),
    ),
    "deployments": (("Ready", 0, _replicas), ("Images", 1, _images)),
    "replicasets": (("Ready", 0, _replicas),),
    "services": (
        ("Type", 0, lambda document: str(document["spec"].get("type", "ClusterIP"))),
        ("Cluster-IP", 0, lambda document: str(document["spec"].get("clusterIP", "None"))),
    ),
    "persistentvolumeclaims": (
        ("Status", 0, lambda document: str(document["status"]["phase"])),
        ("Volume", 0, lambda document: str(document["spec"].get("volumeName", ""))),
        ("StorageClass", 0, lambda document: str(document["spec"].get("storageClassName", ""))),
    ),
}
