"""The ledger of a run: what it is about to create on the target, entered before it is made; deletion goes by it only."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

NAME = "ledger.jsonl"


@dataclass(frozen=True)
class Thing:
    """Something that a run makes on its target: its kind, in the House's words, and its name there."""

    kind: str
    name: str


class Ledger:
    """An append-only file, each line on disk before the thing that it names is made.

    The file appears with the first entry. While the run lives it holds a lock on it, so that ``pytest --gf-clean`` beside
    it leaves its things alone. ``where`` tells a later clean which target this was: an endpoint, or the lab's folder.
    """

    def __init__(self, path: Path, where: dict[str, str]) -> None:
        self.path = path
        self._where = where
        self._file: IO[str] | None = None
        self._open: dict[Thing, None] = {}
        self._named: set[Thing] = set()
        self._lock = threading.Lock()

    def enter(self, thing: Thing) -> None:
        """Note that ``thing`` is about to be made. Raises OSError where the ledger can't be written: then don't make it."""
        self._write("made", thing)
        self._open[thing] = None

    def gone(self, thing: Thing) -> None:
        """Note that the target has confirmed that ``thing`` is gone."""
        self._write("gone", thing)
        self._open.pop(thing, None)

    def left(self, thing: Thing) -> None:
        """Note, once, that ``thing`` is about to be made, and stays on purpose: nothing deletes it by this ledger."""
        if thing not in self._named:
            self._write("left", thing)

    def names(self, thing: Thing) -> bool:
        """Tell whether this run entered ``thing``, whatever became of it."""
        return thing in self._named

    def open_things(self) -> list[Thing]:
        """Return what was entered and is not known to be gone, the latest first."""
        return list(reversed(self._open))

    def _write(self, event: str, thing: Thing) -> None:
        with self._lock:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a", encoding="utf-8")
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._line({"event": "run", **self._where})
            self._line({"event": event, "kind": thing.kind, "name": thing.name})
            self._named.add(thing)

    def _line(self, entry: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Release the file. Safe to call twice."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


@dataclass(frozen=True)
class Left:
    """The ledger of a run that is over, with what it made and never saw gone, the latest first."""

    path: Path
    where: dict[str, str]
    things: tuple[Thing, ...]


def unfinished(reports: Path) -> Iterator[Left | Path]:
    """Yield what runs left open below ``reports``; for a run that still lives, the path of its ledger alone."""
    for path in sorted(reports.glob(f"*/{NAME}")):
        if path.parent.is_symlink():
            continue  # ``latest``: it is one of the others.
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield path
                continue
            file.seek(0)
            left = _left(path, file.read())
        if left.things:
            yield left


def _left(path: Path, text: str) -> Left:
    where: dict[str, str] = {}
    open_things: dict[Thing, None] = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue  # Cut by a kill in the middle of the line: then the thing was not made yet.
        event = entry.pop("event")
        if event == "run":
            where = entry
        elif event == "made":
            open_things[_thing(entry)] = None
        elif event == "gone":
            open_things.pop(_thing(entry), None)
    return Left(path, where, tuple(reversed(open_things)))


def _thing(entry: dict[str, Any]) -> Thing:
    """Return the thing of a line. Earlier versions wrote a place and a key apart."""
    kind = entry.pop("kind")
    return Thing(kind, "/".join(filter(None, entry.values())))


def settle(left: Left, thing: Thing) -> None:
    """Note in a finished run's ledger that ``thing`` is gone."""
    ledger = Ledger(left.path, left.where)
    ledger.gone(thing)
    ledger.close()
