"""Who may ask what of the lab's Kubernetes: tokens, RBAC grants, access reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_gf.lab.bends import Bends


@dataclass(frozen=True)
class Attributes:
    """What a request asks for; ``resource`` with its subresource, ``namespace`` "" for cluster-scoped requests."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    @property
    def right(self) -> str:
        """``create pods/exec``: as the fault `kubernetes-forbidden` says it."""
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True)
class Identity:
    """A user and what a Role in ``namespace`` and a ClusterRole grant it; ``everything`` is cluster-admin."""

    user: str
    namespace: str = ""
    role: frozenset[str] = frozenset()
    cluster_role: frozenset[str] = frozenset()
    everything: bool = False


PROBE_ROLE = frozenset(
    {
        "get deployments",
        "list pods",
        "get persistentvolumeclaims",
        "get services",
        "get pods/exec",
        "create pods/exec",
        "get pods/portforward",
        "create pods/portforward",
        "get pods/log",
        "list events",
        "list jobs",
        "list replicasets",
        "get secrets",
    }
)
"""What deploy/rbac grants in the namespace, the optional Roles included; a test compares them."""
PROBE_CLUSTER_ROLE = frozenset(
    {
        "list nodes",
        "get persistentvolumes",
        "get storageclasses",
        "list deployments",
        "list statefulsets",
        "list replicasets",
        "list pods",
        "list persistentvolumeclaims",
        "list services",
        "list ingresses",
        "list httproutes",
        "list grpcroutes",
        "list tcproutes",
        "list tlsroutes",
        "list endpointslices",
        "list configmaps",
        "list ingressroutes",
        "list ingressroutetcps",
        "list traefikservices",
        "list virtualservices",
    }
)
"""What the optional ClusterRole of deploy/rbac grants."""
NAMED: Mapping[str, frozenset[str]] = {
    "list configmaps": frozenset({"tcp-services"}),
    "get secrets": frozenset({"attic-jwt-signing", "attic-secrets"}),
}
"""The objects that a right is limited to. A listing names one by its field selector."""
ANONYMOUS = Identity("system:anonymous")


class Rights:
    """The identities by token, and what is granted just now."""

    def __init__(self, tokens: Mapping[str, Identity], bends: Bends) -> None:
        self._tokens = dict(tokens)
        self._bends = bends

    def identify(self, authorization: str) -> Identity | None:
        """Return whose token this is: anonymous without one, None for one that is unknown or expired."""
        if not authorization:
            return ANONYMOUS
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or self._bends.on("token-expired"):
            return None
        return self._tokens.get(token.strip())

    def allows(self, identity: Identity, attributes: Attributes) -> bool:
        """Tell whether RBAC grants this. A group is not compared: no two kinds here share a name."""
        if identity.everything:
            return True
        if self._bends.on("kubernetes-forbidden", attributes.right):
            return False
        if attributes.right in NAMED and attributes.name not in NAMED[attributes.right]:
            return False
        in_namespace = bool(attributes.namespace) and attributes.namespace == identity.namespace
        return attributes.right in identity.cluster_role or (in_namespace and attributes.right in identity.role)

    def refusal(self, identity: Identity, attributes: Attributes) -> str:
        """Return the API server's sentence for a request that RBAC does not grant."""
        name = f' "{attributes.name}"' if attributes.name else ""
        scope = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
        base = attributes.resource.partition("/")[0]
        return (
            f'{base}{f".{attributes.group}" if attributes.group else ""}{name} is forbidden: User "{identity.user}" cannot {attributes.verb} '
            f'resource "{attributes.resource}" in API group "{attributes.group}" {scope}'
        )


def review(rights: Rights, identity: Identity, document: Mapping[str, object]) -> dict[str, object]:
    """Answer a SelfSubjectAccessReview (authorization.k8s.io/v1). Raises ValueError where it asks for nothing."""
    spec = document.get("spec")
    attributes = spec.get("resourceAttributes") if isinstance(spec, Mapping) else None
    if not isinstance(attributes, Mapping):
        raise ValueError("spec.resourceAttributes is missing")  # noqa: TRY004  # It is the request's fault: 422.
    said = {name: str(value) for name, value in attributes.items()}
    resource = "/".join(filter(None, (said.get("resource", ""), said.get("subresource", ""))))
    request = Attributes(
        said.get("verb", ""), said.get("group", ""), resource, said.get("namespace", ""), said.get("name", "")
    )
    allowed = rights.allows(identity, request)
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": spec,
        "status": {"allowed": allowed} | ({"reason": "RBAC: allowed by the lab"} if allowed else {}),
    }
