"""How an audit goes on: a line for people now and then, and its totals at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_gf.honey.audit.state import Mark

EVERY = 10.0
"""Seconds between two lines."""
_DIGITS = 8
_HOUR, _MINUTE = 3_600, 60


@dataclass
class _Done:
    shards: int = 0
    objects: int = 0
    bytes: int = 0
    bad: int = 0
    gone: int = 0


class Progress:
    """The progress through ``shards``, said to ``say`` every `EVERY` seconds from the first shard on. `close` it."""

    def __init__(self, shards: Sequence[str], say: Callable[[str], None]) -> None:
        self._shards, self._say = shards, say
        self._active: dict[str, Mark] = {}
        self._done = _Done()
        self._before = (0, 0, 0.0)
        self._begun = 0.0
        self._lock, self._showing = threading.Lock(), threading.Lock()
        self._closed = threading.Event()

    def begin(self, shard: str, mark: Mark) -> None:
        """Note that a shard is read; what an earlier process read of it is no speed of ours."""
        with self._lock:
            if not self._begun:
                self._begun = time.monotonic()
                threading.Thread(target=self._tell, name="audit-progress", daemon=True).start()
            objects, size, share = self._before
            self._before = (objects + mark.objects, size + mark.bytes, share + _share(mark))
            self._active[shard] = mark

    def end(self, shard: str) -> None:
        """Note that a shard is read to its end, or was given up."""
        with self._lock:
            mark = self._active.pop(shard)
            self._done.shards += mark.done
            self._add(self._done, mark)

    def close(self) -> None:
        """Say nothing more."""
        self._closed.set()

    def show(self, show: Callable[[str], None]) -> None:
        """Give ``show`` the line as it is now; what is shown last is the latest."""
        with self._showing:
            show(self.line())

    def line(self) -> str:
        """Return objects, speed, findings and the time that is left."""
        total, share, before = self._totals()
        seconds = max(time.monotonic() - self._begun, 0.001)
        objects, size = (total.objects - before[0]) / seconds, (total.bytes - before[1]) / seconds
        fresh = share - before[2]
        left = (len(self._shards) - share) * seconds / fresh if fresh > 0 else None
        gone = f", {total.gone} gone while reading" if total.gone else ""
        return (
            f"{total.shards} of {len(self._shards)} shards, {total.objects} objects, {total.bytes / 1e6:.0f} MB; "
            f"{objects:.0f} objects/s, {size / 1e6:.1f} MB/s; {total.bad} findings{gone}{_time(left)}"
        )

    def _totals(self) -> tuple[_Done, float, tuple[int, int, float]]:
        with self._lock:
            total = _Done(**vars(self._done))
            for mark in self._active.values():
                self._add(total, mark)
            share = total.shards + sum(_share(mark) for mark in self._active.values())
            return total, share, self._before

    @staticmethod
    def _add(total: _Done, mark: Mark) -> None:
        total.objects += mark.objects
        total.bytes += mark.bytes
        total.bad += mark.bad
        total.gone += mark.gone

    def _tell(self) -> None:
        while not self._closed.wait(EVERY):
            self._say(f"audit: {self.line()}")


def _share(mark: Mark) -> float:
    """Return how much of a shard is read: its keys are hashes, so the last one says where it stands."""
    digits = mark.after.rpartition("/")[2][2 : 2 + _DIGITS]
    try:
        return 1.0 if mark.done else int(digits, 16) / 16 ** len(digits)
    except ValueError:
        return 0.0  # Nothing is read yet, or the key is no hash.


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "; time left unknown"
    if seconds >= _HOUR:
        return f"; {seconds / _HOUR:.1f} h left"
    if seconds >= _MINUTE:
        return f"; {seconds / _MINUTE:.0f} min left"
    return f"; {seconds:.0f} s left" if seconds else ""
