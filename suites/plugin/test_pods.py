"""Pods as Kubernetes means them: owners, not labels; the container that serves; what is mounted; why one does not run."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.honey.formats import pods

DEPLOYMENT = pods.Owner("Deployment", "rustfs", "d-1")


def thing(name: str, *owners: tuple[str, str, str], uid: str = "", **more: Any) -> dict[str, Any]:
    references = [{"kind": kind, "name": of, "uid": its, "controller": True} for kind, of, its in owners]
    return {"metadata": {"name": name, "uid": uid, "ownerReferences": references}, **more}


SETS = (
    thing("rustfs-1", ("Deployment", "rustfs", "d-1"), uid="r-1"),
    thing("rustfs-2", ("Deployment", "rustfs", "d-1"), uid="r-2"),
    thing("rustfs-old", ("Deployment", "rustfs", "d-0"), uid="r-0"),
    thing("rustfs-alone", uid="r-3"),
)


@pytest.mark.parametrize(
    ("pod", "mine"),
    [
        (thing("p", ("ReplicaSet", "rustfs-1", "r-1")), True),
        (thing("p", ("ReplicaSet", "rustfs-2", "r-2")), True),
        (thing("p", ("ReplicaSet", "rustfs-old", "r-0")), False),
        (thing("p", ("ReplicaSet", "rustfs-1", "another-of-that-name")), False),
        (thing("p", ("ReplicaSet", "rustfs-alone", "r-3")), False),
        (thing("p", ("Job", "rustfs", "j")), False),
        (thing("rustfs-1-abcde"), False),
    ],
)
def test_a_deployments_pods_are_those_of_its_replica_sets(pod: dict[str, Any], mine: bool) -> None:
    assert pods.pods_of(DEPLOYMENT, (pod,), SETS) == ((pod,) if mine else ())


def test_a_reference_that_is_no_controllers_owns_nothing() -> None:
    pod = thing("p", ("Cluster", "attic-pg", "c"))
    assert pods.pods_of(pods.Owner("Cluster", "attic-pg"), (pod,), ()) == (pod,)
    pod["metadata"]["ownerReferences"][0]["controller"] = False
    assert pods.pods_of(pods.Owner("Cluster", "attic-pg"), (pod,), ()) == ()


@pytest.mark.parametrize(
    ("metadata", "phase", "stands"),
    [
        ({}, "Running", True),
        ({}, "Pending", True),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, "Running", False),
        ({}, "Failed", False),
        ({}, "Succeeded", False),
    ],
)
def test_what_stands(metadata: dict[str, str], phase: str, stands: bool) -> None:
    assert pods.stands({"metadata": metadata, "status": {"phase": phase}}) is stands


def box(name: str, image: str, *, mounts: str = "", ports: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "image": image}
    made |= {"volumeMounts": [{"name": "data", "mountPath": mounts}]} if mounts else {}
    return made | ({"ports": [{"containerPort": 9000}]} if ports else {})


@pytest.mark.parametrize(
    ("containers", "found"),
    [
        ([box("a", "x/proxy"), box("b", "docker.io/rustfs/rustfs:latest")], "b"),
        ([box("a", "r/restic", mounts="/data"), box("b", "h:5000/rustfs@sha256:0", mounts="/data")], "b"),
        ([box("a", "x/rustfs-exporter"), box("b", "x/rustfs", mounts="/data")], "b"),
        ([box("a", "x/rustfs-exporter"), box("b", "x/my-rustfs", mounts="/data")], "b"),
        ([box("a", "x/proxy"), box("b", "x/store", mounts="/data")], "b"),
        ([box("a", "r/restic", mounts="/data"), box("b", "x/store", mounts="/data", ports=True)], "b"),
        ([box("a", "r/restic", mounts="/data"), box("b", "x/store", mounts="/data")], None),
        ([box("a", "x/store")], "a"),
        ([], None),
    ],
)
def test_the_container_that_serves(containers: list[dict[str, Any]], found: str | None) -> None:
    container = pods.container_of({"containers": containers}, "rustfs", "/data")
    assert (container["name"] if container else None) == found


@pytest.mark.parametrize(
    ("mounts", "volumes", "kind"),
    [
        ([("data", "/data")], [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}], pods.CLAIM),
        ([("data", "/data/")], [{"name": "data", "emptyDir": {}}], "emptyDir"),
        (
            [("root", "/"), ("data", "/data")],
            [{"name": "root", "emptyDir": {}}, {"name": "data", "hostPath": {}}],
            "hostPath",
        ),
        ([("deep", "/data/deep")], [{"name": "deep", "emptyDir": {}}], None),
        ([("other", "/database")], [{"name": "other", "emptyDir": {}}], None),
        ([("data", "/data")], [{"name": "data"}], "emptyDir"),
    ],
)
def test_what_is_mounted_at_a_path(
    mounts: list[tuple[str, str]], volumes: list[dict[str, Any]], kind: str | None
) -> None:
    container = {"volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts]}
    volume = pods.mounted({"volumes": volumes}, container, "/data")
    assert (pods.volume_kind(volume) if volume is not None else None) == kind


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory"),
        (
            {
                "containerStatuses": [
                    {
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                    }
                ]
            },
            "CrashLoopBackOff: back-off; it ended before by OOMKilled (exit code 137)",
        ),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 1}}}]}, "Error (exit code 1)"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, "ContainerCreating"),
        (
            {
                "conditions": [
                    {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"},
                ]
            },
            "Unschedulable: 0/3 nodes",
        ),
        ({}, ""),
    ],
)
def test_why_a_pod_does_not_run(status: dict[str, Any], says: str) -> None:
    assert pods.why_not({"metadata": {"name": "p"}, "status": status}) == says
