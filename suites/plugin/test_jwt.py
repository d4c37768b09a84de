"""Attic's tokens are read as they are, and anything else is told without a character of it."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import jwt
from pytest_gf.honey.observed.gates import DAY, HeldToken

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BITS = st.dictionaries(st.sampled_from(list(jwt.RIGHTS)), st.sampled_from([0, 1]))
NOW = 1_800_000_000.0
PUSH = {"r": 1, "w": 1}


def token(claims: object, header: object = None) -> str:
    parts = ({"alg": "HS256"} if header is None else header, claims)
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return f"{text}.c2ln"


def held(caches: object, **more: object) -> str:
    return token({jwt.CLAIM: {"caches": caches}, **more})


@given(st.dictionaries(st.text(max_size=8), BITS), st.integers(0, jwt.LATEST))
def test_a_token_is_read_as_it_was_made(caches: dict[str, dict[str, int]], end: int) -> None:
    made = jwt.write({jwt.CLAIM: {"caches": caches}, "exp": end}, "HS256", b"key")
    rights = jwt.read(made)
    assert rights.expires == end
    assert rights.caches == {name: {right for right, bit in bits.items() if bit} for name, bits in caches.items()}


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_=.{}\x00é\ud800", max_size=200) | st.text())
def test_no_text_breaks_the_reader_and_none_is_shown(text: str) -> None:
    with pytest.raises(jwt.Malformed) as wrong:
        jwt.read(text)
    assert len(str(wrong.value)) < 100


@given(JSON, JSON)
def test_no_json_breaks_the_reader(claims: Any, header: Any) -> None:
    with pytest.raises(jwt.Malformed):
        jwt.read(token(claims, header))


@given(JSON)
def test_no_claim_of_attics_breaks_the_reader(caches: Any) -> None:
    try:
        rights = jwt.read(held(caches))
    except jwt.Malformed:
        return
    assert set(rights.caches) == set(caches)


@pytest.mark.parametrize(
    ("end", "found"),
    [(NOW, NOW), (NOW + 0.5, NOW + 0.5), (-5, 0.0), (-(10**400), 0.0), (10**30, None), (10**400, None), (1e300, None)],
    ids=str,
)
def test_any_number_is_an_end_that_can_be_told(end: float, found: float | None) -> None:
    assert jwt.read(held({"main": PUSH}, exp=end)).expires == found


@pytest.mark.parametrize("end", ["1800000000", True, [], {}, "", float("nan")], ids=str)
def test_what_is_no_number_is_no_end(end: object) -> None:
    with pytest.raises(jwt.Malformed, match="its exp is no number"):
        jwt.read(held({"main": PUSH}, exp=end))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.b", "it has 2 parts between dots"),
        (held({}) + ".x.y", "it has 5 parts between dots"),
        ("", "it has 1 parts"),
        ("!!.e30.x", "its header is no base64url"),
        ("a.e30.x", "its header is no JSON"),
        (token({}), "it names no caches"),
        (token([]), "its payload is no JSON object"),
        (held({"main": {"w": True}}), "neither 0 nor 1"),
        (held({"main": {"w": 2}}), "neither 0 nor 1"),
        (held({"main": {"w": 1.0}}), "neither 0 nor 1"),
        (held({"main": 1}), "its rights on a cache are no JSON object"),
        ("e30." + "A" * jwt.LONGEST + ".x", "it is longer than"),
        (f"e30.{'W1tb' * 5000}.x", "its payload is no JSON"),
    ],
    ids=range(13),
)
def test_what_is_no_token_of_attics_says_why(text: str, says: str) -> None:
    with pytest.raises(jwt.Malformed, match=says):
        jwt.read(text)


@pytest.mark.parametrize(
    ("caches", "end", "says"),
    [
        ({"main": PUSH}, NOW + 12 * DAY, ""),
        ({"main": {"r": 1}}, NOW + 12 * DAY, ""),
        ({"main": PUSH, "other": {"r": 0}}, NOW + 12 * DAY, ""),
        ({"main": PUSH}, None, "it never expires"),
        ({"main": PUSH}, NOW - DAY, "it expired 1 day ago, at 2027-01-14T08:00Z"),
        ({"main": PUSH}, NOW + 3600, "it expires in 0 days, at 2027-01-15T09:00Z"),
        ({"main": PUSH | {"cq": 1}}, NOW + 12 * DAY, "configure a cache's retention"),
        ({"m*": PUSH}, NOW + 12 * DAY, "it has a pattern for the names of caches (1); it does not name the cache main"),
        ({"main": PUSH, "very-secret-name": PUSH}, NOW + 12 * DAY, "it has rights on other caches (1)"),
    ],
    ids=range(9),
)
def test_what_a_token_allows_is_said_in_words_of_the_contract(caches: Any, end: float | None, says: str) -> None:
    value = HeldToken.of(jwt.read(held(caches, exp=end)), "main", NOW)
    assert value.holds == (not says)
    assert says in value.diagnosis
    assert bool(value.next_step) == bool(says)
    assert "secret" not in value.seen + value.diagnosis


def test_what_was_seen_of_a_token_is_one_line() -> None:
    value = HeldToken.of(jwt.read(held({"main": PUSH}, exp=NOW + 12 * DAY)), "main", NOW)
    assert value.seen == "push to main: yes; every other cache: no; expires in 12 days"
