"""What every object of the emulated cluster is made of: metadata, owners, instants."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

CREATED = "2026-03-14T09:26:53Z"
FINISHED: Mapping[str, Any] = {
    "succeeded": 1,
    "startTime": CREATED,
    "completionTime": CREATED,
    "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}],
}
"""The status of a Job that has done its work; kube-apiserver 1.36 takes none without these fields."""


def meta(name: str, namespace: str = "", *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an object's metadata; its uid depends on nothing but its name."""
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}/{name}"))
    made: dict[str, Any] = {"name": name, "uid": uid, "resourceVersion": "4711", "creationTimestamp": CREATED}
    return made | ({"namespace": namespace} if namespace else {}) | ({"labels": dict(labels)} if labels else {})


def owned(group_version: str, kind: str, owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of metadata that says whose an object is; ``owner`` is the owner's own metadata."""
    reference = {"apiVersion": group_version, "kind": kind, "name": owner["name"], "uid": owner["uid"]}
    return {"ownerReferences": [reference | {"controller": True, "blockOwnerDeletion": True}]}


def finished_job(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a Job of one pod."""
    return {"completions": 1, "template": {"spec": {"restartPolicy": "Never", **pod}}}


def minute_ago() -> str:
    """Return an instant as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
