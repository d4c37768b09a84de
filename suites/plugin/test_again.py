"""When a question is asked again, and when never."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, ProbeError, Unanswered
from pytest_gf.honey.probes import again
from pytest_gf.honey.probes.again import NotNow, Throttled, settled

SECONDS = 5.0


def _asked(*outcomes: str | ProbeError) -> tuple[Callable[[float], str], list[float]]:
    """Return a question that is answered so, one outcome an attempt, and the seconds that each attempt was given."""
    given: list[float] = []
    coming: Iterator[str | ProbeError] = iter(outcomes)

    def ask(seconds: float) -> str:
        given.append(seconds)
        outcome = next(coming)
        if isinstance(outcome, ProbeError):
            raise outcome
        return outcome

    return ask, given


def _busy(answer: str) -> NotNow | None:
    return NotNow("503 SlowDown", 0.01) if answer == "busy" else None


def _silence() -> Unanswered:
    return Unanswered("asking", "reset", "look")


def test_an_answer_is_judged_at_once() -> None:
    ask, given = _asked("wrong")
    assert settled("asking", ask, seconds=SECONDS, not_now=_busy) == "wrong"
    assert len(given) == 1


def test_a_refusal_is_asked_again() -> None:
    ask, given = _asked("busy", "busy", "fine")
    assert settled("asking", ask, seconds=SECONDS, not_now=_busy) == "fine"
    assert sorted(given, reverse=True) == given


def test_a_lasting_refusal_is_throttled() -> None:
    ask, given = _asked(*["busy"] * 100)
    with pytest.raises(Throttled, match=r"503 SlowDown, [0-9]+ times"):
        settled("asking", ask, seconds=0.1, not_now=_busy)
    assert len(given) > 1


def test_who_was_throttled_and_then_answered_no_more_is_throttled() -> None:
    late = DeadlineExceeded("asking", "nothing", "look")
    ask, given = _asked("busy", "busy", late)
    with pytest.raises(Throttled, match="503 SlowDown, 2 times, and then nothing within 5 s"):
        settled("asking", ask, seconds=SECONDS, not_now=_busy)
    assert len(given) == 3
    ask, _ = _asked(late)
    with pytest.raises(DeadlineExceeded):
        settled("asking", ask, seconds=SECONDS, not_now=_busy)


def test_a_pause_past_the_deadline_is_not_waited_for() -> None:
    ask, given = _asked("busy")
    with pytest.raises(Throttled, match="1 times"):
        settled("asking", ask, seconds=SECONDS, not_now=lambda _: NotNow("429", 3600.0))
    assert len(given) == 1


def test_silence_is_asked_again_for_a_read() -> None:
    ask, given = _asked(_silence(), _silence(), "fine")
    assert settled("asking", ask, seconds=SECONDS) == "fine"
    assert len(given) == 3


def test_silence_is_told_at_once_for_a_write() -> None:
    ask, given = _asked(_silence())
    with pytest.raises(Unanswered):
        settled("asking", ask, seconds=SECONDS, reads=False)
    assert len(given) == 1


def test_lasting_silence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "SILENCE", 0.2)
    ask, given = _asked(*[_silence() for _ in range(100)])
    with pytest.raises(Unanswered):
        settled("asking", ask, seconds=SECONDS)
    assert len(given) > 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which one try takes longer than all of `SILENCE`."""
    monkeypatch.setattr(again, "SILENCE", 0.0)
    monkeypatch.setattr(again, "FIRST_PAUSE", 0.001)


@pytest.mark.usefixtures("slow")
def test_a_slow_silence_is_asked_again_some_times() -> None:
    ask, given = _asked(*[_silence() for _ in range(again.TRIES - 1)], "fine")
    assert settled("asking", ask, seconds=SECONDS) == "fine"
    assert len(given) == again.TRIES
    ask, given = _asked(*[_silence() for _ in range(9)])
    with pytest.raises(Unanswered):
        settled("asking", ask, seconds=SECONDS)
    assert len(given) == again.TRIES


@pytest.mark.usefixtures("slow")
def test_a_refusal_uses_up_no_patience_with_silence() -> None:
    quiet = [_silence() for _ in range(again.TRIES - 1)]
    ask, given = _asked("busy", *quiet, "busy", *quiet, "fine")
    assert settled("asking", ask, seconds=SECONDS, not_now=_busy) == "fine"
    assert len(given) == 2 * again.TRIES + 1
    ask, given = _asked("busy", *[_silence() for _ in range(9)])
    with pytest.raises(Unanswered):
        settled("asking", ask, seconds=SECONDS, not_now=_busy)
    assert len(given) == 1 + again.TRIES


def test_what_is_not_understood_is_told_at_once() -> None:
    ask, given = _asked(NotUnderstood("asking", "a page", "look"))
    with pytest.raises(NotUnderstood):
        settled("asking", ask, seconds=SECONDS)
    assert len(given) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        (" 0 ", 0.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("9" * 40, None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert again.retry_after(header) == seconds
