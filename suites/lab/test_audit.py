"""`pytest -m audit` on the lab: what each defect is called, what hides what, samples, rates, and an audit that goes on."""

from __future__ import annotations

import json
import socket
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_gf.engine import options
from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey import HOUSE
from pytest_gf.honey.audit import options as audit_options
from pytest_gf.honey.audit import sampling
from pytest_gf.honey.audit.progress import Progress
from pytest_gf.honey.audit.state import State
from pytest_gf.honey.audit.sweep import FAILURES, Audit, Scope
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes.http_bulk import Place
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.target import S3Section
from pytest_gf.lab import Lab
from pytest_gf.lab.bazel import content
from pytest_gf.lab.faults import ACTION_DEFECTS, ENDINGS, STRAYS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["audit"]
LARGEST, ACTION = content.digest(content.largest()), content.action(0)


def audit(lab: Lab, run_pytest: Any, *arguments: str, digest: str = LARGEST) -> Any:
    """Audit the shards in which this digest would lie, in all areas."""
    chosen = (
        arguments if any(argument.startswith("--gf-shard") for argument in arguments) else (part(digest), *arguments)
    )
    target = f"--gf-target={lab.target_file}"
    return run_pytest("-m", "audit", *chosen, target, lean=True, environment=dict(lab.environment))


def part(digest: str) -> str:
    """Return the option that selects the shards in which this digest would lie."""
    return f"--gf-shard={int(digest[:2], 16)}/256"


def findings(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(  # noqa: PLR0917  # pytest's fixtures.
    fault: str, lab: Lab, drill: Any, tmp_path: Path, expand: Any, told_as: Any
) -> None:
    row = TABLE[fault]
    selected = drill("-m", "audit", part(ACTION if row.get("of") == "action" else LARGEST))
    outcome = selected.judge(tmp_path, fault, lab=lab)
    rows = set(outcome.verdicts())
    verdicts = ("violated", "unproven", "error")
    violated, unproven, error = (expand(row.get(verdict, []), rows) for verdict in verdicts)
    assert tuple(map(outcome.rows, verdicts)) == (violated, unproven, error)
    assert outcome.rows("holds") == rows - violated - unproven - error
    told_as(row.get("incident", []), outcome.verdicts())
    said = "\n".join(f"{account['reason']} {account['next_step']}" for account in outcome.verdicts().values())
    assert row["says"] in said
    assert row.get("gRPC", "") in said
    if unproven == rows or "bazel.audit-bucket" in violated or error - {"bazel.audit-served"}:
        return
    wrong = findings(outcome.folder)
    assert [finding["kind"] for finding in wrong] == row.get("finds", [])
    assert all(set(finding) == {"key", "kind", "stored", "size", "chunk", "detail"} for finding in wrong)


def test_every_defect_of_a_result_and_every_ending_is_in_the_table() -> None:
    assert {f"bazel-action:{name}" for name in ACTION_DEFECTS} <= set(TABLE)
    assert {f"bazel-blobs-end:{name}" for name in ENDINGS} <= set(TABLE)
    assert {f"bazel-stray:{name}" for name in STRAYS} <= set(TABLE)


def test_a_warm_hot_cache_hides_what_is_wrong_in_s3(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bazel-hot-warm")
    lab.bend("bazel-blob:other")
    row = audit(lab, run_pytest).verdicts()["bazel.audit-served"]
    assert row["verdict"] == "violated"
    assert f"wrong in S3 and right through gRPC: the hot cache hides cas.v2/e0/{LARGEST} mismatch" in row["reason"]
    assert "a restart of bazel-remote empties its hot cache" in row["next_step"]


def test_a_run_without_the_audit_has_none_of_its_rows(lab: Lab, run_pytest: Any) -> None:
    collected = run_pytest("--collect-only", "-q", "-m", "canary or audit", "-k", "bazel.cas-digest or cas.v2/e0")
    assert collected.text.count("test_shard[") == 1
    none = run_pytest("--collect-only", "-q", "--gf")
    assert "test_shard[" not in none.text


def test_a_sample_of_a_few_objects_is_of_those_that_are_there(lab: Lab, run_pytest: Any) -> None:
    outcome = audit(lab, run_pytest, "--gf-shard=0/1", "--gf-sample=5", "-k", "audit-shard")
    assert outcome.exit == 0
    assert "768 of 768 shards, 5 objects" in outcome.text
    assert 1 <= len(outcome.rows("holds")) <= 5


@pytest.mark.parametrize("text", ["300", "50%"])
def test_every_report_says_the_sample(text: str, lab: Lab, run_pytest: Any) -> None:
    outcome = audit(lab, run_pytest, "--gf-shard=32/64", f"--gf-sample={text}", "--gf-seed=two")
    stated = f"(sample {text}, --gf-seed=two)"
    for page in (outcome.text, *((outcome.folder / name).read_text() for name in ("summary.md", "record.json"))):
        assert stated in page
    assert outcome.rows("unproven")
    reasons = {outcome.verdicts()[row]["reason"] for row in outcome.rows("unproven") if "audit-shard" in row}
    assert reasons == {f"nothing of this shard is in the sample {text}, --gf-seed=two"}


def test_the_same_seed_chooses_the_same() -> None:
    sample = audit_options.sample("1000")
    one, again, two = (sampling.quotas(sample, audit_options.SHARDS, seed) for seed in ("one", "one", "two"))
    assert one == again != two
    assert sum(one.values()) == sum(two.values()) == 1_000
    keys = [f"cas.v2/{content.digest(str(at).encode())}" for at in range(5_000)]
    first, second = ({key for key in keys if sampling.chosen(key, 0.05, seed)} for seed in ("one", "two"))
    assert first != second
    assert 200 < len(first) < 300
    assert set(sampling.places("cas.v2/0a/", "cas.v2/0a", 3, "one")) == set(
        sampling.places("cas.v2/0a/", "cas.v2/0a", 3, "one")
    )


def test_an_audit_that_was_done_reads_nothing_again(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    lab.bend("bazel-blob:other")
    arguments = (f"--gf-audit-state={tmp_path / 'state'}", "-k", "audit-shard")
    first = findings(audit(lab, run_pytest, *arguments).folder)
    lab.reset()
    again = audit(lab, run_pytest, *arguments)
    assert findings(again.folder) == first != []
    assert again.rows("violated") == {"bazel.audit-shard[cas.v2/e0]"}
    assert again.rows("unproven") == {"bazel.audit-shard[cas/e0]", "bazel.audit-shard[ac/e0]"}
    rows = again.verdicts()
    assert "finished before this run began: judged 20" in rows["bazel.audit-shard[cas/e0]"]["reason"]
    assert "; judged 20" in rows["bazel.audit-shard[cas.v2/e0]"]["reason"]
    allowed = audit(lab, run_pytest, *arguments, "--gf-audit-state-age=1d")
    assert allowed.rows("holds") == {"bazel.audit-shard[cas/e0]", "bazel.audit-shard[ac/e0]"}
    assert allowed.verdicts()["bazel.audit-shard[cas/e0]"]["reason"].startswith("judged 20")
    assert "s3 GetObject" not in lab.counts()
    other = audit(lab, run_pytest, *arguments, "--gf-sample=50%")
    assert other.exit == 10
    assert "its sample is '', and this run's is 'sample 50%, --gf-seed=" in other.text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--gf-shard=8/8",), "--gf-shard=8/8: expected I/N with 0 <= I < N <= 768"),
        (("--gf-shard=x",), "--gf-shard=x: expected I/N with 0 <= I < N, or JOB_COMPLETION_INDEX/N"),
        (
            ("--gf-shard=JOB_COMPLETION_INDEX/8",),
            "--gf-shard=JOB_COMPLETION_INDEX/8: variable JOB_COMPLETION_INDEX is not set",
        ),
        (("--gf-sample=0",), "--gf-sample=0: expected a number of objects, or a percentage such as 5%"),
        (("--gf-sample=101%",), "--gf-sample=101%: expected"),
        (("--gf-rate=fast",), "--gf-rate=fast: expected objects a second as 500/s, or bytes as 20MB/s"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], line: str, refused: Any) -> None:
    outcome = refused("-m", "audit", *arguments)
    assert outcome.exit == 4
    assert line in outcome.text


@pytest.fixture
def nowhere() -> Scope:
    """A bucket at a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    access = Access(S3Section(f"http://127.0.0.1:{port}"), ("KEY", "SECRET-OF-THE-TEST"))
    return Scope(Place(access, "b", 1.0), BucketListed("b", listed=True), "", ("cas.v2",), "seed")


def test_an_audit_stops_where_shard_after_shard_is_never_answered(nowhere: Scope, tmp_path: Path) -> None:
    """The system is gone then, and each of hundreds of shards would wait for its own deadline."""
    audit = Audit(
        nowhere, audit_options.AuditOptions(), State(tmp_path, {}), Progress(audit_options.SHARDS, lambda _: None)
    )
    said = []
    for shard in audit_options.SHARDS[: FAILURES + 2]:
        with pytest.raises(ProbeError) as failed:
            audit.shard(shard)
        said.append("(the audit stopped there)" in str(failed.value))
    audit.close()
    assert said == [False] * FAILURES + [True] * 2


@pytest.mark.parametrize("rate", [audit_options.AuditOptions(objects=40), audit_options.AuditOptions(bytes=40_000)])
def test_an_audit_keeps_to_its_rate(rate: audit_options.AuditOptions, nowhere: Scope, tmp_path: Path) -> None:
    audit = Audit(nowhere, rate, State(tmp_path, {}), Progress(audit_options.SHARDS, lambda _: None))
    begun = time.monotonic()
    for _ in range(10):
        audit._wait(1_000)
    audit.close()
    assert 0.24 <= time.monotonic() - begun < 60


def test_the_job_asks_for_what_there_is() -> None:
    job = yaml.safe_load((ROOT / "deploy" / "overlays" / "audit" / "job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    given = dict(argument.split("=", 1) for argument in container["args"] if argument.startswith("--gf-"))
    assert audit_options.part(given["--gf-shard"], {audit_options.INDEX: "15"}) == audit_options.Part(
        15, job["spec"]["completions"]
    )
    assert audit_options.rate(given["--gf-rate"])
    known = {option.name for option in options.options_of(HOUSE)}
    assert {argument.partition("=")[0] for argument in container["args"] if argument.startswith("--gf")} <= known
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never", "backoffLimitPerIndex asks for it"
