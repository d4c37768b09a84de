"""What a proof wrote and could not look at again is no loss: a cut, a refusal, a failure of S3 says so itself."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Stub
from typing import Any

import pytest

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.ledger import Thing
from pytest_gf.honey import cleaning
from pytest_gf.honey.answers import Answer, Listing, Versions
from pytest_gf.honey.formats.baseline import KnownState
from pytest_gf.honey.observed.authority import StateUnchanged
from pytest_gf.honey.observed.scratch import ScratchBucket
from pytest_gf.honey.probes.attic_answers import AtticReply, Transfer
from pytest_gf.honey.probes.s3 import Body, Head, Objects
from pytest_gf.honey.stored import Stored

FIXTURES = Path(__file__).parents[2] / "fixtures"
OK, GONE = Answer(200), Answer(404)


class S3:
    """An S3 that keeps one object, but for the operations that answer as they are told."""

    endpoint, deadline = "http://s3", 1.0

    def __init__(self, **answers: Any) -> None:
        self._kept: bytes | None = None
        self._answers = answers
        self.deletes = 0

    def anew(self) -> S3:
        return self

    def put_object(self, _bucket: str, _key: str, body: bytes, *, only_new: bool) -> Answer:
        if self._kept is not None and only_new:
            return Answer(412, "PreconditionFailed")
        self._kept = body
        return OK

    def get_object(self, _bucket: str, key: str, *, most: int = 0) -> Body:
        if key.startswith("gf-probe/") or self._kept is None:
            return Body(Head(Answer(404, "NoSuchKey")))
        told: Body | None = self._answers.get("get")
        return told or Body(Head(OK), self._kept[: most or None])

    def head_object(self, _bucket: str, _key: str) -> Head:
        told: Answer | None = self._answers.get("head")
        return Head(told or (OK if self._kept is not None else GONE))

    def delete_object(self, _bucket: str, _key: str, *, version: str = "") -> Answer:
        self.deletes += not version
        told: Answer | None = self._answers.get("delete")
        if told is None:
            self._kept = None
        refused: Answer | None = self._answers.get("delete_version") if version == "old" else None
        return told or refused or Answer(204)

    def list_objects(self, _bucket: str, **_: Any) -> Objects:
        return Objects(OK)

    def list_versions(self, _bucket: str, _key: str) -> Versions:
        return Versions(OK, self._answers.get("versions", ()))

    def list_buckets(self) -> Listing:
        return Listing(("tofu-state",), OK)

    def create_bucket(self, _bucket: str) -> Answer:
        return OK

    def head_bucket(self, _bucket: str) -> Answer:
        told: Answer = self._answers.get("head_bucket", OK)
        return told


def fact_of(file: str, name: str) -> Callable[..., Any]:
    """Return a fact's function, to be called with what it needs."""
    function: Callable[..., Any] = runpy.run_path(str(FIXTURES / file))[name]
    return function


CONTRACT = Stub(
    stacks={"attic": Stub(bucket="tofu-state", key="k")},
    state=Stub(proof_prefix="gf-proof/"),
    scratch=Stub(prefix="gf-scratch-"),
)


def ledger() -> Any:
    things: set[Stored] = set()
    return Stub(enter=things.add, gone=things.discard, things=things)


def proof(s3: S3, run: Any = None) -> Any:
    run = run or Stub(id="r", ledger=ledger())
    return fact_of("guard.py", "state_written")(s3, run, CONTRACT, Stub(check_again=lambda _: None), "attic")


def test_a_sound_proof_holds() -> None:
    assert proof(S3()).holds


def test_a_read_of_the_proof_that_is_cut_is_no_other_body() -> None:
    said = proof(S3(get=Body(Head(OK), b"half", cut="reset")))
    assert "gives other bytes" not in said.diagnosis
    assert "reset" in said.diagnosis


def test_other_bytes_are_told() -> None:
    assert "S3 gives other bytes than were written" in proof(S3(get=Body(Head(OK), b"other"))).diagnosis


def test_a_proof_that_may_not_end_is_unproven_and_is_taken_away() -> None:
    s3, run = S3(head=Answer(403)), Stub(id="r", ledger=ledger())
    with pytest.raises(Unproven, match="403"):
        proof(s3, run)
    assert s3.deletes == 2, "by its step, and again after it"
    assert run.ledger.things, "nobody saw it gone"


def test_a_head_that_fails_is_no_object_that_is_still_there() -> None:
    said = proof(S3(head=Answer(500, "InternalError"))).diagnosis
    assert "still there" not in said
    assert "500" in said


def after(head: Head) -> StateUnchanged:
    body = Stub(head=OK, head_etag="e")
    s3, made = Stub(head_object=lambda *_: head), Stub(made=True)
    unchanged: StateUnchanged = fact_of("guard.py", "state_after")(s3, CONTRACT, body, made, "attic")
    return unchanged


def test_the_state_after_the_proof() -> None:
    assert after(Head(OK, etag="e")).holds
    assert "somebody writes" in after(Head(OK, etag="f")).diagnosis
    assert after(Head(GONE)).causes[0].kind == "state-object-missing"
    failed = after(Head(Answer(500)))
    assert failed.causes[0].kind == "s3-fails"
    assert "can't be found" not in failed.diagnosis


def test_a_head_without_an_etag_is_no_write_of_somebody() -> None:
    with pytest.raises(Unproven, match="ETag"):
        after(Head(OK))


def scratch(**answers: Answer) -> ScratchBucket:
    run = Stub(id="20261123T235959Z-1a2b3c4d", ledger=ledger())
    made: ScratchBucket = fact_of("rustfs.py", "scratch_bucket")(S3(**answers), run, CONTRACT, None)
    seen: ScratchBucket = fact_of("rustfs.py", "scratch_appeared")(made)
    return seen


def test_a_scratch_bucket_that_may_not_be_asked_for_is_unproven() -> None:
    with pytest.raises(Unproven, match="HeadBucket"):
        scratch(head_bucket=Answer(403))


def test_a_head_of_the_scratch_bucket_that_fails_is_no_index_out_of_step() -> None:
    assert scratch(head_bucket=GONE).causes[0].kind == "bucket-index-out-of-step"
    assert scratch(head_bucket=Answer(500)).causes[0].kind == "s3-fails"


PRESIGNED = "http://s3/attic/chunk?X-Amz-Signature=s"


def pushed(location: str, head: Answer = OK) -> Any:
    function = runpy.run_path(str(FIXTURES / "publication.py"))["attic_pushed"]
    client = Stub(upload=lambda *_: AtticReply(200), nar=lambda *_: (Transfer(307, location=location),))
    function.__globals__["Attic"] = lambda *_, **__: client
    return function(
        Stub(profile="one-path"),
        Stub(api="http://attic", https=None, cache="main", ca_file=None),
        "token",
        Stub(attic=Stub(bucket="attic")),
        Stub(raise_for=lambda _: None),
        Stub(head_object=lambda *_: Head(head), list_buckets=lambda: None),
        Stub(section=Stub(endpoint="http://s3")),
        Stub(check_again=lambda _: None),
        Stub(id="r", deadline=1.0, ledger=Stub(left=lambda _: None)),
    )


def test_a_chunk_lies_where_the_redirect_says() -> None:
    assert pushed(PRESIGNED).holds
    assert "not in attic: HEAD 404" in pushed(PRESIGNED, GONE).diagnosis
    assert "writes to bucket other" in pushed(PRESIGNED.replace("attic", "other")).diagnosis


def test_a_chunk_that_s3_fails_to_show_is_not_lost() -> None:
    with pytest.raises(Unproven, match="500"):
        pushed(PRESIGNED, Answer(500))


@pytest.mark.parametrize("location", ["http://login/auth/realm", "http://s3/", "http://s3/?X-Amz-Signature=s"])
def test_a_redirect_to_no_object_names_no_bucket(location: str) -> None:
    with pytest.raises((Unproven, ProbeError), match="redirect"):
        pushed(location)


def test_pods_that_no_node_took_show_no_one_node() -> None:
    pods = ({"metadata": {"name": "p"}, "spec": {"containers": [{"image": "x/cache:1"}]}, "status": {}},)
    contract = Stub(limits={"cache": Stub(kind="", name="", image="cache", says="one node")})
    with pytest.raises(Unproven, match="no node"):
        fact_of("ha.py", "ha_limit")(contract, None, pods, (), "cache")


def test_a_state_beside_none_that_could_be_seen_is_not_known_to_be_its_own() -> None:
    now = KnownState(1, "l", 1, "e", "now", "s", None)
    own = fact_of("guard.py", "state_own")
    assert own(now, {"a": now, "b": KnownState(1, "m", 1, "f", "now", "t", None), "c": None}, "a").holds
    assert own(now, {"a": now}, "a").holds
    with pytest.raises(Unproven, match="b, c"):
        own(now, {"a": now, "b": None, "c": None}, "a")


def test_an_object_is_left_where_one_of_its_versions_is() -> None:
    s3: Any = S3(versions=("old", "new"), delete_version=Answer(500))
    whole: Any = S3(versions=("old", "new"))
    cleaned: list[Thing] = []
    thing = Thing("object", "tofu-state/gf-key")
    (left,) = cleaning.delete([thing], s3, ("tofu-state",), cleaned.append)
    assert "500" in left
    assert not list(cleaning.delete([thing], whole, ("tofu-state",), cleaned.append))
    assert cleaned == [thing]
