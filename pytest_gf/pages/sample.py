"""``python -m pytest_gf.pages.sample reports/sample``: the committed sample run, which is the incident of 2026-05-25 as the lab replays it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_gf.engine.evidence import instant
from pytest_gf.engine.reports import webpage
from pytest_gf.honey import contract
from pytest_gf.lab import incidents
from pytest_gf.pages import destination

DATE, PHASE = "2026-05-25", "during"
FILES = ("record.json", "summary.md")
"""What of a run's folder is kept, beside the page that is made of its record."""
LONGEST = 300.0
"""Seconds of the run."""
INSTANT = "2026-05-25T00:00:00.000Z"
BEGIN = 1_779_667_200.0
"""The first second of that day."""
_OWN, _EXCHANGE = 0.01, 0.03
"""Seconds of a fact, and of each exchange."""
_RULES = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*Z"), INSTANT),
    (re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{8}\b"), "20260525T000000Z-00000000"),
    (re.compile(r"\bgf-rca-\d{14}-[0-9a-f]{8}\b"), "gf-rca-20260525000000-00000000"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "127.0.0.1:9000"),
    (re.compile(r"\b(after|within|in) \d+(?:\.\d+)? (m?s)\b"), r"\1 1 \2"),
)
"""What differs in each run, and what replaces it."""
_HASH = re.compile(r"(\b[0-9a-f]{2}/)?\b([0-9a-f]{64})\b")
"""A hash, behind the folder of a cache that its first two characters name."""


def arguments() -> list[str]:
    """Return what pytest is given for the sample."""
    phase = incidents.read(DATE).phase(PHASE)
    assert phase is not None, "the incident has this phase; a test looks"
    return [*phase.run, f"--gf-incident={DATE}:{PHASE}", f"--gf-seed={DATE}"]


def made() -> dict[str, str]:
    """Run the sample and return its files, with nothing in them that differs from run to run. Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GF_", "PYTEST_", "CI"))
        }
        done = subprocess.run(  # noqa: S603  # This interpreter, with arguments of ours.
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--gf-reports={folder}", *arguments()],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        latest = Path(folder) / "latest"
        if done.returncode != 1:
            raise RuntimeError(
                f"the sample run ended with {done.returncode}, and 1 was expected:\n{done.stdout[-2000:]}"
            )
        files = normal({name: (latest / name).read_text(encoding="utf-8") for name in FILES})
        record = timed(json.loads(files["record.json"]))
        return files | {"record.json": f"{json.dumps(record, indent=1)}\n", webpage.NAME: page(record)}


def page(record: Mapping[str, Any]) -> str:
    """Return the page of the sample's record, which has no evidence beside it."""
    return webpage.page(record, contract.load())


def normal(files: Mapping[str, str]) -> dict[str, str]:
    """Return a run's files without what differs from run to run: times, names of runs, ports, hashes of random bytes."""
    fixed = {"seconds": 0.0, "command": shlex.join(["pytest", *arguments()])}

    def timeless(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {name: fixed.get(name, value) for name, value in entry.items()}

    hashes: dict[str, str] = {}
    plain_files: dict[str, str] = {}
    for name, text in files.items():
        plain = json.dumps(json.loads(text, object_hook=timeless), indent=1) + "\n" if name.endswith(".json") else text
        for pattern, stands in _RULES:
            plain = pattern.sub(stands, plain)
        plain_files[name] = _HASH.sub(lambda match: _stand_in(match, hashes), plain)
    return plain_files


def _stand_in(match: re.Match[str], known: dict[str, str]) -> str:
    stands = known.setdefault(match[2], f"{len(known):064x}")
    return f"{stands[:2]}/{stands}" if match[1] else stands


def timed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record whose times are made up: each fact begins when those before it in its row have ended."""
    ends: dict[str, float] = {}
    timed_before: dict[str, dict[str, Any]] = {}
    verdicts = []
    for row in record["verdicts"]:
        facts, last = [], ""
        for fact in row["facts"]:
            name = "-".join((fact["fact"], *fact["params"].values()))
            if name not in timed_before:
                begin = ends.get(last, BEGIN)
                seconds = round(_OWN + _EXCHANGE * fact["exchanges"], 6)
                times = {"started": instant(begin), "seconds": seconds, "after": last or None}
                timed_before[name] = times if fact["started"] else {"started": None, "seconds": 0.0, "after": None}
                ends[name] = begin + seconds if fact["started"] else 0.0
            facts.append(fact | timed_before[name])
            last = max(name, last, key=lambda fact_name: ends.get(fact_name, 0.0))
        ended = instant(ends.get(last, BEGIN))
        verdicts.append(row | {"started": ended, "ended": ended, "seconds": 0.0, "facts": facts})
    finished = max(ends.values(), default=BEGIN)
    return dict(record) | {"started": instant(BEGIN), "finished": instant(finished), "verdicts": verdicts}


if __name__ == "__main__":
    folder = destination("sample", "FOLDER")
    for made_name, made_text in made().items():
        (folder / made_name).write_text(made_text, encoding="utf-8")
