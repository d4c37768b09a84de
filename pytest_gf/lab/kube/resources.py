"""The kinds that the lab's Kubernetes serves: where each lies in the API, and how it is listed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """One kind of the API. ``group`` "" is the core group."""

    name: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short: tuple[str, ...] = ()

    @property
    def group_version(self) -> str:
        """``apps/v1``, ``v1`` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


GATEWAY = "gateway.networking.k8s.io"
"""The group that nobody has installed, but for the faults that lead somewhere by it; discovery does not name it."""
_ROUTES = (
    ("httproutes", "HTTPRoute", "v1"),
    ("grpcroutes", "GRPCRoute", "v1"),
    ("tcproutes", "TCPRoute", "v1alpha2"),
    ("tlsroutes", "TLSRoute", "v1alpha3"),
)
_CUSTOM = (
    ("ingressroutes", "IngressRoute", "traefik.io", "v1alpha1"),
    ("ingressroutetcps", "IngressRouteTCP", "traefik.io", "v1alpha1"),
    ("traefikservices", "TraefikService", "traefik.io", "v1alpha1"),
    ("virtualservices", "VirtualService", "networking.istio.io", "v1beta1"),
)
CUSTOM_GROUPS = frozenset(group for _, _, group, _ in _CUSTOM)
"""Served where a fault leads somewhere by them; discovery names them then."""
_KINDS = (
    Resource("namespaces", "Namespace", namespaced=False, short=("ns",)),
    Resource("nodes", "Node", namespaced=False, short=("no",)),
    Resource("persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",)),
    Resource("persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",)),
    Resource("pods", "Pod", short=("po",)),
    Resource("services", "Service", short=("svc",)),
    Resource("endpoints", "Endpoints", short=("ep",)),
    Resource("events", "Event", short=("ev",)),
    Resource("deployments", "Deployment", "apps", short=("deploy",)),
    Resource("statefulsets", "StatefulSet", "apps", short=("sts",)),
    Resource("replicasets", "ReplicaSet", "apps", short=("rs",)),
    Resource("jobs", "Job", "batch"),
    Resource("ingresses", "Ingress", "networking.k8s.io", short=("ing",)),
    Resource("endpointslices", "EndpointSlice", "discovery.k8s.io"),
    Resource("configmaps", "ConfigMap", short=("cm",)),
    Resource("secrets", "Secret"),
    *(Resource(name, kind, GATEWAY, version) for name, kind, version in _ROUTES),
    *(Resource(name, kind, group, version) for name, kind, group, version in _CUSTOM),
    Resource("storageclasses", "StorageClass", "storage.k8s.io", namespaced=False, short=("sc",)),
)

RESOURCES = {kind.name: kind for kind in _KINDS}
REVIEWS = "selfsubjectaccessreviews"


def groups() -> dict[str, str]:
    """Return each API group but the core one, with its version."""
    versions = {kind.group: kind.version for kind in _KINDS if kind.group not in {"", GATEWAY, *CUSTOM_GROUPS}}
    return versions | {"authorization.k8s.io": "v1"}


def version_of(group: str) -> str:
    """Return the version by which a group's kinds are served."""
    return next(kind.version for kind in _KINDS if kind.group == group)


_UPGRADES = {"pods/exec": "PodExecOptions", "pods/portforward": "PodPortForwardOptions"}


def discovery(group: str, version: str) -> dict[str, object]:
    """Return the APIResourceList of a group, as kubectl asks for it."""
    listed = [
        _listed(kind.name, kind.kind, ("get", "list"), namespaced=kind.namespaced) | {"shortNames": list(kind.short)}
        for kind in _KINDS
        if (kind.group, kind.version) == (group, version)
    ]
    if not group:
        listed.append(_listed("pods/log", "Pod", ("get",)))
        listed += [_listed(name, kind, ("create", "get")) for name, kind in _UPGRADES.items()]
    if group == "authorization.k8s.io":
        listed.append(_listed("selfsubjectaccessreviews", "SelfSubjectAccessReview", ("create",), namespaced=False))
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _listed(name: str, kind: str, verbs: tuple[str, ...], *, namespaced: bool = True) -> dict[str, object]:
    singular = "" if "/" in name else kind.lower()
    return {"name": name, "singularName": singular, "namespaced": namespaced, "kind": kind, "verbs": list(verbs)}
