"""What a probe exchanged for a fact: bounded and redacted at once, and kept as one JSON file for each fact."""

from __future__ import annotations

import contextvars
import datetime
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from pytest_gf.engine.redaction import redact
from pytest_gf.engine.visible import map_texts, visible_lines

MOST_EXCHANGES = 500
MOST_CHARACTERS = 2_000

_current: contextvars.ContextVar[Evidence | None] = contextvars.ContextVar("gf_evidence", default=None)


@dataclass
class Evidence:
    """The exchanges of one fact, in the order in which they ended."""

    exchanges: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, exchange: dict[str, Any]) -> None:
        """Keep one exchange. After `MOST_EXCHANGES` it is only counted."""
        with self._lock:
            if len(self.exchanges) < MOST_EXCHANGES:
                self.exchanges.append(exchange)
            else:
                self.left_out += 1


def collect_into(evidence: Evidence | None) -> None:
    """Let everything that this context records go into ``evidence``."""
    _current.set(evidence)


def record(system: str, operation: str, *, seconds: float, **details: Any) -> None:
    """Record one exchange with a system for the fact that is being observed. Outside of a fact it does nothing.

    ``details`` are JSON-like: request, answer, attempt. A body is never recorded: a probe gives its digest and length.
    """
    evidence = _current.get()
    if evidence is not None:
        began = instant(time.time() - seconds)
        entry = {"system": system, "operation": operation, "at": began, "seconds": round(seconds, 6)}
        evidence.add(entry | map_texts(details, _bounded) | entry)


def instant(seconds: float) -> str:
    """Return an instant of the wall clock in UTC as RFC 3339, to the millisecond, to be compared with a server's log."""
    return (
        datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _bounded(text: str) -> str:
    return visible_lines(redact(text), MOST_CHARACTERS)
