"""The shapes of Kubernetes' objects, as far as facts read them: what comes in another shape is not understood, and judged by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Words = dict[str, str] | None


class _Shape(msgspec.Struct, rename="camel"):
    """Members that are not named here may be there, and hold anything."""


class _Owner(_Shape):
    kind: str
    name: str
    uid: str | None = None
    controller: bool | None = None


class _Meta(_Shape):
    name: str
    namespace: str | None = None
    uid: str | None = None
    labels: Words = None
    annotations: Words = None
    owner_references: list[_Owner] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class _ListMeta(_Shape):
    token: str | None = msgspec.field(default=None, name="continue")


class _Listed(_Shape):
    """A list of whatever kind."""

    kind: str
    items: list[dict[str, Any]] | None
    metadata: _ListMeta | None = None


class _Mount(_Shape):
    name: str
    mount_path: str


class _Port(_Shape):
    name: str | None = None
    port: int | None = None
    container_port: int | None = None
    host_port: int | None = None
    target_port: int | str | None = None


class _Variable(_Shape):
    name: str
    value: str | None = None
    value_from: dict[str, Any] | None = None


class _Container(_Shape):
    name: str
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None
    env_from: list[dict[str, Any]] | None = None
    volume_mounts: list[_Mount] | None = None
    ports: list[_Port] | None = None


class _ClaimSource(_Shape):
    claim_name: str | None = None


class _PodVolume(_Shape):
    name: str
    persistent_volume_claim: _ClaimSource | None = None


class _PodSpec(_Shape):
    containers: list[_Container] | None = None
    volumes: list[_PodVolume] | None = None
    node_name: str | None = None
    host_network: bool | None = None


class _Condition(_Shape):
    type: str
    status: str
    reason: str | None = None
    message: str | None = None


class _Ended(_Shape):
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    started_at: str | None = None


class _State(_Shape):
    waiting: _Ended | None = None
    running: _Ended | None = None
    terminated: _Ended | None = None


class _ContainerStatus(_Shape):
    name: str
    image_id: str | None = msgspec.field(default=None, name="imageID")
    state: _State | None = None
    last_state: _State | None = None


class _Status(_Shape):
    """Of a pod, a node, a Deployment, a claim, a volume."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    conditions: list[_Condition] | None = None
    container_statuses: list[_ContainerStatus] | None = None
    ready_replicas: int | None = None
    capacity: dict[str, str | int] | None = None


class _Pod(_Shape):
    metadata: _Meta
    spec: _PodSpec | None = None
    status: _Status | None = None


class _Node(_Shape):
    metadata: _Meta
    status: _Status | None = None


class _Selector(_Shape):
    match_labels: Words = None


class _Template(_Shape):
    metadata: dict[str, Any] | None = None
    spec: _PodSpec | None = None


class _ControllerSpec(_Shape):
    replicas: int | None = None
    selector: _Selector | None = None
    template: _Template | None = None


class _Controller(_Shape):
    metadata: _Meta
    spec: _ControllerSpec | None = None
    status: _Status | None = None


class _Expression(_Shape):
    key: str
    operator: str
    values: list[str] | None = None


class _Term(_Shape):
    match_expressions: list[_Expression] | None = None
    match_fields: list[_Expression] | None = None


class _Terms(_Shape):
    node_selector_terms: list[_Term] | None = None


class _Affinity(_Shape):
    required: _Terms | None = None


class _ClaimRef(_Shape):
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None


class _VolumeSpec(_Shape):
    """Of a PersistentVolume and of a claim."""

    access_modes: list[str] | None = None
    storage_class_name: str | None = None
    volume_name: str | None = None
    claim_ref: _ClaimRef | None = None
    node_affinity: _Affinity | None = None
    host_path: dict[str, Any] | None = None
    local: dict[str, Any] | None = None


class _Volume(_Shape):
    metadata: _Meta
    spec: _VolumeSpec | None = None
    status: _Status | None = None


class _StorageClass(_Shape):
    metadata: _Meta
    provisioner: str | None = None


class _ServiceSpec(_Shape):
    type: str | None = None
    selector: Words = None
    ports: list[_Port] | None = None
    external_name: str | None = None
    external_i_ps: list[str] | None = msgspec.field(default=None, name="externalIPs")
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    load_balancer_class: str | None = None


class _Service(_Shape):
    metadata: _Meta
    spec: _ServiceSpec | None = None


class _TargetRef(_Shape):
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None


class _Endpoint(_Shape):
    addresses: list[str] | None = None
    target_ref: _TargetRef | None = None


class _EndpointSlice(_Shape):
    metadata: _Meta
    endpoints: list[_Endpoint] | None = None


class _Anything(_Shape):
    """An object of a kind whose contents its reader checks for itself."""

    metadata: _Meta
    spec: dict[str, Any] | None = None
    data: Words = None


SHAPES: Mapping[str, type[_Shape]] = {
    "pods": _Pod,
    "nodes": _Node,
    "deployments": _Controller,
    "statefulsets": _Controller,
    "replicasets": _Controller,
    "persistentvolumes": _Volume,
    "persistentvolumeclaims": _Volume,
    "storageclasses": _StorageClass,
    "services": _Service,
    "endpointslices": _EndpointSlice,
}
"""By resource."""


def wrong(resource: str, document: object) -> str:
    """Return what of a resource's object is not as the API has it, "" where it is one."""
    return _wrong(document, SHAPES.get(resource, _Anything))


def wrong_list(document: object) -> str:
    """Return what of a list is not as the API has it, "" where it is one."""
    return _wrong(document, _Listed)


def _wrong(document: object, shape: type[_Shape]) -> str:
    try:
        msgspec.convert(document, shape)
    except msgspec.ValidationError as invalid:
        return str(invalid)
    return ""
