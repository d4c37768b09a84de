"""The canary on the lab, as a whole: each fact observed once, the same record with workers, an end in time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab.bazel import content

# What one canary asks: four stacks, three buckets, one scratch probe.
EXCHANGES = {
    "s3 ListBuckets": 1 + 1 + 3,  # signed, anonymous; after the scratch bucket's creation, its key's delete and its own
    "s3 HeadBucket": 3 + 1,
    "s3 ListObjectsV2": 3 + 3 + 4 + 2,  # each bucket signed and anonymous, each state, both modes of blobs
    "s3 HeadObject": 4 + 4,  # each state signed and anonymous
    "s3 CreateBucket": 1,
    "s3 PutObject": 1,
    "s3 DeleteObject": 1,
    "s3 DeleteBucket": 1,
    "kubernetes list nodes": 1,
    "kubernetes list pods": 1 + 1,  # of the namespace, and for the inventory of all
    "kubernetes list deployments": 1,
    "kubernetes list statefulsets": 1,
    "kubernetes list services": 1,
    "kubernetes list ingresses": 1,
    "kubernetes get /apis": 1,  # Which of the routes' groups are installed.
    "kubernetes list configmaps": 1,
    "kubernetes list endpointslices": 1,
    "kubernetes list replicasets": 1 + 1,  # of the namespace, and for the inventory of all
    "kubernetes list httproutes": 3,  # No Gateway API is installed: each version is asked for, and is not there.
    "kubernetes list grpcroutes": 2,
    "kubernetes list tcproutes": 2,
    "kubernetes list tlsroutes": 3,
    "kubernetes get services": 1,
    "kubernetes list persistentvolumeclaims": 1,
    "kubernetes get deployments": 1 + 1,  # RustFS's, bazel-remote's
    "kubernetes get persistentvolumeclaims": 1,
    "kubernetes get persistentvolumes": 1,
    "kubernetes get storageclasses": 1,
    "kubernetes get pods/exec": 3
    * 2  # two folders, for all buckets at once; the scratch bucket while it is there, and after
    + 1,  # what lies below them
    "s3 Health": 2,  # /health and /health/ready
    "attic CacheInfo": 2,
    "attic CacheConfig": 2,
    "attic NarInfo": 2 * (3 + 1),  # the named paths, and a miss
    "attic GetMissingPaths": 2 + 2 * 4,  # without a token, and each gate that needs none
    "attic Nar": 2 * 3,
    "bazel GetCapabilities": 1,
    "bazel Check": 1,
    "bazel Status": 1,
    "bazel FindMissingBlobs": 1,
    "bazel GetActionResult": 1,
    "bazel BatchReadBlobs": 1,
    "bazel BatchUpdateBlobs": 1,
}
GATE = {"kubernetes list nodes": 1, "kubernetes list pods": 1, "kubernetes get deployments": 1}
"""What every live run asks first: which cluster is this?"""


NO_CREDENTIAL = (
    *("rustfs.anonymous-refused", "rustfs.workload-ready", "rustfs.node-ready", "rustfs.pod-on-bumble"),
    *(
        "rustfs.volume-",
        "ha.",
        "cluster.",
        "rustfs.disk-markers",
        "attic.",
        *("bazel.endpoint", "bazel.hot-cache", "bazel.not-exposed", "rustfs.not-exposed"),
        "bazel.capabilities",
        "bazel.miss-is-clean",
    ),
)


@dataclass(frozen=True)
class Asked:
    """A canary, and what it asked of the lab."""

    outcome: Any
    counts: dict[str, int]
    exchanges: list[dict[str, object]]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab that nothing was asked before `green`; nobody bends it."""
    with Lab.start(tmp_path_factory.mktemp("fresh") / "lab") as started:
        yield started


@pytest.fixture(scope="module")
def green(fresh: Lab, tmp_path_factory: pytest.TempPathFactory, runner_of: Any) -> Asked:
    """The first canary on a fresh lab."""
    run = runner_of(tmp_path_factory.mktemp("green") / "reports")
    outcome = run("-m", "canary", f"--gf-target={fresh.target_file}", environment=dict(fresh.environment))
    assert outcome.exit == 0, outcome.text
    return Asked(outcome, fresh.counts(), fresh.exchanges())


def judged(record: dict[str, Any]) -> list[Any]:
    """Return the record's verdicts without what differs from run to run: times, and how many blobs lie there by now."""
    rows = json.loads(json.dumps(record["verdicts"]))
    for row in rows:
        del row["seconds"], row["started"], row["ended"]
        for observed in row["facts"]:
            del observed["seconds"], observed["exchanges"], observed["started"], observed["after"]
    found: list[Any] = rows
    return found


def test_the_same_record_with_workers_and_each_fact_observed_once(fresh: Lab, green: Asked, run_pytest: Any) -> None:
    fresh.reset()
    spread = run_pytest(
        "-m", "canary", "-n", "2", f"--gf-target={fresh.target_file}", environment=dict(fresh.environment)
    )
    assert spread.exit == 0, spread.text
    for earlier, asked in enumerate((green, Asked(spread, fresh.counts(), fresh.exchanges()))):
        counts, blobs = dict(asked.counts), len(content.SIZES) + earlier  # An earlier run's own blob stays.
        assert counts.pop("bazel Read") == blobs + 1, "each sampled blob, and a miss"
        # Buckets, states, the scratch object, the small archive twice, blobs; and the written one, till it is there.
        assert counts.pop("s3 GetObject") >= 3 + 4 + 1 + 2 + blobs + 1
        assert counts == EXCHANGES
        assert not list((asked.outcome.folder / "allure-results").glob("*.tmp"))
    assert judged(green.outcome.record) == judged(spread.record)
    assert {path.name for path in (fresh.folder / "data").iterdir()} == {
        ".rustfs.sys",
        "tofu-state",
        "attic",
        "bazel-cache",
    }


def test_a_red_is_told_once_and_its_reason_is_the_short_summary(run_pytest: Any) -> None:
    outcome = run_pytest(
        "-m", "canary", "-k", "list-buckets", "--gf-fault=bucket-index-lost:attic", environment={"CI": "true"}
    )
    lines = outcome.text.splitlines()
    assert len([line for line in lines if line.startswith("requirement ")]) == 1
    (short,) = [line for line in lines if line.startswith("VIOLATED suites/")]
    assert "test_list_buckets[attic] - bucket-index loss: S3 does not know the bucket" in short


@pytest.mark.upholds("S102")
def test_the_scratch_probe_touches_no_state_object(green: Asked) -> None:
    changing = [
        exchange for exchange in green.exchanges if str(exchange["operation"]).startswith(("Put", "Create", "Delete"))
    ]
    assert changing
    assert {str(exchange["bucket"])[:7] for exchange in changing} == {"gf-rca-"}


@pytest.mark.upholds("S107")
def test_green_says_what_it_does_not_prove(green: Asked) -> None:
    for claim in (
        "high availability",
        "CAS or action-cache authority of remote execution",
        "LAB - honey was not observed",
    ):
        lines = [line for line in green.outcome.text.splitlines() if line.startswith("green does not prove: ")]
        assert [line for line in lines if claim in line]
        assert [line for line in green.outcome.record["does_not_prove"] if claim in line]
        assert claim in (green.outcome.folder / "summary.md").read_text()


def test_narrowed_axes_ask_less(lab: Lab, run_pytest: Any) -> None:
    arguments = ["-m", "canary", "-k", "state", "--gf-stack=arc-runners", f"--gf-target={lab.target_file}"]
    outcome = run_pytest(*arguments, "--gf-bucket=attic", environment=dict(lab.environment))
    assert set(outcome.verdicts()) == {
        f"state.{name}[arc-runners]" for name in ("object-listed", "body-whole", "body-shape")
    }
    assert lab.counts() == {"s3 ListObjectsV2": 1, "s3 HeadObject": 1, "s3 GetObject": 1} | GATE


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (
            ["-m", "clause(id='rustfs.list-buckets')"],
            {"rustfs.list-buckets[tofu-state]", "rustfs.list-buckets[attic]", "rustfs.list-buckets[bazel-cache]"},
        ),
        pytest.param(  # Without a marker or --gf it collects all tests too.
            ["-k", "rustfs.anonymous-refused"], {"rustfs.anonymous-refused"}, marks=pytest.mark.slow
        ),
        (
            ["suites/contract/state/test_state_objects.py::test_body_shape", "--gf-stack=attic"],
            {"state.body-shape[attic]"},
        ),
    ],
)
def test_choosing_clauses(args: list[str], names: set[str], fresh: Lab, green: Asked, run_pytest: Any) -> None:
    outcome = run_pytest(*args, f"--gf-target={fresh.target_file}", environment=dict(fresh.environment))
    assert outcome.exit == 0, outcome.text
    assert set(outcome.verdicts()) == names


def test_unset_variables_and_absent_sections_are_unproven(
    fresh: Lab, green: Asked, run_pytest: Any, tmp_path: Path
) -> None:
    outcome = run_pytest("-m", "canary", f"--gf-target={fresh.target_file}")
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("unproven") == {row for row in outcome.verdicts() if not row.startswith(NO_CREDENTIAL)}, (
        "what needs no credential of S3 is judged"
    )
    assert outcome.rows("holds") == set(outcome.verdicts()) - outcome.rows("unproven")
    assert outcome.verdicts()["rustfs.scratch-gone"]["reason"] == "variable GF_LAB_S3_ACCESS_KEY is not set"
    (tmp_path / "bare.toml").write_text('name = "bare"\nvantage = "operator"\n')
    bare = run_pytest("-m", "canary", f"--gf-target={tmp_path / 'bare.toml'}")
    assert bare.exit == 11, bare.text
    assert {row["reason"] for row in bare.record["verdicts"]} == {
        "target 'bare' has no [s3] section",
        "target 'bare' has no [kubernetes] section",
        "target 'bare' has no [attic] section",
        "target 'bare' has no [bazel] section",
    }


@pytest.mark.parametrize(
    "fault", ["half-open", *(pytest.param(name, marks=pytest.mark.slow) for name in ("slow-headers", "endless-body"))]
)
def test_a_server_that_never_ends_holds_nobody(fault: str, lab: Lab, run_pytest: Any) -> None:
    lab.bend(fault)
    started = time.monotonic()
    outcome = run_pytest(
        "-m", "canary", "--gf-deadline=1", f"--gf-target={lab.target_file}", environment=dict(lab.environment)
    )
    endless = {
        "attic.nar-whole[api-small]",
        "attic.nar-whole[https-small]",
    }  # Longer than promised: judged, not waited for.
    assert outcome.rows("violated") <= (endless if fault == "endless-body" else set())
    assert outcome.rows("error"), outcome.text
    assert time.monotonic() - started < 100, "the process ended soon after its last deadline"


def test_proxies_and_what_aws_finds_elsewhere_do_not_count(fresh: Lab, green: Asked, run_pytest: Any) -> None:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"), "http://127.0.0.1:9")
    strange = {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_CA_BUNDLE": "/none",
    }
    environment = proxies | strange | dict(fresh.environment)
    outcome = run_pytest("-m", "canary", f"--gf-target={fresh.target_file}", environment=environment)
    assert outcome.exit == 0, outcome.text


def test_the_summary_reaches_github_and_stays_below_its_limit(run_pytest: Any, tmp_path: Path) -> None:
    page = tmp_path / "summary"
    page.write_bytes(b"x" * 999_000 + b"\n")
    outcome = run_pytest("-m", "canary", "-k", "list-buckets", environment={"GITHUB_STEP_SUMMARY": str(page)})
    assert outcome.exit == 0, outcome.text
    assert 999_001 < page.stat().st_size <= 1_000_000
    assert "# Contract run on lab: 3 holds" in page.read_bytes()[999_001:].decode()


@pytest.mark.slow
def test_a_lab_that_does_not_come_up_is_error(run_pytest: Any, tmp_path: Path) -> None:
    contract = tmp_path / "c.toml"
    contract.write_text('extends = "gloriousflywheel"\nname = "fork"\n[buckets."no/bucket"]\n')
    outcome = run_pytest("-m", "canary", f"--gf-contract={contract}")
    assert outcome.exit == 10, outcome.text
    assert outcome.rows("error") == set(outcome.verdicts())
    assert "starting the lab" in outcome.text
