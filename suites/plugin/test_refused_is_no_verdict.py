"""What was refused, cut, or came from something between says nothing of the contract: no fact makes a verdict of it."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Stub
from typing import Any

import pytest

from pytest_gf.engine.errors import Unanswered, Unproven
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.observed.blobs import ServedBlob, StoredBlob, check_came
from pytest_gf.honey.probes.reapi import Capabilities, Download
from pytest_gf.honey.probes.reapi_wire import Status
from pytest_gf.honey.probes.s3 import Body, Head, Objects

FIXTURES = Path(__file__).parents[2] / "fixtures"
OK, MISS = Status("OK"), Status("NOT_FOUND")
DENIED = Status("PERMISSION_DENIED", "RBAC: access denied")


def fact_of(file: str, name: str) -> Callable[..., Any]:
    """Return a fact's function, to be called with what it needs."""
    found: Callable[..., Any] = runpy.run_path(str(FIXTURES / file))[name]
    return found


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
