"""When a question is asked again: one policy for every wire."""

from __future__ import annotations

import http
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import tenacity

from pytest_gf.engine.errors import DeadlineExceeded, ProbeError, Unanswered

Value = TypeVar("Value")
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds between two attempts, where the server names none: they double from the first to the longest, with jitter."""
LEAST = 0.1
"""The share of the deadline (of a second at most) that must be left for another attempt: in less, no answer would come."""
SILENCE, TRIES = 2.0, 5
"""Seconds of silence for which a read is repeated, and how often at least: a short reset or restart costs no row.

So many tries fit into these seconds on a quick machine. On a slow one it may be one or two.
"""
_LATER = "the system is overloaded or starting: run again when it is quiet"


class Throttled(ProbeError):
    """Every attempt was answered with "not now". That says nothing about the contract: it is an error, never violated."""

    kind = "throttled"


@dataclass(frozen=True)
class NotNow:
    """An answer that says "ask later": 429, or a 503 that says throttled or not ready yet.

    ``said`` is the answer in a few words; ``pause`` the seconds that its Retry-After names, None where it names none.
    """

    said: str
    pause: float | None = None


def later(status: int, said: str, pause: float | None, *, says_so: bool) -> NotNow | None:
    """Return what an HTTP answer asks for: to come again, where it is a 429, or a 503 that says so; None for any other."""
    if status == http.HTTPStatus.TOO_MANY_REQUESTS or (status == http.HTTPStatus.SERVICE_UNAVAILABLE and says_so):
        return NotNow(said, pause)
    return None


def settled(
    tried: str,
    ask: Callable[[float], Value],
    *,
    seconds: float,
    not_now: Callable[[Value], NotNow | None] = lambda _: None,
    reads: bool = True,
) -> Value:
    """Return the first answer that may be judged, asking again within ``seconds``.

    ``ask`` gets the seconds that are left, makes one exchange and keeps its evidence. It is asked again while ``not_now``
    finds its answer throttled. While nothing comes back (`Unanswered`), it is asked again for `SILENCE` since the last such
    answer, and `TRIES` times at least; only where it ``reads``, because a write may have landed. Any other answer, also a
    wrong one, is returned at once, and any other failure raised.
    Raises `Throttled` where the refusals last as long as the deadline, the last attempt unanswered or not.
    """
    ends, least = time.monotonic() + seconds, LEAST * min(seconds, 1.0)
    refusal = partial(_refusal, not_now)

    def again(state: tenacity.RetryCallState) -> bool:
        silent = state.outcome is not None and isinstance(state.outcome.exception(), Unanswered)
        return (silent and reads) or refusal(state) is not None

    def pause(state: tenacity.RetryCallState) -> float:
        named = refusal(state)
        return max(named.pause, least) if named is not None and named.pause is not None else backed_off(state)

    patience = _Patience(seconds, least, refusal)
    backed_off = tenacity.wait_exponential(FIRST_PAUSE, LONGEST_PAUSE) + tenacity.wait_random(0, FIRST_PAUSE)
    last = partial(_last, tried, refusal)
    retrying = tenacity.Retrying(retry=again, wait=pause, stop=patience, retry_error_callback=last)
    try:
        value: Value = retrying(lambda: ask(max(0.0, ends - time.monotonic())))
    except DeadlineExceeded:
        patience.check(tried)
        raise
    return value


def _refusal(not_now: Callable[[Value], NotNow | None], state: tenacity.RetryCallState) -> NotNow | None:
    outcome = state.outcome
    return None if outcome is None or outcome.failed else not_now(outcome.result())


class _Patience:
    """Tells when it is too late for another attempt: at the deadline, or after `SILENCE` and `TRIES` without any answer."""

    def __init__(
        self, seconds: float, least: float, refusal: Callable[[tenacity.RetryCallState], NotNow | None]
    ) -> None:
        self._seconds, self._least, self._refusal = seconds, least, refusal
        self.refused: NotNow | None = None
        """The last answer that said "not now"."""
        self.answered, self._since = 0, 0.0
        """The number of that attempt, and when it was, in seconds since the start."""

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        now = state.seconds_since_start or 0.0
        refused = self._refusal(state)
        if refused is not None:
            self.refused, self.answered, self._since = refused, state.attempt_number, now
        silent = state.attempt_number - self.answered
        ends = self._seconds - self._least if silent < TRIES else min(self._since + SILENCE, self._seconds)
        return now + state.upcoming_sleep > ends

    def check(self, tried: str) -> None:
        """Raise Throttled where an answer before the deadline said "not now"."""
        if self.refused is not None:
            times = f"{self.refused.said}, {self.answered} times, and then nothing within {self._seconds:.3g} s"
            raise Throttled(tried, times, _LATER) from None


def _last(
    tried: str, refusal: Callable[[tenacity.RetryCallState], NotNow | None], state: tenacity.RetryCallState
) -> object:
    refused = refusal(state)
    if refused is not None:
        raise Throttled(
            tried,
            f"{refused.said}, {state.attempt_number} times in {state.seconds_since_start or 0.0:.3g} s",
            _LATER,
        )
    assert state.outcome is not None
    return state.outcome.result()  # Raises what the last attempt raised.


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), None for an absent one and for a date."""
    text = (value or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= len("86400") else None
