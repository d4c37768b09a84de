"""What a killed audit goes on from: a mark a shard, moved past every object that was judged, and its findings beside it."""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from pytest_gf.errors import ProbeError
from pytest_gf.observed.audit import Finding, Tally

HEADER = "audit.json"
_LONGEST = 4_096
"""Bytes of a mark; S3's keys have 1,024 at most."""
_NONE = "-"


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
                temporary.replace(header)
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


class Mark:
    """How far a shard was read: ``after`` is the last key that was judged. `close` it."""

    def __init__(self, path: Path) -> None:
        self.objects = self.gone = self.bytes = self.bad = 0
        self.done = False
        self.good: tuple[str, int] | None = None
        self.after = ""
        self._findings = path.with_name(f"{path.name}.findings.jsonl")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read(os.pread(self._file, _LONGEST, 0).partition(b"\n")[0])
        except (OSError, ValueError) as wrong:
            locked = isinstance(wrong, BlockingIOError)
            came_back = "another process audits this shard" if locked else str(wrong)
            raise ProbeError(f"reading {path}", came_back, "name another folder for the audit's state") from None

    def _read(self, line: bytes) -> None:
        if not line:
            return
        done, objects, gone, size, bad, good_size, good, after = line.decode().split(" ", 7)
        self.done = done == "1"
        self.objects, self.gone, self.bytes, self.bad = int(objects), int(gone), int(size), int(bad)
        self.good = None if good == _NONE else (good, int(good_size))
        self.after = after

    @property
    def tally(self) -> Tally:
        """What was read so far, by all processes."""
        return Tally(self.objects, self.gone, self.bytes, self.bad)

    def keep(self) -> None:
        """Write the mark: one call, so that a kill leaves the old one or the new one."""
        good, size = self.good or (_NONE, 0)
        numbers = f"{self.done:d} {self.objects} {self.gone} {self.bytes} {self.bad} {size}"
        os.pwrite(self._file, f"{numbers} {good} {self.after}\n".encode(), 0)

    def add(self, finding: Finding) -> None:
        """Keep a finding, before the mark moves past its object: after a kill it may stand here twice."""
        with self._findings.open("ab") as file:
            file.write(msgspec.json.encode(dataclasses.asdict(finding)) + b"\n")

    def findings(self) -> Iterator[Finding]:
        """Yield what was found, each key once."""
        if not self._findings.exists():
            return
        seen: set[str] = set()
        with self._findings.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return  # A kill cut it; its object was judged again, or will be.
                finding = msgspec.json.decode(line, type=Finding)
                if finding.key not in seen:
                    seen.add(finding.key)
                    yield finding

    def close(self) -> None:
        """Let go of the shard."""
        os.close(self._file)
