"""Recording a baseline anew at the end of a run: only for stacks whose every other clause holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_gf.engine.verdict import Verdict
from pytest_gf.honey.formats import baseline

if TYPE_CHECKING:
    from pytest_gf.honey.formats.baseline import KnownState

OFFERED = "baseline"
"""The folder of a run in which facts offer what stands now, a file a stack."""
COMPARED = ("state.baseline", "state.resources")
"""What compares with the baseline does not forbid a new one where there is none yet, or one of an earlier form."""
OF_THE_CHECKOUT = ("stack.backend-s3", "stack.materialized", "state.errored-absent", "state.locking-on")
"""What could not be looked at without a checkout does not forbid one either: it says nothing of the state."""
NEEDED = ("state.object-listed", "state.body-whole", "state.body-shape", "state.lock-free")
"""What must have been looked at, and hold."""


def offer(folder: Path, stack: str, now: KnownState) -> None:
    """Keep what a baseline of this stack would say. Raises OSError."""
    (folder / OFFERED).mkdir(parents=True, exist_ok=True)
    (folder / OFFERED / _name(stack)).write_bytes(baseline.write({stack: now}))


def record(
    folder: Path, file: Path | None, known: Mapping[str, KnownState], verdicts: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Write the baseline anew into ``file``, where there is one; return a line for each stack: old and new, or why not.

    ``folder`` is the run's, in which facts offered what stands now.
    """
    if file is None:
        return []
    rows: dict[str, dict[str, str]] = {}
    for row in verdicts:
        if "stack" in row["params"]:
            rows.setdefault(row["params"]["stack"], {})[row["clause"]] = row["verdict"]
    made, lines = dict(known), []
    for stack, by_clause in rows.items():
        why_not = _why_not(by_clause)
        offered = folder / OFFERED / _name(stack)
        if why_not or not offered.exists():
            lines.append(f"baseline of {stack}: not recorded: {why_not or 'the state was not read'}")
            continue
        now = baseline.read(offered.read_bytes())[stack]
        before = made.get(stack)
        made[stack] = now
        lines.append(f"baseline of {stack}: was {before if before is not None else 'none'}; is {now}")
    if made == known:
        return lines
    try:
        part = file.with_name(f".{file.name}.part")
        part.write_bytes(baseline.write(made))
        part.replace(file)
    except OSError as wrong:
        return [f"the baseline was not written: {file}: {wrong.strerror or wrong}"]
    return lines


def _name(stack: str) -> str:
    return f"{quote(stack, safe='')}.json"  # A fork may call a stack by a path.


def _why_not(verdicts: Mapping[str, str]) -> str:
    absent = [name for name in NEEDED if name not in verdicts]
    if absent:
        return f"{', '.join(absent)} was not selected (run -m guard)"
    allowed = {(name, Verdict.UNPROVEN) for name in (*OF_THE_CHECKOUT, *COMPARED)}
    bad = [
        f"{name} {verdict}"
        for name, verdict in verdicts.items()
        if verdict != Verdict.HOLDS and (name, verdict) not in allowed
    ]
    return ", ".join(bad)
