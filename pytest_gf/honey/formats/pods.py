"""Pods as Kubernetes means them: whose they are (owner references, never labels), whether they stand, why one does not run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Document = Mapping[str, Any]
Documents = tuple[Document, ...]
Place = tuple[str, str]
"""Namespace and name."""
FINISHED = ("Failed", "Succeeded")
"""Phases of a pod that runs no more: an evicted one stays listed beside the one that took its place."""
REPLICA_SET, JOB = "ReplicaSet", "Job"
CLAIM = "persistentVolumeClaim"
_ORDINARY = ("ContainerCreating", "PodInitializing")
"""What a container waits for that is about to run."""


@dataclass(frozen=True)
class Owner:
    """A workload: its kind, its name, and its uid where it is known ("" else)."""

    kind: str
    name: str
    uid: str = ""


def meta(document: Document) -> Document:
    """Return an object's metadata."""
    return document.get("metadata") or {}


def spec(document: Document) -> Document:
    """Return what an object is to be."""
    return document.get("spec") or {}


def status(document: Document) -> Document:
    """Return what an object is."""
    return document.get("status") or {}


def name_of(document: Document) -> str:
    """Return an object's name."""
    return str(meta(document).get("name") or "")


def place_of(document: Document) -> Place:
    """Return an object's namespace and name."""
    return str(meta(document).get("namespace") or ""), name_of(document)


def labels_of(document: Document) -> Mapping[str, str]:
    """Return an object's labels."""
    return meta(document).get("labels") or {}


def annotations_of(document: Document) -> Mapping[str, str]:
    """Return an object's annotations."""
    return meta(document).get("annotations") or {}


def controller(document: Document) -> Owner | None:
    """Return what made an object and looks after it, None for an object of its own."""
    for owner in meta(document).get("ownerReferences") or ():
        if owner.get("controller"):
            return Owner(str(owner.get("kind")), str(owner.get("name")), str(owner.get("uid") or ""))
    return None


def pods_of(owner: Owner, pods: Documents, replica_sets: Documents) -> Documents:
    """Return the pods of a workload: its own, and for a Deployment those of the ReplicaSets that it owns."""
    if owner.kind != "Deployment":
        return tuple(pod for pod in pods if _owned(owner, pod))
    mine = {
        Owner(REPLICA_SET, name_of(replica_set), str(meta(replica_set).get("uid") or ""))
        for replica_set in replica_sets
        if _owned(owner, replica_set)
    }
    return tuple(pod for pod in pods if controller(pod) in mine)


def _owned(owner: Owner, document: Document) -> bool:
    maker = controller(document)
    return maker is not None and owner in {maker, replace(maker, uid="")}


def running_since(pod: Document) -> str:
    """Return when the first container of a pod that runs was started, as Kubernetes says it; "" where none runs."""
    for container in status(pod).get("containerStatuses") or ():
        started = ((container.get("state") or {}).get("running") or {}).get("startedAt")
        if started:
            return str(started)
    return ""


def is_terminating(pod: Document) -> bool:
    """Tell whether a pod is being taken away: its phase stays Running until it is gone."""
    return bool(meta(pod).get("deletionTimestamp"))


def stands(pod: Document) -> bool:
    """Tell whether a pod is one that runs or is to run: neither taken away, nor finished, nor evicted."""
    return not is_terminating(pod) and status(pod).get("phase") not in FINISHED


def of_a_job(pod: Document) -> bool:
    """Tell whether a Job made a pod: it may carry a Deployment's labels, and is none of its pods."""
    maker = controller(pod)
    return maker is not None and maker.kind == JOB


def condition(document: Document, kind: str) -> bool:
    """Tell whether an object says a condition of itself."""
    listed = status(document).get("conditions") or ()
    return any(entry.get("type") == kind and entry.get("status") == "True" for entry in listed)


def is_ready(pod: Document) -> bool:
    """Tell whether a pod takes requests: Ready, and not on its way out."""
    return condition(pod, "Ready") and stands(pod)


def why_not(pod: Document) -> str:
    """Return in Kubernetes' words why a pod does not run or is not ready, "" where it says nothing."""
    if status(pod).get("reason"):  # Evicted, NodeLost, UnexpectedAdmissionError.
        return _words(status(pod))
    if is_terminating(pod):
        return f"it is being taken away since {meta(pod)['deletionTimestamp']}"
    for container in status(pod).get("containerStatuses") or ():
        state = container.get("state") or {}
        ended = (container.get("lastState") or {}).get("terminated") or {}
        before = f"; it ended before by {_ended(ended)}" if ended else ""
        waiting = state.get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in _ORDINARY:
            return f"{_words(waiting)}{before}"
        if state.get("terminated"):
            return f"{_ended(state['terminated'])}{before}"
        if waiting:
            return f"{_words(waiting)}{before}"
    listed = [entry for entry in status(pod).get("conditions") or () if entry.get("status") == "False"]
    # What the scheduler says comes before its consequences.
    listed.sort(key=lambda entry: entry.get("type") != "PodScheduled")
    return _words(listed[0]) if listed else ""


def _words(said: Document) -> str:
    return ": ".join(str(said[name]) for name in ("reason", "message") if said.get(name))


def _ended(said: Document) -> str:
    code = said.get("exitCode")
    return f"{said.get('reason') or 'Error'}{f' (exit code {code})' if code is not None else ''}"


def image_word(image: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def container_of(pod_spec: Document, word: str, path: str) -> Document | None:
    """Return the container that serves: the one of an image's word, else the one that mounts the data path.

    Sidecars may stand before it, mount the same path, or carry the word in a longer name. None where nothing tells.
    """
    containers: list[Document] = list(pod_spec.get("containers") or ())
    words = [(container, image_word(str(container.get("image") or ""))) for container in containers]
    named = [container for container, image in words if word and image == word] or [
        container for container, image in words if word and word in image
    ]
    mounting = [container for container in containers if mounted(pod_spec, container, path) is not None]
    both = [container for container in named if container in mounting]
    # A backup sidecar mounts it too, and offers no port.
    serving = [container for container in mounting if container.get("ports")]
    called = [container for container in containers if container.get("name") == word]
    alone = (group for group in (mounting, serving, called, containers) if len(group) == 1)
    return next((group[0] for group in (both, named, *alone) if group), None)


def mounted(pod_spec: Document, container: Document, path: str) -> Document | None:
    """Return the volume on which a path lies in a container, None where it lies in the container's own layer."""
    wanted = f"{path.rstrip('/')}/"
    mounts = [
        (len(at), str(mount.get("name")))
        for mount in container.get("volumeMounts") or ()
        if wanted.startswith(f"{(at := str(mount.get('mountPath')).rstrip('/'))}/")
    ]
    if not mounts:
        return None
    name = max(mounts)[1]
    volumes: Iterator[Document] = (volume for volume in pod_spec.get("volumes") or () if volume.get("name") == name)
    return next(volumes, {"name": name})


def volume_kind(volume: Document) -> str:
    """Return the kind of a pod's volume. Kubernetes takes one that names nothing but itself for an emptyDir."""
    return next((kind for kind in volume if kind != "name"), "emptyDir")
