"""Each fault of the lab turns exactly its rows red, and leaves the rest: faults.toml is the table, tested both ways."""

from __future__ import annotations

import contextlib
import itertools
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab.faults import FAULTS

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())
OF_THE_MODEL: dict[str, Any] = tomllib.loads((Path(__file__).parent / "repository_faults.toml").read_text())["fault"]
"""Those that bend files and variables; test_repository_faults.py tries them."""
ELSEWHERE = {"attic.store-hash-whole"}
"""What test_attic_runs.py turns red, on demand."""
VERDICTS = ("violated", "unproven", "error")


Expand = Callable[[Iterable[str], Collection[str]], set[str]]


@pytest.fixture(scope="session")
def catalog() -> set[str]:
    """Every clause's id, as the suites write it."""
    sources = (Path(__file__).parents[1] / "contract").rglob("test_*.py")
    return {name for source in sources for name in re.findall(r'@clause\(\s*"([^"]+)"', source.read_text())}


def test_no_clause_without_a_fault(catalog: set[str], expand: Expand) -> None:
    covered = {
        name
        for fault in (
            *TABLE["fault"].values(),
            *TABLE["guard"].values(),
            *TABLE["cache_delete"].values(),
            *TABLE["ha"].values(),
            *TABLE["rca"].values(),
            *TABLE["audit"].values(),
            *TABLE["flakehub"].values(),
            *TABLE["publication"].values(),
            *TABLE["gate"].values(),
            *OF_THE_MODEL.values(),
        )
        for name in expand(fault.get("violated", []), catalog_rows(catalog))
    }
    without = catalog - ELSEWHERE - {row.partition("[")[0] for row in covered}
    assert not without, f"no fault of suites/lab/faults.toml turns these violated (docs/writing-clauses.md): {without}"
    assert {row.partition("[")[0] for row in covered} == catalog - ELSEWHERE


def catalog_rows(catalog: set[str]) -> set[str]:
    """Return rows enough for every pattern: each id bare, and with every bucket and stack."""
    from pytest_gf.engine.axes import Axes
    from pytest_gf.honey import HOUSE, contract

    axes = Axes(HOUSE, contract.load(), {}, {})
    pairs = itertools.product(axes.every("surface"), axes.every("nar"))
    surfaces = (*axes.every("surface"), *map("-".join, pairs))
    values = (
        *axes.every("bucket"),
        *axes.every("stack"),
        *surfaces,
        *axes.every("evidence"),
        *axes.every("component"),
        *axes.every("gate"),
        *axes.every("artifact"),
        "cas.v2/e0",
        "ac/d7",
    )
    return catalog | {f"{name}[{value}]" for name in catalog for value in values}


def test_every_fault_is_in_the_table() -> None:
    assert {
        bend.partition(":")[0]
        for name in (
            *TABLE["fault"],
            *TABLE["guard"],
            *TABLE["cache_delete"],
            *TABLE["ha"],
            *TABLE["rca"],
            *TABLE["audit"],
            *TABLE["flakehub"],
            *TABLE["publication"],
            *TABLE["gate"],
            *OF_THE_MODEL,
        )
        for bend in name.split(" + ")
    } == set(FAULTS)


OWN_LAB = ("bazel-blob:", "bazel-read-short:", "bazel-write", "bazel-hot-other")
WHOLE = ("bucket-index-lost:tofu-state", "wrong-secret", "attic-chunk-deleted", "bazel-blob:other")
WHOLE_AND_SLOW = (
    *("scratch-lingers", "state-short:arc-runners", "kubernetes-forbidden:create pods/exec", "pod-not-ready"),
    *("wrong-cluster", "exec-cut:rst", "attic-unreachable", "bazel-unreachable"),
)
"""Faults of every system that are tried as whole runs: process, collection, lab, record, exit code and last line."""


@pytest.mark.parametrize("fault", [*WHOLE, *(pytest.param(fault, marks=pytest.mark.slow) for fault in WHOLE_AND_SLOW)])
def test_a_whole_run_shows_its_rows_and_exits_by_them(
    fault: str, run_pytest: Any, expand: Expand, told_as: Any
) -> None:
    outcome = run_pytest("-m", "canary", f"--gf-fault={fault}", "--gf-deadline=5", lean=True)
    check_the_rows(fault, outcome.verdicts(), expand)
    row = TABLE["fault"][fault]
    told_as(row.get("incident", []), outcome.verdicts())
    assert outcome.exit == (1 if row.get("violated") else 10 if row.get("error") else 0), outcome.text
    assert "LAB - honey was not observed" in outcome.text.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("fault", TABLE["fault"])
def test_a_fault_turns_exactly_its_rows_and_is_one_incident(  # noqa: PLR0917  # pytest's fixtures.
    fault: str, lab: Lab, drill: Any, tmp_path: Path, expand: Expand, told_as: Any
) -> None:
    selected = drill("-m", "canary", "--gf-deadline=5")
    with contextlib.ExitStack() as stack:
        if fault.startswith(OWN_LAB):  # The blobs that a canary wrote are small, stay in the cache and are sampled too.
            lab = stack.enter_context(Lab.start(tmp_path / "lab"))
        verdicts = selected.judge(tmp_path, fault, lab=lab).verdicts()
    check_the_rows(fault, verdicts, expand)
    told_as(TABLE["fault"][fault].get("incident", []), verdicts)


def check_the_rows(fault: str, verdicts: Mapping[str, dict[str, Any]], expand: Expand) -> None:
    """Compare the verdicts, and what is said, with the table."""
    row = TABLE["fault"][fault]
    expected = {verdict: expand(row.get(verdict, []), set(verdicts)) for verdict in VERDICTS}
    expected["holds"] = set(verdicts).difference(*expected.values())
    by_verdict = {
        verdict: {name for name, judged in verdicts.items() if judged["verdict"] == verdict} for verdict in expected
    }
    assert by_verdict == expected
    red = [judged for judged in verdicts.values() if judged["verdict"] in {"violated", "error"}]
    said = [f"{judged['reason']} {judged['next_step']}" for judged in red]
    assert not said or any(row["says"] in text for text in said), said
    assert all(judged["reason"] for judged in verdicts.values() if judged["verdict"] != "holds")
    assert all(judged["next_step"] for judged in red)


@pytest.mark.upholds("S091")
def test_a_loss_says_what_to_do_and_makes_nothing(run_pytest: Any) -> None:
    outcome = run_pytest("-m", "canary", "--gf-fault=bucket-index-lost:tofu-state")
    assert outcome.exit == 1
    for text in ("TIN-1012", "TIN-1046", "preserve logs, run RCA before any restart", "so that evidence is kept"):
        assert text in outcome.text
    assert not (outcome.folder / "ledger.jsonl").exists(), "something was about to be made"


@pytest.mark.upholds("S001~")
def test_another_cluster_is_an_error_before_anything_is_judged(run_pytest: Any) -> None:
    outcome = run_pytest("-m", "canary", "--gf-fault=wrong-cluster")
    assert outcome.exit == 10
    assert outcome.rows("error") == set(outcome.verdicts())
    line = (
        "gate S001: not passed, error: asking which cluster this is (by its nodes): wrong cluster: kind-control-plane"
    )
    assert line in outcome.text
    assert line in (outcome.folder / "summary.md").read_text()
    assert not (outcome.folder / "ledger.jsonl").exists(), "something was about to be made in another cluster"


@pytest.mark.upholds("S001~")
def test_the_cluster_is_known_without_a_right_to_its_nodes(run_pytest: Any) -> None:
    narrow = ("-m", "canary", "-k", "workload", "--gf-fault=kubernetes-forbidden:list nodes")
    outcome = run_pytest(*narrow)
    assert outcome.exit == 0
    assert "gate S001: passed, the cluster is the contract's" in outcome.text
    wrong = run_pytest(*narrow, "--gf-fault=wrong-cluster")
    assert wrong.exit == 10
    assert "(by the nodes of its pods): wrong cluster: kind-control-plane" in wrong.text
    blind = run_pytest(
        "-m",
        "canary",
        *narrow[4:],
        "--gf-fault=kubernetes-forbidden:list pods",
        "--gf-fault=kubernetes-forbidden:get deployments",
    )
    assert blind.exit == 0, "S3 is judged"
    assert "gate S001: not passed, unproven: the cluster can't be identified" in blind.text
    assert {row.partition("[")[0] for row in blind.rows("holds")} >= {
        "rustfs.list-buckets",
        "rustfs.scratch-gone",
        "state.body-whole",
    }
    assert {"rustfs.workload-ready", "rustfs.disk-markers[attic]", "rustfs.volume-bound"} <= blind.rows("unproven")


def test_a_bucket_that_puts_would_create_is_lost_still_and_nothing_is_written(run_pytest: Any) -> None:
    faults = ("--gf-fault=bucket-index-lost:tofu-state", "--gf-fault=put-creates-bucket")
    outcome = run_pytest("-m", "canary or guard", *faults, "--gf-deadline=5", lean=True)
    rows = outcome.verdicts()
    assert rows["rustfs.list-buckets[tofu-state]"]["verdict"] == "violated"
    assert not (outcome.folder / "ledger.jsonl").exists(), "nothing was about to be made"
    proofs = [
        row["reason"] for name, row in rows.items() if name.startswith(("state.write-proof", "rustfs.scratch-app"))
    ]
    assert proofs
    assert all("so that evidence is kept" in reason for reason in proofs)
