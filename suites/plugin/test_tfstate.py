"""The reader of state bodies against what OpenTofu 1.12.6 did with them, and that no value ever leaves it."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import tfstate

CASES = Path(__file__).parent / "cases"
CANARY = "a-value-of-the-body-that-must-not-leave"
PROVIDER = 'provider["registry.opentofu.org/hashicorp/random"]'
ROWS = [line.split("\t") for line in (CASES / "state" / "truth.tsv").read_text().splitlines()[1:]]
TRUTH = {row[0]: row[1] for row in ROWS}
NEEDS_A_SCHEMA = {"deep-150", "deep-500"}


def outcome(raw: bytes) -> str:
    try:
        return tfstate.read(raw).effect.outcome
    except tfstate.Malformed as refused:
        return "no-state" if refused.kind == "empty" else "refused"


@pytest.mark.parametrize("name", TRUTH)
def test_what_opentofu_made_of_each_case(name: str) -> None:
    came, truth = outcome((CASES / "state" / f"{name}.tfstate").read_bytes()), TRUTH[name]
    if truth in {"reads", "changes"} or name in NEEDS_A_SCHEMA:
        assert came in {"reads", "changes"}
    else:
        assert came == truth


def instance(**members: Any) -> dict[str, Any]:
    kept = {"schema_version": 0, "attributes": {"password": CANARY}, "sensitive_attributes": []} | members
    return {key: value for key, value in kept.items() if value is not ...}


def resource(name: str = "a", **members: Any) -> dict[str, Any]:
    kept = {
        "mode": "managed",
        "type": "random_id",
        "name": name,
        "provider": PROVIDER,
        "instances": [instance()],
    } | members
    return {key: value for key, value in kept.items() if value is not ...}


def body(**changes: Any) -> bytes:
    kept = {
        "version": 4,
        "terraform_version": "1.12.6",
        "serial": 3,
        "lineage": "75b318b1-6d25-fd26-267f-b649b8d40882",
        "outputs": {},
        "resources": [resource()],
        "check_results": None,
    } | changes
    return json.dumps({name: value for name, value in kept.items() if value is not ...}).encode()


def with_instance(**members: Any) -> bytes:
    return body(resources=[resource(instances=[instance(**members)])])


def output(value: Any, of: Any) -> bytes:
    return body(outputs={"o": {"value": value, "type": of}})


SOUND = body().decode()

READ = {
    "base": body(),
    "a long s in a name": SOUND.replace('"instances"', '"instance\N{LATIN SMALL LETTER LONG S}"').encode(),
    "escapes in a name": SOUND.replace('"resources"', r'"\u0072esources"').encode(),
    "two arrays merge": SOUND.replace('"resources": [', '"resources": [{}], "resources": [').encode(),
    "an empty one, then one": SOUND.replace('"resources": [', '"resources": null, "resources": [').encode(),
    "null leaves a text": SOUND.replace('"mode": "managed"', '"mode": "managed", "MODE": null').encode(),
    "an index of a whole float": with_instance(index_key=1.0),
    "an index of a large float": with_instance(index_key=1e300),
    "base64 with line ends": with_instance(private="eA==\r\n"),
    "private as numbers": with_instance(private=[1, 255]),
    "flat attributes": with_instance(attributes=..., attributes_flat={"a": "b", "c": None}),
    "no attributes": with_instance(attributes=...),
    "a data source that would fail": body(
        resources=[resource(), resource("d", mode="data", type="", instances=[instance(attributes="x")])]
    ),
    "no type, and no instance": body(resources=[resource(), resource("b", type="", instances=[])]),
    "sensitive null": with_instance(sensitive_attributes=None),
    "sensitive index": with_instance(
        sensitive_attributes=[[{"type": "index", "value": {"value": 0, "type": "number"}}]]
    ),
    "dependencies": with_instance(dependencies=["a.b", "data.a.b", 'module.m["k"].a.b', "module.m[0].a . b # c"]),
    "a legacy provider": body(resources=[resource(provider="module.m.provider.aws.east")]),
    "a provider of an instance": body(
        resources=[resource(provider=..., instances=[instance(provider=f'{PROVIDER}.x["k"]')])]
    ),
    "modules": body(resources=[resource(module='module.a["x\\"y"].module.b[1]')]),
    "two keys": body(resources=[resource(instances=[instance(index_key=0), instance(index_key="0")])]),
    "current and deposed": body(resources=[resource(instances=[instance(), instance(deposed="12345678")])]),
    "tainted": with_instance(status="tainted"),
    "output number as text": output("1e5", "number"),
    "output any": output({"value": [1, "a"], "type": ["tuple", ["number", "string"]]}, "dynamic"),
    "output object lacks one": output({"a": 1}, ["object", {"a": "number", "b": "string"}]),
    "output optional": output({}, ["object", {"a": "number"}, ["a"]]),
    "output null": output(None, ["list", "string"]),
    "checks of a kind of tomorrow": body(check_results=[{"object_kind": "x", "config_addr": "%%"}]),
    "checks": body(
        check_results=[{"object_kind": "resource", "config_addr": "a.b", "objects": [{"object_addr": "a.b[0]"}]}]
    ),
    "version 4, and encrypted too": body(encryption_version="v0", encrypted_data="eA=="),
    "each a number of keys": body(resources=[resource(each="list")]),
    "space around": b" \r\n\t" + body() + b"\n\n",
}
REFUSED = {
    "version as text": body(version="4"),
    "version null last": SOUND.replace('"version": 4', '"version": 4, "Version": null').encode(),
    "version 5": body(version=5),
    "a wrong one behind a right one": SOUND.replace('"serial": 3', '"serial": "x", "serial": 3').encode(),
    "what an array replaces is read": SOUND.replace('"resources": [', '"resources": [{}, 1], "resources": [').encode(),
    "mode ephemeral": body(resources=[resource(mode="ephemeral")]),
    "no mode": body(resources=[resource(mode=...)]),
    "no provider": body(resources=[resource(provider=...)]),
    "a provider of five parts": body(resources=[resource(provider='provider["a/b/c/d"]')]),
    "a redundant prefix": body(resources=[resource(provider='provider["a/terraform-provider-x"]')]),
    "a provider in a keyed module": body(resources=[resource(provider="module.m[0]." + PROVIDER)]),
    "two providers": body(
        resources=[
            resource(
                provider=...,
                instances=[instance(index_key=at, provider=f'provider["{name}"]') for at, name in enumerate("ab")],
            )
        ]
    ),
    "module interpolated": body(resources=[resource(module='module.m["${x}"]')]),
    "module index 1.5": body(resources=[resource(module="module.m[1.5]")]),
    "module followed": body(resources=[resource(module="module.m.x")]),
    "each as number": body(resources=[resource(each=1)]),
    "index true": with_instance(index_key=True),
    "index of no float": SOUND.replace('"schema_version"', '"index_key": 1e999, "schema_version"').encode(),
    "status": with_instance(status="banana"),
    "deposed": with_instance(deposed="1234567"),
    "two of one index": body(resources=[resource(instances=[instance(index_key=1), instance(index_key=1.5)])]),
    "two deposed": body(resources=[resource(instances=[instance(deposed="12345678")] * 2)]),
    "schema version": with_instance(schema_version=1.0),
    "private of one letter": with_instance(private="e"),
    "private out of range": with_instance(private=[256]),
    "flat attributes of numbers": with_instance(attributes_flat={"a": 1}),
    "dependency on an instance": with_instance(dependencies=["a.b[0]"]),
    "dependency on a module": with_instance(dependencies=["module.m"]),
    "dependency null": with_instance(dependencies=[None]),
    "sensitive step": with_instance(sensitive_attributes=[[{"type": "splat", "value": 1}]]),
    "sensitive without value": with_instance(sensitive_attributes=[[{"type": "index"}]]),
    "flag": with_instance(create_before_destroy="true"),
    "identity schema": with_instance(identity_schema_version=-1),
    "output bool": output("yes", "bool"),
    "output list": output({}, ["list", "string"]),
    "output tuple": output([1], ["tuple", ["number", "number"]]),
    "output attribute": output({"b": 1}, ["object", {"a": "number"}]),
    "output any": output({"value": 1}, "dynamic"),
    "output any, more": output({"value": 1, "type": "number", "x": 1}, "dynamic"),
    "output type null": output(1, None),
    "output type": output(1, ["list"]),
    "output type, more": output([], ["list", "string", "x"]),
    "output optional": output({}, ["object", {}, ["a"]]),
    "check of a key": body(check_results=[{"object_kind": "resource", "config_addr": "a.b[0]"}]),
    "check of another word": body(check_results=[{"object_kind": "output", "config_addr": "check.c"}]),
    "terraform_version": body(terraform_version="1.99999999999999999999"),
    "tfstate of old": b"tfstate" + body(),
}
NO_STATE = {
    "no resource": body(resources=[]),
    "resources of null": body(resources=None),
    "the last one is empty": SOUND.replace('"check_results"', '"RESOURCES": [], "check_results"').encode(),
    "no instance": body(resources=[resource(instances=[])]),
    "instances null": body(resources=[resource(instances=None)]),
    "all are data": body(resources=[resource(mode="data"), resource("b", mode="data")]),
    "only deposed": body(resources=[resource(instances=[instance(deposed="12345678")])]),
    "attributes null": with_instance(attributes=None),
    "version 1": body(version=1),
    "version 2": body(version=2, modules=[]),
    "version 3 of data": body(
        version=3, modules=[{"path": ["root"], "resources": {"data.a.b": {"primary": {"id": "1"}}}}]
    ),
}
PLAN_FAILS = {
    "attributes of a list": with_instance(attributes=[]),
    "no type": body(resources=[resource(type="")]),
    "version 3": body(version=3, modules=[{"path": ["root"], "resources": {"a.b": {"primary": {"id": "1"}}}}]),
}
NEIGHBOURS = [
    pytest.param(raw, came, id=f"{came}: {name}")
    for came, cases in (("reads", READ), ("refused", REFUSED), ("no-state", NO_STATE), ("plan-fails", PLAN_FAILS))
    for name, raw in cases.items()
]


@pytest.mark.parametrize(("raw", "came"), NEIGHBOURS)
def test_the_neighbours_of_the_cases(raw: bytes, came: str) -> None:
    """OpenTofu 1.12.6's own reader gave each of them this outcome (all but the plans)."""
    assert outcome(raw) == came


def test_text_that_is_none_is_read_and_changes() -> None:
    assert outcome(body().replace(b"password", b"pass\xff")) == "changes"
    assert outcome(body().replace(b"password", rb"\ud83d\ude00")) == "reads"
    assert outcome(body().replace(b"password", rb"\ude00")) == "changes"
    assert outcome(body().replace(b"password", rb"\\ud83d")) == "reads"


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**64 - 1))
def test_counts_come_back(count: int, outputs: int, serial: int) -> None:
    made = [resource(f"n{at}", instances=[instance(index_key=0), instance(index_key=1)]) for at in range(count)]
    said = {f"o{at}": {"value": CANARY, "type": "string", "sensitive": True} for at in range(outputs)}
    state = tfstate.read(body(resources=made, outputs=said, serial=serial))
    assert (state.resources, state.instances, state.managed, state.outputs) == (count, 2 * count, 2 * count, outputs)
    assert (state.serial, state.version, state.terraform_version) == (serial, 4, "1.12.6")
    assert len(state.addresses) == 2 * count * tfstate.DIGEST
    assert state.effect.good == bool(count)
    assert CANARY not in repr(state)


def test_addresses_and_contents_are_the_same_however_they_are_written() -> None:
    one = tfstate.read(body(resources=[resource("a", module="module.m"), resource("b")]))
    other = tfstate.read(
        body(resources=[resource("b"), resource("a", module=" module . m")], serial=9).replace(b"a-val", rb"a\u002dval")
    )
    moved = tfstate.read(body(resources=[resource("a", module="module.n"), resource("b")]))
    assert (one.addresses, one.contents) == (other.addresses, other.contents)
    assert moved.addresses != one.addresses
    assert (
        tfstate.read(
            body(resources=[resource("a", module="module.m"), resource("b", instances=[instance(attributes={})])])
        ).contents
        != one.contents
    )


@given(st.data())
def test_every_cut_is_refused(data: st.DataObject) -> None:
    whole = body()
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(tfstate.Malformed) as refused:
        tfstate.read(whole[:cut])
    assert refused.value.kind == "not-json"


@given(st.data())
def test_a_flipped_byte_raises_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(body(outputs={"o": {"value": CANARY, "type": "string"}}))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    assert_silent(bytes(whole))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    assert_silent(raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(
    VALUES,
    st.sampled_from(
        ("resources", "outputs", "check_results", "lineage", "serial", "terraform_version", "instances", "meta")
    ),
)
def test_no_document_raises_anything_else(value: Any, where: str) -> None:
    assert_silent(json.dumps(value).encode())
    assert_silent(body(**{where: value}))
    assert_silent(body(resources=[resource(**{where: value})]))
    assert_silent(json.dumps({"encryption_version": "v0", where: value}).encode())


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
        (b" \n", "not-json"),
        (b"\xef\xbb\xbf" + body(), "bom"),
        (b"\xff\xfe{\x00}\x00", "bom"),
        (b"<html></html>", "html"),
        (b"no state", "not-json"),
        (body() + b"{}", "not-json"),
        (body() + b"\x00", "not-json"),
        (b"[" * 10_001 + b"]" * 10_001, "too-deep"),
        (b"[" * 100_000, "too-deep"),
        (b"[" * 10_000 + b"]" * 10_000, "not-an-object"),
        (b'"text"', "not-an-object"),
        (b'{"a": NaN}', "not-json"),
        (b"{'a': 1}", "not-json"),
        (b'{"a": 1,}', "not-json"),
        (b'{"a": 01}', "not-json"),
        (b'{"a": "\x1f"}', "not-json"),
        (b'{"a": "\\x"}', "not-json"),
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


@pytest.mark.parametrize("value", [10**30, -(10**30), 2**64, 10**400, 1e300])
def test_a_large_number_is_a_value_as_others(value: float) -> None:
    assert tfstate.read(output(value, "number")).problems == ()


MIB = 1024 * 1024
SIZE = MIB // 2
HOSTILE = {
    "empty objects": b'{"version":4,"resources":[' + b",".join([b"{}"] * (SIZE // 3)) + b"]}",
    "empty objects elsewhere": b'{"version":4,"x":[' + b",".join([b"{}"] * (SIZE // 3)) + b"]}",
    "numbers": b'{"version":4,"outputs":{"o":{"type":["list","number"],"value":[' + b"1," * (SIZE // 2) + b"1]}}}",
    "deep": b'{"version":4,"x":[' + b",".join([b"[[[[]]]]"] * (SIZE // 9)) + b"]}",
    "outputs": b'{"version":4,"outputs":{' + b",".join(b'"%d":{}' % at for at in range(SIZE // 11)) + b"}}",
    "instances": body(resources=[resource(instances=[])]).replace(
        b'"instances": []', b'"instances":[' + b",".join(b'{"index_key":%d}' % at for at in range(SIZE // 21)) + b"]"
    ),
    "quotes that never end": b'{"a":"' + b'\\"' * (SIZE // 2),
    "one text": body(lineage="x" * SIZE),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_body_costs_at_most_six_times_its_size(name: str) -> None:
    """A body of 60 MB of {} once cost 1.4 GB, and held the interpreter for 13 seconds."""
    raw = HOSTILE[name]
    outcome(body())  # What is made once is not this body's.
    tracemalloc.start()
    try:
        begun = time.thread_time()
        outcome(raw)
        took, peak = time.thread_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 5 * len(raw) + MIB, "and the body itself is one more"
    assert took < 60
