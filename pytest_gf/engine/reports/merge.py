"""Joining the records of several runs, the parts of one audit above all, into one record and one exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_gf.engine.reports import form, webpage
from pytest_gf.engine.reports.form import SCHEMA
from pytest_gf.engine.reports.incidents import incidents
from pytest_gf.engine.reports.record import write
from pytest_gf.engine.reports.summary import counts
from pytest_gf.engine.verdict import Exit, Verdict, exit_code, worst

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
        """The run's own name, though it was given as ``latest``: all of them are called so."""
        return self.folder.resolve().name

    @property
    def part(self) -> str | None:
        """Which share of an audit it had, as ``3/8``; None where it had all."""
        return self.record.get("part")


def read(folder: Path) -> Read:
    """Return the record in a run's folder; an unfinished ``record.jsonl`` counts as exit 10. Raises NoRecord."""
    try:
        if (folder / "record.json").exists():
            record = msgspec.json.decode((folder / "record.json").read_bytes(), type=dict[str, Any])
            found = Read(folder, record, finished=True)
        else:
            found = Read(folder, _unfinished(folder / "record.jsonl"), finished=False)
        if found.record.get("schema") != SCHEMA:
            said = found.record.get("schema")
            raise NoRecord(f"{folder}: its record's schema is {said!r}, and {SCHEMA!r} is expected")
        form.check(found.record)
    except OSError as wrong:
        raise NoRecord(f"{folder}: no record of a run: {wrong.strerror}; expected the folder of a run") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise NoRecord(f"{folder}: its record is broken: {wrong}; run it again, or leave it out") from None
    return found


def _unfinished(path: Path) -> dict[str, Any]:
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    top, *rest = (msgspec.json.decode(line, type=dict[str, Any]) for line in lines or [b"{}"])
    kinds = {
        name: kind for each in rest for name, kind in msgspec.convert(each.get("kinds", {}), dict[str, Any]).items()
    }
    verdicts = [each for each in rest if "verdict" in each]
    unknown: dict[str, Any] = {"incidents": [], "history": None, "claims": None}
    return top | unknown | {"kinds": kinds, "verdicts": verdicts, "exit": int(Exit.ERROR)}


def merge(runs: Sequence[Read]) -> dict[str, Any]:
    """Return the record of all runs together; of rows that several have, the worst verdict. Raises NoRecord.

    ``missing`` names the parts that no finished run covers, and ``unfinished`` the folders whose run was killed and not
    begun again: either makes the whole an error, where nothing is violated.
    """
    used = _current(runs)
    targets = {str(each.record["target"]): each.folder for each in used}
    if len(targets) > 1:
        (one, _), (other, folder), *_ = targets.items()
        raise NoRecord(f"{folder}: it is of target {other!r}, and another of {one!r}")
    missing = _missing([each.part for each in used if each.finished and each.part is not None])
    missing += [each.part for each in used if not each.finished and each.part is not None and each.part not in missing]
    unfinished = [each.name for each in used if not each.finished]
    rows = _rows(used)
    kinds = {name: kind for each in used for name, kind in each.record["kinds"].items()}
    record = dict(used[0].record) | {
        "part": None,
        "started": min(str(each.record["started"]) for each in used),
        "finished": max((str(each.record["finished"]) for each in used if each.record.get("finished")), default=None),
        "kinds": kinds,
        "incidents": incidents(rows, kinds),
        "history": None,
        "verdicts": rows,
        "claims": None,
        "does_not_prove": list(dict.fromkeys(claim for each in used for claim in each.record["does_not_prove"])),
        "merged": [each.name for each in used],
        "missing": sorted(missing, key=_index),
        "unfinished": unfinished,
    }
    return record | {"exit": _exit(used, rows, lacking=bool(missing or unfinished))}


def join(folders: Sequence[Path], out: Path) -> tuple[int, str]:
    """Merge the runs in these folders into another; return the exit code and a line about it. Raises NoRecord."""
    runs = [read(folder) for folder in folders]
    record = merge(runs)
    out.mkdir(parents=True, exist_ok=True)
    write(out, record)
    (out / webpage.NAME).write_text(webpage.page(record), encoding="utf-8", errors="backslashreplace")
    found = 0
    with (out / FINDINGS).open("wb") as file:
        for line in _findings(folders):
            file.write(line)
            found += 1
    lacking = "".join(f"; {name}: {', '.join(record[name])}" for name in ("missing", "unfinished") if record[name])
    said = f"{len(record['merged'])} runs merged into {out}: {counts(record)}; {found} findings{lacking}"
    return int(record["exit"]), f"{said}; exit {record['exit']}"


def _current(runs: Sequence[Read]) -> list[Read]:
    """Leave out what was killed and begun again: of each part, its last finished run counts."""
    finished = {each.part: each for each in sorted(runs, key=lambda each: str(each.record["started"])) if each.finished}
    return [each for each in runs if each.part is None or finished.get(each.part, each) is each]


def _missing(parts: Sequence[str]) -> list[str]:
    totals = {part.partition("/")[2] for part in parts}
    if len(totals) > 1:
        raise NoRecord(f"parts of different audits: {', '.join(sorted(parts))}")
    return [f"{index}/{total}" for total in totals for index in range(int(total)) if f"{index}/{total}" not in parts]


def _index(part: str) -> int:
    return int(part.partition("/")[0])


def _rows(runs: Iterable[Read]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in runs:
        for row in each.record["verdicts"]:
            key = (str(row["clause"]), "-".join(row["params"].values()))
            known = found.setdefault(key, row)
            if worst([Verdict(known["verdict"]), Verdict(row["verdict"])]) != known["verdict"]:
                found[key] = row
    return list(found.values())


def _exit(runs: Sequence[Read], rows: Sequence[Mapping[str, Any]], *, lacking: bool) -> int:
    """Return the exit code of all rows. A run that was strict, or that ended in another way, keeps its own."""
    codes = {int(each.record["exit"]) for each in runs}
    broke = lacking or Exit.ERROR in codes or bool(codes - {int(code) for code in Exit})
    verdicts = [Verdict(row["verdict"]) for row in rows] + [Verdict.ERROR] * broke
    code = exit_code(verdicts, strict=False)
    return int(Exit.UNPROVEN if code is Exit.GREEN and Exit.UNPROVEN in codes and _strict(runs) else code)


def _strict(runs: Sequence[Read]) -> bool:
    """Tell whether a run ended with exit 11 although not all of it was unproven: it was strict."""
    return any(
        each.record["exit"] == Exit.UNPROVEN and any(row["verdict"] == Verdict.HOLDS for row in each.record["verdicts"])
        for each in runs
    )


def _findings(folders: Iterable[Path]) -> Iterator[bytes]:
    """Yield every finding once: a killed run and the one that went on have some in common."""
    seen: set[bytes] = set()
    for folder in folders:
        if (folder / FINDINGS).exists():
            with (folder / FINDINGS).open("rb") as file:
                for line in file:
                    if line.endswith(b"\n") and line not in seen:
                        seen.add(line)
                        yield line
