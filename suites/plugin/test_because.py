"""Which cause each trouble of S3, a state or Attic has, and which causes explain it where they were seen too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer, Folder, Listing
from pytest_gf.honey.formats import narinfo
from pytest_gf.honey.observed.archive import Archive, Hop
from pytest_gf.honey.observed.attic import CacheInfo, Family, Miss, Pinned, Said
from pytest_gf.honey.observed.authority import StateLock
from pytest_gf.honey.observed.bucket import BucketAnswer, BucketOnDisk, BucketView, ListAfter, Surroundings
from pytest_gf.honey.observed.disk import Disk, Markers
from pytest_gf.honey.observed.errored import Errored, ErroredFile
from pytest_gf.honey.observed.rca import Rca, RcaBucket, RcaScene, likeness_of
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.observed.scratch import ScratchBucket
from pytest_gf.honey.observed.state import StateListing
from pytest_gf.honey.observed.workload import Readiness, StorageNode

OK, LOST, DENIED, FAILS = Answer(200), Answer(404, "NoSuchBucket"), Answer(403, "AccessDenied"), Answer(500)
BUCKETS = ("tofu-state", "attic")
SOUND = BucketView("attic", OK, BUCKETS, BUCKETS, head=OK, get=Answer(404, "NoSuchKey"), objects=OK)
GONE = replace(SOUND, listed=("tofu-state",), head=Answer(404), get=LOST, objects=LOST)
ATTIC = Cause("bucket-index-loss", "attic")
REPLACED = Cause("bucket-folder-replaced", "attic")

INFO = f"""\
StorePath: /nix/store/{"c" * 32}-c
URL: nar/x.nar
Compression: none
NarHash: sha256:{"0" * 52}
NarSize: 5
"""


def trouble(value: Observed) -> Trouble:
    seen = value.trouble()
    assert seen is not None
    assert seen.says
    assert seen.next_step
    assert not value.holds
    return seen


def around(data: str, metadata: str = "folder", *, ready: int = 200, state: str = "listed") -> Surroundings:
    entries = {b".rustfs.sys": "folder", b"attic": data} if state == "listed" else {}
    system = Folder("/data/.rustfs.sys/buckets", state, {b"attic": metadata} if state == "listed" else {})
    return Surroundings(Disk(Folder("/data", state, entries), system), readiness=Readiness("1.0", ready, ""))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, ATTIC),
        ({"around": around("folder")}, ATTIC),
        ({"around": around("folder", "absent")}, ATTIC),
        ({"listed": ()}, Cause("bucket-index-loss")),
        ({"around": around("absent")}, Cause("bucket-gone", "attic")),
        ({"around": around("absent", "absent")}, Cause("bucket-gone", "attic")),
        ({"around": around("symlink")}, REPLACED),
        ({"around": around("", state="stalled")}, Cause("disk-offline")),
        ({"listed": (), "around": around("folder", ready=503)}, Cause("disk-offline")),
        ({"around": around("", state="unreadable")}, Cause("permissions-or-mount")),
        ({"around": around("", state="absent")}, Cause("permissions-or-mount")),
        ({"listing": FAILS, "get": FAILS, "objects": FAILS}, Cause("s3-fails")),
        ({"listing": FAILS}, Cause("s3-fails")),
        ({"get": FAILS, "objects": FAILS}, Cause("s3-fails")),
        ({"head": OK, "get": OK, "objects": OK}, REPLACED),
        ({"head": OK, "get": OK, "objects": OK, "around": around("folder")}, ATTIC),
        ({"head": DENIED, "get": DENIED, "objects": DENIED}, Cause("right-missing", "attic")),
        ({"listed": BUCKETS}, ATTIC),
        ({"listed": BUCKETS, "get": OK, "objects": OK}, ATTIC),
        (
            {"listed": BUCKETS, "head": OK, "get": DENIED, "objects": DENIED, "around": around("folder")},
            Cause("permissions-or-mount", "attic"),
        ),
    ],
)
def test_the_cause_of_a_bucket(change: dict[str, Any], cause: Cause) -> None:
    view = replace(GONE, **change)
    assert trouble(view).cause == cause
    assert trouble(BucketAnswer(view, well=False)) == trouble(view)
    assert BucketAnswer(view, well=True).holds, "one answer is judged, and the view explains it"


def test_a_bucket_and_its_markers_have_one_cause() -> None:
    for data, metadata in (("absent", "folder"), ("absent", "absent"), ("symlink", "folder"), ("file", "absent")):
        markers = Markers("attic", data, metadata)
        assert trouble(markers).cause == trouble(replace(GONE, around=around(data, metadata))).cause
    ghost = replace(SOUND, around=around("absent"))
    assert trouble(BucketOnDisk(ghost)).cause == trouble(Markers("attic", "absent", "folder")).cause
    assert trouble(Markers("attic", "folder", "absent")).cause == Cause("bucket-metadata-gone", "attic")
    assert trouble(Markers("attic", "absent", "absent", foreign=True)).cause == Cause("permissions-or-mount")


def test_what_was_lost_after_a_delete_is_one_bucket_or_all() -> None:
    def after(*listed: str) -> Cause:
        return trouble(ListAfter.of("b/k", Answer(204), Listing(listed, OK), BUCKETS)).cause

    assert after("tofu-state") == ATTIC
    assert after() == trouble(replace(GONE, listed=())).cause


def listing(answer: Answer) -> Trouble:
    return trouble(StateListing("arc-runners", "attic", "k", answer, {}, {}))


@pytest.mark.parametrize(
    ("cause_of_the_bucket", "answer"),
    [
        (trouble(GONE).cause, LOST),
        (trouble(replace(GONE, listed=())).cause, LOST),
        (trouble(replace(GONE, around=around("absent"))).cause, LOST),
        (trouble(replace(GONE, around=around("symlink"))).cause, LOST),
        (trouble(replace(GONE, listed=(), around=around("folder", ready=503))).cause, LOST),
        (trouble(replace(GONE, listed=(), around=around("folder", ready=503))).cause, FAILS),
        (Cause("permissions-or-mount", "attic"), DENIED),
        (REPLACED, DENIED),
    ],
)
def test_what_a_state_and_an_archive_lack_is_explained_by_their_bucket(
    cause_of_the_bucket: Cause, answer: Answer
) -> None:
    assert cause_of_the_bucket in listing(answer).because
    assert listing(answer).cause != cause_of_the_bucket
    assert Cause("bucket-index-loss", "bazel-cache") not in listing(answer).because, "another bucket explains nothing"
    shown = {LOST: False, DENIED: True}.get(answer)
    assert cause_of_the_bucket in BucketListed("attic", listed=shown).because


def test_a_missing_state_alone_has_nothing_behind_it() -> None:
    assert (listing(OK).cause, listing(OK).because) == (Cause("state-object-missing", "arc-runners"), ())
    assert (listing(LOST).cause, listing(DENIED).cause) == (listing(OK).cause, Cause("right-missing", "attic"))
    assert listing(FAILS).cause == Cause("s3-fails")


def test_an_archive_is_not_in_the_cache() -> None:
    missing = trouble(Archive("api", "c" * 32, BucketListed("attic"), missing="404 NoSuchObject"))
    assert (missing.cause, missing.because) == (Cause("path-missing", "attic"), (Cause("no-nix-cache", "attic"),))


def test_an_archive_whose_chunks_lay_in_a_lost_bucket_is_explained_by_it() -> None:
    info = narinfo.parse(INFO.encode())
    cut = Archive("api", "c" * 32, BucketListed("attic", listed=False), info, hops=(Hop(404, "NoSuchKey"),))
    assert trouble(cut).cause == Cause("archive-cut", "attic")
    assert trouble(GONE).cause in trouble(cut).because
    shown = replace(cut, bucket=BucketListed("attic", listed=True))
    assert trouble(GONE).cause not in trouble(shown).because
    other = replace(shown, hops=(Hop(200),), size=info.nar_size, digest=b"x" * 32)
    assert trouble(other).cause == Cause("archive-altered", "attic")
    assert replace(other, digest=info.nar_hash).holds


def test_another_cache_behind_a_surface_explains_its_key() -> None:
    keys = {"api": "main:x", "https": "main:y"}
    (behind,) = trouble(Pinned("https", "main:y", "main:x")).because
    assert behind == trouble(Family(keys, {})).cause
    html = trouble(CacheInfo(Said("api", 200))).cause
    assert html in trouble(Miss(Said("api", 200), "c" * 32)).because


def test_an_apply_that_left_both_is_one_cause() -> None:
    file = trouble(Errored("attic", ErroredFile("errored.tfstate", found=True, wrong="no JSON"), remote_unseen="?"))
    assert file.cause == Cause("apply-unfinished", "attic")
    assert trouble(StateLock("attic", "k", refused="403")).cause == Cause("right-missing", "k")
    assert trouble(StateLock("attic", "k", held=True, wrong="no JSON")).cause == Cause("lock-left", "attic")


def test_what_an_offline_disk_makes_fail_is_explained_by_it() -> None:
    made = ScratchBucket("b", Answer(500, "InternalError"), Listing((), OK), head=Answer(404))
    assert trouble(made).cause == Cause("s3-writes-fail")
    assert Cause("disk-offline") in trouble(made).because


@pytest.mark.parametrize(
    ("scene", "cause"),
    [
        (RcaScene((RcaBucket("attic", GONE, None),)), trouble(GONE).cause),
        (
            RcaScene((), storage_node=StorageNode("bumble", listed=True, ready=False)),
            Cause("storage-node-down", "bumble"),
        ),
        (RcaScene((RcaBucket("attic", SOUND, None),)), None),
    ],
)
def test_the_cause_of_an_analysis_is_the_buckets(scene: RcaScene, cause: Cause | None) -> None:
    analysis = Rca(likeness_of(scene), "build", "30 minutes", {})
    assert analysis.holds is (cause is None)
    assert cause is None or trouble(analysis).cause == cause
