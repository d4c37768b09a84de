"""What a canary costs, and how much of its waiting is overlapped, on a lab of which every wire answers 100 ms late.

Usage: python benchmarks/canary.py [MILLISECONDS [RUNS]]. Prints, from the evidence of one run (so that imports, the lab's start
and pytest itself stand apart): the time from the first reading fact's first exchange to the last one's end, the critical
path through the graph of facts, and the sum of all exchanges as if one came after another; beside them what the whole
process took, asked of each system, and wrote.
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_gf.engine.facts import Facts, read_folder
from pytest_gf.honey import HOUSE
from pytest_gf.lab import Lab

ROOT = Path(__file__).parents[1]
MOST_PATHS = 1.25
LEAST_SPEEDUP = 4.0
MOST_WALL = 5.0
"""Seconds from the first exchange of any fact to the last fact's end, on a quiet machine."""
RUNS = 5

Observed = dict[tuple[str, str], dict[str, Any]]


def main() -> int:
    """Run the canary `RUNS` times, print the median run's table, and return 1 where a bar is missed."""
    late = sys.argv[1] if len(sys.argv) > 1 else "100"
    many = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
    facts = Facts(read_folder(ROOT / "fixtures"), HOUSE.axis_names)
    with tempfile.TemporaryDirectory() as folder, Lab.start(Path(folder) / "lab", [f"latency:{late}"]) as lab:
        runs = [(*measure(facts, observed), cost) for observed, cost in (run(lab, Path(folder)) for _ in range(many))]
    elapsed, path, total, wall, exchanges, cost = sorted(runs, key=lambda run: run[0] / run[1])[many // 2]
    print(f"{exchanges} exchanges of reading facts, each {late} ms late; the median of {many} runs")
    print(f"elapsed          {elapsed:7.3f} s")
    print(f"critical path    {path:7.3f} s   elapsed is {elapsed / path:.2f} x this (at most {MOST_PATHS})")
    print(f"one by one       {total:7.3f} s   elapsed is {total / elapsed:.1f} x faster (at least {LEAST_SPEEDUP:g})")
    print(f"whole canary     {wall:7.3f} s   what changes something included (at most {MOST_WALL:g})")
    print(f"whole process    {cost.seconds:7.3f} s   imports and reports included; {cost.cpu:.1f} s of CPU")
    print(
        f"asked            {sum(cost.asked.values()):7}     {', '.join(f'{n} {s}' for s, n in cost.asked.most_common())}"
    )
    print(f"written          {cost.written / 1e6:7.3f} MB  in {cost.files} files")
    return int(elapsed > MOST_PATHS * path or total < LEAST_SPEEDUP * elapsed or wall > MOST_WALL)


def measure(facts: Facts, observed: Observed) -> tuple[float, float, float, float, int]:
    """Return elapsed, critical path, sum and the whole canary in seconds, and the number of exchanges."""
    exchanging = {key: file for key, file in observed.items() if file["exchanges"]}
    reading = {key: file for key, file in exchanging.items() if not changes(facts, key[0])}
    path = max(critical(facts, observed, key) for key in reading)
    exchanges = [exchange for file in reading.values() for exchange in file["exchanges"]]
    total = sum(float(exchange["seconds"]) for exchange in exchanges)
    return lasted(reading), path, total, lasted(exchanging), len(exchanges)


def lasted(observed: Observed) -> float:
    """Return the seconds from the start of the first of these facts to the end of the last."""
    begun, ended = min(file["started"] for file in observed.values()), max(file["ended"] for file in observed.values())
    return (datetime.datetime.fromisoformat(ended) - datetime.datetime.fromisoformat(begun)).total_seconds()


@dataclass(frozen=True)
class Cost:
    """What one process took, asked and wrote."""

    seconds: float
    cpu: float
    asked: Counter[str]
    written: int
    files: int


def run(lab: Lab, folder: Path) -> tuple[Observed, Cost]:
    """Run the canary and return its evidence by fact and parameters, and what it cost."""
    reports = folder / f"reports-{time.monotonic_ns()}"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "canary",
        f"--gf-target={lab.target_file}",
        f"--gf-reports={reports}",
    ]
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, env=os.environ | dict(lab.environment), check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    files = [json.loads(path.read_text()) for path in (reports / "latest" / "evidence").glob("*.json")]
    asked = Counter(str(exchange["system"]) for file in files for exchange in file["exchanges"])
    written = [path.stat().st_blocks * 512 for path in (reports / "latest" / "").rglob("*") if path.is_file()]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    observed = {(file["fact"], "-".join(file["params"].values())): file for file in files}
    return observed, Cost(seconds, cpu, asked, sum(written), len(written))


def changes(facts: Facts, name: str) -> bool:
    """Return whether a fact changes something, or waits for one that does."""
    return any(fact.changes for fact in facts.closure(name).values())


def busy(observed: dict[str, Any]) -> float:
    """Return a fact's own seconds: those in which at least one of its exchanges was on its way."""
    seconds, until = 0.0, 0.0
    for exchange in sorted(observed["exchanges"], key=lambda exchange: exchange["at"]):
        begun = datetime.datetime.fromisoformat(exchange["at"]).timestamp()
        ended = begun + float(exchange["seconds"])
        seconds += max(0.0, ended - max(begun, until))
        until = max(until, ended)
    return seconds


def critical(facts: Facts, observed: Observed, key: tuple[str, str]) -> float:
    """Return the seconds of the longest chain of needs that ends in this fact."""
    name, value = key
    below = [0.0]
    for need in facts.facts[name].needs:
        if need in facts.facts:
            values = [
                key for key in observed if key[0] == need and (need in facts.facts[name].every or key[1] in {value, ""})
            ]
            below += [critical(facts, observed, key) for key in values]
    return max(below) + busy(observed[key])


if __name__ == "__main__":
    raise SystemExit(main())
