"""The journal: every exchange that the lab served, for tests that count and look."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field

MOST_KEPT = 100_000
"""Exchanges; the oldest are forgotten first. Counts forget nothing."""


@dataclass
class Exchange:
    """One request. ``status`` is None until it was answered, and for ever where the answer was cut; never a body."""

    service: str
    operation: str
    bucket: str = ""
    key: str = ""
    status: int | None = None
    code: str = ""
    authenticated: bool = False
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic, repr=False)

    def finish(self, status: int | None, code: str) -> None:
        """Note the answer, or None where there was none."""
        self.status, self.code = status, code
        self.seconds = time.monotonic() - self.started


class Journal:
    """All exchanges since the start or the last `reset`."""

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=MOST_KEPT)
        self._counts: Counter[str] = Counter()

    def begin(self, exchange: Exchange) -> Exchange:
        """Keep the exchange as soon as it is known, so that one that never ends is seen too."""
        self._kept.append(exchange)
        self._counts[f"{exchange.service} {exchange.operation}"] += 1
        return exchange

    def exchanges(self) -> list[dict[str, object]]:
        """Return what was served, oldest first, as plain values."""
        return [
            {name: value for name, value in asdict(exchange).items() if name != "started"} for exchange in self._kept
        ]

    def counts(self) -> dict[str, int]:
        """Return how often each operation was asked, as ``"s3 ListBuckets" -> n``."""
        return dict(self._counts)

    def reset(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._counts.clear()
