"""Two artifacts that are one value are told by their prints, however one was made of the other; nothing of a value is kept."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats.narinfo import public_half
from pytest_gf.honey.formats.prints import LONGEST_CUT, SHORTEST_CUT, Print
from pytest_gf.honey.observed.artifacts import Kept, apart

SALT = b"s" * 32
SECRET = st.text(alphabet=string.ascii_letters + string.digits + "+/-_.:!", min_size=16, max_size=80).map(str.encode)
KEY = base64.b64encode(bytes(range(40))).decode()
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "the same": lambda value: value,
    "with a newline": lambda value: value + b"\r\n",
    "in quotes": lambda value: b' "' + value + b'"',
    "base64": base64.b64encode,
    "base64 for URLs, without padding": lambda value: base64.urlsafe_b64encode(value).rstrip(b"="),
    "base64 of base64": lambda value: base64.b64encode(base64.b64encode(value)),
    "wrapped base64": lambda value: base64.b64encode(value)[:12] + b"\n" + base64.b64encode(value)[12:],
    "its beginning": lambda value: value[:SHORTEST_CUT],
    "its end": lambda value: value[-SHORTEST_CUT:],
    "the end of its base64": lambda value: base64.b64encode(value).rstrip(b"=")[3:],
}


def of(value: bytes | str) -> Print:
    return Print.of(value if isinstance(value, bytes) else value.encode(), SALT)


@pytest.mark.parametrize("way", WAYS)
@given(SECRET)
def test_what_was_made_of_a_secret_shares_it(way: str, secret: bytes) -> None:
    made = WAYS[way](secret)
    assert of(secret).shares(of(made))
    assert of(made).shares(of(secret))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_else_does(one: bytes, other: bytes) -> None:
    """Two secrets of their own, whatever stands before them alike."""
    first, second = of(b"head" + b"1" * SHORTEST_CUT + one), of(b"head" + b"2" * SHORTEST_CUT + other)
    assert not first.shares(second)


def test_two_tokens_with_one_header_and_two_keys_of_one_name_are_apart() -> None:
    head = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    assert not of(f"{head}.e30.aaaaaaaaaaaaaaaa").shares(of(f"{head}.e31.bbbbbbbbbbbbbbbb"))
    assert not of("").shares(of(""))
    assert of("minio").shares(of("minio"))


def test_a_print_shows_nothing_and_another_salt_makes_another() -> None:
    assert KEY not in repr(of(KEY))
    assert repr(of(KEY)) == "Print()"
    assert not of(KEY).shares(Print.of(KEY.encode(), b"t" * 32))


def test_a_value_beyond_the_bound_is_compared_whole() -> None:
    long = bytes(range(1, 251)) * (LONGEST_CUT // 250 + 1)
    assert of(long).shares(of(base64.b64encode(long)))
    assert not of(long).shares(of(long[:-1]))


def test_each_artifact_says_with_what_it_shares_a_value() -> None:
    kept = {
        "a": Kept("the A", {"Secret a/x": of(KEY)}),
        "b": Kept("the B", {"variable B": of(f"{KEY}\n"), "Secret b/y": of("quite another value")}),
        "c": Kept("the C", {"Secret c/z": of("one of its own")}),
        "d": Kept("the D", {}, ("it lies in a database",)),
    }
    assert apart("a", kept).shared == ("Secret a/x and variable B",)
    assert apart("b", kept).shared == ("variable B and Secret a/x",)
    assert "rotate both" in apart("b", kept).next_step
    third = apart("c", kept)
    assert third.holds
    assert third.seen == "the C in Secret c/z, compared with the A, the B; not compared: the D (it lies in a database)"
    assert KEY not in repr(kept)


def test_the_public_half_of_the_signing_key_is_the_pinned_one() -> None:
    seed = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = base64.b64encode(seed.public_key().public_bytes_raw()).decode()
    secret = f"main:{base64.b64encode(bytes(range(32)) + seed.public_key().public_bytes_raw()).decode()}"
    kept = {"key": Kept("the key", {"Secret k/v": of(secret)}, (), public_half(secret)), "x": Kept("x", {"p": of("x")})}
    assert kept["key"].public == f"main:{public}"
    assert apart("key", kept, f"main:{public}").holds
    assert apart("key", kept, None).holds
    other = apart("key", kept, f"main:{base64.b64encode(bytes(32)).decode()}")
    assert other.diagnosis == f"the signing key's public half is main:{public}, and the pinned one is another"
    assert secret.partition(":")[2] not in other.diagnosis + other.next_step


@pytest.mark.parametrize("text", ["", "main", "main:", "main:AAAA", f"main:{KEY}", ":" + KEY, "a.b.c", "main:é", "\0"])
def test_what_is_no_signing_key_has_no_public_half(text: str) -> None:
    assert public_half(text) == ""
