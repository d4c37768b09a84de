"""The Bazel clauses as a run has them: what hides what, what a loss does, samples and their seeds, residue that stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey.formats import casblob
from pytest_gf.lab import Lab
from pytest_gf.lab.bazel import content
from pytest_gf.lab.rustfs.disk import Disk
from pytest_gf.lab.rustfs.store import Store, Version

pytestmark = pytest.mark.slow

CHOSEN = ("-m", "canary", "-k", "bazel_")
STORED, SERVED = "bazel.cas-digest", "bazel.serves-what-it-stores"


def on(lab: Lab, run_pytest: Any, *arguments: str) -> Any:
    return run_pytest(*CHOSEN, *arguments, f"--gf-target={lab.target_file}", environment=dict(lab.environment))


def evidence(outcome: Any, fact: str) -> list[dict[str, Any]]:
    """Return the exchanges of a fact."""
    exchanges: list[dict[str, Any]] = json.loads(next((outcome.folder / "evidence").glob(f"{fact}*")).read_text())[
        "exchanges"
    ]
    return exchanges


def test_a_warm_hot_cache_hides_a_wrong_object_from_grpc_alone(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bazel-hot-warm")
    lab.bend("bazel-blob:other")
    outcome = on(lab, run_pytest)
    assert outcome.exit == 1
    assert outcome.rows("violated") == {STORED}
    assert SERVED in outcome.rows("holds")


@pytest.mark.upholds("S045")
def test_wrong_in_s3_and_wrong_through_grpc_are_two_diagnoses(lab: Lab, run_pytest: Any) -> None:
    """What is hashed is the decoded payload: a good casblob's own bytes hash to something else, and it holds."""
    lab.bend("bazel-blob:other")
    both = on(lab, run_pytest).verdicts()
    assert "1 digest mismatch of " in both[STORED]["reason"]
    assert "wrong in S3, and served as if right: Expected digest" in both[SERVED]["reason"]
    lab.mend()
    shutil.rmtree(lab.folder / "bazel-data")
    lab.bend("bazel-hot-other")
    hot = on(lab, run_pytest)
    assert hot.rows("violated") == {SERVED}
    assert "right in S3 and wrong through gRPC: the hot cache is wrong" in hot.verdicts()[SERVED]["reason"]


@pytest.mark.upholds("S046")
def test_a_corrupt_blob_is_said_to_be_no_evidence_about_sources(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bazel-blob:flipped")
    row = on(lab, run_pytest).verdicts()[STORED]
    assert "it is corruption of a cache, no evidence about sources" in row["reason"]
    assert "deleting one from bazel-cache is what emptied list-buckets on 2026-05-25" in row["next_step"]
    assert "--remote_cache" in row["next_step"]


def test_a_lost_bucket_is_the_cause_and_nothing_is_written(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bucket-index-lost:bazel-cache")
    outcome = on(lab, run_pytest)
    rows = outcome.verdicts()
    assert outcome.rows("violated") == {STORED, "bazel.miss-is-clean"}
    assert "404 NoSuchBucket; the cause: bucket-index loss or bucket gone" in rows[STORED]["reason"]
    assert "its bucket is gone from the API" in rows["bazel.miss-is-clean"]["reason"]
    assert outcome.rows("unproven") == {SERVED, "bazel.write-through"}
    assert "so that evidence is kept" in rows["bazel.write-through"]["reason"]
    assert not (outcome.folder / "ledger.jsonl").exists()


def test_losing_another_bucket_stops_the_write_alone(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bucket-index-lost:attic")
    outcome = on(lab, run_pytest)
    assert outcome.exit == 0
    assert outcome.rows("unproven") == {"bazel.write-through"}


def test_the_written_blob_stays_and_is_named(lab: Lab, s3: Any, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest)
    assert outcome.exit == 0, outcome.text
    entries = [json.loads(line) for line in (outcome.folder / "ledger.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["run", "left"]
    key = entries[1]["name"].partition("/")[2]
    body = s3.get_object(Bucket="bazel-cache", Key=key)["Body"].read()
    assert b"".join(casblob.decode(body)).startswith(b"pytest_gf bazel.write-through, run ")
    cleaned = run_pytest(
        "--gf-clean",
        f"--gf-reports={outcome.folder.parent}",
        f"--gf-target={lab.target_file}",
        environment=dict(lab.environment),
    )
    assert cleaned.exit == 0, cleaned.text
    assert s3.head_object(Bucket="bazel-cache", Key=key)
    s3.delete_object(Bucket="bazel-cache", Key=key)


def test_a_target_that_allows_no_writing_gets_none(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    target = tmp_path / "target.toml"
    text = lab.target_file.read_text().replace('"kubeconfig"', f'"{lab.folder / "kubeconfig"}"')
    target.write_text(text.replace('"ca.pem"', f'"{lab.folder / "ca.pem"}"').replace(', "cache-blob"', ""))
    lab.reset()
    outcome = run_pytest(*CHOSEN, f"--gf-target={target}", environment=dict(lab.environment))
    assert outcome.rows("unproven") == {"bazel.write-through"}
    assert "bazel BatchUpdateBlobs" not in lab.counts()


def test_blobs_that_lie_raw_are_hashed_as_they_are(lab: Lab, s3: Any, run_pytest: Any) -> None:
    """Storage mode uncompressed; a server in mode zstd does not serve them, and is not blamed for it."""
    for name, body in (("good", b"raw"), ("bad", b"other")):
        key = f"cas/{content.digest(b'raw')[:2]}/{content.digest(b'raw')}"
        s3.put_object(Bucket="bazel-cache", Key=key, Body=body)
        outcome = on(lab, run_pytest)
        assert outcome.rows("violated") == (set() if name == "good" else {STORED}), outcome.text
        s3.delete_object(Bucket="bazel-cache", Key=key)


def test_an_empty_bucket_is_unproven(lab: Lab, run_pytest: Any) -> None:
    lab.bend("objects-removed:bazel-cache")
    outcome = on(lab, run_pytest)
    assert {STORED, SERVED} <= outcome.rows("unproven")
    assert "no blob lies below cas.v2/ or cas/ in bazel-cache" in outcome.verdicts()[STORED]["reason"]


def test_a_sample_that_nobody_read_is_unproven(lab: Lab, s3: Any, run_pytest: Any) -> None:
    lab.bend("objects-removed:bazel-cache")
    key = f"cas/{'ab'}/{'ab' * 32}"
    s3.put_object(Bucket="bazel-cache", Key=key, Body=bytes(9 * 1024 * 1024))
    outcome = on(lab, run_pytest)
    s3.delete_object(Bucket="bazel-cache", Key=key)
    assert {STORED, SERVED} <= outcome.rows("unproven")
    assert "none of the 1 sampled objects was read" in outcome.verdicts()[STORED]["reason"]


def test_a_contract_without_a_bazel_cache_promises_none(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('extends = "gloriousflywheel"\nname = "fork"\nbazel = false\n')
    outcome = on(lab, run_pytest, f"--gf-contract={tmp_path / 'c.toml'}")
    reasons = {row["reason"] for name, row in outcome.verdicts().items() if name.startswith("bazel.")}
    assert reasons == {"contract 'fork' promises no Bazel cache"}


def test_a_red_is_repeated_on_the_same_sample(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bazel-blob:other")
    outcome = on(lab, run_pytest, "--gf-seed=mine")
    again = [line for line in outcome.text.splitlines() if line.startswith("repeat ")]
    assert len(again) == 2
    assert all("--gf-seed=mine" in line for line in again)


def test_a_large_bucket_is_sampled_by_the_seed(lab: Lab, run_pytest: Any) -> None:
    """1,200 objects: 16 to 32 are read, the same ones for the same seed, all over the bucket."""
    disk = Disk(lab.folder / "data")
    store, added = Store(disk), []
    for at in range(1_200):
        payload = f"small {at}".encode()
        key = content.blob_key(content.digest(payload))
        body = casblob.encode(payload)
        store.put("bazel-cache", key, body, Version(size=len(body), etag="0" * 32))
        added.append(key)
    read = []
    for seed in ("one", "one", "two"):
        outcome = on(lab, run_pytest, "-k", "cas_digest or cas-digest", f"--gf-seed={seed}")  # None that writes blobs.
        assert outcome.exit == 0, outcome.text
        asked = [
            exchange["request"]
            for exchange in evidence(outcome, "stored_blobs")
            if exchange["operation"] == "GetObject"
        ]
        read.append({request["Key"] for request in asked})
    for key in added:
        store.delete("bazel-cache", key)
    assert read[0] == read[1]
    assert read[0] != read[2]
    assert all(16 <= len(keys) <= 32 for keys in read)
    assert len({key.split("/")[1] for key in read[0]}) > 16
