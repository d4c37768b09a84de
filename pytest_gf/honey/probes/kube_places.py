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
class Place:
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


PLACES: Mapping[str, Place] = {
    "nodes": Place("", "v1", namespaced=False),
    "persistentvolumes": Place("", "v1", namespaced=False),
    "storageclasses": Place("storage.k8s.io", "v1", namespaced=False),
    "persistentvolumeclaims": Place("", "v1", namespaced=True),
    "pods": Place("", "v1", namespaced=True),
    "services": Place("", "v1", namespaced=True),
    "events": Place("", "v1", namespaced=True),
    "jobs": Place("batch", "v1", namespaced=True),
    "deployments": Place("apps", "v1", namespaced=True),
    "statefulsets": Place("apps", "v1", namespaced=True),
    "replicasets": Place("apps", "v1", namespaced=True),
    "endpointslices": Place("discovery.k8s.io", "v1", namespaced=True),
    "configmaps": Place("", "v1", namespaced=True, named="tcp-services"),
    "secrets": Place("", "v1", namespaced=True, by_name=True),
    "ingresses": Place("networking.k8s.io", "v1", namespaced=True),
    "httproutes": Place(GATEWAY, "v1", namespaced=True, others=("v1beta1", "v1alpha2"), is_custom=True),
    "grpcroutes": Place(GATEWAY, "v1", namespaced=True, others=("v1alpha2",), is_custom=True),
    "tcproutes": Place(GATEWAY, "v1alpha2", namespaced=True, others=("v1",), is_custom=True),
    "tlsroutes": Place(GATEWAY, "v1alpha2", namespaced=True, others=("v1alpha3", "v1"), is_custom=True),
    "ingressroutes": Place(TRAEFIK, "v1alpha1", namespaced=True, is_custom=True),
    "ingressroutetcps": Place(TRAEFIK, "v1alpha1", namespaced=True, is_custom=True),
    "traefikservices": Place(TRAEFIK, "v1alpha1", namespaced=True, is_custom=True),
    "virtualservices": Place(ISTIO, "v1", namespaced=True, others=("v1beta1", "v1alpha3"), is_custom=True),
}
"""What probes read. A resource that is not here needs a right that deploy/rbac does not grant."""


def rule(verbs: tuple[str, ...], resource: str, name: str = "") -> str:
    """Return the RBAC rule that grants these verbs on a resource, on one line of YAML; ``name`` counts where a right is to named ones."""
    place = PLACES[resource.partition("/")[0]]
    named = f'resourceNames: ["{name}"], ' if place.by_name else ""
    spelt = ", ".join(f'"{verb}"' for verb in verbs)
    return f'{{apiGroups: ["{place.group}"], resources: ["{resource}"], {named}verbs: [{spelt}]}}'
