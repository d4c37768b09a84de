"""RustFS's volume in the emulated cluster, and how faults change it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube.objects import meta

Object = Mapping[str, Any]
VOLUME = "pvc-0c1f6f0e-2f5d-4f0b-8f0d-6b7d9f3f2a11"
PROVISIONER = "zfs.csi.openebs.io"
NODE_ID = "openebs.io/nodeid"
HOSTNAME = "kubernetes.io/hostname"
RESTORED, OTHER_VOLUME = "restored-data", "pvc-7d1c2b3a-restored"


def node_id(node: str) -> str:
    """Return the value that OpenEBS's README asks for as a node's label: one of its own."""
    return f"{uuid.uuid5(uuid.NAMESPACE_DNS, node)}"


def persistent(bends: Bends, claim: Object, *, node: str, other: str, size: str) -> list[Object]:
    """Return the volume behind the claim; none where a fault took it away."""
    shape = bends.argument("volume-shape") or "node-id"
    if shape == "absent":
        return []
    mine, own = claim["metadata"], claim["spec"]
    reference = {
        "kind": "PersistentVolumeClaim",
        "namespace": mine["namespace"],
        "name": mine["name"],
        "uid": mine["uid"],
    }
    if shape == "foreign":
        reference |= {"namespace": "elsewhere", "uid": meta(mine["name"], "elsewhere")["uid"]}
    source: dict[str, Any] = {"csi": {"driver": PROVISIONER, "volumeHandle": VOLUME, "fsType": "zfs"}}
    if shape == "host-path":
        source = {"hostPath": {"path": "/srv/rustfs"}}
    spec = {
        "capacity": {"storage": size},
        "accessModes": own["accessModes"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": own["storageClassName"],
        "claimRef": reference,
        **source,
    }
    if not bends.on("volume-anywhere") and shape != "host-path":
        spec |= {"nodeAffinity": {"required": {"nodeSelectorTerms": _terms(shape, node, other)}}}
    phase = "Released" if shape == "released" else "Bound"
    volume = {"metadata": meta(VOLUME), "spec": spec, "status": {"phase": phase}}
    owners = [owner_claim["metadata"] for owner_claim in beside(bends, claim)]
    others = [
        {"claimRef": {"namespace": owner["namespace"], "name": owner["name"], "uid": owner["uid"]}} for owner in owners
    ]
    return [volume, *({**volume, "metadata": meta(OTHER_VOLUME), "spec": {**spec, **changes}} for changes in others)]


def _terms(shape: str, node: str, other: str) -> list[Object]:
    by_id = {"key": NODE_ID, "operator": "In", "values": [node_id(node)]}
    by_name = {"key": HOSTNAME, "operator": "In", "values": [node]}
    terms: Mapping[str, list[list[Object]]] = {
        "hostname": [[by_name]],
        "two-terms": [[by_id], [{"key": HOSTNAME, "operator": "In", "values": [other]}]],
        "both": [[by_name, {"key": NODE_ID, "operator": "NotIn", "values": [node_id(other)]}]],
    }
    return [{"matchExpressions": term} for term in terms.get(shape, [[by_id]])]


def beside(bends: Bends, claim: Object) -> list[Object]:
    """Return the claim that a fault makes RustFS mount instead: as good as the contract's, and not the contract's."""
    if bends.argument("data-volume") != "claim":
        return []
    namespace = claim["metadata"]["namespace"]
    spec = {**claim["spec"], "volumeName": OTHER_VOLUME}
    return [{"metadata": meta(RESTORED, namespace), "spec": spec, "status": claim["status"]}]
