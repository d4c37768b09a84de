"""What a run claims at its end: on the lab, on a target that is known by its cluster, on one whose cluster nobody saw."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import contract
from pytest_gf.lab import Lab, model

STATEMENTS = contract.load().statements
TOGETHER = {"S014", "S017", "S092", "S094", "S096", "S100"}
CANARY = {"S022", "S041", "S077", "S093", "S101", "S110", "S111"} | TOGETHER


def run(lab: Lab, run_pytest: Any, *arguments: str) -> tuple[set[str], set[str], Any]:
    """Run against the lab under another name than a lab's; return what was claimed whole, and in part."""
    target = lab.target_file.with_name("elsewhere.toml")
    target.write_text(lab.target_file.read_text().replace('name = "lab"', 'name = "elsewhere"'))
    outcome = run_pytest(*arguments, f"--gf-target={target}", environment=dict(lab.environment))
    lines = [re.search(rf"^{words}: (.*)$", outcome.text, re.MULTILINE) for words in ("proved", "proved in part")]
    whole, part = (set(line[1].split()) - {"nothing"} if line else set() for line in lines)
    return whole, part, outcome


def live(names: set[str]) -> set[str]:
    return {name for name in names if STATEMENTS[name].how == "live"}


@pytest.mark.slow
def test_a_target_whose_cluster_is_the_contracts_proves_live_statements(lab: Lab, run_pytest: Any) -> None:
    whole, part, outcome = run(lab, run_pytest, "-m", "canary")
    assert outcome.exit == 0, outcome.text
    assert whole >= CANARY | {"S114"}
    assert "S005" in part, "no checkout was looked at"
    assert "no live statement is proved whole" not in outcome.text
    one, some, outcome = run(lab, run_pytest, "-m", "canary", "--gf-stack=attic", "--gf-bucket=attic")
    assert not one & {"S093", "S094", "S096", "S077", "S114"}, "one of several is a part"
    assert some >= {"S005", "S093", "S094"}


@pytest.mark.slow
def test_all_stacks_with_their_backends_show_what_they_use(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    model.lay(tmp_path / "m", [])
    checkout = tmp_path / "m" / "repository"
    for file in (checkout / "tofu" / "backends").iterdir():
        address = "http://attic-rustfs-openebs.nix-cache.svc.cluster.local:9000"
        file.write_text(file.read_text().replace(address, lab.addresses["s3"]))
    ask = ("-m", "guard", f"--gf-repository={checkout}")
    whole, _, outcome = run(lab, run_pytest, *ask)
    assert whole >= {"S005", "S070", "S071", "S072", "S073"}, outcome.text
    one, some, _ = run(lab, run_pytest, *ask, "--gf-stack=attic")
    assert "S070" in one
    assert "S005" in some
    assert not one & {"S005", "S071"}


@pytest.mark.slow
def test_without_the_gate_nothing_live_is_proved_whole(lab: Lab, run_pytest: Any) -> None:
    lab.bend("kubernetes-forbidden:list pods")
    lab.bend("kubernetes-forbidden:list nodes")
    lab.bend("kubernetes-forbidden:get deployments")
    whole, part, outcome = run(lab, run_pytest, "-m", "canary")
    assert live(whole) == set()
    assert "S041" in part
    assert "no live statement is proved whole: gate S001 did not pass" in outcome.text


def test_a_lab_proves_nothing_live(lab: Lab, run_pytest: Any) -> None:
    outcome = run_pytest("-m", "canary", f"--gf-target={lab.target_file}", environment=dict(lab.environment))
    (whole,) = re.findall(r"^proved: (.*)$", outcome.text, re.MULTILINE)
    assert live(set(whole.split())) == set()
    summary = (outcome.folder / "summary.md").read_text()
    assert "No live statement is proved whole: the target is a lab." in summary


@pytest.mark.slow
def test_an_expected_red_is_told_as_such(lab: Lab, run_pytest: Any) -> None:
    for option in ((), ("--gf-expect-interim",)):
        whole, _, outcome = run(lab, run_pytest, "-m", "ha", *option)
        assert {"S079", "S109"} <= whole
        assert "expected, S109 holds: 1 ready replica(s) on 1 node(s): bumble: ha.replicas" in outcome.text
        assert "not proved, " not in outcome.text
        assert "Expected, S109 holds (readiness is expected-red" in (outcome.folder / "summary.md").read_text()
    lab.bend("pod-not-ready")
    whole, _, outcome = run(lab, run_pytest, "-m", "ha", "--gf-expect-interim")
    assert not {"S079", "S109"} & whole
    assert "expected, S109" not in outcome.text


@pytest.mark.slow
@pytest.mark.upholds("S080", "S081", "S115")
def test_drift_and_tickets_stand_in_the_reports_where_they_matter(lab: Lab, run_pytest: Any) -> None:
    _, _, outcome = run(lab, run_pytest, "-m", "ha", "--gf-expect-interim")
    assert "remember:" not in outcome.text
    lab.bend("two-replicas")
    _, _, outcome = run(lab, run_pytest, "-m", "ha")
    summary = (outcome.folder / "summary.md").read_text()
    for text in (outcome.text, summary):
        assert "what differs there is drift" in text
        assert "(S080 S081)" in text
        assert "TIN-1043 closed the read-only quarantine" in text
        assert "TIN-1012: the HA implementation gate" in text
