"""What is said of storage modes, of what never came, and of S3's words: values alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.honey import target
from pytest_gf.honey.audit import options
from pytest_gf.honey.house import load_target
from pytest_gf.honey.observed.audit import Finding, Judged, Outside, ShardAudit, Tally
from pytest_gf.honey.observed.bazel import WrittenBlob, s3_words
from pytest_gf.honey.observed.blobs import Modes, ServedBlob, ServedBlobs, State, StoredBlob, check_came
from pytest_gf.honey.observed.s3 import BucketListed

BUCKET = BucketListed("bazel-cache", listed=True)


def blob(mode: str, digest: str = "ab", state: State = "whole", kind: str = "") -> StoredBlob:
    return StoredBlob(f"p/{mode}/{digest[:2]}/{digest}", digest, state, 5, kind=kind)


@pytest.mark.parametrize(
    ("found", "old", "unclear"),
    [
        ({"cas.v2": [True, True]}, "", False),
        ({"cas.v2": [True, False]}, "", False),
        ({"cas.v2": [False, False]}, "", True),
        ({"cas.v2": [True], "cas": [True]}, "", False),
        ({"cas.v2": [False, False], "cas": [True, True]}, "cas.v2", False),
        ({"cas.v2": [True], "cas": [False]}, "cas", False),
        ({"cas.v2": [True, False], "cas": [False]}, "", True),
        ({"cas.v2": [False], "cas": [False]}, "", True),
    ],
)
def test_which_storage_mode_is_current(found: dict[str, list[bool]], old: str, unclear: bool) -> None:
    pairs = [(blob(mode), there) for mode, answers in found.items() for there in answers]
    modes = Modes.of(
        [*pairs, (blob("cas.v2", state="mismatch"), True)] if "cas.v2" in found and any(found["cas.v2"]) else pairs
    )
    assert (modes.old, bool(modes.unclear)) == (old, unclear)


def test_a_wrong_blob_of_the_mode_before_is_old_too() -> None:
    raw = blob("cas", state="mismatch")
    modes = Modes.of([(blob("cas.v2"), True), (raw, False)])
    assert modes.old == "cas"
    assert not modes.judges(raw, found=False)
    alone = Modes.of([(blob("cas.v2", state="malformed"), False), (blob("cas.v2"), True)])
    assert alone.judges(blob("cas.v2", state="malformed"), found=False), "it is of the mode that is served"


def test_an_old_mode_is_no_violation_and_is_named() -> None:
    served = (
        ServedBlob(blob("cas.v2"), "NOT_FOUND"),
        ServedBlob(blob("cas", "cd"), "OK", 5, "cd"),
    )
    modes = Modes.of((blob.stored, blob.found) for blob in served)
    seen = ServedBlobs(BUCKET, "seed", served, 0, modes)
    assert seen.holds
    assert "what lies below cas.v2/ is of the storage mode before" in seen.note
    wrong = ServedBlobs(BUCKET, "seed", (*served, ServedBlob(blob("cas", "ef"), "OK", 5, "00")), 0, modes)
    assert not wrong.holds, "the current mode is judged"


def test_what_kills_a_server_is_named() -> None:
    deadly = blob("cas.v2", state="malformed", kind="chunk-size")
    assert deadly.deadly
    assert not blob("cas.v2", state="malformed", kind="magic").deadly
    assert Finding(deadly.key, "malformed:chunk-size", 5, 5).blob.deadly
    seen = ServedBlobs(BUCKET, "seed", (), deadly=(deadly,))
    assert "not asked for, since a bazel-remote may die of it; p/cas.v2/ab/ab" in seen.note


def test_what_never_came_is_no_violation() -> None:
    broke = ServedBlob(blob("cas.v2"), "OK", cut="the stream ends early", broke=True)
    with pytest.raises(Unanswered, match="for each of 1 blobs"):
        check_came([broke])
    check_came([broke, ServedBlob(blob("cas.v2", "cd"), "OK", 5, "cd")])
    with pytest.raises(ProbeError, match="reduce your request rate"):
        check_came([ServedBlob(blob("cas.v2"), "INTERNAL: Please reduce your request rate.")])


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("INTERNAL: X The request signature we calculated does not match the signature you provided.", "credential"),
        ("INTERNAL: The access key ID you provided does not exist in our records.", "credential"),
        ("INTERNAL: The AWS Access Key Id you provided does not exist in our records.", "credential"),
        ("UNKNOWN: Access Denied.", "credential"),
        ("INTERNAL: The specified bucket does not exist", "its bucket is gone"),
        ("INTERNAL: unexpected EOF", ""),
        ("NOT_FOUND", ""),
    ],
)
def test_s3s_words_are_messages(status: str, means: str) -> None:
    assert (means in s3_words(status)) if means else s3_words(status) == ""


def test_silence_is_said_only_where_it_was_seen() -> None:
    lost = WrittenBlob("d" * 64, 5, "b", "OK", 10.0, last="404")
    assert "S3 refused it in silence (credential, full disk), bazel-remote writes to another" in lost.diagnosis
    seen = WrittenBlob("d" * 64, 5, "b", "OK", 10.0, last="404", miss="INTERNAL: Access Denied.")
    assert "as it refuses a read: INTERNAL: Access Denied." in seen.diagnosis


def test_only_digests_and_malformed_blobs_are_corruption() -> None:
    for kind, corrupt in (
        ("unreadable", False),
        ("misplaced", False),
        ("wrong size", False),
        ("digest mismatch", True),
        ("malformed:magic", True),
    ):
        audited = ShardAudit("cas/00", BUCKET, Tally(1, bad=1), (Finding("cas/00/k", kind, 1),))
        assert ("corruption of a cache" in audited.diagnosis) is corrupt
        assert not audited.holds


def test_a_row_says_when_it_was_judged() -> None:
    seen = ShardAudit("cas/00", BUCKET, Tally(1), when=Judged(0.0, 60.0, "run-1", earlier=True, over=True))
    assert seen.note == "judged 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z by run run-1"
    assert ShardAudit("cas/00", BUCKET, Tally(1)).note == ""


def test_what_lies_outside_is_told_apart() -> None:
    outside = Outside(BUCKET)
    outside.foreign("raw/", 3, more=False)
    outside.stray(["readme"])
    assert outside.holds
    assert outside.note == "no folder, as readme: 1, raw/: 3 elsewhere (no part of the cache, not judged)"
    outside = Outside(BUCKET)
    outside.misplace(["cas/zz/k"], 100_000, more=True)
    assert not outside.holds
    assert outside.diagnosis.startswith("more than 100000 misplaced: ")


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5_400), ("12h", 43_200), ("7d", 604_800)])
def test_an_age_is_read(text: str, seconds: int) -> None:
    assert options.read(None, None, None, "state", text).state_age == seconds


@pytest.mark.parametrize("text", ["0", "65", "-1", "x", "8 "])
def test_a_strange_number_of_connections_is_one_line(text: str) -> None:
    assert options.read(None, None, None, None, None, "64").readers == 64
    with pytest.raises(ValueError, match=f"--gf-readers={text}: expected a number of connections, 1 to 64"):
        options.read(None, None, None, None, None, text)


@pytest.mark.parametrize(("text", "state"), [("7", "s"), ("0d", "s"), ("7w", "s"), ("7d", None)])
def test_a_strange_age_is_one_line(text: str, state: str | None) -> None:
    with pytest.raises(ValueError, match="--gf-audit-state-age="):
        options.read(None, None, None, state, text)


LOGIN = 'username_env = "U"\npassword_env = "P"\n'


@pytest.mark.parametrize(
    ("grpc", "more", "says"),
    [
        ("grpc://cache.example:9092", LOGIN, "expected grpcs://, or an address of this machine, for a password"),
        ("grpc://127.0.0.1:9092", 'username_env = "U"\n', "expected password_env beside it"),
        ("grpcs://cache.example:9092", 'client_key = "k"\n', "expected client_key beside it, or neither"),
        (
            "grpc://127.0.0.1:9092",
            'client_cert = "c"\nclient_key = "c"\n',
            "expected grpcs:// for a client's certificate",
        ),
        ("grpcs://cache.example:9092", 'client_cert = "no"\nclient_key = "no"\n', "no such file"),
        ("grpcs://cache.example:9092", LOGIN, ""),
        ("grpc://localhost:9092", LOGIN, ""),
    ],
)
def test_who_asks_is_said_by_tls_or_on_this_machine(grpc: str, more: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'name = "t"\nvantage = "runner"\n[bazel]\ngrpc = "{grpc}"\n{more}')
    environment = {"U": "bazel", "P": "a-long-password"}
    if says:
        with pytest.raises(target.TargetError, match=says):
            load_target(path, environment)
        return
    loaded = load_target(path, environment)
    assert loaded.secrets() == ("a-long-password",), "a user's name is shown"
