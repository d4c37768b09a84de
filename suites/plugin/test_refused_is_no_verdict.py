"""What was refused, cut, or came from something between says nothing of the contract: no fact makes a verdict of it."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Stub
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_gf.engine.errors import Unanswered, Unproven
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.observed.archive import Archive
from pytest_gf.honey.observed.attic import Said
from pytest_gf.honey.observed.blobs import ServedBlob, StoredBlob, check_came
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes.attic_answers import AtticReply
from pytest_gf.honey.probes.health import Health
from pytest_gf.honey.probes.reapi import Capabilities, Download
from pytest_gf.honey.probes.reapi_wire import Status
from pytest_gf.honey.probes.s3 import Body, Head, Objects
from pytest_gf.honey.reading import archive_of

if TYPE_CHECKING:
    from pytest_gf.honey.probes.attic import Attic

FIXTURES = Path(__file__).parents[2] / "fixtures"
OK, MISS = Status("OK"), Status("NOT_FOUND")
DENIED = Status("PERMISSION_DENIED", "RBAC: access denied")


def fact_of(file: str, name: str) -> Callable[..., Any]:
    """Return a fact's function, to be called with what it needs."""
    function: Callable[..., Any] = runpy.run_path(str(FIXTURES / file))[name]
    return function


class Cache:
    """A Bazel cache that answers as it is told, else as a sound one."""

    endpoint = "grpc://cache:9092"

    def __init__(self, **answers: Any) -> None:
        sound = {
            "capabilities": Capabilities(OK, (1,), (1,), updates_actions=True),
            "execute": Status("UNIMPLEMENTED"),
            "health": "SERVING",
            "missing": (OK, True),
            "read": Download(MISS),
            "batch_read": Download(MISS),
            "action_result": MISS,
            "batch_write": OK,
        }
        self._answers = sound | answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: self._answers[name]


SECTION = Stub(http=None, bucket=None, prefix="")


def surface_of(**answers: Any) -> Any:
    return fact_of("bazel.py", "bazel_surface")(Cache(**answers), SECTION, Stub(deadline=1.0))


def miss_of(**answers: Any) -> Any:
    return fact_of("bazel.py", "bazel_miss")(Cache(**answers), SECTION, Stub(bucket="bazel-cache"))


def written_of(get: Body, **answers: Any) -> Any:
    run = Stub(id="r", ledger=Stub(left=lambda _: None))
    promise, s3 = Stub(written_within=0.0), Stub(get_object=lambda *_, **__: get)
    cache = Cache(**answers)
    return fact_of("bazel.py", "bazel_written")(cache, SECTION, Stub(name="bazel-cache"), s3, run, promise, None)


def test_a_sound_cache_holds() -> None:
    assert surface_of().holds
    assert miss_of().holds


@pytest.mark.parametrize("executing", ["PERMISSION_DENIED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"])
def test_an_execute_that_was_not_let_through_shows_no_execution(executing: str) -> None:
    with pytest.raises(Unproven, match=f"Execute answers {executing}"):
        surface_of(execute=Status(executing))


def test_an_execution_service_is_told_by_its_own_answer() -> None:
    assert "offers remote execution" in surface_of(execute=Status("INVALID_ARGUMENT")).diagnosis


@pytest.mark.parametrize("asked", ["missing", "read", "batch_read", "action_result"])
def test_a_miss_that_may_not_be_asked_for_is_unproven(asked: str) -> None:
    denied = {"missing": (DENIED, False), "action_result": DENIED}.get(asked, Download(DENIED))
    with pytest.raises(Unproven, match="may not ask"):
        miss_of(**{asked: denied})


def test_capabilities_that_may_not_be_asked_for_are_unproven() -> None:
    with pytest.raises(Unproven, match="may not ask"):
        surface_of(capabilities=Capabilities(DENIED))


def test_a_read_that_may_not_be_asked_for_is_unproven() -> None:
    with pytest.raises(Unproven, match="may not ask"):
        check_came([ServedBlob(StoredBlob("cas.v2/aa/aa", "aa", "whole", 1), str(DENIED))])


def test_a_miss_whose_connection_broke_is_no_answer() -> None:
    with pytest.raises(Unanswered):
        miss_of(read=Download(OK, cut="the stream ends early", broke=True))


def test_a_write_that_is_not_allowed_is_unproven() -> None:
    with pytest.raises(Unproven, match="may not ask"):
        written_of(Body(Head(Answer(404, "NoSuchKey"))), batch_write=DENIED)


def test_a_write_is_lost_where_s3_says_that_it_has_no_such_key() -> None:
    assert "acknowledged and lost" in written_of(Body(Head(Answer(404, "NoSuchKey")))).diagnosis


@pytest.mark.parametrize("get", [Body(Head(Answer(500, "InternalError"))), Body(Head(Answer(200)), b"x", cut="reset")])
def test_a_write_is_not_lost_where_s3_fails_to_tell(get: Body) -> None:
    with pytest.raises(Unproven, match="not known"):
        written_of(get)


def test_a_listing_that_fails_makes_the_sample_no_smaller() -> None:
    s3 = Stub(list_objects=lambda *_, **__: Objects(Answer(500, "InternalError"), {}))
    with pytest.raises(Unproven, match="can't be chosen"):
        list(fact_of("bazel.py", "_scattered")(s3, "bazel-cache", "cas.v2/", 3, Stub(getrandbits=lambda _: 1)))


READY = {"status": "ok", "ready": True}


def health_of(ready: Health) -> Any:
    function = runpy.run_path(str(FIXTURES / "rustfs.py"))["health"]
    answers = {"/health": Health(200, {"version": "1.0"} | READY, ""), "/health/ready": ready}
    function.__globals__["ask"] = lambda _, path, **__: answers[path]
    return function(None, None, Stub(s3=object(), name="t"), Stub(deadline=1.0))


def test_rustfs_says_itself_whether_it_is_ready() -> None:
    assert health_of(Health(200, READY, "")).holds
    assert "not ready: 503 degraded" in health_of(Health(503, {"status": "degraded"}, "")).diagnosis
    assert not health_of(Health(503, {}, "")).holds, "RustFS that starts says so in plain text"


@pytest.mark.parametrize(
    "ready",
    [
        Health(200, {}, ""),
        Health(200, READY, "nginx"),
        Health(302, {}, ""),
        Health(403, {}, ""),
        Health(404, {}, ""),
        Health(502, {}, "nginx"),
        Health(503, {}, "nginx"),
        Health(504, {}, ""),
    ],
    ids=str,
)
def test_readiness_that_rustfs_did_not_say_is_unproven(ready: Health) -> None:
    with pytest.raises(Unproven, match="/health/ready"):
        health_of(ready)


def anonymous(*answers: Answer) -> Any:
    view = fact_of("rustfs.py", "anonymous_view")
    return view(Answer(403, "AccessDenied"), {str(at): answer for at, answer in enumerate(answers)}, {})


def test_the_anonymous_are_answered_where_s3_gives_or_looks_for_it() -> None:
    assert anonymous(Answer(403, "AccessDenied")).holds
    for answer in (Answer(200), Answer(404, "NoSuchKey")):
        assert "S3 answers the anonymous" in anonymous(Answer(500), answer).diagnosis, "whatever fails beside it"


@pytest.mark.parametrize(
    "answer", [Answer(404, "NoSuchBucket"), Answer(404), Answer(307), Answer(400), Answer(407), Answer(502)], ids=str
)
def test_what_neither_refuses_nor_answers_the_anonymous_is_unproven(answer: Answer) -> None:
    with pytest.raises(Unproven, match="neither refused nor answered"):
        anonymous(answer)


def said(surface: str, status: int = 200, key: str | None = "main:k", more: str = "") -> Said:
    return Said(surface, status, "", None if key is None else {"public_key": key}, None, more)


SAME = AtticReply(200, b"StorePath: /nix/store/x")


def family_of(https: Said, narinfo: AtticReply) -> Any:
    replies = {"api": {"small": SAME}, "https": {"small": narinfo}}
    return fact_of("attic.py", "attic_family")({"api": said("api"), "https": https}, replies)


def test_two_surfaces_are_compared_where_both_answer() -> None:
    assert family_of(said("https"), SAME).holds
    assert "other narinfos" in family_of(said("https"), AtticReply(404, error="NoSuchObject")).diagnosis
    assert "another key" in family_of(said("https", key="main:other"), AtticReply(403)).diagnosis


@pytest.mark.parametrize(
    ("https", "narinfo"),
    [
        (said("https"), AtticReply(401)),
        (said("https"), AtticReply(403)),
        (said("https", 401, None), SAME),
        (said("https", 403, None), SAME),
        (said("https", 302, None, ", redirects to login"), SAME),
        (said("https", 200, None), SAME),
    ],
    ids=str,
)
def test_a_surface_that_refuses_is_no_other_cache(https: Said, narinfo: AtticReply) -> None:
    with pytest.raises(Unproven, match="https"):
        family_of(https, narinfo)


@pytest.mark.parametrize("reply", [AtticReply(401), AtticReply(403), AtticReply(302, moved=("login:443",))], ids=str)
def test_a_miss_that_is_refused_says_nothing_of_a_miss(reply: AtticReply) -> None:
    with pytest.raises(Unproven):
        fact_of("attic.py", "attic_miss")(Stub(narinfo=lambda _: reply), "https")


@pytest.mark.parametrize("reply", [AtticReply(401), AtticReply(403), AtticReply(302, moved=("login:443",))], ids=str)
def test_an_archive_whose_narinfo_is_refused_is_unproven(reply: AtticReply) -> None:
    with pytest.raises(Unproven):
        archive_of(cast("Attic", None), reply, None, Archive("https", "0" * 32, BucketListed("attic")))
