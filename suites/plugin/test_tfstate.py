"""The strict reader of state bodies: what it lets out, and that nothing else ever leaves it."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import tfstate

CANARY = "a-value-of-the-body-that-must-not-leave"


def tables(resources: int = 1, outputs: int = 0, serial: int = 3) -> dict[str, Any]:
    instance = {"attributes": {"password": CANARY}}
    return {
        "version": 4,
        "terraform_version": "1.12.6",
        "serial": serial,
        "lineage": str(uuid.uuid4()),
        "outputs": {f"o{index}": {"value": CANARY, "sensitive": True} for index in range(outputs)},
        "resources": [{"type": CANARY, "instances": [instance, instance]} for _ in range(resources)],
        "check_results": None,
    }


def body(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (tables() | changes).items() if value is not ...}).encode()


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**63 - 1))
def test_counts_come_back(resources: int, outputs: int, serial: int) -> None:
    written = tables(resources, outputs, serial)
    state = tfstate.read(json.dumps(written).encode() + b"\n")
    assert (state.resources, state.instances, state.outputs, state.serial) == (
        resources,
        2 * resources,
        outputs,
        serial,
    )
    assert (state.lineage, state.version, state.terraform_version) == (written["lineage"], 4, "1.12.6")
    assert state.problems == ()
    assert CANARY not in repr(state)


@given(st.integers(1, 5), st.data())
def test_every_cut_is_malformed(resources: int, data: st.DataObject) -> None:
    whole = json.dumps(tables(resources)).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(tfstate.Malformed) as refused:
        tfstate.read(whole[:cut])
    assert refused.value.kind in {"empty", "not-json"}


@given(st.data())
def test_a_flipped_byte_raises_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(json.dumps(tables(2, 2)).encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    assert_silent(bytes(whole))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    assert_silent(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_document_raises_anything_else(document: Any) -> None:
    assert_silent(json.dumps(document).encode())


def assert_silent(raw: bytes) -> None:
    try:
        state = tfstate.read(raw)
    except tfstate.Malformed as refused:
        assert CANARY not in f"{refused!r} {refused} {refused.args} {vars(refused)}"
        assert refused.__context__ is refused.__cause__ is None
    else:
        assert CANARY not in repr(state)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf" + body(), "bom"),
        (b"\xff\xfe{\x00}\x00", "bom"),
        (b'{"a": "\xff"}', "not-utf8"),
        (b"<html></html>", "html"),
        (b"no state", "not-json"),
        (body() + b"{}", "trailing"),
        (body() + b"\x00", "trailing"),
        (b'{"serial": 1, "serial": 2}', "duplicate-member"),
        (b'{"a": {"b": 1, "b": 2}}', "duplicate-member"),
        (b"[" * 201 + b"]" * 201, "too-deep"),
        (b"[" * 100_000, "too-deep"),
        (b"[]", "not-an-object"),
        (b'"text"', "not-an-object"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": Infinity}', "not-json"),
        (b"{'a': 1}", "not-json"),
        (b'{"a": 1,}', "not-json"),
    ],
)
def test_each_kind(raw: bytes, kind: str) -> None:
    with pytest.raises(tfstate.Malformed) as refused:
        tfstate.read(raw)
    assert refused.value.kind == kind


def test_too_large_is_not_parsed() -> None:
    with pytest.raises(tfstate.Malformed) as refused:
        tfstate.read(b"{" + b" " * tfstate.LARGEST + b"}")
    assert refused.value.kind == "too-large"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 3}, "its version is 3, not 4"),
        ({"version": "4"}, "it has no version number"),
        ({"version": True}, "it has no version number"),
        ({"version": ...}, "it has no version number"),
        ({"serial": -1}, "its serial is no whole number"),
        ({"serial": 1.5}, "its serial is no whole number"),
        ({"lineage": CANARY}, "its lineage is no uuid"),
        ({"terraform_version": CANARY}, "its terraform_version is no version number"),
        ({"resources": ...}, "it has no list of resources"),
        ({"resources": {}}, "it has no list of resources"),
        ({"resources": [CANARY]}, "it has no list of resources"),
        ({"outputs": []}, "its outputs are no object"),
    ],
)
def test_each_problem_of_shape(changes: dict[str, Any], problem: str) -> None:
    state = tfstate.read(body(**changes))
    assert len(state.problems) == 1
    assert problem in state.problems[0]
    assert CANARY not in repr(state)


def test_encrypted() -> None:
    kept = {"serial": 3, "lineage": str(uuid.uuid4()), "meta": {}, "encrypted_data": CANARY, "encryption_version": "v0"}
    state = tfstate.read(json.dumps(kept).encode())
    assert (state.encrypted, state.problems, state.serial, state.resources) == (True, (), 3, None)
    assert tfstate.read(json.dumps(kept | {"resources": []}).encode()).problems == (
        "it is encrypted, and has 'resources' in clear",
    )
    del kept["meta"]
    assert tfstate.read(json.dumps(kept).encode()).problems == ("it is encrypted, and has no 'meta'",)


@pytest.mark.parametrize("value", [10**30, -(10**30), 2**64, 10**400, 1e300])
def test_a_large_number_is_a_value_as_others(value: float) -> None:
    assert tfstate.read(body(outputs={"n": {"value": value, "type": "number"}})).problems == ()
    assert tfstate.read(body(serial=10**30)).serial is None


@pytest.mark.parametrize("text", ["1.12.0-nightly-20260101", "1.12.6+fork.1", "1.10.0-rc1"])
def test_versions_of_builds(text: str) -> None:
    assert tfstate.read(body(terraform_version=text)).terraform_version == text


def test_a_body_cut_within_quotes_costs_no_quadratic_time() -> None:
    """A state holds JSON as text (values of charts): of 64 KB this once took nine seconds."""
    began = time.monotonic()
    with pytest.raises(tfstate.Malformed):
        tfstate.read(b'{"a":"' + b'\\"' * 1_000_000)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "change",
    [
        {"encrypted_data": ""},
        {"encrypted_data": []},
        {"meta": 1},
        {"encryption_version": 0},
        {"serial": None},
        {"serial": -5},
        {"lineage": "none"},
    ],
)
def test_an_encrypted_body_of_wrong_parts(change: dict[str, Any]) -> None:
    sound = {
        "serial": 1,
        "lineage": str(uuid.uuid4()),
        "meta": {},
        "encrypted_data": "eA==",
        "encryption_version": "v0",
    }
    assert tfstate.read(json.dumps(sound).encode()).problems == ()
    assert tfstate.read(json.dumps(sound | change).encode()).problems
