"""The objects of the emulated cluster, as the API shows them just now: the contract's shape, bent by the faults that are on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_gf.honey.contract import Contract
from pytest_gf.honey.contract.model import Workload
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube import bazel, exposing, rustfs_pods, secret, stores, volumes
from pytest_gf.lab.kube.objects import CREATED, FINISHED, finished_job, meta, minute_ago, owned
from pytest_gf.lab.kube.resources import RESOURCES
from pytest_gf.lab.kube.rustfs_pods import CONTAINER
from pytest_gf.lab.kube.volumes import PROVISIONER, VOLUME

REPLICA_SET = "6d9c7b8f5d"
POD_SUFFIXES = ("x2kqp", "m7v4d")
NODE_IPS = "10.42.0."
NODE_INFO = {
    "architecture": "amd64",
    "bootID": "4c1d9c3e-0e65-4d0e-9a53-27e1f60f4a10",
    "containerRuntimeVersion": "containerd://2.1.4",
    "kernelVersion": "6.12.0-55.el10.x86_64",
    "kubeProxyVersion": "",
    "kubeletVersion": "v1.36.3",
    "operatingSystem": "linux",
    "osImage": "Rocky Linux 10",
}
STRANGE_NODES = ("kind-control-plane", "kind-worker")

Object = Mapping[str, Any]


class Cluster:
    """What stands in the cluster. Every call gives fresh objects."""

    def __init__(self, contract: Contract, bends: Bends, held: secret.Values) -> None:
        self._bends, self._held = bends, held
        self._contract = contract
        self.workload: Workload | None = contract.rustfs

    @property
    def _rustfs(self) -> Workload:
        """The workload, where the contract has one: without it nothing but nodes and namespaces stands."""
        assert self.workload is not None
        return self.workload

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        if self._bends.on("wrong-cluster"):
            return STRANGE_NODES
        if self._bends.on("cluster-mixed"):
            return (*STRANGE_NODES, *([self.workload.node] if self.workload else []))
        own = self._contract.cluster.nodes if self._contract.cluster is not None else ()
        kept = tuple(name for name in own if not self._bends.on("node-gone", name))
        return (*kept, *(STRANGE_NODES if self._bends.on("foreign-nodes") else ()))

    @property
    def storage_down(self) -> bool:
        """Whether nobody can reach RustFS: its pod has no node, or its node is down."""
        workload = self.workload
        down = workload is not None and any(
            self._bends.on(fault, workload.node) for fault in ("node-down", "node-gone")
        )
        return down or self._bends.on("pod-pending") or self._bends.on("pod-broken")

    def objects(self, resource: str) -> list[Object]:
        """Return every object of a resource, sorted by namespace and name."""
        made: list[Object] = []
        if self.workload is not None or resource in {"nodes", "namespaces"}:
            made += getattr(self, f"_{resource}", list)()
        if self.workload is not None:
            made += stores.objects(resource, self._bends, self._contract, self.nodes)
            made += exposing.objects(resource, self._bends, self.workload.namespace, self._backends())
        kind = RESOURCES[resource]
        objects = [{"kind": kind.kind, "apiVersion": kind.group_version, **document} for document in made]
        return sorted(
            objects, key=lambda document: (document["metadata"].get("namespace", ""), document["metadata"]["name"])
        )

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
        info = {**NODE_INFO, "machineID": meta(name)["uid"], "systemUUID": meta(name)["uid"]}
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        labels |= {volumes.NODE_ID: volumes.node_id(name)}
        return {
            "metadata": meta(name, labels=labels),
            "spec": {},
            "status": {"conditions": [condition], "addresses": addresses, "nodeInfo": info},
        }

    def _persistentvolumes(self) -> list[Object]:
        workload = self._rustfs
        if self._bends.on("claim-pending"):
            return []
        node = self._other_node() if self._bends.on("volume-elsewhere") else workload.node
        return volumes.persistent(self._bends, self._claim(), node=node, other=self._other_node(), size=self._size())

    def _storageclasses(self) -> list[Object]:
        if self._bends.on("storage-class-missing"):
            return []
        provisioner = "rancher.io/local-path" if self._bends.on("storage-class-strange") else PROVISIONER
        made = {"provisioner": provisioner, "reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer"}
        return [{"metadata": meta(self._rustfs.storage_class), **made}]

    def _persistentvolumeclaims(self) -> list[Object]:
        return [self._claim(), *volumes.beside(self._bends, self._claim())]

    def _claim(self) -> Object:
        spec: dict[str, Any] = {
            "accessModes": [self._mode()],
            "storageClassName": self._class(),
            "resources": {"requests": {"storage": self._size()}},
        }
        status: dict[str, Any] = {"phase": "Pending"}
        if not self._bends.on("claim-pending"):
            spec["volumeName"] = VOLUME
            status = {"phase": "Bound", "accessModes": [self._mode()], "capacity": {"storage": self._size()}}
        return {"metadata": meta(self._rustfs.claim, self._rustfs.namespace), "spec": spec, "status": status}

    def _deployments(self) -> list[Object]:
        workload = self._rustfs
        if self._missing():
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
        if self._missing():
            return []
        name = f"{self._rustfs.deployment}-{REPLICA_SET}"
        owner = owned("apps/v1", "Deployment", self._meta(self._rustfs.deployment))
        wanted = len(self._pod_names())
        template = {"metadata": {"labels": self._labels()}, "spec": self._pod_spec()}
        spec = {"replicas": wanted, "selector": {"matchLabels": self._labels()}, "template": template}
        status = {"replicas": wanted, "readyReplicas": 0 if self._unready() else wanted}
        return [{"metadata": self._meta(name) | owner, "spec": spec, "status": status}]

    def _pods(self) -> list[Object]:
        if self._bends.on("namespace-empty"):
            return []
        return [*self._pods_of_rustfs(), *rustfs_pods.beside(self._bends, self._given())]

    def _pods_of_rustfs(self) -> list[Object]:
        given = self._given()
        return [rustfs_pods.pod(self._bends, given, name, at) for at, name in enumerate(self._pod_names())]

    def _given(self) -> rustfs_pods.Given:
        workload = self._rustfs
        return rustfs_pods.Given(
            workload=workload,
            labels=self._labels(),
            spec=self._pod_spec(),
            replica_set=self._meta(f"{workload.deployment}-{REPLICA_SET}"),
            nodes=(self._pod_node(0), self._pod_node(1)),
            ready=not self._unready(),
            spare=next((name for name in self.nodes if name != workload.node), "elsewhere"),
        )

    def _services(self) -> list[Object]:
        ports = [{"name": "s3", "port": self._rustfs.port, "targetPort": "s3", "protocol": "TCP"}]
        spec = {"type": "ClusterIP", "clusterIP": "10.43.17.4", "selector": self._labels(), "ports": ports}
        return [{"metadata": self._meta(self._rustfs.service), "spec": spec}]

    def _endpoints(self) -> list[Object]:
        addresses = [{"ip": pod["status"]["podIP"]} for pod in self._pods_of_rustfs() if "podIP" in pod["status"]]
        ports = [{"name": "s3", "port": self._rustfs.port}]
        ready = [] if self._unready() else [{"addresses": addresses, "ports": ports}]
        return [{"metadata": self._meta(self._rustfs.service), "subsets": ready}]

    def _endpointslices(self) -> list[Object]:
        ips = [pod["status"]["podIP"] for pod in self._pods_of_rustfs() if "podIP" in pod["status"]]
        labels = {"labels": {"kubernetes.io/service-name": self._rustfs.service}}
        endpoints = [{"addresses": [ip], "conditions": {"ready": not self._unready()}} for ip in ips]
        ports = [{"name": "s3", "port": self._rustfs.port}]
        made = {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        return [{"metadata": self._meta(f"{self._rustfs.service}-8xk2l") | labels, **made}]

    def _events(self) -> list[Object]:
        pod = self._pod_names()[0]
        uid = self._meta(pod)["uid"]
        about = {"kind": "Pod", "namespace": self._rustfs.namespace, "name": pod, "uid": uid}
        said = {"type": "Normal", "reason": "Started", "message": f"Started container {CONTAINER}"}
        if self._bends.on("pod-pending"):
            said = {"type": "Warning", "reason": "FailedScheduling", "message": rustfs_pods.SCHEDULER}
        dated: dict[str, Any] = {"lastTimestamp": minute_ago(), "count": 1}
        if self._bends.on("pod-broken"):  # A new-style event that began long ago and lasts.
            said = {"type": "Warning", "reason": "BackOff", "message": rustfs_pods.BACK_OFF}
            dated = {"eventTime": CREATED, "series": {"count": 41, "lastObservedTime": minute_ago()}}
        if self._bends.argument("pod-broken") == "mount-failed":
            said |= {"reason": "FailedMount", "message": rustfs_pods.NO_MODULE}
        return [{"metadata": self._meta(f"{pod}.18a1"), "involvedObject": about, **dated, **said}]

    def _secrets(self) -> list[Object]:
        return secret.objects(self._bends, self._held, self._rustfs.namespace)

    def _jobs(self) -> list[Object]:
        names = (f"{self._rustfs.deployment}-bucket-bootstrap", f"{self._rustfs.deployment}-lifecycle")
        spec = finished_job({"containers": [{"name": "s3", "image": f"docker.io/amazon/aws-cli@{rustfs_pods.DIGEST}"}]})
        return [{"metadata": self._meta(name), "spec": spec, "status": FINISHED} for name in names]

    def _ingresses(self) -> list[Object]:
        backend = {"service": {"name": "attic", "port": {"number": 80}}}
        paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
        return [
            {"metadata": self._meta("attic"), "spec": {"rules": [{"host": "nix-cache.tinyland.dev", "http": paths}]}}
        ]

    # The pieces

    def _backends(self) -> Mapping[str, exposing.Backend]:
        """Return what the faults expose, by the first word of each."""
        mine = exposing.Backend(self._rustfs.service, self._rustfs.port, self._labels(), "10.42.1.20")
        cache = exposing.Backend("bazel-cache", bazel.PORT, {"app": "bazel-cache"}, stores.address("bazel-cache"))
        return {"rustfs": mine, "bazel": cache}

    def _meta(self, name: str) -> dict[str, Any]:
        return meta(name, self._rustfs.namespace, labels=self._labels())

    def _labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self._rustfs.deployment}

    def _pod_names(self) -> list[str]:
        replicas = 2 if self._bends.on("two-replicas") else 1
        suffixes = POD_SUFFIXES[1:] if self._bends.on("pod-replaced") else POD_SUFFIXES
        return [f"{self._rustfs.deployment}-{REPLICA_SET}-{suffix}" for suffix in suffixes[:replicas]]

    def _pod_node(self, at: int) -> str:
        if self._bends.on("wrong-cluster") or self._bends.on("cluster-mixed"):
            return STRANGE_NODES[0]
        return self._other_node() if at or self._bends.on("pod-elsewhere") else self._rustfs.node

    def _other_node(self) -> str:
        return next((name for name in reversed(self.nodes) if name != self._rustfs.node), "elsewhere")

    def _pod_spec(self) -> dict[str, Any]:
        return rustfs_pods.spec(self._bends, self._rustfs)

    def _missing(self) -> bool:
        return (
            self._bends.on("deployment-missing") or self._bends.on("namespace-empty") or self._bends.on("cluster-mixed")
        )

    def _unready(self) -> bool:
        waits = self._bends.on("pod-not-ready") or self._bends.on("pod-terminating")
        return self.storage_down or waits or self._bends.on("namespace-empty")

    def _mode(self) -> str:
        return "ReadWriteMany" if self._bends.on("claim-shared") else "ReadWriteOnce"

    def _size(self) -> str:
        return "20Gi" if self._bends.on("claim-small") else self._rustfs.size

    def _class(self) -> str:
        return "local-path" if self._bends.on("claim-class") else self._rustfs.storage_class
