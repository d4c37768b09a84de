"""The ledger of a run: each thing is entered before it is made on the target. Only what is in a ledger is deleted."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

NAME = "ledger.jsonl"
RECORD = "record.json"
"""What a run that ended has beside its ledger."""
LONGEST = 16 * 1024 * 1024
"""Characters of a ledger; a run makes a dozen things."""


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
        """Note once that ``thing`` is about to be made, and stays on purpose. Nothing deletes it."""
        if thing not in self._named:
            self._write("left", thing)

    def names(self, thing: Thing) -> bool:
        """Tell whether this run entered ``thing``, whatever became of it."""
        return thing in self._named

    def open_things(self) -> list[Thing]:
        """Return the things that were entered and may still be there, the latest first."""
        return list(reversed(self._open))

    def _write(self, event: str, thing: Thing) -> None:
        with self._lock:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._locked()
                self._line({"event": "run", **self._where})
            self._line({"event": event, "kind": thing.kind, "name": thing.name})
            self._named.add(thing)

    def _locked(self) -> IO[str]:
        file = self.path.open("a", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
        return file

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


WhyNot = Callable[[Thing, str], str]
"""Says why a run of this id never made this thing; "" if it may have. Anybody may have written the ledger's file."""


@dataclass(frozen=True)
class Left:
    """The ledger of a run that is over, with what it made and never saw gone, the latest first.

    ``foreign`` are things that a run of this id never makes, with why; ``corrupt`` the numbers of lines that say nothing.
    ``stays`` is what it left on purpose, where the run was killed before its record could say so.
    """

    path: Path
    where: dict[str, str]
    things: tuple[Thing, ...]
    foreign: tuple[tuple[Thing, str], ...] = ()
    corrupt: tuple[int, ...] = ()
    stays: tuple[Thing, ...] = ()

    @property
    def run(self) -> str:
        """The id of the run whose ledger this is."""
        return self.path.parent.name

    @property
    def problems(self) -> Iterator[str]:
        """Yield a line for each entry that is left as it is."""
        for number in self.corrupt:
            yield f"line {number} of its ledger is corrupt, and was skipped: {self.path}"
        for thing, why in self.foreign:
            yield f"{thing.kind} {thing.name} is left: {why}"


def unfinished(reports: Path, why_not: WhyNot) -> Iterator[Left | Path]:
    """Yield the ledgers below ``reports`` with open things. For a run that is still running, yield only the path."""
    for path in sorted(reports.glob(f"*/{NAME}")):
        if path.parent.is_symlink() or path.is_symlink() or not path.is_file():
            continue  # ``latest`` is one of the others; a link or a device is no ledger of ours.
        with path.open("a+", encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield path
                continue
            file.seek(0)
            left = _left(path, file.read(LONGEST), why_not)
        if left.things or left.foreign or left.corrupt or left.stays:
            yield left


def _left(path: Path, text: str, why_not: WhyNot) -> Left:
    where: dict[str, str] = {}
    opened: dict[Thing, None] = {}
    stays: dict[Thing, None] = {}
    corrupt: list[int] = []
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        entry = _entry(line)
        if entry is None:
            if line.endswith("\n"):
                corrupt.append(number)
            continue  # The last line was cut by a kill: then the thing was not made yet.
        event, value = entry
        if isinstance(value, dict):
            where = value
        elif event == "made":
            opened[value] = None
        elif event == "left":
            stays[value] = None
        elif event == "gone":
            opened.pop(value, None)
            stays.pop(value, None)
    reasons = {thing: why_not(thing, path.parent.name) for thing in reversed(opened)}
    return Left(
        path,
        where,
        tuple(thing for thing, why in reasons.items() if not why),
        tuple((thing, why) for thing, why in reasons.items() if why),
        tuple(corrupt),
        () if (path.parent / RECORD).exists() else tuple(stays),
    )


def _entry(line: str) -> tuple[str, Thing | dict[str, str]] | None:
    """Return the entry in a line, None if there is none."""
    try:
        entry = msgspec.convert(json.loads(line), dict[str, str])
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None
    event = entry.pop("event", "")
    if event == "run":
        return event, entry
    kind = entry.pop("kind", "")
    name = entry.get("name", "") if entry.keys() == {"name"} else _old_name(entry)
    return (event, Thing(kind, name)) if event in {"made", "gone", "left"} and kind and name else None


def _old_name(entry: dict[str, str]) -> str:
    """Return the name that an earlier version wrote as a place and a key; "" for anything else."""
    place, *keys = entry.values() if len(entry) == len(("place", "key")) and "key" in entry else ("",)
    return "/".join(filter(None, (place, *keys))) if place else ""


def settle(left: Left, thing: Thing) -> None:
    """Note in a finished run's ledger that ``thing`` is gone."""
    ledger = Ledger(left.path, left.where)
    ledger.gone(thing)
    ledger.close()
