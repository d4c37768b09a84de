"""The bends that are on just now: what a service asks where a fault acts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from pytest_gf.lab.faults import ALL, Bend

Undo = Callable[[], None]


def nothing() -> None:
    """Undo what changed nothing."""


class Bends:
    """The active bends in the order they were made, each with what undoes it."""

    def __init__(self) -> None:
        self._active: dict[Bend, Undo] = {}

    def on(self, name: str, argument: str | None = None) -> bool:
        """Tell whether the fault is on; with an argument: for it, or for all."""
        if argument is None:
            return any(bend.name == name for bend in self._active)
        return Bend(name, argument) in self._active or Bend(name, ALL) in self._active

    def argument(self, name: str) -> str | None:
        """Return the argument of the fault's latest bend, or None where it is not on."""
        arguments = [bend.argument for bend in self._active if bend.name == name]
        return arguments[-1] if arguments else None

    async def late(self) -> None:
        """Let an exchange take as much longer as the fault `latency` says: every service awaits this once an exchange."""
        await asyncio.sleep(int(self.argument("latency") or 0) / 1000)

    def __iter__(self) -> Iterator[Bend]:
        return iter(self._active)

    def __contains__(self, bend: Bend) -> bool:
        return bend in self._active

    def add(self, bend: Bend, undo: Undo) -> None:
        """Note that a bend is on, and what undoes it; the first of equal bends counts."""
        self._active.setdefault(bend, undo)

    def mend(self, text: str | None) -> None:
        """Undo the latest bend first: all of them, those of one fault's name, or the one that ``text`` says in full.

        Raises ValueError where nothing of that name is bent.
        """
        chosen = [bend for bend in self._active if text is None or text in {bend.name, str(bend)}]
        if text is not None and not chosen:
            raise ValueError(f"fault {text!r} is not on, so it can't be mended")
        for bend in reversed(chosen):
            self._active[bend]()
            del self._active[bend]
