"""When an object counts as unreadable: one rule for close, reset, cut and 5xx of a read, of S3 and of the caches.

A rotten object of a real RustFS is such: its HEAD answers, it is listed, and each GET of it is closed before any status line.
A server in trouble looks the same for a while. So the read is tried again, and each try that fails is witnessed: the HEAD of
the same object and the read of another one are asked right after it. Only what fails while its witnesses answer is a finding.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.honey.probes.again import FIRST_PAUSE, LONGEST_PAUSE, NotNow

Value = TypeVar("Value")
TRIES = 6
"""Reads that must fail, each witnessed, before an object counts as unreadable."""


class NotRead(ProbeError):
    """The object was not read, and nothing shows that this is its own fault: an error, never a finding, not marked as judged."""

    where = "s3"


@dataclass(frozen=True)
class Unreadable:
    """A finding: the reads of one object fail, and HEAD of it and reads of others answer. It is no corruption: nobody read it.

    ``said`` is what the last try came to; ``tries`` counts those that were witnessed; ``seconds`` is how long they took.
    """

    said: str
    tries: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"unreadable: {self.tries} reads in {self.seconds:.3g} s failed ({self.said}), "
            "while HEAD of it and reads of other objects were answered"
        )


@dataclass(frozen=True)
class Witnesses:
    """What is asked between the tries. Each returns "" where it was answered, else what came instead; it may raise ProbeError.

    An answer is any but a throttling one: a HEAD that says 500 of this object alone speaks of this object.
    """

    head: Callable[[], str]
    others: Callable[[], str]


def read(
    tried: str,
    get: Callable[[], Value],
    *,
    failed: Callable[[Value], str],
    not_now: Callable[[Value], NotNow | None],
    witnesses: Witnesses,
    seconds: float,
) -> Value | Unreadable:
    """Return the first value that was read, or `Unreadable` where six tries failed and all of them were witnessed.

    ``get`` makes one try, on a connection of its own; it raises `Unanswered` where nothing came back, and any other error
    of it is raised at once. ``failed`` says why a value is no read (cut, 5xx), "" where it is one. What ``not_now`` finds
    throttled counts for nothing, and is asked again. Raises `NotRead` where ``seconds`` pass before it is clear.
    """
    began = time.monotonic()
    witnessed, tries, pause = 0, 0, min(FIRST_PAUSE, seconds / (2 * TRIES))
    while True:
        tries += 1
        refused = None
        try:
            value = get()
        except Unanswered as broken:
            said = broken.came_back
        else:
            refused = not_now(value)
            said = refused.said if refused is not None else failed(value)
            if not said:
                return value
        doubt = f"it said {said}" if refused is not None else _doubt(witnesses)
        witnessed += not doubt
        passed = time.monotonic() - began
        if witnessed >= TRIES:
            return Unreadable(said, witnessed, passed)
        wait = refused.pause if refused is not None and refused.pause is not None else pause
        if passed + wait >= seconds:
            came_back = f"{said}, {tries} times in {passed:.3g} s; {doubt or 'the time was up before six tries'}"
            raise NotRead(tried, came_back, "see S3's log and the way to it; ask again when it is quiet")
        time.sleep(wait + random.uniform(0, pause / 4))  # noqa: S311  # Jitter, no secret.
        pause = min(2 * pause, LONGEST_PAUSE, seconds / (2 * TRIES))


def _doubt(witnesses: Witnesses) -> str:
    """Return why a failed read says nothing of its object, "" where both witnesses answered."""
    for name, ask in (("HEAD of it", witnesses.head), ("the read of another object", witnesses.others)):
        try:
            said = ask()
        except ProbeError as broken:
            said = broken.came_back
        if said:
            return f"{name} failed too: {said}"
    return ""
