"""Asking a sample side by side, and in rounds: what failed is asked again, all of it after one pause."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pytest_gf.honey.probes.again import FIRST_PAUSE, LONGEST_PAUSE
from pytest_gf.honey.probes.unreadable import TRIES

Item = TypeVar("Item", bound=Hashable)
Value = TypeVar("Value")
WIDTH = 16
"""Questions of one sample that wait for their answers at the same time."""


def side_by_side(items: Iterable[Item], ask: Callable[[Item], Value]) -> dict[Item, Value]:
    """Return each item's answer, asked in threads, in the order of the items. What ``ask`` raises comes through.

    Every thread records its exchanges for the fact that asks.
    """
    chosen = list(items)
    with ThreadPoolExecutor(WIDTH, thread_name_prefix="sample") as pool:
        asked = [pool.submit(contextvars.copy_context().run, ask, item) for item in chosen]
        try:
            return {item: answer.result() for item, answer in zip(chosen, asked, strict=True)}
        finally:
            for answer in asked:  # After a failure nothing else is begun.
                answer.cancel()


def in_rounds(
    items: Iterable[Item], ask: Callable[[Item], Value], failed: Callable[[Value], bool]
) -> dict[Item, Value]:
    """Return each item's answer: the first that did not fail, or the last of `TRIES` more. What ``ask`` raises comes through."""
    answers = side_by_side(items, ask)
    pause = FIRST_PAUSE
    for _ in range(TRIES):
        again = [item for item, value in answers.items() if failed(value)]
        if not again:
            break
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE / 2)
        answers |= side_by_side(again, ask)
    return answers
