"""The strict readers of locks and baselines: what OpenTofu writes comes back, and whatever else raises nothing but its own."""

from __future__ import annotations

import contextlib
import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_gf.honey.formats import baseline, gojson, lockinfo
from pytest_gf.honey.observed.authority import StateBaseline, describe

CASES = Path(__file__).parent / "cases" / "state-guard"
CANARY = "a-value-that-must-not-leave"


def lock(**changes: Any) -> bytes:
    members = {
        "ID": "0b8e1ef4-5ac6-1f5c-8d5a-3a1d0c3f7f11",
        "Operation": "OperationTypeApply",
        "Info": CANARY,
        "Who": "runner@arc-runner-7",
        "Version": "1.12.6",
        "Created": "2026-11-24T12:00:00.123456789Z",
        "Path": "tofu-state/arc-runners/terraform.tfstate",
    } | changes
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


def test_what_opentofu_writes_comes_back() -> None:
    read = lockinfo.read(lock())
    assert read.problems == ()
    assert read.id == "0b8e1ef4-5ac6-1f5c-8d5a-3a1d0c3f7f11"
    assert (read.who, read.operation) == ("runner@arc-runner-7", "OperationTypeApply")
    assert read.created == pytest.approx(1_795_521_600.123456789)
    assert CANARY not in repr(read)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ID": ...}, "it has no ID"),
        ({"ID": 1}, "ID is no text"),
        ({"Who": 7}, "Who is no text"),
        ({"Created": "yesterday"}, "Created is no time (RFC 3339)"),
        ({"Created": "2026-13-40T00:00:00Z"}, "Created is no time (RFC 3339)"),
        ({"Created": "2026-11-24T12:00:00"}, "Created is no time (RFC 3339)"),
        ({"Operation": []}, "Operation is no text"),
    ],
)
def test_what_lacks_is_named(changes: dict[str, Any], problem: str) -> None:
    assert problem in lockinfo.read(lock(**changes)).problems


def test_an_id_is_any_text_and_names_match_in_any_case() -> None:
    read = lockinfo.read((CASES / "lock-id-is-a-word.json").read_bytes())
    assert (read.id, read.problems) == ("my-ci-lock-17", ())
    assert lockinfo.read(lock().replace(b'"ID"', b'"Id": "first", "\\u0069d"')).id.startswith("0b8e1ef4")


@pytest.mark.parametrize("created", ["2026-11-24T13:00:00+01:00", "2026-11-24T12:00:00.0Z", "2026-11-24T12:00:00Z"])
def test_times_of_any_zone(created: str) -> None:
    assert lockinfo.read(lock(Created=created)).created == 1_795_521_600.0


def test_what_is_shown_is_one_line_and_short() -> None:
    read = lockinfo.read(lock(Who="a\nb\x1b[31m" + "x" * 5_000))
    assert read.who.startswith("a?b?[31mxxx")
    assert len(read.who) == lockinfo.LONGEST


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"<html>", "html"),
        (b"[]", "not-an-object"),
        (lock() + b"{}", "not-json"),
        (b"{" + b" " * lockinfo.LARGEST + b"}", "too-large"),
        (b"\xff\xfe", "bom"),
    ],
)
def test_what_is_no_lock_has_its_kind(body: bytes, kind: str) -> None:
    with pytest.raises(gojson.Malformed) as refused:
        lockinfo.read(body)
    assert refused.value.kind == kind


@example(b'{"format":1,"stacks":{"\x80":1}}', 0)
@given(st.binary(max_size=400), st.integers(0, 300))
def test_any_bytes_raise_nothing_else(data: bytes, at: int) -> None:
    for body in (data, lock()[:at] + data + lock()[at:], lock()[:at]):
        with contextlib.suppress(gojson.Malformed):
            lockinfo.read(body)
        with contextlib.suppress(baseline.Malformed):
            baseline.read(body)


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.builds(
            baseline.KnownState,
            st.integers(0, 2**63 - 1),
            st.uuids().map(str),
            st.none() | st.integers(0, 9_999),
            st.text("0123456789abcdef", max_size=32),
            st.just("2026-11-24T12:00:00Z"),
        ),
        max_size=5,
    )
)
def test_baselines_round_trip(stacks: dict[str, baseline.KnownState]) -> None:
    assert baseline.read(baseline.write(stacks)) == stacks


def test_a_baseline_keeps_no_value_of_a_state() -> None:
    known = baseline.KnownState(3, str(uuid.uuid4()), 4, "ab", "2026-11-24T12:00:00Z")
    assert set(json.loads(baseline.write({"a": known}))["stacks"]["a"]) == {
        *("serial", "lineage", "resources", "etag", "recorded", "sha256", "addresses"),
    }


@pytest.mark.parametrize("created", ["9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_can_not_be_shown_is_none(created: str) -> None:
    read = lockinfo.read(lock(Created=created))
    assert read.created is None
    assert "created at an unknown time" in describe(read, None)


def test_the_same_serial_with_other_bytes_behind_the_same_etag() -> None:
    known = baseline.KnownState(3, "l", 4, "x-2", "2026-11-24T12:00:00Z", "aa")
    assert StateBaseline("s", known, known).holds
    assert not StateBaseline("s", msgspec.structs.replace(known, sha256="bb"), known).holds
    assert StateBaseline("s", msgspec.structs.replace(known, etag="y"), known).holds, (
        "put back in parts: the same bytes"
    )
