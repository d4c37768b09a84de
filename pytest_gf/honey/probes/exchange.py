"""What every exchange of a probe has: an end, its evidence, words for what broke, and the one policy of asking again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import NotNow, settled
from pytest_gf.honey.probes.deadline import within

Value = TypeVar("Value")


class Route(Protocol):
    """A way to a system that is not its address: what the way breaks says nothing about the system."""

    address: str
    """``127.0.0.1:PORT``."""

    @property
    def broken(self) -> str:
        """Why it failed the exchange that just ended, "" where it did not."""


def said(broken: BaseException, route: Route | None = None) -> str:
    """Return what a library's exception says, or the route where that broke."""
    if route is not None and route.broken:
        return f"the route broke: {route.broken}"
    return redact(str(broken)).strip()[:300] or type(broken).__name__


@contextlib.contextmanager
def recorded(system: str, operation: str, **details: Any) -> Iterator[dict[str, Any]]:
    """Record one exchange with its details, with what is noted meanwhile, and with why it failed."""
    began = time.monotonic()
    try:
        yield details
    except (ProbeError, Unproven) as broken:
        details["failed"] = broken.came_back if isinstance(broken, ProbeError) else broken.reason
        raise
    finally:
        evidence.record(system, operation, seconds=time.monotonic() - began, **details)


def judged_answer(
    system: str,
    operation: str,
    tried: str,
    once: Callable[[float], Value],
    *,
    seconds: float,
    shown: Callable[[Value], Mapping[str, Any]],
    not_now: Callable[[Value], NotNow | None],
    reads: bool = True,
    **details: Any,
) -> Value:
    """Return the first answer that may be judged (see `settled`), each attempt recorded and ended by the deadline.

    ``once`` gets the seconds that are left; ``shown`` returns what is kept of an answer.
    """

    def ask(left: float) -> Value:
        with recorded(system, operation, **details) as noted:
            value = within(left, tried, lambda: once(left))
            noted.update(shown(value))
        return value

    return settled(tried, ask, seconds=seconds, not_now=not_now, reads=reads)
