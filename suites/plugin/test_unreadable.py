"""The rule of an unreadable object: six witnessed failures, or no finding."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_gf.engine.errors import DeadlineExceeded, ProbeError, Unanswered
from pytest_gf.honey.probes import unreadable
from pytest_gf.honey.probes.again import NotNow
from pytest_gf.honey.probes.unreadable import TRIES, NotRead, Unreadable, Witnesses

FINE = Witnesses(head=lambda: "", others=lambda: "")


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that sleeping moves: no test waits."""
    now = [0.0]
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("pytest_gf.honey.probes.unreadable.time.sleep", sleep)
    monkeypatch.setattr("pytest_gf.honey.probes.unreadable.time.monotonic", lambda: now[0])
    return naps


def closed() -> str:
    raise Unanswered("GET", "closed before a status line", "ask again")


def ask(get: Callable[[], str], witnesses: Witnesses = FINE, *, seconds: float = 60.0) -> str | Unreadable:
    return unreadable.read(
        "GET of a key",
        get,
        failed=lambda said: said if said.startswith(("500", "cut")) else "",
        not_now=lambda said: NotNow(said, 1.5) if said.startswith("503 SlowDown") else None,
        witnesses=witnesses,
        seconds=seconds,
    )


def in_turn(*said: str) -> Callable[[], str]:
    """Return what gives these in turn, the last for ever; "" is a connection that closes."""
    turns: Iterator[str] = itertools.chain(said, itertools.repeat(said[-1]))
    return lambda: next(turns) or closed()


@pytest.mark.parametrize("last", ["", "cut at 3 of 9 bytes", "500 InternalError"])
def test_a_key_that_always_fails_is_unreadable(last: str, slept: list[float]) -> None:
    answer = ask(in_turn(last))
    assert isinstance(answer, Unreadable)
    assert answer.tries == TRIES == 6
    assert "corrupt" not in str(answer)
    assert len(slept) == TRIES - 1
    assert sorted(slept) == slept


def test_what_can_be_read_in_the_end_was_read() -> None:
    assert ask(in_turn("", "cut", "500", "", "", "200 body")) == "200 body"


def test_a_404_is_an_answer_and_judged_at_once(slept: list[float]) -> None:
    assert ask(in_turn("404 NoSuchKey")) == "404 NoSuchKey"
    assert not slept


@pytest.mark.parametrize("silent", ["head", "others"])
def test_without_both_witnesses_it_is_no_finding(silent: str) -> None:
    witnesses = Witnesses(**{"head": FINE.head, "others": FINE.others, silent: closed})
    with pytest.raises(NotRead, match="failed too: closed before a status line"):
        ask(closed, witnesses)


def test_a_witness_that_fails_now_and_then_costs_a_try() -> None:
    answer = ask(closed, Witnesses(head=lambda: "", others=_flaky()))
    assert isinstance(answer, Unreadable)


def _flaky() -> Callable[[], str]:
    turns = itertools.cycle(("a reset", ""))
    return lambda: next(turns)


def test_throttling_counts_for_nothing(slept: list[float]) -> None:
    with pytest.raises(NotRead, match="503 SlowDown"):
        ask(in_turn("503 SlowDown"))
    assert min(slept) >= 1.5
    assert ask(in_turn(*["503 SlowDown"] * 8, "200 body")) == "200 body"


def test_other_errors_are_raised_at_once(slept: list[float]) -> None:
    def late() -> str:
        raise DeadlineExceeded("GET", "nothing whole", "ask again")

    with pytest.raises(DeadlineExceeded):
        ask(late)
    assert not slept


@pytest.mark.parametrize("seconds", [0.5, 2.0, 5.0])
def test_six_tries_fit_into_a_short_deadline(seconds: float) -> None:
    assert isinstance(ask(closed, seconds=seconds), Unreadable)


@given(
    answers=st.lists(st.sampled_from(["", "cut", "500", "503 SlowDown", "200 body", "404 NoSuchKey"]), min_size=1),
    heads=st.lists(st.sampled_from(["", "reset"]), min_size=1),
)
@settings(max_examples=200)
def test_whatever_comes_a_finding_has_six_witnessed_failures(answers: list[str], heads: list[str]) -> None:
    seen: list[str] = []
    turns, witnesses = in_turn(*answers), itertools.cycle(heads)

    def get() -> str:
        seen.append("failed")
        seen[-1] = turns()
        return seen[-1]

    try:
        answer = ask(get, Witnesses(head=lambda: next(witnesses), others=lambda: ""))
    except ProbeError:
        assert "200 body" not in seen
        return
    if isinstance(answer, Unreadable):
        assert sum(outcome in {"failed", "cut", "500"} for outcome in seen) >= TRIES
        assert "200 body" not in seen
    else:
        assert answer == seen[-1]
        assert answer in {"200 body", "404 NoSuchKey"}
