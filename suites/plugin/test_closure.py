"""A closure is read as Nix prints it, and what is none is one line; what we make ourselves is well formed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import closure, contentaddress, nixbase32

A, B = (f"{closure.STORE}/{digit * 32}-{name}" for digit, name in (("1", "hello-2.12"), ("2", "glibc-2.40")))
DIGEST = bytes(range(32))
INFO: dict[str, Any] = {"narHash": f"sha256:{nixbase32.encode(DIGEST)}", "narSize": 120, "references": []}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(A),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "narHash", "narSize", "references", "ca", A]), inner, max_size=4)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "text",
    [f"sha256:{nixbase32.encode(DIGEST)}", f"sha256:{DIGEST.hex()}", f"sha256-{base64.b64encode(DIGEST).decode()}"],
    ids=("base32", "base16", "sri"),
)
def test_both_forms_of_nix_are_read(text: str) -> None:
    infos = {A: INFO | {"narHash": text, "references": [B, A]}, B: INFO | {"ca": "fixed:r:sha256:x"}}
    as_list = [{"path": path, **info} for path, info in infos.items()]
    for form in (infos, as_list):
        first, second = closure.read(json.dumps(form).encode())
        assert (first.store_path, first.nar_hash, first.nar_size) == (A, DIGEST, 120)
        assert first.references == (B.rpartition("/")[2], A.rpartition("/")[2])
        assert (second.ca, first.ca) == ("fixed:r:sha256:x", None)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (b"", "expected the JSON"),
        (b"[" * 100_000, "expected the JSON"),
        ([], "expected 1 to 1000 store paths"),
        ([3], "expected 1 to 1000 store paths"),
        (7, "expected 1 to 1000 store paths"),
        ({"/nix/store/x": INFO}, "is no store path"),
        ({A: None}, "is no store path"),
        ({A: INFO | {"narSize": "1"}}, "expected narSize and references"),
        ({A: INFO | {"references": ["x"]}}, "expected narSize and references"),
        ({A: INFO | {"narHash": "sha256:abc"}}, "expected narHash, a SHA-256"),
        ({A: INFO | {"references": [B]}}, "which is not in the closure: was -r given?"),
    ],
    ids=range(11),
)
def test_what_is_no_closure_says_why(form: Any, says: str) -> None:
    with pytest.raises(closure.Malformed, match=says.replace("?", r"\?")):
        closure.read(form if isinstance(form, bytes) else json.dumps(form).encode())


@given(JSON | st.binary())
def test_nothing_breaks_the_reader(form: Any) -> None:
    try:
        closure.read(form if isinstance(form, bytes) else json.dumps(form).encode())
    except closure.Malformed as wrong:
        assert len(str(wrong).splitlines()) == 1  # It is read for its form, and may not be raised at all.


@given(st.binary(min_size=1, max_size=40))
def test_the_fresh_pair_is_two_sizes_and_both_kinds_of_address(salt: bytes) -> None:
    (short, small), (long, large) = closure.fresh_pair(salt)
    assert len(small) < 65_536 < len(large)
    assert short.is_of(small)
    assert long.is_of(large)
    assert not short.is_of(large)
    assert long.ca is None
    assert short.ca is not None
    assert contentaddress.parse(short.ca).path(closure.STORE, short.name[33:], (), itself=False) == short.store_path


def test_a_made_closure_refers_to_itself_alone_and_unsorted() -> None:
    made = list(closure.synthetic(22, b"salt"))
    names = {member.name for member, _ in made}
    assert len(names) == 22
    assert all(set(member.references) <= names for member, _ in made)
    assert any(list(member.references) != sorted(member.references) for member, _ in made)
