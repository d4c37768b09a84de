"""What a killed audit goes on from: a mark a shard, moved past every object that was judged, and its findings beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey.audit.options import SHARDS
from pytest_gf.honey.observed.audit import Finding, Tally

HEADER = "audit.json"
_LINE = 8_192
"""Bytes in which a mark's line stands, with two keys in it; S3's keys have 1,024 at most."""
_SIZE = 1 + 2 * _LINE
_Kept = tuple[bool, int, int, int, int, int, tuple[str, int] | None, str, int, float, float, str, bool]
MOST_UNREAD = 100
"""Objects of one shard that are left unread while the rest of it is read."""


class State:
    """The folder of an audit's state. ``about`` is what it is of; one of something else is refused (ProbeError).

    Several processes may share a folder: each shard's mark is locked by who audits it.
    """

    def __init__(self, folder: Path, about: Mapping[str, str]) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            header = folder / HEADER
            if not header.exists():
                temporary = folder / f".{HEADER}.{os.getpid()}"
                temporary.write_bytes(msgspec.json.encode(about))
                with contextlib.suppress(FileExistsError):  # Another process, maybe with another audit, was first.
                    os.link(temporary, header)
                temporary.unlink()
            known = msgspec.json.decode(header.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError) as wrong:
            raise ProbeError(f"reading the audit's state in {folder}", str(wrong), "name another folder") from None
        different = [name for name, value in about.items() if known.get(name) != value]
        if different:
            name = different[0]
            raise ProbeError(
                f"going on with the audit in {folder}",
                f"its {name} is {known.get(name)!r}, and this run's is {about[name]!r}",
                "ask for the same (--gf-seed, --gf-sample, target), or name another folder",
            )

    def open(self, shard: str) -> Mark:
        """Return a shard's mark. Raises ProbeError where another process has it, or it can't be used."""
        return Mark(self._folder / shard.replace("/", "-"))

    def finished(self) -> bool:
        """Tell whether this state is of an audit that is over: each shard that was begun is read, and a run told of it."""
        names = {shard.replace("/", "-") for shard in SHARDS}
        marks = [path for path in self._folder.iterdir() if path.name in names]
        return bool(marks) and all(_is_told(path) for path in marks)


def _is_told(path: Path) -> bool:
    """Look at a mark without a lock: another process may move it meanwhile, which then is not finished."""
    held = path.read_bytes()
    at = 1 + (held[0] - 1) * _LINE if held[:1] in {b"\1", b"\2"} else len(held)
    try:
        kept = msgspec.json.decode(held[at : at + _LINE].partition(b"\n")[0], type=_Kept)
    except msgspec.MsgspecError:
        return False
    return kept[0] and kept[-1]


class Mark:
    """How far a shard was read: ``after`` is the last key that was judged. `close` it.

    The file is mapped, since a write for each of millions of objects would cost a system call, and the interpreter's lock with it.
    It holds two lines in turn, and a first byte that says which of them counts (0: none does yet).
    """

    def __init__(self, path: Path) -> None:
        self.objects = self.gone = self.bytes = self.bad = self.empty = 0
        self.done = self.told = False
        self.begun = self.ended = 0.0
        self.run = ""
        self.good: tuple[str, int] | None = None
        self.after = ""
        self._findings = path.with_name(f"{path.name}.findings.jsonl")
        self._unread = path.with_name(f"{path.name}.unread.json")
        self._file, self._found = -1, 0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._make()
            if os.fstat(self._file).st_size != _SIZE:
                raise ValueError  # noqa: TRY301  # As for a line that can't be read.
            self._map = mmap.mmap(self._file, _SIZE)
            self._line = self._map[0]
            if self._line:
                self._read(self._map[1 + (self._line - 1) * _LINE :].partition(b"\n")[0])
            self._drop_unmarked()
        except (OSError, ValueError) as wrong:
            if self._file >= 0:
                os.close(self._file)
            came_back = str(wrong) if isinstance(wrong, OSError) else "it is no mark of this version"
            if isinstance(wrong, BlockingIOError):
                came_back = "another process audits this shard"
            raise ProbeError(f"reading {path}", came_back, "name another folder for the audit's state") from None

    def _make(self) -> None:
        """Write the file where nothing in it counts yet. A full disk is an error here, and would be a crash later."""
        if os.pread(self._file, 1, 0) in {b"", b"\0"} and os.pwrite(self._file, bytes(_SIZE), 0) < _SIZE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _read(self, line: bytes) -> None:
        kept = msgspec.json.decode(line, type=_Kept)
        self.done, self.objects, self.gone, self.bytes, self.bad, self._found, self.good, self.after = kept[:8]
        self.empty, self.begun, self.ended, self.run, self.told = kept[8:]

    @property
    def tally(self) -> Tally:
        """What was read so far, by all processes."""
        return Tally(self.objects, self.gone, self.bytes, self.bad, self.empty)

    def keep(self) -> None:
        """Write the mark: the line that does not count, then the byte that makes it count. A kill leaves the old one or the new."""
        read = (self.done, self.objects, self.gone, self.bytes, self.bad, self._found, self.good, self.after)
        line = msgspec.json.encode((*read, self.empty, self.begun, self.ended, self.run, self.told)) + b"\n"
        if len(line) > _LINE:
            came_back = f"a key of {len(self.after)} characters, where S3 has 1,024 bytes at most"
            raise ProbeError("noting how far a shard was read", came_back, "is this an S3 server?")
        self._line = 1 + self._line % 2
        at = 1 + (self._line - 1) * _LINE
        self._map[at : at + len(line)] = line
        self._map[0] = self._line

    def passed(self, key: str, stored: int, size: int) -> None:
        """Move past a whole object."""
        self.objects += 1
        self.bytes += stored
        self.good = self.good or (key, size)
        self.after = key
        self.keep()

    def unread(self) -> list[tuple[str, int]]:
        """Return the keys and sizes that were passed over unread. Raises ProbeError where someone changed the file."""
        if not self._unread.exists():
            return []
        try:
            return msgspec.json.decode(self._unread.read_bytes(), type=list[tuple[str, int]])
        except msgspec.MsgspecError as wrong:
            raise ProbeError(
                f"reading {self._unread}", str(wrong), "name another folder for the audit's state"
            ) from None

    def leave(self, unread: list[tuple[str, int]]) -> None:
        """Note the keys that are passed over unread, all of them: before the mark moves past one, and after one is judged."""
        temporary = self._unread.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.encode(unread))
        temporary.replace(self._unread)

    def add(self, finding: Finding) -> None:
        """Keep a finding. It counts once the mark is kept."""
        with self._findings.open("ab") as file:
            file.write(msgspec.json.encode(dataclasses.asdict(finding)) + b"\n")
            file.flush()
            self._found = file.tell()

    def findings(self) -> Iterator[Finding]:
        """Yield what was found. Raises ProbeError where someone changed it."""
        if not self._findings.exists():
            return
        with self._findings.open("rb") as file:
            for line in file:
                try:
                    yield msgspec.json.decode(line, type=Finding)
                except msgspec.MsgspecError as wrong:
                    step = "name another folder for the audit's state"
                    raise ProbeError(f"reading {self._findings}", str(wrong), step) from None

    def _drop_unmarked(self) -> None:
        """Drop a finding that the mark was not moved past before a kill, or half of one: its object is judged again."""
        if self._findings.exists() and self._findings.stat().st_size > self._found:
            os.truncate(self._findings, self._found)

    def close(self) -> None:
        """Let go of the shard."""
        self._map.close()
        os.close(self._file)
