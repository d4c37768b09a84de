"""Joins the records of several runs, such as the parts of one audit, into one record with one exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_gf.engine.reports import form, webpage
from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.form import SCHEMA
from pytest_gf.engine.reports.incidents import incidents
from pytest_gf.engine.reports.record import write
from pytest_gf.engine.reports.summary import counts
from pytest_gf.engine.verdict import BADNESS, Exit, Verdict, exit_code

FINDINGS = "findings.jsonl"


class NoRecord(ValueError):
    """A folder that holds no record of a run, or one that doesn't belong to the others: one line."""


@dataclass(frozen=True)
class Read:
    """One run's record as it lies in its folder; ``finished`` is False for that of a run that was killed."""

    folder: Path
    record: Mapping[str, Any]
    finished: bool

    @property
    def name(self) -> str:
        """The run's own name, also where it was given as ``latest``."""
        return self.folder.resolve().name

    @property
    def part(self) -> str | None:
        """Which share of an audit it had, as ``3/8``; None where it had all."""
        return self.record.get("part")


def read(folder: Path) -> Read:
    """Return the record in a run's folder. An unfinished ``record.jsonl`` has exit 10. Raises NoRecord."""
    try:
        path = folder / "record.json"
        finished = path.exists()
        record = _decoded(path.read_bytes()) if finished else _unfinished(folder / "record.jsonl")
        schema = record.get("schema")
        if schema != SCHEMA:
            raise NoRecord(f"{folder}: its record's schema is {schema!r}, and {SCHEMA!r} is expected")
        form.check(record)
    except OSError as wrong:
        raise NoRecord(f"{folder}: no record of a run: {wrong.strerror}; expected the folder of a run") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise NoRecord(f"{folder}: its record is broken: {wrong}; run it again, or leave it out") from None
    return Read(folder, record, finished)


def _decoded(text: bytes) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def _unfinished(path: Path) -> dict[str, Any]:
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    top, *rest = map(_decoded, lines or [b"{}"])
    kinds = msgspec.convert([entry.get("kinds", {}) for entry in rest], list[dict[str, Any]])
    verdicts = [entry for entry in rest if "verdict" in entry]
    unknown: dict[str, Any] = {"incidents": [], "history": None, "claims": None}
    return top | unknown | {"kinds": _joined(kinds), "verdicts": verdicts, "exit": int(Exit.ERROR)}


def _joined(kinds: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: kind for known in kinds for name, kind in known.items()}


def merge(runs: Sequence[Read]) -> dict[str, Any]:
    """Return the record of all runs together. A row that several have gets its worst verdict. Raises NoRecord.

    ``missing`` names the parts that no finished run covers. ``unfinished`` names the folders whose run was killed and not
    begun again. Either makes the whole an error, unless something is violated.
    """
    used = _current(runs)
    targets = {str(run.record["target"]): run.folder for run in used}
    if len(targets) > 1:
        (one, _), (other, folder), *_ = targets.items()
        raise NoRecord(f"{folder}: it is of target {other!r}, and another of {one!r}")
    killed = [run for run in used if not run.finished]
    missing = _missing([run.part for run in used if run.finished and run.part])
    missing += [run.part for run in killed if run.part and run.part not in missing]
    rows = _rows(used)
    kinds = _joined(run.record["kinds"] for run in used)
    record = dict(used[0].record) | {
        "part": None,
        "started": min(str(run.record["started"]) for run in used),
        "finished": max((str(run.record["finished"]) for run in used if run.record.get("finished")), default=None),
        "kinds": kinds,
        "incidents": incidents(rows, kinds),
        "history": None,
        "verdicts": rows,
        "claims": None,
        "does_not_prove": list(dict.fromkeys(claim for run in used for claim in run.record["does_not_prove"])),
        "merged": [run.name for run in used],
        "missing": sorted(missing, key=lambda part: int(part.partition("/")[0])),
        "unfinished": [run.name for run in killed],
    }
    return record | {"exit": _exit(used, rows, lacking=bool(missing or killed))}


def join(folders: Sequence[Path], out: Path) -> tuple[int, str]:
    """Merge the runs in these folders into another folder. Return the exit code, and a line about it. Raises NoRecord."""
    runs = [read(folder) for folder in folders]
    record = merge(runs)
    out.mkdir(parents=True, exist_ok=True)
    write(out, record)
    (out / webpage.NAME).write_text(webpage.page(record), encoding="utf-8", errors="backslashreplace")
    findings = _findings(folders)
    with (out / FINDINGS).open("wb") as file:
        file.writelines(findings)
    lacking = "".join(f"; {name}: {', '.join(record[name])}" for name in ("missing", "unfinished") if record[name])
    text = f"{len(record['merged'])} runs merged into {out}: {counts(record['verdicts'])}; {len(findings)} findings{lacking}"
    return int(record["exit"]), f"{text}; exit {record['exit']}"


def _current(runs: Sequence[Read]) -> list[Read]:
    """Return the runs that count: of each part the last that finished, and what was killed and not begun again."""
    finished = {run.part: run for run in sorted(runs, key=lambda run: str(run.record["started"])) if run.finished}
    return [run for run in runs if run.part is None or finished.get(run.part, run) is run]


def _missing(parts: Sequence[str]) -> list[str]:
    totals = {part.partition("/")[2] for part in parts}
    if len(totals) > 1:
        raise NoRecord(f"parts of different audits: {', '.join(sorted(parts))}")
    return [f"{index}/{total}" for total in totals for index in range(int(total)) if f"{index}/{total}" not in parts]


def _rows(runs: Iterable[Read]) -> list[dict[str, Any]]:
    joined: dict[str, dict[str, Any]] = {}
    for row in (row for run in runs for row in run.record["verdicts"]):
        known = joined.setdefault(row_name(row), row)
        if BADNESS[row["verdict"]] < BADNESS[known["verdict"]]:
            joined[row_name(row)] = row
    return list(joined.values())


def _exit(runs: Sequence[Read], rows: Sequence[Mapping[str, Any]], *, lacking: bool) -> int:
    """Return the exit code of all rows. A run that was strict, or that ended in another way, keeps its own.

    A run was strict that ended with exit 11 although not all of it was unproven.
    """
    codes = {int(run.record["exit"]) for run in runs}
    broke = lacking or Exit.ERROR in codes or bool(codes - set(Exit))
    code = exit_code([Verdict(row["verdict"]) for row in rows] + [Verdict.ERROR] * broke, strict=False)
    strict = any(
        run.record["exit"] == Exit.UNPROVEN and any(row["verdict"] == Verdict.HOLDS for row in run.record["verdicts"])
        for run in runs
    )
    return int(Exit.UNPROVEN if code is Exit.GREEN and strict else code)


def _findings(folders: Iterable[Path]) -> dict[bytes, None]:
    """Return every finding once: a killed run and the one that went on have some in common."""
    findings: dict[bytes, None] = {}
    for path in (folder / FINDINGS for folder in folders):
        if path.exists():
            with path.open("rb") as file:
                findings |= dict.fromkeys(line for line in file if line.endswith(b"\n"))
    return findings
