"""What a run asks of the audit: which shards, a sample, how fast, where its state is kept. Data; nothing heavy is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AREAS = ("cas.v2", "cas", "ac")
"""Where blobs lie as casblobs, where they lie as they are, and results of actions. docs/systems.md."""
SHARDS = tuple(f"{area}/{number:02x}" for area in AREAS for number in range(256))
"""The folders that bazel-remote makes: by the first two digits of each key."""
OPTIONS = ("shard", "sample", "rate", "audit_state", "audit_state_age", "readers")
"""What `read` reads, in its order."""
INDEX = "JOB_COMPLETION_INDEX"
"""The variable by which Kubernetes tells a pod of an Indexed Job which it is."""
MOST_PARTS = len(SHARDS)
MOST_READERS = 64
"""Connections: what one server is asked by one process at most."""
_MEGABYTE = 1_000_000

_PART = re.compile(rf"(?P<index>\d{{1,4}}|{INDEX})/(?P<parts>\d{{1,4}})")
_SAMPLE = re.compile(r"(?P<number>\d{1,12}(?:\.\d{1,6})?)(?P<percent>%?)")
_AGE = re.compile(r"(?P<number>\d{1,5})(?P<unit>[mhd])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_RATE = re.compile(r"(?P<number>\d{1,9})(?P<unit>|MB)/s")


@dataclass(frozen=True)
class Part:
    """The share of one process among ``parts``: every ``parts``-th shard, from ``index`` on."""

    index: int
    parts: int

    def __str__(self) -> str:
        return f"{self.index}/{self.parts}"


@dataclass(frozen=True)
class Sample:
    """Which objects are read: ``count`` of all shards together, or a ``fraction`` of each; chosen by the run's seed."""

    text: str
    count: int | None = None
    fraction: float = 1.0


@dataclass(frozen=True)
class AuditOptions:
    """An audit's options. ``objects`` and ``bytes`` are at most so many a second, 0 for no limit."""

    part: Part | None = None
    sample: Sample | None = None
    objects: int = 0
    bytes: int = 0
    state: Path | None = None
    state_age: float | None = None
    """Seconds for which what a finished audit's state says may be told as today's; None for not at all."""
    readers: int | None = None
    """Connections on which objects are asked for; None for as many as the latency wants."""

    @property
    def shards(self) -> tuple[str, ...]:
        """The shards of this process."""
        return SHARDS if self.part is None else SHARDS[self.part.index :: self.part.parts]

    def sample_of(self, seed: str) -> str:
        """Return in words what is read, "" for all."""
        return f"sample {self.sample.text}, --gf-seed={seed}" if self.sample is not None else ""


def read(  # noqa: PLR0917  # In the order of `OPTIONS`.
    shard: str | None,
    sample_of: str | None,
    rate_of: str | None,
    state: str | None,
    state_age: str | None = None,
    readers_of: str | None = None,
) -> AuditOptions:
    """Read the options as they were given. Raises ValueError, which names the option."""
    readers: dict[str, tuple[Callable[[str], Any], str | None]] = {
        "--gf-shard": (part, shard), "--gf-sample": (sample, sample_of), "--gf-rate": (rate, rate_of),
        "--gf-audit-state-age": (age, state_age), "--gf-readers": (connections, readers_of),
    }  # fmt: skip
    values = []
    for name, (reader, given) in readers.items():
        try:
            values.append(None if given is None else reader(given))
        except ValueError as wrong:
            raise ValueError(f"{name}={given}: {wrong}") from None
    objects, size = values[2] or (0, 0)
    if values[3] is not None and state is None:
        raise ValueError(
            f"--gf-audit-state-age={state_age}: it says how old the state of --gf-audit-state may be: name both"
        )
    folder = None if state is None else Path(os.path.abspath(state))
    return AuditOptions(values[0], values[1], objects, size, folder, values[3], values[4])


def part(text: str, environment: Mapping[str, str] = os.environ) -> Part:
    """Read ``I/N``, where I may be `INDEX`: that variable's value. Raises ValueError."""
    match = _PART.fullmatch(text)
    if match is None:
        raise ValueError(f"expected I/N with 0 <= I < N, or {INDEX}/N")
    index, parts = match["index"], int(match["parts"])
    if index == INDEX:
        index = environment.get(INDEX, "")
        if not re.fullmatch(r"\d{1,4}", index):
            raise ValueError(f"variable {INDEX} is {'no number' if index else 'not set'}")
    if not 0 <= int(index) < parts <= MOST_PARTS:
        where = f"variable {INDEX} is {index}: " if match["index"] == INDEX else ""
        raise ValueError(f"{where}expected I/N with 0 <= I < N <= {MOST_PARTS}")
    return Part(int(index), parts)


def sample(text: str) -> Sample:
    """Read ``N`` or ``P%``. Raises ValueError."""
    match = _SAMPLE.fullmatch(text)
    if match is not None and match["percent"]:
        fraction = float(match["number"]) / 100
        if 0 < fraction <= 1:
            return Sample(text, fraction=fraction)
    elif match is not None and "." not in match["number"] and int(match["number"]):
        return Sample(text, count=int(match["number"]))
    raise ValueError("expected a number of objects, or a percentage such as 5%")


def age(text: str) -> float:
    """Read ``90m``, ``12h`` or ``7d``: seconds. Raises ValueError."""
    match = _AGE.fullmatch(text)
    if match is None or not int(match["number"]):
        raise ValueError("expected minutes, hours or days, as 90m, 12h or 7d")
    return float(int(match["number"]) * _SECONDS[match["unit"]])


def connections(text: str) -> int:
    """Read a number of connections. Raises ValueError."""
    if not re.fullmatch(r"\d{1,2}", text) or not 1 <= int(text) <= MOST_READERS:
        raise ValueError(f"expected a number of connections, 1 to {MOST_READERS}")
    return int(text)


def rate(text: str) -> tuple[int, int]:
    """Read ``N/s`` or ``NMB/s``: objects and bytes a second, one of them 0. Raises ValueError."""
    match = _RATE.fullmatch(text)
    if match is None or not int(match["number"]):
        raise ValueError("expected objects a second as 500/s, or bytes as 20MB/s")
    number = int(match["number"])
    return (0, number * _MEGABYTE) if match["unit"] else (number, 0)
