"""Attic's wire against scripted servers: what is asked again, what is followed, what is judged, and how long anything may take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_gf import IfSeen, Unproven
from pytest_gf.engine.errors import DeadlineExceeded
from pytest_gf.engine.facts import read_folder
from pytest_gf.honey import contract
from pytest_gf.honey.formats.nar import Regular, write
from pytest_gf.honey.formats.narbody import NarBody
from pytest_gf.honey.observed.archive import Archive
from pytest_gf.honey.observed.attic import CacheInfo, Pinned, Place, PublicRead, Said
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes import attic as wire
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.attic import Attic, Upload
from pytest_gf.honey.probes.attic_answers import AtticReply, error_of
from pytest_gf.honey.probes.deadline import LEAST_RATE, Pace
from pytest_gf.honey.target import AtticSection, Target

FACTS = read_folder(Path(__file__).parents[2] / "fixtures")
NAR = b"".join(write(Regular(b"hello\n" * 1000)))
HASH = "c" * 32
INFO = f"""StorePath: /nix/store/{HASH}-c
URL: nar/x.nar
Compression: none
NarHash: sha256:{hashlib.sha256(NAR).hexdigest()}
NarSize: {len(NAR)}
"""
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>"
INCOMPLETE = b'{"code":503,"error":"IncompleteNar","message":"x"}'
Answer = tuple[int, dict[str, str], bytes]
Client = Callable[..., Attic]


@pytest.fixture
def asked() -> list[str]:
    """The paths that were asked, in their order."""
    return []


@pytest.fixture
def client(serve: Callable[..., str], asked: list[str]) -> Client:
    """What gives our client of the server that answers by a script."""

    def start(script: Callable[[str], Answer], deadline: float = 60.0) -> Attic:
        def answer(_: str, path: str) -> Answer:
            asked.append(path)
            return script(path)

        return Attic(serve(answer), "main", ca_file=None, deadline=deadline)

    return start


def judged(attic: Attic) -> Archive:
    archive: Archive = FACTS["attic_store_hash"].function(attic, None, BucketListed("attic"), "api", HASH)
    return archive


def script(nar: Answer, info: str = INFO) -> Callable[[str], Answer]:
    return lambda path: (200, {}, info.encode()) if path.endswith(".narinfo") else nar


@pytest.mark.parametrize(
    ("refusal", "again"),
    [
        ((429, {}, b""), True),
        ((429, {"Retry-After": "0"}, b""), True),
        ((503, {}, SLOW_DOWN), True),
        ((503, {}, b"Service not ready"), True),
        ((503, {"Retry-After": "0"}, b""), True),
        ((503, {}, INCOMPLETE), False),
        ((503, {"Retry-After": "0"}, INCOMPLETE), False),
        ((503, {}, b"no available server"), False),
        ((500, {}, b'{"error":"InternalServerError"}'), False),
        ((404, {}, b'{"error":"NoSuchObject"}'), False),
    ],
)
def test_what_says_come_again_is_asked_again_and_nothing_else(
    refusal: Answer, again: bool, client: Client, asked: list[str]
) -> None:
    def first_refused(path: str) -> Answer:
        whole = script((200, {}, NAR))(path)
        return refusal if asked.count(path) == 1 else whole

    attic = client(first_refused, 6.0)  # It is waited for, where a cache says so without an end.
    assert attic.narinfo(HASH).ok == again
    assert len(attic.nar("nar/x.nar", len(NAR), NarBody("none", len(NAR)))) == 1
    assert [asked.count(path) for path in dict.fromkeys(asked)] == [1 + again] * 2
    if again:
        with pytest.raises((Throttled, DeadlineExceeded)):
            client(lambda _: refusal, 6.0).cache_info()


def test_a_503_is_what_it_says(client: Client) -> None:
    for body, server, says in (
        (INCOMPLETE, "x", "Attic answers 503 IncompleteNar: its database lost the reference to a chunk"),
        (b"<html>", "traefik", "something between that is neither Attic nor S3"),
        (b'{"error":"InternalServerError"}', "x", "Attic answers 503 InternalServerError for the body"),
    ):
        archive = judged(client(script((503, {"X-Server": server}, body))))
        assert not archive.holds
        assert says in archive.diagnosis
        assert ("don't restart atticd" in archive.next_step) == (body == INCOMPLETE)


def test_a_small_question_is_followed_as_nix_follows_it(client: Client) -> None:
    def chain(length: int) -> Callable[[str], Answer]:
        def answer(path: str) -> Answer:
            at = int(path.rpartition("?")[2]) if "?" in path else 0
            return (200, {}, INFO.encode()) if at == length else (308, {"Location": f"/x?{at + 1}"}, b"")

        return answer

    assert client(chain(10)).narinfo(HASH).ok
    eleven = client(chain(11)).narinfo(HASH)
    assert (eleven.status, eleven.ok) == (308, False)
    assert "redirects to 127.0.0.1:" in str(eleven)


@pytest.mark.parametrize("location", ["http://[", "ftp://x/y", "file:///etc/hosts", "http://h:x/"])
def test_a_redirect_to_nowhere_is_named(location: str, client: Client) -> None:
    reply = client(lambda _: (302, {"Location": location}, b"")).cache_info()
    assert reply.status == 302
    assert "redirects to nowhere" in str(reply)


def test_what_carries_a_token_goes_nowhere_else(serve: Callable[..., str]) -> None:
    seen: list[str] = []

    def other(method: str, path: str) -> Answer:
        seen.append(f"{method} {path}")
        return 200, {}, b"{}"

    elsewhere = serve(other)
    attic = Attic(serve(lambda *_: (308, {"Location": f"{elsewhere}/x"}, b"")), "main", ca_file=None, deadline=60.0)
    assert attic.narinfo(HASH).ok, "a read is followed, it carries no credential"
    seen.clear()
    reply = attic.upload("a-token-of-a-test", Upload(f"/nix/store/{HASH}-c", NAR))
    assert reply.status in {308, 501}
    assert attic.missing_paths(HASH, token="a-token-of-a-test").status == 308
    assert seen == []


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ((200, {}, b'{"missing_paths": []}'), "hole"),
        ((403, {}, b'{"code":403,"error":"AccessError","message":"x"}'), "refused"),
        ((401, {}, b'{"code":401,"error":"Unauthorized","message":"x"}'), "refused"),
        ((403, {}, b"<html>Forbidden</html>"), "403"),
        ((401, {}, b""), "401"),
        ((200, {}, b"<html>Welcome</html>"), "200"),
        ((200, {}, b"[]"), "200"),
        ((404, {}, b'{"error":"NoSuchCache"}'), "404 NoSuchCache"),
        ((405, {}, b""), "405"),
        ((422, {}, b"Failed to deserialize"), "422"),
        ((500, {}, b'{"error":"InternalServerError"}'), "500 InternalServerError"),
        ((302, {"Location": "https://login.invalid/x?token=y"}, b""), "redirects to login.invalid:443"),
    ],
)
def test_only_attics_own_words_say_who_may_push(answer: Answer, verdict: str) -> None:
    status, headers, body = answer
    moved = ("login.invalid:443",) if headers else ()
    reply = AtticReply(status, body, error_of(body) if status >= 300 else "", {}, moved)
    stub = type("Stub", (), {"missing_paths": lambda *_: reply})()
    fact: Callable[..., Any] = FACTS["attic_anonymous_push"].function
    if verdict in {"hole", "refused"}:
        assert fact(stub, "api").holds == (verdict == "refused")
        return
    with pytest.raises(Unproven, match=verdict):
        fact(stub, "api")


def test_a_stripped_header_is_no_private_cache() -> None:
    fact: Callable[..., PublicRead] = FACTS["attic_public_read"].function
    info = CacheInfo(Said("api", 200, fields={"StoreDir": "/nix/store"}))
    public = Said("api", 200, fields={"is_public": "True"})
    private = Said("api", 200, fields={"is_public": "False"})
    assert fact(info, {}, IfSeen(public), "api").holds
    assert not fact(info, {}, IfSeen(private), "api").holds
    with pytest.raises(Unproven, match="neither api nor cache-config says"):
        fact(info, {}, IfSeen(Said("api", 200, fields={})), "api")
    called_private = CacheInfo(Said("api", 200, fields={}, public=False))
    assert not fact(called_private, {}, IfSeen(public), "api").holds


def test_no_key_is_not_another_key() -> None:
    without, other = Pinned("api", "", "main:x"), Pinned("api", "main:y", "main:x")
    assert "gives no public key" in without.diagnosis
    assert "is not the pinned one" in other.diagnosis
    assert "rotated" not in without.next_step


def test_a_place_is_the_contracts_or_this_machines_own() -> None:
    promised = "https://nix-cache.tinyland.dev"
    sound = Place(
        "https", promised, "main", promised, "main", substituter=f"{promised}/main", known=("nix-cache.tinyland.dev",)
    )
    assert sound.holds
    for other, says in (
        ({"cache": "other"}, "asks the cache other"),
        ({"address": "https://attic.elsewhere.dev"}, "is not the address that is promised for https"),
        ({"retired": "it is gone"}, "out of contract"),
        ({"substituter": f"{promised}/other"}, "another than main"),
        ({"substituter": "https://h.invalid/main"}, "nobody promised"),
    ):
        place = Place(**(sound.__dict__ | other))
        assert says in place.diagnosis
        assert place.next_step
    assert Place(**(sound.__dict__ | {"address": "http://127.0.0.1:1", "is_local": True})).holds


@pytest.mark.parametrize(
    ("api", "vantage", "verdict"),
    [
        ("http://attic.nix-cache.svc.cluster.local", "runner", True),
        ("http://attic.elsewhere", "runner", False),
        ("http://attic.elsewhere", "operator", None),
        ("http://127.0.0.1:1", "operator", True),
    ],
)
def test_the_place_of_a_target(api: str, vantage: Any, verdict: bool | None) -> None:
    section = AtticSection(api=api)
    target = Target("t", vantage, frozenset(), {"attic": section})
    fact: Callable[..., Place] = FACTS["attic_place"].function
    config = Said("api", 200, fields={})
    if verdict is None:
        with pytest.raises(Unproven, match="promised to runners"):
            fact(section, contract.load(), target, config, "api")
    else:
        assert fact(section, contract.load(), target, config, "api").holds == verdict


def test_an_archive_has_a_pace_of_its_own() -> None:
    """24 MB at 300 kB/s are healthy, and take longer than six times the deadline of a question."""
    assert FACTS["attic_nar"].patient
    assert FACTS["attic_store_hash"].patient
    pace, seconds = Pace(60.0), 24_000_000 / 300_000
    for second in range(int(seconds)):
        pace.received = second * 300_000
        assert second < pace.allowed()
    stalled = Pace(60.0)
    stalled.received = LEAST_RATE
    assert stalled.allowed() == 61.0


def test_an_archive_that_never_begins_ends(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(wire, "BEGINS_WITHIN", 1.0)

    def silent(path: str) -> Answer:
        time.sleep(0 if path.endswith(".narinfo") else 20)
        return script((200, {}, NAR))(path)

    with pytest.raises(DeadlineExceeded):
        judged(client(silent, 6.0))


def test_an_error_of_attic_is_a_word_or_nothing() -> None:
    for strange in (
        b'{"error": "a b"}',
        b'{"error": ["x"]}',
        b'{"error": {}}',
        b'{"error": "\\u001b[31m"}',
        b"[" * 5000,
    ):
        assert error_of(strange) == ""
    assert error_of(json.dumps({"error": "AccessError"}).encode()) == "AccessError"
