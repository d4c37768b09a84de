"""Observed values: each diagnosis from the answers that make it, and nothing said where all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_gf.honey.answers import Answer, Folder, Listing
from pytest_gf.honey.formats import tfstate
from pytest_gf.honey.formats.effect import READS
from pytest_gf.honey.observed.bazel import CacheSurface
from pytest_gf.honey.observed.bucket import BucketOnDisk, BucketView, ListAfter, Surroundings, disagreement
from pytest_gf.honey.observed.disk import Disk
from pytest_gf.honey.observed.exposure import Endpoint
from pytest_gf.honey.observed.s3 import AnonymousView
from pytest_gf.honey.observed.scratch import ScratchBucket, ScratchGone, ScratchObject
from pytest_gf.honey.observed.state import StateBody, StateListing, StateShape
from pytest_gf.honey.observed.workload import ClusterNode, ClusterSeen, Readiness

OK = Answer(200)
LOST = Answer(404, "NoSuchBucket")
WELL = BucketView(
    "attic", OK, ("attic", "tofu-state"), ("tofu-state", "attic"), head=OK, get=Answer(404, "NoSuchKey"), objects=OK
)
GONE = replace(WELL, listed=("tofu-state",), head=Answer(404), get=LOST, objects=LOST)


def test_a_coherent_bucket_has_nothing_to_say() -> None:
    assert WELL.holds
    assert WELL.diagnosis == WELL.next_step == ""


def around(data: str, metadata: str, *, state: str = "listed", ready: int | None = 200) -> Surroundings:
    """What exec and /health showed beside S3's view of attic."""
    entries = {b".rustfs.sys": "folder", b"attic": data}
    disk = Disk(
        Folder("/data", state, entries if state == "listed" else {}),
        Folder("/data/.rustfs.sys/buckets", state, {b"attic": metadata} if state == "listed" else {}),
    )
    readiness = Readiness("1.0.0-beta.1", ready, "") if ready is not None else None
    return Surroundings(disk, readiness=readiness, digest="sha256:" + "ab" * 32)


@pytest.mark.upholds("S090")
@pytest.mark.parametrize("data", ["folder", "absent"])
@pytest.mark.parametrize("metadata", ["folder", "absent"])
def test_markers_alone_prove_nothing(data: str, metadata: str) -> None:
    assert replace(WELL, around=around(data, metadata)).holds
    assert not replace(GONE, around=around(data, metadata)).holds


@pytest.mark.parametrize(
    ("surroundings", "says"),
    [
        (
            Surroundings(disk_unseen="exec is forbidden"),
            "bucket-index loss or bucket gone: markers not observed (exec is forbidden)",
        ),
        (
            around("folder", "folder"),
            "bucket-index loss: S3 does not know the bucket, and both its markers stand on disk",
        ),
        (around("absent", "folder"), "folder gone"),
        (around("symlink", "folder"), "a symlink stands in the place of the bucket's folder"),
        (around("folder", "absent"), "bucket-index loss, and the bucket's metadata is gone"),
        (around("absent", "absent"), "bucket truly absent"),
        (around("", "", state="unreadable"), "permissions or mount: /data can't be listed in the pod"),
        (around("", "", state="stalled"), "stalled disk: exec on /data hangs"),
        (around("", "", state="absent"), "permissions or mount: what RustFS formatted is not in /data"),
    ],
)
def test_what_the_disk_makes_of_a_loss(surroundings: Surroundings, says: str) -> None:
    view = replace(GONE, around=surroundings)
    assert view.diagnosis.startswith(says)
    for told in ("TIN-1012 and TIN-1046", "preserve logs, run RCA before any restart", "re-create no bucket"):
        assert told in view.next_step


def test_an_empty_listing_beside_a_refused_readiness_is_the_offline_disk() -> None:
    empty = replace(GONE, listed=(), around=around("folder", "folder", ready=503))
    assert empty.diagnosis.startswith(
        "bucket-index loss: disk offline inside RustFS (ready 503, and the markers stand on disk)"
    )
    assert "RustFS 1.0.0-beta.1, image sha256:abababababab" in empty.seen
    stalled = replace(empty, around=around("", "", state="stalled", ready=503))
    assert stalled.diagnosis.startswith("stalled disk")


@pytest.mark.parametrize(
    ("view", "agrees"),
    [
        (replace(WELL, around=around("folder", "absent")), True),
        (replace(WELL, around=around("absent", "folder")), False),
        (replace(WELL, head=Answer(404), around=around("folder", "folder")), True),
        (replace(GONE, around=around("folder", "folder")), False),
        (replace(GONE, around=around("absent", "absent")), True),
        (replace(GONE, around=around("symlink", "folder")), True),
    ],
)
def test_whether_s3_and_the_disk_agree(view: BucketView, agrees: bool) -> None:
    both = BucketOnDisk(view)
    assert both.holds is agrees
    assert bool(both.diagnosis) is not agrees
    assert bool(both.next_step) is not agrees


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"listed": ("tofu-state",)}, "its folder may be a symlink"),
        (
            {"listed": ("tofu-state",), "get": Answer(403, "AccessDenied"), "objects": Answer(403)},
            "a file may stand in its folder's place",
        ),
        ({"get": LOST}, "the listing shows the bucket, and reads answer NoSuchBucket"),
        ({"head": Answer(404)}, "HeadBucket answers 404 while the bucket is listed and read"),
        ({"objects": Answer(500, "InternalError")}, "S3 answers 500 InternalError to ListObjectsV2"),
        ({"listing": Answer(500, "InternalError"), "listed": ()}, "S3 can't list its buckets"),
        ({"listed": (), "head": Answer(404), "get": LOST, "objects": LOST}, "the whole listing is empty"),
        (
            {"listed": (), "head": Answer(500), "get": Answer(500), "objects": Answer(500)},
            "is not listed, and S3 answers 500",
        ),
    ],
)
def test_each_way_of_being_incoherent(change: dict[str, Any], says: str) -> None:
    view = replace(WELL, **change)
    assert not view.holds
    assert says in view.diagnosis
    assert view.next_step
    assert "attic" in repr(view)


def test_a_refused_change_says_who_disagrees() -> None:
    lost = replace(GONE, around=around("folder", "folder"))
    gone = replace(GONE, around=Surroundings())
    other = replace(WELL, bucket="bazel-cache", listed=("bazel-cache",), around=lost.around)  # No folder is its own.
    assert disagreement((lost, other)) == "S3 and the disk disagree about attic and bazel-cache"
    failing = replace(WELL, objects=Answer(500), around=around("folder", "folder"))
    silent = replace(failing, listing=Answer(500), listed=(), objects=LOST)
    for view in (gone, failing, silent):  # The disk was not seen, or S3 failed.
        assert disagreement((view,)) == "S3 does not list, find and read attic as promised"
        assert disagreement((lost, view)).startswith("S3 does not list")


def test_scratch_values() -> None:
    listed = Listing(("attic", "b"), OK)
    made = ScratchBucket("b", OK, listed, head=OK)
    assert made.holds
    assert made.diagnosis == made.next_step == ""
    assert "does not appear" in replace(made, listing=Listing(("attic",), OK)).diagnosis
    failed = replace(made, listing=Listing((), Answer(500)))
    assert "can't list" in failed.diagnosis
    assert "loss" not in failed.diagnosis + failed.next_step
    assert "can't create" in replace(made, created=Answer(500, "InternalError")).diagnosis
    written = ScratchObject("b", "k", OK, OK, "aa", "aa", 2, 2)
    assert written.holds
    assert "other bytes" in replace(written, read_sha256="bb").diagnosis
    assert "can't write" in replace(written, put=Answer(500)).diagnosis
    assert "can't be read" in replace(written, get=LOST).diagnosis
    after = ListAfter.of("b/k", Answer(204), Listing(("attic",), OK), ("attic",))
    assert after.holds
    assert after.diagnosis == after.next_step == ""
    assert "2026-05-25" in ListAfter.of("b/k", Answer(204), Listing((), OK), ("attic",)).diagnosis
    assert "can't list" in ListAfter.of("b/k", Answer(204), Listing((), Answer(503)), ("attic",)).diagnosis
    assert "can't delete: 500 InternalError: full" in replace(after, refused="500 InternalError: full").diagnosis
    gone = ScratchGone("b", Answer(204), Listing(("attic",), OK), ("attic",))
    assert gone.holds
    assert "2026-05-25" in replace(gone, listing=Listing((), OK)).diagnosis
    assert "still listed" in replace(gone, listing=listed).diagnosis
    unlisted = replace(gone, listing=Listing((), Answer(500)))
    assert not unlisted.holds
    assert "can't list" in unlisted.diagnosis
    assert "loss" not in unlisted.diagnosis
    assert "can't delete" in replace(gone, bucket_deleted=Answer(409, "BucketNotEmpty")).diagnosis


def test_the_anonymous() -> None:
    assert AnonymousView({"ListBuckets": Answer(403, "AccessDenied")}).holds
    for answer in (OK, Answer(404, "NoSuchKey"), Answer(307)):
        view = AnonymousView({"ListBuckets": answer})
        assert not view.holds
        assert "ListBuckets" in view.diagnosis
    assert AnonymousView({"ListBuckets": Answer(503)}).unclear


STATE = tfstate.State(4, "1.12.6", 3, "l", 1, 1, 0, encrypted=False, size=5, sha256="s", effect=READS, managed=1)
BODY = StateBody("attic", "tofu-state", "k", OK, 5, 5, 5, "e", "m", "s", (), OK, 5, "e", STATE)


def test_a_whole_body() -> None:
    assert BODY.holds
    assert StateShape(BODY).holds
    assert BODY.diagnosis == BODY.next_step == ""
    assert "serial 3" in BODY.seen


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"length": 3}, "the body was cut: 3 of 5 bytes"),
        ({"head": Answer(404)}, "GET reads the body, and HEAD answers 404"),
        ({"head_length": 6}, "HEAD says 6 bytes"),
        ({"head_etag": "x"}, "HEAD's ETag is x"),
        ({"listed_size": 6}, "the listing says 6 bytes"),
        ({"etag": "0" * 32, "head_etag": "0" * 32}, "is not the md5"),
        ({"content_length": None, "length": 3}, "the body was cut: 3 of 5 bytes"),
        (
            {"etag": "0" * 32, "head_etag": "0" * 32, "md5": "0" * 32, "listed_etag": "1" * 32},
            "the listing's ETag is 1",
        ),
        ({"wrong_checksums": ("SHA256",)}, "the checksum sent with the object"),
        ({"answer": Answer(404, "NoSuchKey")}, "a half-lost object"),
        ({"answer": LOST, "listed_size": None}, "S3 says NoSuchBucket for tofu-state"),
        ({"answer": Answer(403, "AccessDenied")}, "accepted and may not do this"),
        ({"answer": Answer(503, "SlowDown")}, "S3 answers 503 SlowDown"),
        ({"length": 0, "content_length": 0, "listed_size": 0, "head_length": 0}, "the body is empty"),
    ],
)
def test_a_body_that_is_not_whole(change: dict[str, Any], says: str) -> None:
    body = replace(BODY, **change)
    assert not body.holds
    assert says in body.diagnosis
    assert body.next_step
    assert body.seen


def test_a_multipart_etag_is_no_md5() -> None:
    assert replace(BODY, etag="0" * 32 + "-2", head_etag="0" * 32 + "-2").holds


def test_a_body_without_a_length_or_with_a_key_of_its_own_is_whole() -> None:
    assert replace(BODY, content_length=None).holds, "chunked; HEAD and the listing say how long it is"
    assert replace(BODY, content_length=None, head_length=None).holds
    assert replace(BODY, etag="0" * 32, head_etag="0" * 32, keyed=True).holds, "SSE-KMS: the ETag is no md5"


def test_a_node_that_left_the_cluster_is_down() -> None:
    cluster = ClusterSeen("honey", "its nodes", (ClusterNode("honey", ready=True), ClusterNode("sting", ready=False)))
    assert [cluster.down(name) for name in ("honey", "sting", "bumble", "")] == [False, True, True, False]
    assert not replace(cluster, nodes=None).down("bumble"), "nobody could look"


def test_a_listing_without_the_key() -> None:
    listing = StateListing("attic", "tofu-state", "k", OK, {"k": 5}, {"k": "e"})
    assert listing.holds
    missing = replace(listing, sizes={"k.tflock": 3})
    assert not missing.holds
    assert "plan to create everything" in missing.diagnosis


def test_health_proves_nothing_of_the_cache_and_execution_is_told() -> None:
    sound = CacheSurface(
        "OK",
        sha256=True,
        zstd=True,
        updates_actions=True,
        executes=False,
        executing="UNIMPLEMENTED",
        health="SERVING",
        http="200",
    )
    assert sound.holds
    assert "evidence for S047, no proof" in sound.seen
    assert replace(sound, health="NOT_SERVING", http="503").holds, "neither way: health is shown alone"
    assert not replace(sound, status="INTERNAL").holds, "a well health is no excuse"
    for executing in (replace(sound, executes=True), replace(sound, executing="INVALID_ARGUMENT")):
        assert not executing.holds
        assert "offers remote execution" in executing.diagnosis
        assert "no executor may take this cache for its CAS (S047)" in executing.next_step


def test_an_endpoint_and_its_service() -> None:
    promised = "grpc://cache.ns.svc.cluster.local:9092"
    sound = Endpoint(promised, promised, "runner", "cache", 9092, (9092, 8080))
    assert sound.holds
    assert sound.next_step == ""
    assert "there is no Service cache" in replace(sound, ports=None).diagnosis
    assert "there is no Service cache" in replace(sound, ports=None).seen
    assert "who changed the Service" in replace(sound, ports=()).next_step
    assert "TLS" in replace(sound, address=promised.replace("grpc", "grpcs")).diagnosis
    assert replace(sound, address="grpc://127.0.0.1:1", is_local=True).holds
    assert "out of contract" in replace(sound, is_local=True, retired="it is gone").diagnosis
