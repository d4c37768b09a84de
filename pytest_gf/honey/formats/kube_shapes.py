"""The shapes of Kubernetes' objects, as far as facts read them: what comes in another shape is not understood, and judged by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from types import GenericAlias
from typing import Any

import msgspec

# Each shape with its members and their types: `!` must be there, the others may lack or be null; `+` is a list. A type is one of
# `_TYPES`, or a shape that stands above. Members that are not named here may be there, and hold anything.
_SHAPES = """
owner: kind text!, name text!, uid text, controller flag
meta: name text!, namespace text, uid text, labels words, annotations words, ownerReferences owner+, \
creationTimestamp text, deletionTimestamp text
listMeta: continue text
list: kind text!, items listed!, metadata listMeta
mount: name text!, mountPath text!
port: name text, port number, containerPort number, hostPort number, targetPort name
variable: name text!, value text, valueFrom object
container: name text!, image text, command text+, args text+, env variable+, envFrom object+, volumeMounts mount+, ports port+
claimSource: claimName text
podVolume: name text!, persistentVolumeClaim claimSource
podSpec: containers container+, volumes podVolume+, nodeName text, hostNetwork flag
condition: type text!, status text!, reason text, message text
ended: reason text, message text, exitCode number, startedAt text
state: waiting ended, running ended, terminated ended
containerStatus: name text!, imageID text, state state, lastState state
status: phase text, reason text, message text, podIP text, conditions condition+, containerStatuses containerStatus+, \
readyReplicas number, capacity amounts
pods: metadata meta!, spec podSpec, status status
nodes: metadata meta!, status status
selector: matchLabels words
template: metadata object, spec podSpec
controllerSpec: replicas number, selector selector, template template
controller: metadata meta!, spec controllerSpec, status status
expression: key text!, operator text!, values text+
term: matchExpressions expression+, matchFields expression+
terms: nodeSelectorTerms term+
affinity: required terms
claimRef: namespace text, name text, uid text
volumeSpec: accessModes text+, storageClassName text, volumeName text, claimRef claimRef, nodeAffinity affinity, \
hostPath object, local object
volume: metadata meta!, spec volumeSpec, status status
storageclasses: metadata meta!, provisioner text
serviceSpec: type text, selector words, ports port+, externalName text, externalIPs text+, clusterIP text, loadBalancerClass text
services: metadata meta!, spec serviceSpec
targetRef: kind text, name text, namespace text
endpoint: addresses text+, targetRef targetRef
endpointslices: metadata meta!, endpoints endpoint+
anything: metadata meta!, spec object, data words
"""
_TYPES: dict[str, Any] = {
    "text": str,
    "number": int,
    "flag": bool,
    "name": int | str,
    "object": dict[str, Any],
    "words": dict[str, str],
    "amounts": dict[str, str | int],
    "listed": list[dict[str, Any]] | None,
}


def _made() -> Mapping[str, Any]:
    """Return the types that msgspec checks, by name."""
    made = dict(_TYPES)
    for line in _SHAPES.strip().splitlines():
        name, members = line.split(": ")
        made[name] = msgspec.defstruct(name, [_member(member, made) for member in members.split(", ")])
    return made


def _member(said: str, known: Mapping[str, Any]) -> Any:
    name, kind = said.split()
    of = known[kind.strip("+!")]
    of = GenericAlias(list, (of,)) if "+" in kind else of
    return (name, of) if kind.endswith("!") else (name, of | None, None)


_MADE = _made()
SHAPES: Mapping[str, Any] = {
    **{name: _MADE[name] for name in ("pods", "nodes", "storageclasses", "services", "endpointslices")},
    **dict.fromkeys(("deployments", "statefulsets", "replicasets"), _MADE["controller"]),
    **dict.fromkeys(("persistentvolumes", "persistentvolumeclaims"), _MADE["volume"]),
}
"""By resource. Of another kind only the metadata is known, and its reader checks the rest for itself."""


def wrong(resource: str, document: object) -> str:
    """Return what of a resource's object is not as the API has it, "" where it is one."""
    return _wrong(document, SHAPES.get(resource, _MADE["anything"]))


def wrong_list(document: object) -> str:
    """Return what of a list is not as the API has it, "" where it is one."""
    return _wrong(document, _MADE["list"])


def _wrong(document: object, shape: Any) -> str:
    try:
        msgspec.convert(document, shape)
    except msgspec.ValidationError as invalid:
        return str(invalid)
    return ""
