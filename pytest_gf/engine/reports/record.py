"""The record: record.jsonl grows during the run, record.json is the truth that every other report is rendered from."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

import msgspec

from pytest_gf.engine.clauses import Row, row_as_data
from pytest_gf.engine.verdict import Verdict, exit_code, worst

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_gf.engine.run import Run
    from pytest_gf.honey.contract import Contract

SCHEMA = "pytest_gf.record/1"
NOT_RUN = "not run"
CRASHED = "the worker that judged it crashed"


def unready(contract: Contract, rows: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a row is unproven that readiness stands on: what was not seen may be down."""
    stands_on = contract.ha.readiness if contract.ha is not None else ()
    waived = {clause for waiver in contract.waivers for clause in waiver.clauses}
    return any(row["verdict"] == Verdict.UNPROVEN and row["clause"] in {*stands_on, *waived} for row in rows)


def now() -> str:
    """Return the time in UTC, RFC 3339, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Record:
    """The verdicts of a run, one for each selected clause and set of axis values.

    Top level of ``record.json``: ``schema, target, vantage, part, started, finished, exit, verdicts, does_not_prove``; each verdict:
    ``clause, params, title, statements, verdict, reason, next_step, seconds, facts, evidence``. ``record.jsonl`` holds the
    top level as it is at the start, then a verdict a line as they fall, then ``finished`` and ``exit``.
    """

    def __init__(self, run: Run, rows: Mapping[str, Row]) -> None:
        self.run = run
        self.rows = rows
        self.verdicts: dict[str, dict[str, Any]] = {}
        self._phases: dict[str, list[dict[str, Any]]] = {}
        self._seconds: dict[str, float] = {}
        self._top: dict[str, Any] = {
            "schema": SCHEMA,
            "target": run.target_name,
            "vantage": run.settings.vantage,
            "part": str(run.settings.audit.part) if run.settings.audit.part is not None else None,
            "started": now(),
            "finished": None,
            "exit": None,
            "does_not_prove": does_not_prove(run),
        }
        run.folder.mkdir(parents=True, exist_ok=True)
        self._growing: IO[bytes] = (run.folder / "record.jsonl").open("ab")
        self._append(self._top)
        point_latest_at(run.folder)

    def phase(self, nodeid: str, account: Mapping[str, Any] | None, seconds: float) -> None:
        """Take in one phase of a clause; ``account`` is None where the phase says nothing."""
        self._seconds[nodeid] = self._seconds.get(nodeid, 0.0) + seconds
        if account is not None:
            self._phases.setdefault(nodeid, []).append(dict(account))

    def close(self, nodeid: str) -> dict[str, Any]:
        """Settle a clause whose last phase is in, and return its verdict; the worst phase wins."""
        phases = self._phases.pop(nodeid, [])
        verdict = worst(Verdict(phase["verdict"]) for phase in phases) if phases else Verdict.UNPROVEN
        account = next((phase for phase in phases if phase["verdict"] == verdict), empty_account(verdict, NOT_RUN))
        settled = row_as_data(self.rows[nodeid]) | {"seconds": round(self._seconds.get(nodeid, 0.0), 6)} | account
        self.verdicts[nodeid] = settled
        self._append(settled)
        return settled

    def missing(self) -> list[str]:
        """Return the node ids of the selected clauses that have no verdict, in the order of collection."""
        return [nodeid for nodeid in self.rows if nodeid not in self.verdicts]

    def exit_code(self) -> int:
        """Return the exit code that the verdicts make. Call it when every row has its verdict."""
        settings, rows = self.run.settings, self.verdicts.values()
        strict = settings.strict or (settings.expect_interim and unready(self.run.contract, rows))
        return int(exit_code((Verdict(each["verdict"]) for each in rows), strict=strict))

    def finish(self, code: int) -> dict[str, Any]:
        """Write ``record.json`` (in one rename) and return what stands in it."""
        ending = {"finished": now(), "exit": code}
        self._append(ending)
        self._growing.close()
        verdicts = [self.verdicts[nodeid] for nodeid in self.rows if nodeid in self.verdicts]
        whole = self._top | ending | {"verdicts": verdicts, "does_not_prove": self._top["does_not_prove"]}
        write(self.run.folder, whole)
        return whole

    def _append(self, entry: Mapping[str, Any]) -> None:
        self._growing.write(msgspec.json.encode(entry) + b"\n")
        self._growing.flush()


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``record.json`` into a folder, whole or not at all."""
    path = folder / "record.json"
    path.with_suffix(".json.part").write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    path.with_suffix(".json.part").replace(path)


def empty_account(verdict: Verdict, reason: str, next_step: str = "") -> dict[str, Any]:
    """Return the account of a clause that nobody could judge."""
    return {"verdict": str(verdict), "reason": reason, "next_step": next_step, "facts": [], "evidence": []}


def does_not_prove(run: Run) -> list[str]:
    """Return what a green run on this target doesn't prove, a sentence each, with its statements."""
    claims = [f"{each.text} ({' '.join(each.statements)})" for each in run.contract.does_not_prove]
    if run.is_lab:
        claims.insert(0, "LAB - honey was not observed: a green run on the lab says nothing about any real system")
    return claims


def point_latest_at(folder: Path) -> None:
    """Let ``latest`` beside the folder be a link to it, replaced in one rename."""
    link = folder.parent / f".latest-{folder.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(folder.parent / "latest")
