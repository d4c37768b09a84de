"""Causes of the cluster's, the cache's and a checkout's values: one for one thing that broke, and what it explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_gf.engine.trouble import Cause, Observed
from pytest_gf.honey.causes import KINDS
from pytest_gf.honey.observed.archive import Archive
from pytest_gf.honey.observed.audit import AskedBlob, AuditedBucket, AuditServed, Finding, ShardAudit, Tally
from pytest_gf.honey.observed.bazel import CacheMiss, WrittenBlob
from pytest_gf.honey.observed.blobs import ServedBlob, ServedBlobs, StoredBlob, StoredBlobs
from pytest_gf.honey.observed.ha import InterimShape, Strict
from pytest_gf.honey.observed.publication import ReadBack
from pytest_gf.honey.observed.repository import PUSHES, FileFinding, Findings
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.observed.storage import Volume
from pytest_gf.honey.observed.workload import ClusterNodes, Pod, Readiness, RustFS, StorageNode

POD = Pod("p", "Running", "bumble", ready=True, image="r@sha256:ab", image_id="", container="r")
SOUND = RustFS("rustfs", "ns", found=True, replicas=1, ready_replicas=1, pods=(POD,), promised_node="bumble")
LOST = BucketListed("cache", listed=False)
SHOWN = BucketListed("cache", listed=True)
LOSS = Cause("bucket-index-loss", "cache")
GONE = "INTERNAL: The specified bucket does not exist"
DENIED = "INTERNAL: Access Denied."
WHOLE = StoredBlob("cas.v2/ab/ab", "ab", "whole", 5)
ROTTEN = replace(WHOLE, state="mismatch")


def cause(value: Observed) -> Cause:
    trouble = value.trouble()
    assert trouble is not None
    assert trouble.cause.kind in KINDS
    assert trouble.says
    assert trouble.next_step
    return trouble.cause


def because(value: Observed) -> tuple[Cause, ...]:
    trouble = value.trouble()
    assert trouble is not None
    assert {cause.kind for cause in trouble.because} <= KINDS.keys()
    return trouble.because


@pytest.mark.parametrize(
    ("change", "kind", "step"),
    [
        ({"found": False, "strange": True, "pods": ()}, "wrong-namespace ns", "does [kubernetes]"),
        ({"found": False}, "workload-gone rustfs", "preserve logs"),
        ({"pods": ()}, "pod-down rustfs", "preserve logs"),
        ({"pods": (replace(POD, node=""),)}, "pod-down rustfs", "preserve logs"),
        ({"pods": (replace(POD, ready=False),)}, "pod-down rustfs", "preserve logs"),
        ({"ready_replicas": 0}, "pod-down rustfs", "preserve logs"),
        ({"replicas": 2}, "not-one-replica rustfs", "preserve logs"),
        ({"pods": (POD, POD)}, "not-one-replica rustfs", "preserve logs"),
        ({"pods": (replace(POD, image="r:latest"),)}, "image-not-pinned rustfs", "pin the image"),
        ({"pods": (replace(POD, node_ready=False),)}, "storage-node-down bumble", "bring the node back"),
        ({"pods": (replace(POD, node="sting", node_ready=False),)}, "node-down sting", "bring the node back"),
    ],
)
def test_each_way_of_rustfs_being_down(change: dict[str, Any], kind: str, step: str) -> None:
    assert SOUND.holds
    assert SOUND.diagnosis == SOUND.next_step == ""
    down = replace(SOUND, **change)
    assert str(cause(down)) == kind
    assert down.next_step.startswith(step)


def test_a_node_that_is_down_is_one_cause() -> None:
    down = Cause("storage-node-down", "bumble")
    nodes = ClusterNodes(("honey", "bumble"), ("honey",), ("bumble",), {"bumble": "storage"}, storage="bumble")
    assert cause(StorageNode("bumble", listed=False, ready=False)) == cause(nodes) == down
    assert "bumble: storage" in nodes.diagnosis
    assert cause(replace(nodes, gone=())) == Cause("node-down", "honey")
    assert replace(nodes, down=(), gone=()).holds
    volume = Volume("v", (), "bumble", "openebs", "c", "openebs")
    assert because(volume) == (down,)
    assert because(replace(volume, nodes=None, because=(Cause("claim-wrong", "d"),))) == (Cause("claim-wrong", "d"),)


def test_what_breaks_the_shape_is_behind_strict_ha_alone_where_nothing_is_waived() -> None:
    wrong = (Cause("claim-wrong", "data"),)
    shape = InterimShape("one", "two", ("the claim",), wrong)
    assert because(shape) == wrong
    strict = Strict("a", "b", "tied", "prove it", waivable=False, because=shape.causes)
    assert because(strict) == (Cause("interim-shape"),)
    assert because(replace(strict, waivable=True)) == ()
    assert replace(strict, missing="").holds
    assert replace(shape, wrong=()).causes == ()


def test_an_offline_disk_is_told_from_one_that_starts() -> None:
    assert cause(Readiness("1", 503, "", listing_empty=True)) == Cause("disk-offline")
    assert cause(Readiness("1", 503, "starting")) == Cause("s3-not-ready")


@pytest.mark.parametrize(
    "value",
    [
        StoredBlobs(LOST, "404 NoSuchBucket", "seed"),
        CacheMiss("d", "OK", missing=True, read=GONE, batch="NOT_FOUND", action="NOT_FOUND", bucket="cache"),
        WrittenBlob("d", 5, "cache", "OK", 1.0, last="404 NoSuchBucket"),
        WrittenBlob("d", 5, "cache", "OK", 1.0, last="404", miss=GONE),
        WrittenBlob("d", 5, "cache", GONE, 1.0),
        ServedBlobs(LOST, "seed", (ServedBlob(WHOLE, GONE),)),
        ShardAudit("cas/00", LOST, Tally(), listing="404 NoSuchBucket"),
        AuditedBucket(LOST, (("cas", "200"),), ("cas",)),
        AuditServed("cache", (AskedBlob((("Batch", ServedBlob(WHOLE, GONE)),)),), 0),
    ],
)
def test_a_lost_bucket_is_behind_what_the_cache_fails_on(value: Observed) -> None:
    assert cause(value) != LOSS
    assert LOSS in because(value)


def test_one_loss_that_took_several_buckets_is_behind_what_was_pushed() -> None:
    cut = Archive("api", "h", BucketListed("attic", listed=False), missing="404")
    loss = Cause("bucket-index-loss", "tofu-state")
    assert loss in because(ReadBack((cut,), (), ("tofu-state", "attic")))
    assert loss not in because(ReadBack((cut,), ()))
    here = replace(cut, bucket=BucketListed("attic", listed=True))
    assert loss not in because(ReadBack((here,), (), ("tofu-state",))), "its own bucket is there"


def test_s3_that_fails_is_behind_a_cache_that_fails_and_not_behind_a_wrong_blob() -> None:
    failing = CacheMiss("d", "OK", missing=True, read="INTERNAL: x", batch="NOT_FOUND", action="NOT_FOUND")
    assert Cause("s3-fails") in because(failing)
    assert failing.diagnosis == "A missing blob was answered with an error: INTERNAL: x"
    assert Cause("s3-fails") in because(StoredBlobs(SHOWN, "500", "seed"))
    assert because(StoredBlobs(SHOWN, "200", "seed", (ROTTEN,))) == ()
    assert cause(replace(failing, missing=False)) == Cause("cache-invents", "bazel")


@pytest.mark.parametrize(
    "value",
    [
        CacheMiss("d", "OK", missing=True, read=DENIED, batch="NOT_FOUND", action="NOT_FOUND"),
        WrittenBlob("d", 5, "cache", DENIED, 1.0),
        WrittenBlob("d", 5, "cache", "OK", 1.0, last="404", miss=DENIED),
        ServedBlobs(SHOWN, "seed", (ServedBlob(ROTTEN, "NOT_FOUND"), ServedBlob(WHOLE, DENIED))),
    ],
)
def test_a_refused_credential_of_the_cache_is_one_cause(value: Observed) -> None:
    assert cause(value) == Cause("cache-credential", "bazel")


def test_a_wrong_blob_is_one_cause_in_s3_and_through_grpc() -> None:
    wrong = Cause("digest-mismatch", "cache")
    served = ServedBlob(ROTTEN, "OK", 5, "cd")
    assert cause(StoredBlobs(SHOWN, "200", "seed", (ROTTEN,))) == wrong
    assert cause(ServedBlobs(SHOWN, "seed", (served,))) == wrong
    assert cause(AuditServed("cache", (AskedBlob((("Read", served),)),), 0)) == wrong
    hidden = AskedBlob((("Read", replace(served, sha256="ab")),))
    assert cause(AuditServed("cache", (hidden,), 0)) == wrong
    shard = ShardAudit("cas/00", SHOWN, Tally(1, bad=1), (Finding("cas/00/k", "digest mismatch", 1),))
    assert cause(shard) == wrong
    for kind, of in (
        ("unreadable", "object-unreadable"),
        ("misplaced", "blob-misplaced"),
        ("wrong size", "dangling-result"),
    ):
        assert cause(replace(shard, findings=(Finding("cas/00/k", kind, 1),))) == Cause(of, "cache")
    assert cause(ServedBlobs(SHOWN, "seed", (replace(served, stored=WHOLE),))) == Cause("hot-cache-wrong", "bazel")


def test_findings_are_of_one_kind_and_name_their_first_file() -> None:
    open_ = FileFinding("a.yml", 3, "rule", "what", "mend", undecided="x")
    findings = Findings(PUSHES, "none", "2 files", [FileFinding("c.yml", 1, "rule", "what", "mend"), open_])
    assert cause(findings) == Cause("workflow-pushes", "c.yml")
    assert replace(findings, found=[open_]).holds
