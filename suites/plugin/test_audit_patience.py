"""What an audit says of what S3 does not give: unreadable, not read, or lost; and what it asks for again."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pytest

from pytest_gf import Unproven
from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey.audit import options, sweep
from pytest_gf.honey.audit.places import outside
from pytest_gf.honey.audit.progress import Progress
from pytest_gf.honey.audit.state import State
from pytest_gf.honey.audit.sweep import READERS, Audit, Scope
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes import http_bulk
from pytest_gf.honey.probes.http_bulk import Place
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.probes.s3_bulk import AHEAD, LATENCY, LOOKS, Reader
from pytest_gf.honey.probes.unreadable import NotRead
from pytest_gf.honey.target import S3Section

ERROR = "<Error><Code>{}</Code><Message>m</Message></Error>"
BUCKET = BucketListed("b", listed=True)


@dataclass
class Store:
    """A bucket whose reads may be bent: ``gets`` has the answer to a GET of a key, ``all`` to everything."""

    objects: dict[str, bytes]
    gets: dict[str, tuple[int, str]] = field(default_factory=dict)
    all: tuple[int, str] | None = None
    asked: Counter[str] = field(default_factory=Counter)

    def script(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        if self.all is not None:
            return self.all[0], {}, ERROR.format(self.all[1]).encode()
        key, _, query = unquote(path.removeprefix("/b")).lstrip("/").partition("?")
        if query:
            return 200, {}, self.page(query)
        self.asked[f"{method} {key}"] += 1
        if method == "GET" and key in self.gets:
            return self.gets[key][0], {}, ERROR.format(self.gets[key][1]).encode()
        if key not in self.objects:
            return 404, {}, ERROR.format("NoSuchKey").encode()
        return 200, {}, self.objects[key]

    def page(self, query: str) -> bytes:
        """Return a listing, by delimiter where that is asked for."""
        asked_for = dict(pair.partition("=")[::2] for pair in query.split("&"))
        below = asked_for["prefix"]
        rests = {key: key.removeprefix(below) for key in sorted(self.objects) if key.startswith(below)}
        deep = {rest.partition("/")[0] for rest in rests.values() if "/" in rest} if "delimiter" in asked_for else set()
        entries = [
            f"<Contents><Key>{key}</Key><Size>{len(self.objects[key])}</Size></Contents>"
            for key, rest in rests.items()
            if rest.partition("/")[0] not in deep and key > asked_for.get("start-after", "")
        ]
        entries += [f"<CommonPrefixes><Prefix>{below}{name}/</Prefix></CommonPrefixes>" for name in sorted(deep)]
        most = int(asked_for["max-keys"])
        told = f"<IsTruncated>{str(len(entries) > most).lower()}</IsTruncated>{''.join(entries[:most])}"
        return f"<ListBucketResult>{told}</ListBucketResult>".encode()


def key_of(payload: bytes) -> str:
    digest = hashlib.sha256(payload).hexdigest()
    return f"cas/{digest[:2]}/{digest}"


def of_shard(count: int, folder: str = "0a") -> dict[str, bytes]:
    """Return so many whole objects of one shard."""
    made = (b"%d" % at for at in range(1_000_000))
    objects = ((key_of(payload), payload) for payload in made)
    return dict(
        [entry for entry, _ in zip((one for one in objects if one[0][4:6] == folder), range(count), strict=False)]
    )


@pytest.fixture
def place(serve: Callable[..., str]) -> Callable[[Store], Place]:
    def made(store: Store) -> Place:
        section = S3Section(serve(store.script, kept=True))
        return Place(Access(section, ("KEY", "SECRET-OF-A-TEST")), "b", 1.5)

    return made


@pytest.fixture
def audit_of(place: Callable[[Store], Place], tmp_path: Path) -> Iterator[Callable[..., Audit]]:
    made: list[Audit] = []

    def start(store: Store, *, relisted: BucketListed = BUCKET, run: str = "run-1", age: float | None = None) -> Audit:
        for opened in made:
            opened.close()
        made.clear()
        scope = Scope(place(store), BUCKET, "", ("cas",), "seed", run, lambda: relisted)
        state = State(tmp_path / "state", {})
        made.append(Audit(scope, options.AuditOptions(state_age=age), state, Progress(options.SHARDS, lambda _: None)))
        return made[0]

    yield start
    for audit in made:
        audit.close()


def test_a_rotten_object_is_unreadable_and_the_rest_is_judged(audit_of: Callable[..., Audit]) -> None:
    store = Store(of_shard(5))
    rotten = sorted(store.objects)[2]
    store.gets[rotten] = (500, "InternalError")
    audited = audit_of(store).shard("cas/0a")
    assert [(finding.key, finding.kind) for finding in audited.findings] == [(rotten, "unreadable")]
    assert "while HEAD of it and reads of other objects were answered" in audited.findings[0].detail
    assert (audited.tally.objects, audited.tally.bad, audited.unread) == (5, 1, ())
    assert store.asked[f"GET {rotten}"] >= 6


def test_a_rotten_object_is_told_apart_where_it_is_read_first(audit_of: Callable[..., Audit]) -> None:
    """No other object was read before: one is looked for."""
    store = Store(of_shard(2))
    rotten = min(store.objects)
    store.gets[rotten] = (500, "InternalError")
    assert [finding.key for finding in audit_of(store).shard("cas/0a").findings] == [rotten]


def test_where_all_reads_fail_nothing_is_said_of_an_object(audit_of: Callable[..., Audit]) -> None:
    store = Store(of_shard(3))
    store.gets = dict.fromkeys(store.objects, (500, "InternalError"))
    with pytest.raises(NotRead, match="the read of another object failed too: 500 InternalError"):
        audit_of(store).shard("cas/0a")
    store.gets.clear()
    audited = audit_of(store).shard("cas/0a")
    assert (audited.tally.objects, audited.holds) == (3, True), "it was not marked as judged"


def test_the_only_object_of_a_bucket_has_nothing_to_be_compared_with(audit_of: Callable[..., Audit]) -> None:
    store = Store(of_shard(1))
    store.gets = dict.fromkeys(store.objects, (500, "InternalError"))
    with pytest.raises(NotRead, match="there is no other object to compare with"):
        audit_of(store).shard("cas/0a")


@pytest.mark.parametrize("answer", [(503, "SlowDown"), (429, "TooManyRequests")])
def test_one_object_that_is_refused_for_now_is_left_and_asked_for_again(
    answer: tuple[int, str], audit_of: Callable[..., Audit]
) -> None:
    store = Store(of_shard(5))
    left = sorted(store.objects)[1]
    store.gets[left] = answer
    audited = audit_of(store).shard("cas/0a")
    assert (audited.tally.objects, audited.tally.bad, audited.unread) == (4, 0, (left,))
    store.gets.clear()
    store.asked.clear()
    again = audit_of(store, run="run-2").shard("cas/0a")
    assert (again.tally.objects, again.holds, again.unread) == (5, True, ())
    assert store.asked == {f"GET {left}": 1}, "nothing else was read again"


def test_a_5xx_now_and_then_is_no_defect(audit_of: Callable[..., Audit]) -> None:
    store = Store(of_shard(6))
    sound = store.script

    def script(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        store.asked["all"] += 1
        if store.asked["all"] % 3 == 0:
            return 503, {}, b"<html>a proxy</html>"
        return sound(method, path)

    store.script = script  # type: ignore[method-assign]  # Bent as a proxy does it.
    assert audit_of(store).shard("cas/0a").holds


def test_a_bucket_that_is_lost_in_the_middle_is_one_row(audit_of: Callable[..., Audit]) -> None:
    store = Store(of_shard(2))
    store.gets = dict.fromkeys(store.objects, (404, "NoSuchBucket"))
    lost = BucketListed("b", listed=False)
    audit = audit_of(store, relisted=lost)
    page = store.page

    def gone(query: str) -> bytes:
        store.all = (404, "NoSuchBucket")
        return page(query)

    store.page = gone  # type: ignore[method-assign]  # It is gone after the first listing.
    audited = audit.shard("cas/0a")
    assert not audited.holds
    assert (
        "404 NoSuchBucket; the cause: bucket-index loss or bucket gone, ListBuckets does not show b"
        in audited.diagnosis
    )
    for shard in ("cas/0b", "cas/0c"):
        with pytest.raises(Unproven, match=re.escape("as bazel.audit-shard[cas/0a] tells")):
            audit.shard(shard)


def test_a_finished_state_is_old_news_and_an_unfinished_one_is_one_audit(audit_of: Callable[..., Audit]) -> None:
    store = Store(of_shard(1, "0a") | of_shard(1, "0b"))
    first = audit_of(store)
    assert first.shard("cas/0a").note == ""
    first._told_of.clear()  # A kill: nobody was told.
    second = audit_of(store, run="run-2")
    resumed = second.shard("cas/0a")
    assert (resumed.when.over, "by run run-1" in resumed.note) == (False, True)
    second.shard("cas/0b")
    third = audit_of(store, run="run-3")
    assert [third.shard(name).when.over for name in ("cas/0a", "cas/0b")] == [True, True]
    assert not audit_of(store, run="run-4", age=3_600).shard("cas/0a").when.over
    assert audit_of(store, run="run-5", age=0.0).shard("cas/0a").when.over


def test_what_lies_outside_of_the_shards(place: Callable[[Store], Place]) -> None:
    name = "ab" + "0" * 62
    keys = (
        f"cas/ab/{name}",
        f"cas/{name}",
        f"cas/AB/{name.upper()}",
        f"ac/zz/{name}",
        f"raw/ab/{name}",
        "readme",
        "x/1",
    )
    with contextlib.closing(Reader(place(Store(dict.fromkeys(keys, b""))))) as reader:
        strays = outside(reader, "", BUCKET)
    assert strays.misplaced == 3
    assert sorted(strays.keys) == sorted(keys[1:4])
    assert strays.elsewhere == {"no folder, as readme": "1", "raw/": "1", "x/": "1"}


def test_a_listing_that_fails_for_long_is_an_error(audit_of: Callable[..., Audit]) -> None:
    store = Store({})
    store.all = (500, "InternalError")
    with pytest.raises(ProbeError, match="500 InternalError"):
        audit_of(store).shard("cas/0a")


@contextlib.contextmanager
def reading(where: Place, ahead: int | None = None) -> Iterator[Reader]:
    with contextlib.closing(Reader(where, ahead)) as reader:
        yield reader


def test_what_was_asked_for_ahead_is_asked_again_after_a_failure(place: Callable[[Store], Place]) -> None:
    store = Store(of_shard(6))
    with reading(place(store), ahead=3) as reader:
        for key, _ in reader.in_turn((key, 1) for key in store.objects):
            answer, body = reader.get(key)
            assert (answer.ok, bytes(body.up_to(9))) == (True, store.objects[key])
            reader.close()  # As after each failure.


def test_the_number_of_connections_follows_the_latency(place: Callable[[Store], Place]) -> None:
    with reading(place(Store({}))) as reader:
        seen = []
        for latency in (0.0, 4 * LATENCY, 1.0):
            reader.measured(latency)
            seen.append(reader.ahead)
        assert seen == [AHEAD[0]] * 3, "the least counts: a server that is slow once is no far one"
        for latency, ahead in ((10.1 * LATENCY, 10), (1.0, AHEAD[-1])):
            for _ in range(LOOKS):
                reader.measured(latency)
            assert reader.ahead == ahead
    with reading(place(Store({})), ahead=1) as reader:
        reader.measured(1.0)
        assert reader.ahead == 1


def test_an_object_that_is_not_whole_at_once_is_judged_by_the_same_answer(place: Callable[[Store], Place]) -> None:
    """To ask again would hide what S3 gives wrongly now and then."""
    store = Store({"a": b"first", "b": b"second", "c": b"third", "d": b"4"}, gets={"b": (404, "NoSuchKey")})
    with reading(place(store), ahead=3) as reader:
        turns = reader.in_turn((key, 1) for key in store.objects)
        assert (next(turns)[0], reader.whole(key_of(b"other")[-64:], memoryview)) == ("a", None)
        assert reader.whole(key_of(b"first")[-64:], lambda _: None) is None, "it does not unpack"
        assert bytes(reader.get("a")[1].up_to(9)) == b"first"
        assert (next(turns)[0], reader.whole("", memoryview), str(reader.get("b")[0])) == ("b", None, "404 NoSuchKey")
        assert (next(turns)[0], reader.whole(key_of(b"third")[-64:], memoryview)) == ("c", 5)
        assert reader.whole(key_of(b"third")[-64:], memoryview) is None, "it was not asked for again"
        assert bytes(reader.get("c")[1].up_to(9)) == b"third"
        assert (next(turns)[0], list(turns)) == ("d", []), "nobody reads the last"
        assert [(key, bytes(reader.get(key)[1].up_to(9))) for key, _ in reader.in_turn([("a", 1)])] == [("a", b"first")]
    assert store.asked == {"GET a": 2, "GET b": 1, "GET c": 2, "GET d": 1}


@pytest.mark.parametrize(
    "status", [b"200", b"200 OK\r\nTransfer-Encoding: chunked", b"200 OK\r\nContent-Length: 4", b"2000"]
)
def test_only_a_plain_head_is_read_in_one_step(status: bytes) -> None:
    """Any other is http.client's: it knows which of two lengths counts."""
    assert http_bulk._PLAIN.match(b"HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 5\r\nServer: x\r\n\r\nhello")
    assert not http_bulk._PLAIN.match(b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\nhello" % status)


def test_a_whole_blob_in_another_folder_is_misplaced(audit_of: Callable[..., Audit]) -> None:
    """Its payload hashes to its name, and bazel-remote never looks there."""
    store = Store(of_shard(2))
    payload = b"a blob of another folder"
    misplaced = f"cas/0a/{hashlib.sha256(payload).hexdigest()}"
    store.objects[misplaced] = payload
    assert not misplaced.startswith("cas/0a/0a"), "it was no test"
    seen = audit_of(store).shard("cas/0a")
    assert [(finding.key, finding.kind) for finding in seen.findings] == [(misplaced, "misplaced")]
    assert seen.tally.objects == 3


@pytest.mark.parametrize("latency", [0.0, 1.0])
def test_one_reader_reads_while_s3_is_near(
    latency: float, audit_of: Callable[..., Audit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And `READERS` where it is far: one alone would mostly wait for its answers."""
    audit = audit_of(Store(of_shard(2)))
    with audit._reader() as reader:
        for _ in range(LOOKS):
            reader.measured(latency)
        monkeypatch.setattr(reader, "measured", lambda _: None)  # The test's own server is as near as it happens to be.
    audit.shard("cas/0a")
    assert audit._readers.qsize() == (READERS if latency else 1)


def test_an_object_that_is_slow_to_come_does_not_hold_up_all_shards(
    audit_of: Callable[..., Audit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SLOW", 0.0)
    audit = audit_of(Store(of_shard(2)))
    audit.shard("cas/0a")
    assert audit._readers.qsize() == READERS
