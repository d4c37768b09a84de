"""The history: a folder with one small file a run. To merge two, copy the files. What can't be read is skipped and counted."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.verdict import RED, Verdict
from pytest_gf.engine.visible import map_texts, visible

SCHEMA = "pytest_gf.history/1"
LARGEST = 1 << 20
"""Bytes of a file. One of a run of a thousand rows has a twentieth of it."""
MOST_RUNS = 2_000
"""Files that are read, the last ones by name: an hourly canary's of twelve weeks."""
SHOWN = 24
"""Runs that a page or a grid shows: an hourly canary's of a day."""
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"

Time = Annotated[str, Meta(pattern=_TIME)]


class Stood(msgspec.Struct, frozen=True):
    """An incident that stood in a run, with the rows that showed its cause."""

    kind: str
    subject: str
    rows: tuple[str, ...]
    tickets: tuple[str, ...] = ()

    @property
    def cause(self) -> tuple[str, str]:
        """What identifies it in another run."""
        return self.kind, self.subject


class Past(msgspec.Struct, frozen=True):
    """One run as the history has it. ``marks`` are what a fact noted, to be compared later: when a system was started, say."""

    schema: str
    run: str
    target: str
    contract: str
    vantage: str
    selection: str
    started: Time
    finished: Time | None
    exit: Annotated[int, Meta(ge=-(2**31), le=2**31)]
    rows: dict[str, Verdict]
    incidents: tuple[Stood, ...] = ()
    marks: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raise ValueError where there is no such day or hour."""
        for time in filter(None, (self.started, self.finished)):
            datetime.datetime.fromisoformat(time)

    @property
    def subject(self) -> tuple[str, str, str]:
        """What must be the same in two runs that are compared."""
        return self.target, self.contract, self.vantage

    @property
    def calm(self) -> bool:
        """Whether it is without red: no row is violated, still waived or an error, and one holds at least."""
        return Verdict.HOLDS in self.rows.values() and not any(verdict in RED for verdict in self.rows.values())


@dataclass(frozen=True)
class History:
    """The runs in a folder, each once, from the oldest to the newest.

    ``broken`` has a line about each file that could not be read. ``left_out`` is how many older files were not read.
    """

    runs: tuple[Past, ...] = ()
    broken: tuple[str, ...] = ()
    left_out: int = 0

    def like(self, now: Past) -> History:
        """Return the history of what this run looked at, as it looked, without this run itself."""
        alike = tuple(past for past in self.runs if past.subject == now.subject and past.run != now.run)
        return History(alike, self.broken, self.left_out)


def selection_of(record: Mapping[str, Any]) -> str:
    """Return what was selected, as a person would say it: ``canary``, ``canary -k scratch``, ``audit 3/8``, "" for all."""
    selection = record.get("selection") or {}
    keywords = f"-k {selection['keywords']}" if selection.get("keywords") else ""
    return " ".join(filter(None, (str(selection.get("markers") or ""), keywords, str(record.get("part") or ""))))


def past_of(record: Mapping[str, Any], run: str, marks: Mapping[str, str] | None = None) -> Past:
    """Return what the history keeps of a record. No reason and no answer is kept, and what could be a secret is struck out.

    Raises `msgspec.ValidationError` for a record that is none.
    """
    names = ("target", "contract", "vantage", "started", "finished", "exit", "incidents")
    kept = {name: record[name] for name in names} | {"schema": SCHEMA, "run": run, "selection": selection_of(record)}
    rows = {row_name(row): row["verdict"] for row in record["verdicts"]}
    return msgspec.convert(map_texts(kept | {"rows": rows, "marks": dict(marks or {})}, _clean), Past)


def _clean(text: str) -> str:
    return visible(redact(text))


def store(folder: Path, past: Past) -> None:
    """Write a run's file. A run that is stored twice has one file. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{past.run}.json", msgspec.json.encode(past))


def write_whole(path: Path, encoded: bytes) -> None:
    """Write JSON into a file, whole or not at all. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(msgspec.json.format(encoded, indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(folder: Path) -> History:
    """Return the history in a folder. A folder that is not there holds none. Raises OSError where it can't be listed."""
    try:
        names = [path.name for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != "."]
    except FileNotFoundError:
        return History()
    runs: list[Past] = []
    broken: list[str] = []
    for name in sorted(names, reverse=True)[:MOST_RUNS]:
        try:
            runs.append(load(folder / name))
        except (OSError, ValueError) as wrong:
            broken.append(f"{visible(name)}: {_why(wrong)}")
    return History(joined(runs), tuple(sorted(broken)), max(0, len(names) - MOST_RUNS))


def load(path: Path) -> Past:
    """Return the run in a file. Raises OSError or ValueError."""
    if not path.is_file():
        raise ValueError("it is no file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    past = msgspec.json.decode(path.read_bytes(), type=Past)
    if past.schema != SCHEMA:
        raise ValueError(f"its schema is {past.schema!r}, and {SCHEMA!r} is expected")
    return past


def joined(runs: Iterable[Past]) -> tuple[Past, ...]:
    """Return the runs from the oldest to the newest, each once. Of two that differ, the one that ended later counts."""
    once = {past.run: past for past in sorted(runs, key=_weight)}
    return tuple(sorted(once.values(), key=lambda past: (past.started, past.run)))


def _weight(past: Past) -> tuple[str, bytes]:
    return past.finished or "", msgspec.json.encode(past, order="deterministic")


def _why(wrong: OSError | ValueError) -> str:
    return visible(str((wrong.strerror if isinstance(wrong, OSError) else None) or wrong))
