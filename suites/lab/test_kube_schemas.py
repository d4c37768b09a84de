"""What the lab's cluster holds is what a real API server would take: each object, healthy and bent, by Kubernetes' own schemas."""

from __future__ import annotations

import functools
import json
import tomllib
from pathlib import Path

import pytest

from pytest_gf.honey import contract
from pytest_gf.lab import faults
from pytest_gf.lab.bends import Bends, nothing
from pytest_gf.lab.kube.cluster import Cluster
from pytest_gf.lab.kube.resources import CUSTOM_GROUPS, GATEWAY, RESOURCES
from pytest_gf.lab.kube.secret import Values

CONTRACT = contract.load()
HELD = Values("a-secret-of-tokens", "an-access-key", "a-secret-key-of-s3", "a-token")
OF_KUBERNETES = [name for name, kind in RESOURCES.items() if kind.group not in {*CUSTOM_GROUPS, GATEWAY}]


def held(bend: str = "") -> dict[str, str]:
    """Return each object of the cluster under this bend, by its place, with what the schemas say of it."""
    bends = Bends()
    if bend:
        bends.add(faults.parse(bend, CONTRACT), nothing)
    cluster = Cluster(CONTRACT, bends, HELD)
    return {
        f"{name} {document['metadata']['name']}": wrong_with(json.dumps(document))
        for name in OF_KUBERNETES
        for document in cluster.objects(name)
    }


@functools.cache
def wrong_with(document: str) -> str:
    """Return what Kubernetes' schema says of an object in JSON, "" for nothing; most are the same under each bend."""
    import kubernetes_validate  # It takes seconds, which no other test's process should spend.

    try:
        kubernetes_validate.validate(json.loads(document), kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as wrong:
        return str(wrong.message)
    return ""


def test_the_healthy_cluster_is_a_real_ones() -> None:
    objects = held()
    assert len(objects) > 20
    assert {place: wrong for place, wrong in objects.items() if wrong} == {}


FAULTS = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["fault"]


@pytest.mark.slow
def test_so_is_the_bent_one() -> None:
    bends = sorted({bend for name in FAULTS for bend in name.split(" + ")})
    wrong = {f"{bend}: {place}": text for bend in bends for place, text in held(bend).items() if text}
    assert wrong == {}


def test_a_job_without_a_template_is_none() -> None:
    job = {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "x"}, "spec": {"completions": 1}}
    assert "template" in wrong_with(json.dumps(job))
