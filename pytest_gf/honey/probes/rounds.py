"""Asking a sample in rounds: what failed is asked again, all of it after one pause, while the others were answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from pytest_gf.honey.probes.again import FIRST_PAUSE, LONGEST_PAUSE
from pytest_gf.honey.probes.unreadable import TRIES

Item = TypeVar("Item", bound=Hashable)
Value = TypeVar("Value")


def in_rounds(
    items: Iterable[Item], ask: Callable[[Item], Value], failed: Callable[[Value], bool]
) -> dict[Item, Value]:
    """Return each item's answer: the first that did not fail, or the last of `TRIES` more. What ``ask`` raises comes through."""
    found = {item: ask(item) for item in items}
    pause = FIRST_PAUSE
    for _ in range(TRIES):
        again = [item for item, value in found.items() if failed(value)]
        if not again:
            break
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE / 2)
        found |= {item: ask(item) for item in again}
    return found
