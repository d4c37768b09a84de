"""What probes read of Kubernetes: where each resource lies in the API, and the rule that grants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EVERYWHERE = " in all namespaces"
UPGRADES = ("pods/exec", "pods/portforward")
"""What needs ``get`` and ``create`` both (docs/systems.md: since 1.35)."""
GATEWAY = "gateway.networking.k8s.io"
TRAEFIK, ISTIO = "traefik.io", "networking.istio.io"


@dataclass(frozen=True)
class ApiPlace:
    """Where a resource lies in the API; ``group`` "" is the core group.

    ``others``: versions that a cluster may serve it by instead. None of a custom resource is served where nobody
    installed it: ``is_custom``, and then the 404 says that there are no such objects.
    """

    group: str
    version: str
    namespaced: bool
    others: tuple[str, ...] = ()
    is_custom: bool = False
    named: str = ""
    """The one object's name that is listed of them: of ConfigMaps a right to all would show what nobody needs to see."""

    by_name: bool = False
    """Whether a right is to be to named ones alone."""


PLACES: Mapping[str, ApiPlace] = {
    "nodes": ApiPlace("", "v1", namespaced=False),
    "persistentvolumes": ApiPlace("", "v1", namespaced=False),
    "storageclasses": ApiPlace("storage.k8s.io", "v1", namespaced=False),
    "persistentvolumeclaims": ApiPlace("", "v1", namespaced=True),
    "pods": ApiPlace("", "v1", namespaced=True),
    "services": ApiPlace("", "v1", namespaced=True),
    "events": ApiPlace("", "v1", namespaced=True),
    "jobs": ApiPlace("batch", "v1", namespaced=True),
    "deployments": ApiPlace("apps", "v1", namespaced=True),
    "statefulsets": ApiPlace("apps", "v1", namespaced=True),
    "replicasets": ApiPlace("apps", "v1", namespaced=True),
    "endpointslices": ApiPlace("discovery.k8s.io", "v1", namespaced=True),
    "configmaps": ApiPlace("", "v1", namespaced=True, named="tcp-services"),
    "secrets": ApiPlace("", "v1", namespaced=True, by_name=True),
    "ingresses": ApiPlace("networking.k8s.io", "v1", namespaced=True),
    "httproutes": ApiPlace(GATEWAY, "v1", namespaced=True, others=("v1beta1", "v1alpha2"), is_custom=True),
    "grpcroutes": ApiPlace(GATEWAY, "v1", namespaced=True, others=("v1alpha2",), is_custom=True),
    "tcproutes": ApiPlace(GATEWAY, "v1alpha2", namespaced=True, others=("v1",), is_custom=True),
    "tlsroutes": ApiPlace(GATEWAY, "v1alpha2", namespaced=True, others=("v1alpha3", "v1"), is_custom=True),
    "ingressroutes": ApiPlace(TRAEFIK, "v1alpha1", namespaced=True, is_custom=True),
    "ingressroutetcps": ApiPlace(TRAEFIK, "v1alpha1", namespaced=True, is_custom=True),
    "traefikservices": ApiPlace(TRAEFIK, "v1alpha1", namespaced=True, is_custom=True),
    "virtualservices": ApiPlace(ISTIO, "v1", namespaced=True, others=("v1beta1", "v1alpha3"), is_custom=True),
}
"""What probes read. A resource that is not here needs a right that deploy/rbac does not grant."""


def rule(verbs: tuple[str, ...], resource: str, name: str = "") -> str:
    """Return the RBAC rule that grants these verbs on a resource, on one line of YAML; ``name`` counts where a right is to named ones."""
    place = PLACES[resource.partition("/")[0]]
    named = f'resourceNames: ["{name}"], ' if place.by_name else ""
    spelt = ", ".join(f'"{verb}"' for verb in verbs)
    return f'{{apiGroups: ["{place.group}"], resources: ["{resource}"], {named}verbs: [{spelt}]}}'
