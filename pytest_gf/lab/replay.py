"""``python -m pytest_gf.lab replay DATE``: the phases of a dated incident one after another, over one lab folder and one history."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_gf.lab import incidents
from pytest_gf.lab.incidents import Incident, Phase
from pytest_gf.lab.process import Lab, LabError

BAD_INPUT = 4
LONGEST = 600.0
"""Seconds of one phase. Each of its facts has a deadline of its own, far below."""
VERDICTS = ("violated", "error", "unproven", "interim")


def main(arguments: Sequence[str]) -> int:
    """Replay what the command line names, and return the exit code: 0 where each phase shows what it must, 1 else."""
    options = _parser().parse_args(arguments)
    try:
        incident = incidents.read(options.date)
        folder: Path = (options.folder or Path(tempfile.mkdtemp(prefix="gf-replay-"))).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        _say(f"{options.date}: {incident.title}", f"folder: {folder} (one lab, one history)")
        wrong = list(replayed(incident, folder))
    except (ValueError, OSError, LabError) as failed:
        sys.stderr.write(f"replay: {failed}\n")
        return BAD_INPUT
    _say(f"{len(incident.phases)} phases, {'each as it must be' if not wrong else f'{len(wrong)} differences'}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m pytest_gf.lab replay", description=__doc__)
    parser.add_argument("date", metavar="DATE", help=f"one of {', '.join(incidents.dates())}")
    parser.add_argument("--folder", type=Path, help="where lab and reports lie (default: a new temporary folder)")
    return parser


def replayed(incident: Incident, folder: Path) -> Iterator[str]:
    """Run each phase of an incident, tell of it, and yield a line for each thing that is not as it must be."""
    for phase, lab in bent(incident, folder):
        _say("", f"== {phase.name}: {phase.about}")
        wrong = list(differences(phase, record_of(phase, lab, folder)))
        _say(*(f"  not as it must be: {line}" for line in wrong))
        yield from wrong


def bent(incident: Incident, folder: Path) -> Iterator[tuple[Phase, Lab]]:
    """Yield each phase with the lab as it is in it: what a phase left stays, but for what a restart ends."""
    with contextlib.ExitStack() as stack:
        lab: Lab | None = None
        for phase in incident.phases:
            if lab is None or phase.restart:
                stack.close()
                lab = stack.enter_context(Lab.start(folder / "lab"))
            for fault in phase.faults:
                lab.bend(fault)
            yield phase, lab


def record_of(phase: Phase, lab: Lab, folder: Path) -> Mapping[str, Any]:
    """Run a phase's selection over the lab and return its record. Raises LabError where the run left none."""
    reports = folder / "reports"
    kept = f"--gf-history={folder / 'history'}"
    options = [f"--gf-target={lab.target_file}", f"--gf-reports={reports}", kept, *arguments(phase, folder)]
    done = subprocess.run(  # noqa: S603  # This interpreter, with arguments of ours.
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--gf", *options],
        cwd=folder,
        env={**_environment(), **lab.environment},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    path = reports / "latest" / "record.json"
    if done.returncode == BAD_INPUT or not path.is_file():
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise LabError(f"phase {phase.name}: the run left no record: {''.join(last) or 'it said nothing'}")
    record: Mapping[str, Any] = json.loads(path.read_bytes())
    counts = [f"{len(rows)} {verdict}" for verdict, rows in _by_verdict(record).items()]
    _say(f"  pytest {' '.join(arguments(phase, folder))}", f"  exit {done.returncode}: {', '.join(counts)}")
    _say(*(f"  incident {name_of(incident)}: {incident['headline']}" for incident in record["incidents"]))
    _say(
        *(
            f"  recovered, not repaired: {name_of(incident)} ({', '.join(incident['tickets'])})"
            for incident in recovered(record)
        )
    )
    _say(f"  report {path.parent.resolve()}")
    return record


def arguments(phase: Phase, folder: Path) -> list[str]:
    """Return what pytest is given in this phase."""
    return [argument.replace("{folder}", str(folder)) for argument in phase.run]


def _environment() -> dict[str, str]:
    """Return this environment without what would change the run."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GF_", "PYTEST_"))}


def differences(phase: Phase, record: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each verdict, incident, sentence and exit code of a run that is not as the phase says."""
    by_verdict = _by_verdict(record)
    every = {row for rows in by_verdict.values() for row in rows}
    if record["exit"] != phase.exit:
        yield f"exit {record['exit']} instead of {phase.exit}"
    for verdict in VERDICTS:
        wanted = meant(getattr(phase, verdict), every)
        have = by_verdict.get(verdict, set())
        yield from (f"{row} is not {verdict}" for row in sorted(wanted - have))
        yield from (f"{row} is {verdict}" for row in sorted(have - wanted))
    yield from _compared("incident", phase.incidents, [name_of(incident) for incident in record["incidents"]])
    yield from _compared("recovery", phase.recovered, [name_of(incident) for incident in recovered(record)])
    reasons = "\n".join(f"{account['reason']} {account['next_step']}" for account in record["verdicts"])
    yield from (f"nothing says: {text}" for text in phase.says if text not in reasons)


def recovered(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the incidents of earlier phases that this one saw gone for the first time, and whose tickets stay open."""
    gone = (record.get("history") or {}).get("gone", ())
    return [incident for incident in gone if incident["fresh"] and incident["tickets"]]


def _compared(what: str, patterns: Iterable[str], have: Collection[str]) -> Iterator[str]:
    """Yield a line for each name that is missing, and for each that no pattern expects."""
    wanted = meant(patterns, have)
    yield from (f"no {what} {name}" for name in sorted(wanted - set(have)))
    yield from (f"unexpected {what} {name}" for name in sorted(set(have) - wanted))


def name_of(incident: Mapping[str, Any]) -> str:
    """Return an incident's kind and subject."""
    return f"{incident['kind']} {incident['subject']}".strip()


def meant(patterns: Iterable[str], names: Collection[str]) -> set[str]:
    """Return the names that patterns mean, ``*`` for any text. A pattern that means none stands for itself."""
    chosen: set[str] = set()
    for pattern in patterns:
        expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
        chosen |= {name for name in names if expression.fullmatch(name)} or {pattern}
    return chosen


def _by_verdict(record: Mapping[str, Any]) -> dict[str, set[str]]:
    rows: dict[str, set[str]] = {}
    for account in record["verdicts"]:
        values = "-".join(account["params"].values())
        rows.setdefault(account["verdict"], set()).add(
            f"{account['clause']}[{values}]" if values else account["clause"]
        )
    return rows


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
