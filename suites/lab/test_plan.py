"""--gf-plan says what a run asks, changes and lacks, and changes nothing; deploy/rbac grants just that."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_gf.engine.facts import read_folder
from pytest_gf.honey.probes.kube_places import PLACES
from pytest_gf.lab import Lab
from pytest_gf.lab.kube.rights import PROBE_CLUSTER_ROLE, PROBE_ROLE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECRETS = ROOT / "deploy" / "rbac" / "secrets" / "secrets.yaml"
RBAC = sorted(set((ROOT / "deploy" / "rbac").glob("*.yaml")) - {ROOT / "deploy" / "rbac" / "kustomization.yaml"})
SECTIONS = {
    "runner.yaml": "Role",
    "operator.yaml": "Role",
    "exec.yaml": "Role",
    "port-forward.yaml": "Role",
    "rca.yaml": "Role",
    "cluster.yaml": "ClusterRole",
}


def granted(path: Path) -> set[str]:
    """Return the pairs of verb and resource that a file grants."""
    rules = [rule for document in yaml.safe_load_all(path.read_text()) for rule in document.get("rules", ())]
    return {f"{verb} {resource}" for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


WHERE_SERVED = {"traefik": "traefik.io", "istio": "networking.istio.io"}
"""The fault by which the lab serves a group: a right to what is not served is not missed."""


def granted_to(group: str) -> set[str]:
    """Return the pairs of a group's resources."""
    return {f"list {resource}" for resource, place in PLACES.items() if place.group == group}


PAIRS = sorted({pair for path in RBAC for pair in granted(path)})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(tmp_path_factory.mktemp("lab")) as started:
        yield started


def test_the_lab_grants_what_deploy_rbac_grants() -> None:
    by_kind = {kind: [path for path in RBAC if SECTIONS[path.name] == kind] for kind in ("Role", "ClusterRole")}
    assert set().union(*map(granted, (*by_kind["Role"], SECRETS))) == PROBE_ROLE
    assert set().union(*map(granted, by_kind["ClusterRole"])) == PROBE_CLUSTER_ROLE
    assert granted(ROOT / "deploy/rbac/runner.yaml") == granted(ROOT / "deploy/rbac/operator.yaml")


@pytest.mark.parametrize("path", RBAC, ids=lambda path: path.stem)
def test_no_wildcard_and_no_secret(path: Path) -> None:
    text = "\n".join(line.partition("#")[0] for line in path.read_text().splitlines())
    assert "*" not in text
    assert "secrets" not in text
    assert not {"create", "update", "patch", "delete", "deletecollection"} & {
        pair.partition(" ")[0]
        for pair in granted(path)
        if pair.partition(" ")[2] not in {"pods/exec", "pods/portforward"}
    }


def test_a_plan_asks_reviews_and_who_it_is_and_changes_nothing(lab: Lab, run_pytest: Any) -> None:
    lab.reset()
    outcome = run_pytest(
        "-m", "canary", "--gf-plan", f"--gf-target={lab.target_file}", environment=dict(lab.environment)
    )
    assert outcome.exit == 0, outcome.text
    assert set(lab.counts()) == {
        "attic Home",
        "bazel GetCapabilities",
        "flakehub Page",
        "kubernetes create selfsubjectaccessreviews",
        "kubernetes head /",
        "s3 ListBuckets",
        "s3 Unknown",  # HEAD / without a signature, for the clock.
    }
    assert not outcome.folder.exists(), "a plan is no run"
    for text in ("it asks, at least:", "list nodes", "ListBuckets x5", "it changes (scratch): scratch_bucket"):
        assert text in outcome.text
    assert "LACKS" not in outcome.text


@pytest.mark.parametrize("pair", PAIRS)
def test_each_right_that_is_dropped_is_named_and_missed(
    pair: str, lab: Lab, planned: Any, drill: Any, tmp_path: Path
) -> None:
    target = lab.folder / "routed.toml"
    lab.bend(f"kubernetes-forbidden:{pair}")
    for way, group in WHERE_SERVED.items():
        if pair in granted_to(group):
            lab.bend(f"rustfs-exposed:{way}")
    try:
        arguments = ("-m", "canary or rca", f"--gf-target={target}")
        plan = planned(*arguments, "--gf-plan", "--gf-strict", environment=dict(lab.environment))
        routed: Any = types.SimpleNamespace(mend=lab.mend, target_file=target, environment=lab.environment)
        outcome = drill("-m", "canary or rca", "--gf-deadline=5").judge(tmp_path, lab=routed)
    finally:
        lab.mend()
    lacks = [line for line in plan.text.splitlines() if "LACKS" in line]
    assert plan.exit == 11, plan.text
    assert lacks
    assert all(f"LACKS  {pair} in " in line for line in lacks), lacks
    named = {name for line in lacks for name in line.partition("unproven without it: ")[2].split(", ")}
    unproven = {row.partition("[")[0] for row in outcome.rows("unproven")}
    assert unproven == named
    assert outcome.rows("violated") == outcome.rows("error") == set()
    assert any(pair in row["reason"] for row in outcome.verdicts().values() if row["verdict"] == "unproven")


ONLY_WHERE_SOMETHING_IS_WRONG = {"bazel_written": {"REAPI Read"}, "stored_blobs": {"S3 HeadObject"}}


def test_what_facts_say_they_ask_is_what_they_ask(run_pytest: Any, lab: Lab) -> None:
    """The plan is made of ``asks``; the evidence says what was asked, fact by fact, in a cluster that serves every kind."""
    for fault in ("rustfs-exposed:traefik", "bazel-exposed:istio"):
        lab.bend(fault)
    try:
        outcome = run_pytest(
            "-m", "canary or rca", f"--gf-target={lab.folder / 'routed.toml'}", environment=dict(lab.environment)
        )
    finally:
        lab.mend()
    assert outcome.rows("violated") == {"rustfs.not-exposed", "bazel.not-exposed"}, outcome.text
    asked: dict[str, set[str]] = {}
    for path in (outcome.folder / "evidence").glob("*.json"):
        kept = json.loads(path.read_text())
        said = {f"{exchange['system']} {exchange['operation']}" for exchange in kept["exchanges"]}
        asked.setdefault(kept["fact"], set()).update(request[0].upper() + request[1:] for request in said)
    declared = {
        name: {ask for ask in value.asks if ask != "Kubernetes create pods/portforward"}
        for name, value in read_folder(ROOT / "fixtures").items()
        if name in asked
    }
    for name, asks in ONLY_WHERE_SOMETHING_IS_WRONG.items():
        assert asks <= declared[name]
        declared[name] -= asks
    assert asked == declared


def test_a_plan_without_a_cluster_says_so(planned: Any) -> None:
    outcome = planned("-m", "canary", "--gf-plan", "--gf-target=fixtures/targets/dev-machine.toml")
    assert outcome.exit == 0, outcome.text
    assert "the target has no [kubernetes] section" in outcome.text
    assert "it would change (scratch)" in outcome.text
    assert "not allowed: add 'scratch'" in outcome.text


def test_a_plan_of_the_embedded_lab_leaves_no_folder(planned: Any, tmp_path: Path) -> None:
    outcome = planned("-m", "canary", "--gf-plan")
    assert outcome.exit == 0, outcome.text
    assert not list((tmp_path / "reports").iterdir()), "a plan is no run"


def test_a_plan_is_made_in_one_process(run_pytest: Any) -> None:
    outcome = run_pytest("-m", "canary", "--gf-plan", "-n", "2")
    assert outcome.exit == 4
    assert "leave -n out" in outcome.text
