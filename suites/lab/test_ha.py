"""`pytest -m ha` and `-m inventory`: what is red by design, what waives it and when nothing does, which stores are candidates."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.axes import Axes
from pytest_gf.honey import HOUSE, contract
from pytest_gf.lab import Lab
from pytest_gf.lab.faults import CANDIDATES, COMPONENTS
from pytest_gf.lab.kube import stores

pytestmark = pytest.mark.slow

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["ha"]
AXES = Axes(HOUSE, contract.load(), {}, {})
EVIDENCE = {f"ha.evidence[{name}]" for name in AXES.every("evidence")}
STRICT = {"ha.replicas", "ha.volume"} | EVIDENCE
DOCUMENTED = {"ha.interim-shape", *(f"ha.limit[{name}]" for name in AXES.every("component"))}
READINESS = {
    *("rustfs.ready-endpoint", "rustfs.workload-ready", "rustfs.node-ready"),
    *(f"rustfs.{name}[tofu-state]" for name in ("list-buckets", "head-bucket", "get-agrees", "api-disk-coherent")),
    *(
        f"state.{name}[{stack}]"
        for name in ("object-listed", "body-whole", "body-shape")
        for stack in AXES.every("stack")
    ),
}
"""What readiness stands on beside the shape; `[ha] readiness` of the contract names the clauses."""
GOOD = DOCUMENTED | READINESS
ROWS = STRICT | GOOD


def ha(lab: Lab, run_pytest: Any, *arguments: str) -> Any:
    return run_pytest(
        "-m", "ha", *arguments, f"--gf-target={lab.target_file}", lean=True, environment=dict(lab.environment)
    )


def fork(folder: Path, text: str) -> str:
    (folder / "contract.toml").write_text(f'extends = "gloriousflywheel"\nname = "fork"\n{text}')
    return f"--gf-contract={folder / 'contract.toml'}"


def test_strict_ha_is_red_by_design(lab: Lab, run_pytest: Any) -> None:
    outcome = ha(lab, run_pytest)
    assert outcome.exit == 1
    assert outcome.rows("violated") == STRICT
    assert outcome.rows("holds") == GOOD
    assert "INTERIM_ONLY" not in outcome.text


@pytest.mark.upholds("S107", "S113")
def test_what_tin_1012_waives_is_interim_and_says_so(lab: Lab, run_pytest: Any) -> None:
    outcome = ha(lab, run_pytest, "--gf-expect-interim")
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("interim") == STRICT
    assert outcome.rows("holds") == GOOD
    assert "INTERIM_ONLY: 7 clauses are red and waived until their ticket closes" in outcome.text
    assert "INTERIM_ONLY" in (outcome.folder / "summary.md").read_text()
    assert {row["reason"].partition("\n")[0] for row in outcome.verdicts().values()} >= {
        "1 ready replica(s) on 1 node(s): bumble"
    }


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(  # noqa: PLR0917  # pytest's fixtures.
    fault: str, lab: Lab, drill: Any, tmp_path: Path, expand: Any, told_as: Any
) -> None:
    outcome = drill("-m", "ha").judge(tmp_path, fault, lab=lab)
    expected = {name: expand(TABLE[fault].get(name, []), ROWS) for name in ("violated", "unproven", "error")}
    assert {name: outcome.rows(name) for name in expected} == expected
    assert outcome.rows("holds") == ROWS.difference(*expected.values())
    told_as(TABLE[fault]["incident"], outcome.verdicts())
    said = [f"{row['reason']} {row['next_step']}" for row in outcome.verdicts().values()]
    assert any(TABLE[fault]["says"] in text for text in said), said


DOWN = {
    "bucket-index-lost:tofu-state": "rustfs.list-buckets[tofu-state]",
    "disk-offline": "rustfs.ready-endpoint",
    "pod-not-ready": "rustfs.workload-ready",
    "node-down:bumble": "rustfs.node-ready",
    "state-empty:attic": "state.body-shape[attic]",
}
"""Faults under which the state path is down, and a row of `-m ha` that says so."""


@pytest.mark.parametrize("fault", DOWN)
def test_the_expected_interim_is_red_while_the_state_path_is_down(fault: str, lab: Lab, run_pytest: Any) -> None:
    lab.bend(fault)
    outcome = ha(lab, run_pytest, "--gf-expect-interim")
    assert outcome.exit == 1, outcome.text
    assert DOWN[fault] in outcome.rows("violated")
    assert "INTERIM_ONLY" not in outcome.text


def test_no_waiver_covers_a_replica_that_is_not_ready(lab: Lab, run_pytest: Any) -> None:
    lab.bend("pod-not-ready")
    row = ha(lab, run_pytest, "--gf-expect-interim").verdicts()["ha.replicas"]
    assert row["verdict"] == "violated"
    assert "nothing waives it: no replica is ready" in row["reason"]


def test_readiness_that_was_not_seen_is_never_exit_0_under_the_expected_interim(lab: Lab, run_pytest: Any) -> None:
    lab.bend("kubernetes-forbidden:create pods/exec")
    outcome = ha(lab, run_pytest, "--gf-expect-interim")
    assert outcome.rows("unproven") == {"rustfs.api-disk-coherent[tofu-state]"}
    assert outcome.exit == 11, outcome.text
    assert "INTERIM_ONLY" not in outcome.text


def test_nothing_is_waived_where_the_interim_shape_is_broken(lab: Lab, run_pytest: Any) -> None:
    lab.bend("claim-shared")
    outcome = ha(lab, run_pytest, "--gf-expect-interim")
    assert outcome.exit == 1
    assert outcome.rows("violated") == STRICT | {"ha.interim-shape"}


def test_what_holds_and_is_waived_is_fixed(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    recorded = '[ha.evidence.lockfile]\nrecorded = 2026-11-20T12:00:00Z\nwhere = "https://evidence.invalid/1"\n'
    outcome = ha(lab, run_pytest, "--gf-expect-interim", fork(tmp_path, recorded))
    assert outcome.exit == 1
    assert outcome.rows("fixed") == {"ha.evidence[lockfile]"}
    assert outcome.rows("interim") == STRICT - {"ha.evidence[lockfile]"}
    assert "INTERIM_ONLY" not in outcome.text


def test_a_waiver_that_is_due_is_violated_and_says_since_when(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    due = (
        '[[waivers]]\nclauses = ["ha.replicas"]\nticket = "TIN-1012"\nreason = "r"\n'
        'review = 2026-01-31T12:00:00+01:00\ncloses = "c"\n'
    )
    outcome = ha(lab, run_pytest, "--gf-expect-interim", fork(tmp_path, due))
    row = outcome.verdicts()["ha.replicas"]
    assert outcome.rows("violated") == STRICT
    assert row["verdict"] == "violated"
    assert "the waiver of TIN-1012 was due for review at 2026-01-31T12:00:00+01:00" in row["reason"]
    assert row["next_step"].startswith("review the waiver")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            '[[waivers]]\nclauses = ["a"]\nticket = "t"\nreason = "r"\nreview = 2026-01-31T12:00:00\ncloses = "c"\n',
            "waivers[0].review",
        ),
        ("[ha.evidence.lockfile]\nrecorded = 2026-01-31T12:00:00\n", "ha.evidence.lockfile.recorded"),
    ],
)
def test_an_instant_without_a_zone_is_one_line(text: str, key: str, refused: Any, tmp_path: Path) -> None:
    outcome = refused("-m", "ha", fork(tmp_path, text))
    assert outcome.exit == 4
    assert f"key '{key}': expected an instant with its zone" in outcome.text


def test_without_the_right_to_see_the_shape_nothing_is_waived_or_red(lab: Lab, run_pytest: Any) -> None:
    lab.bend("kubernetes-forbidden:list pods")
    outcome = ha(lab, run_pytest, "--gf-expect-interim")
    assert outcome.exit == 11, "a row that readiness needs was not seen"
    assert not outcome.rows("violated"), "the claim that is judged is the one that a pod mounts"
    seen = {row for row in READINESS if row.startswith(("state.", "rustfs.")) and "coherent" not in row}
    seen -= {"rustfs.workload-ready"}
    assert outcome.rows("unproven") == ROWS - seen
    assert outcome.rows("holds") == seen


def test_a_red_of_an_axis_without_an_option_is_repeated_by_its_name(lab: Lab, run_pytest: Any) -> None:
    outcome = ha(lab, run_pytest, "-k", "lockfile")
    (line,) = [line for line in outcome.text.splitlines() if line.startswith("repeat ")]
    assert "-k 'ha.evidence[lockfile]'" in line
    again = ha(lab, run_pytest, "-k", "ha.evidence[lockfile]")
    assert set(again.verdicts()) == {"ha.evidence[lockfile]"}


@pytest.mark.upholds("S108")
def test_every_class_of_candidate_is_told_apart(lab: Lab, run_pytest: Any) -> None:
    assert (tuple(stores.CANDIDATES), tuple(stores.COMPONENTS)) == (CANDIDATES, COMPONENTS)
    for name in CANDIDATES:
        lab.bend(f"candidate:{name}")
    environment = dict(lab.environment)
    outcome = run_pytest("-m", "inventory", f"--gf-target={lab.target_file}", lean=True, environment=environment)
    assert outcome.exit == 0, outcome.text
    table = (outcome.folder / "shown" / "inventory.txt").read_text()
    assert table.startswith("LIVE_HA_STATE_CANDIDATE object-store/dedicated, object-store/replicated-rustfs; prove it")
    for line in (
        "nix-cache/attic-rustfs-openebs: current singleton: interim only",
        "object-store/dedicated: dedicated HA S3-compatible service: primary",
        "object-store/dedicated-single: one replica or one node: no HA",
        "object-store/replicated-rustfs: replicated RustFS: conditional, with repair proof",
        "object-store/local-path: local-path on one node: rejected",
        "object-store/cache-store: object-store surface of Attic or Bazel: rejected",
    ):
        assert line in table
        assert line in outcome.text
    assert "## inventory" in (outcome.folder / "summary.md").read_text()


def test_no_candidate_is_valid_evidence(lab: Lab, run_pytest: Any) -> None:
    environment = dict(lab.environment)
    outcome = run_pytest("-m", "inventory", f"--gf-target={lab.target_file}", lean=True, environment=environment)
    assert outcome.rows("holds") == {"ha.candidate-inventory"}
    assert "inventory: NO_LIVE_HA_STATE_CANDIDATE" in outcome.text
