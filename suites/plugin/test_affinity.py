"""On which nodes a volume can be mounted: terms are alternatives, an expression of each must hold, an empty one fits nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.honey.formats import affinity
from pytest_gf.honey.observed.storage import VolumeClaim

NODES = {
    "bumble": {"kubernetes.io/hostname": "bumble", "openebs.io/nodeid": "7b1e0a52-uuid", "rack": "3"},
    "honey": {"kubernetes.io/hostname": "honey", "rack": "1"},
    "sting": {"kubernetes.io/hostname": "sting"},
}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def volume(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": list(terms)}}}}


def labels(*expressions: dict[str, Any]) -> dict[str, Any]:
    return {"matchExpressions": list(expressions)}


ID = expression("openebs.io/nodeid", "In", "7b1e0a52-uuid")
HOST = "kubernetes.io/hostname"


@pytest.mark.parametrize(
    ("document", "nodes"),
    [
        (volume(labels(ID)), ("bumble",)),
        (volume(labels(expression(HOST, "In", "bumble", "gone"))), ("bumble",)),
        (volume(labels(ID), labels(expression(HOST, "In", "sting"))), ("bumble", "sting")),
        (volume(labels(ID, expression(HOST, "In", "sting"))), ()),
        (volume(labels(expression(HOST, "NotIn", "honey"))), ("bumble", "sting")),
        (volume(labels(expression("rack", "Exists"))), ("bumble", "honey")),
        (volume(labels(expression("rack", "DoesNotExist"))), ("sting",)),
        (volume(labels(expression("rack", "Gt", "2"))), ("bumble",)),
        (volume(labels(expression("rack", "Lt", "2"))), ("honey",)),
        (volume({"matchFields": [expression("metadata.name", "In", "bumble")]}), ("bumble",)),
        (volume({}), ()),
        (volume(), ()),
        ({"spec": {}}, None),
        ({"spec": {"nodeAffinity": {}}}, None),
    ],
)
def test_where_a_volume_can_be_mounted(document: dict[str, Any], nodes: tuple[str, ...] | None) -> None:
    assert affinity.nodes_of(document, NODES) == nodes


def test_an_operator_that_nobody_knows_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="rack Near 2: no operator of Kubernetes"):
        affinity.nodes_of(volume(labels(expression("rack", "Near", "2"))), NODES)


def test_folders_and_disks_are_one_nodes() -> None:
    assert affinity.is_one_nodes({"spec": {"hostPath": {"path": "/srv"}}})
    assert affinity.is_one_nodes({"spec": {"local": {"path": "/srv"}}})
    assert not affinity.is_one_nodes({"spec": {"csi": {}}})
    assert affinity.in_words(volume(labels(ID), labels(expression(HOST, "In", "sting")))) == (
        "openebs.io/nodeid In 7b1e0a52-uuid or kubernetes.io/hostname In sting"
    )


@pytest.mark.parametrize(
    ("owner", "mine", "words"),
    [
        ({}, True, ""),
        ({"namespace": "nix-cache", "name": "data", "uid": "7"}, True, "nix-cache/data"),
        ({"namespace": "nix-cache", "name": "data"}, True, "nix-cache/data"),
        (
            {"namespace": "nix-cache", "name": "data", "uid": "6"},
            False,
            "nix-cache/data, which was deleted and made anew",
        ),
        ({"namespace": "elsewhere", "name": "data", "uid": "7"}, False, "elsewhere/data"),
    ],
)
def test_a_volume_says_whose_it_is(owner: dict[str, str], mine: bool, words: str) -> None:  # A table.
    claim = VolumeClaim(
        "data", True, "Bound", (), "zfs", "1Gi", 1, "pv", "", "zfs", "1Gi", 1, reference="nix-cache/data", uid="7"
    )
    assert (claim.is_claimed_by(owner), claim.in_words(owner)) == (mine, words)
