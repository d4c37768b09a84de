"""A total deadline for a blocking call. A socket's timeout does not stop an answer that drips."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pytest_gf.engine.errors import DeadlineExceeded

Value = TypeVar("Value")
LEAST_RATE = 256 * 1024
"""The bytes a second that a body must reach on average. A slower one is no answer."""
LONGEST = 24 * 3600.0
"""The most seconds for one exchange, whatever size a server promises: it may promise any number."""

LONGEST_JOIN = 1.0
"""Seconds between two looks at what is allowed."""


def for_body(deadline: float, size: int) -> float:
    """Return the seconds within which a body of so many bytes is to be whole, for an answer that has ``deadline`` seconds."""
    return min(deadline + size / LEAST_RATE, LONGEST)


class Pace:
    """The time that a body may take, by the bytes that came: ``first`` seconds for its beginning, the rest at `LEAST_RATE`.

    The size that a server promises does not count, since it may lie.
    """

    def __init__(self, first: float) -> None:
        self._first = first
        self.received = 0

    def allowed(self) -> float:
        """Return the seconds since the question that are allowed by now."""
        return for_body(self._first, self.received)


def within(seconds: float, tried: str, call: Callable[[], Value]) -> Value:
    """Return what ``call`` returns, or raise what it raises, if that takes at most ``seconds``; see `paced`."""
    return paced(lambda: seconds, tried, call)


def too_slow(tried: str, seconds: float) -> DeadlineExceeded:
    """Return what to raise where no whole answer came in so many seconds."""
    step = "is the system overloaded, or a link between frozen? --gf-deadline sets the limit"
    return DeadlineExceeded(tried, f"no whole answer within {seconds:.3g} s", step)


def paced(allowed: Callable[[], float], tried: str, call: Callable[[], Value]) -> Value:
    """Return what ``call`` returns, or raise what it raises, before it took more than the seconds that are ``allowed`` then.

    Else raise `DeadlineExceeded`; the call goes on in an abandoned daemon thread, whose outcome nobody sees and which
    does not hold the interpreter's exit. ``tried`` names the exchange to people.
    """
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = call()
        except BaseException as raised:  # noqa: BLE001  # Raised again where the caller waits.
            outcome["raised"] = raised

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name=tried, daemon=True)
    began = time.monotonic()
    thread.start()
    while thread.is_alive() and (left := allowed() - (time.monotonic() - began)) > 0:
        thread.join(min(left, LONGEST_JOIN))
    if thread.is_alive():
        raise too_slow(tried, allowed())
    if "raised" in outcome:
        raise outcome["raised"]
    value: Value = outcome["value"]
    return value
