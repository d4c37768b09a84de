"""The objects of the emulated cluster, as the API shows them just now: the contract's shape, bent by the faults that are on."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from pytest_gf.honey.contract import Contract
from pytest_gf.honey.contract.model import Workload
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube import bazel, exposing, stores
from pytest_gf.lab.kube.resources import RESOURCES

CREATED = "2026-03-14T09:26:53Z"
DIGEST = "sha256:" + "5f" * 32
IMAGE = "docker.io/rustfs/rustfs"
VERSION = "1.0.0-beta.7"
CONTAINER = "rustfs"
REPLICA_SET = "6d9c7b8f5d"
POD_SUFFIXES = ("x2kqp", "m7v4d")
NODE_IPS = "10.42.0."
STRANGE_NODES = ("kind-control-plane", "kind-worker")
VOLUME = "pvc-0c1f6f0e-2f5d-4f0b-8f0d-6b7d9f3f2a11"
PROVISIONER = "zfs.csi.openebs.io"

Object = Mapping[str, Any]


class Cluster:
    """What stands in the cluster. Every call gives fresh objects."""

    def __init__(self, contract: Contract, bends: Bends) -> None:
        self._bends = bends
        self._contract = contract
        self.workload: Workload | None = contract.rustfs

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        if self._bends.on("wrong-cluster"):
            return STRANGE_NODES
        return self._contract.cluster.nodes if self._contract.cluster is not None else ()

    @property
    def storage_down(self) -> bool:
        """Whether nobody can reach RustFS: its pod has no node, or its node is down."""
        down = self.workload is not None and self._bends.on("node-down", self.workload.node)
        return down or self._bends.on("pod-pending")

    def objects(self, resource: str) -> list[Object]:
        """Return every object of a resource, sorted by namespace and name."""
        made: list[Object] = getattr(self, f"_{resource}", list)()
        if self.workload is not None:
            made += stores.objects(resource, self._bends, self._contract, self.nodes)
            made += exposing.objects(resource, self._bends, self.workload.namespace, self._backends(self.workload))
        kind = RESOURCES[resource]
        found = [{"kind": kind.kind, "apiVersion": kind.group_version, **each} for each in made]
        return sorted(found, key=lambda each: (each["metadata"].get("namespace", ""), each["metadata"]["name"]))

    def _namespaces(self) -> list[Object]:
        names = ["default", "kube-system", *([self.workload.namespace] if self.workload else [])]
        return [{"metadata": meta(name), "status": {"phase": "Active"}} for name in names]

    def _nodes(self) -> list[Object]:
        return [self._node(name, at) for at, name in enumerate(self.nodes)]

    def _node(self, name: str, at: int) -> Object:
        down = self._bends.on("node-down", name)
        condition = {
            "type": "Ready",
            "status": "Unknown" if down else "True",
            "reason": "NodeStatusUnknown" if down else "KubeletReady",
            "message": "Kubelet stopped posting node status." if down else "kubelet is posting ready status",
        }
        addresses = [{"type": "InternalIP", "address": f"{NODE_IPS}{at + 10}"}, {"type": "Hostname", "address": name}]
        info = {
            "kubeletVersion": "v1.36.3",
            "osImage": "Rocky Linux 10",
            "containerRuntimeVersion": "containerd://2.1.4",
        }
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        return {
            "metadata": meta(name, labels=labels),
            "spec": {},
            "status": {"conditions": [condition], "addresses": addresses, "nodeInfo": info},
        }

    def _persistentvolumes(self) -> list[Object]:
        workload = self.workload
        if workload is None or self._bends.on("claim-pending"):
            return []
        node = self._other_node() if self._bends.on("volume-elsewhere") else workload.node
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
        spec = {
            "capacity": {"storage": self._size()},
            "accessModes": [self._mode()],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": self._class(),
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": workload.namespace, "name": workload.claim},
            "csi": {"driver": PROVISIONER, "volumeHandle": VOLUME, "fsType": "zfs"},
        } | ({} if self._bends.on("volume-anywhere") else {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}})
        return [{"metadata": meta(VOLUME), "spec": spec, "status": {"phase": "Bound"}}]

    def _storageclasses(self) -> list[Object]:
        if self.workload is None or self._bends.on("storage-class-missing"):
            return []
        provisioner = "rancher.io/local-path" if self._bends.on("storage-class-strange") else PROVISIONER
        made = {"provisioner": provisioner, "reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer"}
        return [{"metadata": meta(self.workload.storage_class), **made}]

    def _persistentvolumeclaims(self) -> list[Object]:
        workload = self.workload
        if workload is None:
            return []
        spec: dict[str, Any] = {
            "accessModes": [self._mode()],
            "storageClassName": self._class(),
            "resources": {"requests": {"storage": self._size()}},
        }
        status: dict[str, Any] = {"phase": "Pending"}
        if not self._bends.on("claim-pending"):
            spec["volumeName"] = VOLUME
            status = {"phase": "Bound", "accessModes": [self._mode()], "capacity": {"storage": self._size()}}
        return [{"metadata": meta(workload.claim, workload.namespace), "spec": spec, "status": status}]

    def _deployments(self) -> list[Object]:
        workload = self.workload
        if workload is None or self._bends.on("deployment-missing"):
            return []
        wanted, ready = len(self._pod_names()), 0 if self._unready() else len(self._pod_names())
        spec = {
            "replicas": wanted,
            "selector": {"matchLabels": self._labels()},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": self._labels()}, "spec": self._pod_spec()},
        }
        status = {"observedGeneration": 7, "replicas": wanted, "updatedReplicas": wanted}
        status |= {"readyReplicas": ready, "availableReplicas": ready} if ready else {"unavailableReplicas": wanted}
        return [{"metadata": self._meta(workload.deployment) | {"generation": 7}, "spec": spec, "status": status}]

    def _replicasets(self) -> list[Object]:
        if self.workload is None or self._bends.on("deployment-missing"):
            return []
        name = f"{self.workload.deployment}-{REPLICA_SET}"
        wanted = len(self._pod_names())
        return [{"metadata": self._meta(name), "spec": {"replicas": wanted}, "status": {"replicas": wanted}}]

    def _pods(self) -> list[Object]:
        return [self._pod(name, at) for at, name in enumerate(self._pod_names())]

    def _pod(self, name: str, at: int) -> Object:
        pending = self._bends.on("pod-pending")
        ready = not self._unready()
        spec = self._pod_spec() | ({} if pending else {"nodeName": self._pod_node(at)})
        conditions = [
            {"type": "PodScheduled", "status": "False" if pending else "True"}
            | ({"reason": "Unschedulable", "message": "0/3 nodes are available."} if pending else {}),
            {"type": "Ready", "status": "True" if ready else "False"}
            | ({} if ready else {"reason": "ContainersNotReady"}),
        ]
        status: dict[str, Any] = {"phase": "Pending" if pending else "Running", "conditions": conditions}
        if not pending:
            image = f"{IMAGE}@{DIGEST}"
            running = {"running": {"startedAt": _minute_ago() if self._bends.on("pod-restarted") else CREATED}}
            status["podIP"] = f"10.43.1.{at + 20}"
            status["containerStatuses"] = [
                {
                    "name": CONTAINER,
                    "ready": ready,
                    "restartCount": 2,
                    "image": image,
                    "imageID": image,
                    "state": running,
                }
            ]
        return {"metadata": self._meta(name), "spec": spec, "status": status}

    def _services(self) -> list[Object]:
        if self.workload is None:
            return []
        ports = [{"name": "s3", "port": self.workload.port, "targetPort": "s3", "protocol": "TCP"}]
        spec = {"type": "ClusterIP", "clusterIP": "10.43.17.4", "selector": self._labels(), "ports": ports}
        return [{"metadata": self._meta(self.workload.service), "spec": spec}]

    def _endpoints(self) -> list[Object]:
        if self.workload is None:
            return []
        addresses = [{"ip": each["status"]["podIP"]} for each in self._pods() if "podIP" in each["status"]]
        ports = [{"name": "s3", "port": self.workload.port}]
        ready = [] if self._unready() else [{"addresses": addresses, "ports": ports}]
        return [{"metadata": self._meta(self.workload.service), "subsets": ready}]

    def _events(self) -> list[Object]:
        if self.workload is None:
            return []
        pod = self._pod_names()[0]
        about = {"kind": "Pod", "namespace": self.workload.namespace, "name": pod}
        said = {"type": "Normal", "reason": "Started", "message": f"Started container {CONTAINER}"}
        if self._bends.on("pod-pending"):
            said = {"type": "Warning", "reason": "FailedScheduling", "message": "0/3 nodes are available."}
        return [
            {
                "metadata": self._meta(f"{pod}.18a1"),
                "involvedObject": about,
                "lastTimestamp": _minute_ago(),
                "count": 1,
                **said,
            }
        ]

    def _jobs(self) -> list[Object]:
        if self.workload is None:
            return []
        names = (f"{self.workload.deployment}-bucket-bootstrap", f"{self.workload.deployment}-lifecycle")
        status = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}], "completionTime": CREATED}
        return [{"metadata": self._meta(name), "spec": {"completions": 1}, "status": status} for name in names]

    def _ingresses(self) -> list[Object]:
        if self.workload is None:
            return []
        backend = {"service": {"name": "attic", "port": {"number": 80}}}
        paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
        return [
            {"metadata": self._meta("attic"), "spec": {"rules": [{"host": "nix-cache.tinyland.dev", "http": paths}]}}
        ]

    # The pieces

    def _backends(self, workload: Workload) -> Mapping[str, exposing.Backend]:
        """Return what the faults expose, by the first word of each."""
        mine = exposing.Backend(workload.service, workload.port, self._labels())
        return {"rustfs": mine, "bazel": exposing.Backend("bazel-cache", bazel.PORT, {"app": "bazel-cache"})}

    def _meta(self, name: str) -> dict[str, Any]:
        workload = self.workload
        return meta(name, workload.namespace if workload else "", labels=self._labels())

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self.workload.deployment if self.workload else ""}

    def _pod_names(self) -> list[str]:
        if self.workload is None:
            return []
        replicas = 2 if self._bends.on("two-replicas") else 1
        return [f"{self.workload.deployment}-{REPLICA_SET}-{suffix}" for suffix in POD_SUFFIXES[:replicas]]

    def _pod_node(self, at: int) -> str:
        if self.workload is None or self._bends.on("wrong-cluster"):
            return STRANGE_NODES[0]
        return self._other_node() if at or self._bends.on("pod-elsewhere") else self.workload.node

    def _other_node(self) -> str:
        return next(
            (name for name in reversed(self.nodes) if self.workload and name != self.workload.node), "elsewhere"
        )

    def _pod_spec(self) -> dict[str, Any]:
        image = f"{IMAGE}:{VERSION}" if self._bends.on("image-by-tag") else f"{IMAGE}@{DIGEST}"
        workload = self.workload
        port = workload.port if workload else 0
        container = {
            "name": CONTAINER,
            "image": image,
            "ports": [{"name": "s3", "containerPort": port}, {"name": "console", "containerPort": port + 1}],
            "volumeMounts": [{"name": "data", "mountPath": workload.data if workload else ""}],
            "env": [{"name": "RUSTFS_SECRET_KEY", "value": "a-plain-value-in-the-pod"}],
        }
        claim = {"name": "data", "persistentVolumeClaim": {"claimName": workload.claim if workload else ""}}
        return {"containers": [container], "volumes": [claim]}

    def _unready(self) -> bool:
        return self.storage_down or self._bends.on("pod-not-ready")

    def _mode(self) -> str:
        return "ReadWriteMany" if self._bends.on("claim-shared") else "ReadWriteOnce"

    def _size(self) -> str:
        return "20Gi" if self._bends.on("claim-small") or self.workload is None else self.workload.size

    def _class(self) -> str:
        return "local-path" if self._bends.on("claim-class") or self.workload is None else self.workload.storage_class


def _minute_ago() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))


def meta(name: str, namespace: str = "", *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an object's metadata; its uid depends on nothing but its name."""
    uid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{namespace}/{name}"))
    made: dict[str, Any] = {"name": name, "uid": uid, "resourceVersion": "4711", "creationTimestamp": CREATED}
    return made | ({"namespace": namespace} if namespace else {}) | ({"labels": dict(labels)} if labels else {})
