"""A total deadline for a blocking call: sockets have none that holds against a dripping answer."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pytest_gf.engine.errors import DeadlineExceeded

Value = TypeVar("Value")
LEAST_RATE = 256 * 1024
"""Bytes a second that a body must come by on average; a slower one is no answer."""
LONGEST = 24 * 3600.0
"""Seconds that one exchange may take, whatever size a server promises: a lying one is no number that a clock takes."""


def for_body(deadline: float, size: int) -> float:
    """Return the seconds within which a body of so many bytes is to be whole, for an answer that has ``deadline`` seconds."""
    return min(deadline + size / LEAST_RATE, LONGEST)


def within(seconds: float, tried: str, call: Callable[[], Value]) -> Value:
    """Return what ``call`` returns, or raise what it raises, if that takes at most ``seconds``.

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
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        came_back = f"no whole answer within {seconds:.3g} s"
        raise DeadlineExceeded(
            tried, came_back, "is the system overloaded, or a link between frozen? --gf-deadline sets the limit"
        )
    if "raised" in outcome:
        raise outcome["raised"]
    value: Value = outcome["value"]
    return value
