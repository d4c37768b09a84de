"""The record: record.jsonl grows during the run, record.json is the truth that every other report is rendered from."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_gf.engine.clauses import Row, row_as_data
from pytest_gf.engine.evidence import instant
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reports import history
from pytest_gf.engine.reports.claims import claims, row_name
from pytest_gf.engine.reports.form import SCHEMA
from pytest_gf.engine.reports.incidents import cause_of, incidents
from pytest_gf.engine.trouble import OWN_KINDS
from pytest_gf.engine.verdict import Verdict, exit_code, worst
from pytest_gf.engine.visible import map_texts, visible_within

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_gf.engine.contract import Contract
    from pytest_gf.engine.run import Run

NOT_RUN = "not run"
CRASHED = "the worker that judged it crashed"


def unready(contract: Contract, rows: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a row that readiness needs is unproven. What was not seen may be down."""
    needed = {*contract.readiness, *(clause for waiver in contract.waivers for clause in waiver.clauses)}
    unseen = [row for row in rows if row["verdict"] == Verdict.UNPROVEN]
    return any(row["clause"] in needed or row_name(row) in needed for row in unseen)


class Record:
    """The verdicts of a run, one for each selected clause and set of axis values.

    ``record.json`` has the form of `engine.reports.form`. ``record.jsonl`` begins with the top level as it is at the start.
    Each verdict adds a line when it falls. Before the first one of a kind of cause stands a line of ``kinds``. The last line
    has ``finished`` and ``exit``.
    """

    def __init__(self, run: Run, rows: Mapping[str, Row], command_line: Mapping[str, Any]) -> None:
        self.run = run
        self.rows = rows
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.earlier = history.History()
        """The runs before this one, known when it is finished; none where no history is kept."""
        self._phases: dict[str, list[dict[str, Any]]] = {}
        self._spans: dict[str, tuple[float, float, float]] = {}
        """When the first phase of a row began and its last one ended, 0 for a row that never began, and all their seconds."""
        self._kinds: dict[str, dict[str, Any]] = {}
        self._top: dict[str, Any] = {
            "schema": SCHEMA,
            "target": run.target_name,
            "vantage": run.settings.vantage,
            "part": run.settings.part(),
            "contract": run.contract.name,
            "version": importlib.metadata.version("pytest-gf"),
            "faults": [str(fault) for fault in run.settings.faults],
            **map_texts(dict(command_line), redact),
            "started": instant(time.time()),
            "finished": None,
            "exit": None,
            "does_not_prove": does_not_prove(run),
        }
        with run.reporting():
            run.folder.mkdir(parents=True, exist_ok=True)
            self._append(self._top)
            point_latest_at(run.folder)

    def phase(self, nodeid: str, account: Mapping[str, Any] | None, report: pytest.TestReport) -> None:
        """Note one phase of a clause. ``account`` is None if the phase has no verdict."""
        started, ended, seconds = self._spans.get(nodeid, (0.0, 0.0, 0.0))
        if report.start:  # A crashed worker's report has no time.
            started, ended = started or report.start, report.stop
        self._spans[nodeid] = started, ended, seconds + report.duration
        if account is not None:
            self._phases.setdefault(nodeid, []).append(dict(account))

    def close(self, nodeid: str) -> dict[str, Any]:
        """Return the verdict of a clause after its last phase. The worst phase wins."""
        phases = self._phases.pop(nodeid, [])
        verdict = worst(Verdict(phase["verdict"]) for phase in phases) if phases else Verdict.UNPROVEN
        account = next((phase for phase in phases if phase["verdict"] == verdict), empty_account(verdict, NOT_RUN))
        started, ended, seconds = self._spans.get(nodeid, (0.0, 0.0, 0.0))
        times = {name: instant(at) if at else None for name, at in (("started", started), ("ended", ended))}
        settled = row_as_data(self.rows[nodeid]) | times | {"seconds": round(seconds, 6)} | account
        self.verdicts[nodeid] = settled
        with self.run.reporting():
            self._learn(settled)
            self._append(settled)
        return settled

    def _learn(self, settled: Mapping[str, Any]) -> None:
        """Note what the kind of a row's cause is. A House may have no entry for it."""
        cause = cause_of(settled)
        if cause is not None and cause[0] not in self._kinds:
            known = self.run.house.kinds.get(cause[0]) or OWN_KINDS["not-as-promised"]
            self._kinds[cause[0]] = asdict(known)
            self._append({"kinds": {cause[0]: self._kinds[cause[0]]}})

    def missing(self) -> list[str]:
        """Return the node ids of the selected clauses that have no verdict, in the order of collection."""
        return [nodeid for nodeid in self.rows if nodeid not in self.verdicts]

    def exit_code(self) -> int:
        """Return the exit code that the verdicts make. Call it when every row has its verdict."""
        settings, rows = self.run.settings, self.verdicts.values()
        strict = settings.strict or (settings.expect_interim and unready(self.run.contract, rows))
        return int(exit_code((Verdict(row["verdict"]) for row in rows), strict=strict))

    def end(self, code: int) -> dict[str, Any]:
        """Note that the run ends now, with this exit code. Return what the record says of that."""
        ending = {"finished": instant(time.time()), "exit": int(code)}
        with self.run.reporting():
            self._append(ending)
        return ending

    def whole(self, code: int) -> dict[str, Any]:
        """Return what stands in ``record.json`` when the run ends with this exit code. Nothing is compared with earlier runs yet."""
        run, waived = self.run, self.run.settings.expect_interim
        verdicts = [self.verdicts[nodeid] for nodeid in self.rows if nodeid in self.verdicts]
        gathered = {"kinds": self._kinds, "incidents": incidents(verdicts, self._kinds)}
        whole = self._top | self.end(code) | gathered | {"history": None, "verdicts": verdicts}
        return whole | {
            "claims": claims(whole, self.rows.values(), run.contract, run.axes, run.house.gate, waived=waived)
        }

    def write(self, whole: Mapping[str, Any]) -> None:
        """Write ``record.json``. If that fails, the reports are incomplete."""
        with self.run.reporting():
            write(self.run.folder, whole)

    def past(self, whole: Mapping[str, Any]) -> history.Past:
        """Return what the history keeps of this run."""
        return history.past_of(whole, self.run.id, self.run.marks())

    def _append(self, entry: Mapping[str, Any]) -> None:
        with (self.run.folder / "record.jsonl").open("ab", buffering=0) as growing:
            growing.write(_encoded(entry) + b"\n")


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``record.json`` into a folder, whole or not at all."""
    history.write_whole(folder / "record.json", _encoded(record))


def _encoded(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as JSON. A lone surrogate, which a command line may hold, is no Unicode: it is made visible."""
    try:
        return msgspec.json.encode(entry)
    except UnicodeEncodeError:
        return msgspec.json.encode(visible_within(dict(entry)))


def empty_account(verdict: Verdict, reason: str, next_step: str = "") -> dict[str, Any]:
    """Return the account of a clause that nobody could judge."""
    return {
        "verdict": str(verdict),
        "reason": reason,
        "next_step": next_step,
        "cause": None,
        "because": [],
        "facts": [],
        "evidence": [],
    }


def does_not_prove(run: Run) -> list[str]:
    """Return what a green run on this target doesn't prove, a sentence each, with its statements."""
    claims = [f"{claim.text} ({' '.join(claim.statements)})" for claim in run.contract.does_not_prove]
    if run.is_lab:
        claims.insert(0, f"{run.house.lab_banner}: a green run on the lab says nothing about any real system")
    return claims


def point_latest_at(folder: Path) -> None:
    """Let ``latest`` beside the folder be a link to it, replaced in one rename."""
    link = folder.parent / f".latest-{folder.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(folder.parent / "latest")
