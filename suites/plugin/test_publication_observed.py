"""What a publication shows, as values: which class a failure is of, and which a waiver of the known loss covers."""

from __future__ import annotations

import pytest

from pytest_gf.honey.answers import Answer, Listing
from pytest_gf.honey.observed.archive import Archive, Hop
from pytest_gf.honey.observed.publication import BucketsAfter, PathUpload, Published, ReadBack
from pytest_gf.honey.observed.s3 import BucketListed

BUCKETS = ("attic", "tofu-state")
OK, BAD = (
    PathUpload("/nix/store/a", 1, "200", ok=True),
    PathUpload("/nix/store/b", 1, "500 InternalServerError", ok=False),
)


def published(*pushes: PathUpload, lost: tuple[str, ...] = (), client: tuple[str, str] | None = None) -> Published:
    return Published("medium-check", ("a", "b"), (), pushes, lost, client)


def test_a_loss_beside_a_push_that_was_not_taken_is_its_class_and_its_cause() -> None:
    unknown, lost = published(OK, BAD), published(OK, BAD, lost=BUCKETS)
    assert "(unknown)" in unknown.diagnosis
    assert not unknown.waivable
    assert "(bucket-index recurrence)" in lost.diagnosis
    assert lost.diagnosis.endswith("ListBuckets lost attic, tofu-state")
    assert "push nothing more" in lost.next_step
    trouble = lost.trouble()
    assert trouble is not None
    assert {str(cause) for cause in trouble.because} >= {"bucket-index-loss attic", "bucket-index-loss tofu-state"}
    assert lost.waivable
    assert not published(OK, OK, lost=BUCKETS).waivable, "what holds needs no waiver"


def test_the_clients_words_are_what_is_classed() -> None:
    made = published(BAD, client=("out", "Error: HTTP 507 Insufficient Storage\n"))
    assert "(server full)" in made.diagnosis
    assert (made.stdout, made.stderr) == ("out", "Error: HTTP 507 Insufficient Storage\n")


@pytest.mark.parametrize(("listed", "waivable"), [(False, True), (True, False), (None, False)])
def test_a_path_that_can_not_be_read_is_waived_only_where_its_bucket_is_lost(
    listed: bool | None, waivable: bool
) -> None:
    archive = Archive("api", "x" * 32, BucketListed("attic", listed), missing="500 x", hops=(Hop(404, "NoSuchBucket"),))
    assert ReadBack((archive,), ()).waivable is waivable
    assert ReadBack((archive,), ()).trouble() is not None


@pytest.mark.parametrize(
    ("later", "holds", "waivable"),
    [
        (Listing(BUCKETS, Answer(200)), True, True),
        (Listing(("attic",), Answer(200)), False, True),
        (Listing((), Answer(500)), False, False),
    ],
    ids=["all", "one lost", "S3 fails"],
)
def test_only_the_loss_is_waived_not_an_s3_that_fails(later: Listing, holds: bool, waivable: bool) -> None:
    made = BucketsAfter("medium-check", 22, BUCKETS, Listing(BUCKETS, Answer(200)), later, 10.0)
    assert (made.holds, made.waivable) == (holds, waivable)
