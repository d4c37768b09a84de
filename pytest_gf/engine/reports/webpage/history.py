"""The grid of the last runs: the rows that were not well in all of them, and since when each is as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_gf.engine.verdict import RED, Verdict

MOST_RUNS = 30
MOST_ROWS = 300
_WELL = frozenset({"", Verdict.HOLDS})


def grid(runs: Sequence[Mapping[str, Any]], here: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the grid of these runs, the oldest first, and of the one at hand; None where there was none before.

    A run is ``run, finished, rows``, the last of which gives each row's verdict.
    """
    if not runs:
        return None
    every = [*runs[-(MOST_RUNS - 1) :], here]
    names = dict.fromkeys(name for run in reversed(every) for name in run["rows"])
    cells = {name: [str(run["rows"].get(name, "")) for run in every] for name in names}
    not_well = [name for name, verdicts in cells.items() if not _WELL.issuperset(verdicts)]
    not_well.sort(key=lambda name: cells[name][-1] in _WELL)
    left = f" {len(not_well) - MOST_ROWS} more rows are left out." if not_well[MOST_ROWS:] else ""
    well = len(names) - len(not_well)
    return {
        "runs": [_short(run) for run in every],
        "said": f"The newest is the last column. {well} rows held in all of these runs and are not shown.{left}",
        "rows": [(name, cells[name], _since(cells[name], every)) for name in not_well[:MOST_ROWS]],
    }


def _since(verdicts: Sequence[str], every: Sequence[Mapping[str, Any]]) -> str:
    """Return since when a row is as it is, and how often it changed. What was not observed is neither mended nor new."""
    unseen = {"", Verdict.UNPROVEN}
    judged = [(verdict, run) for verdict, run in zip(verdicts, every, strict=True) if verdict not in unseen]
    if not judged:
        return ""
    last = judged[-1][0]
    if verdicts[-1] in unseen:
        return f"last observed {_short(judged[-1][1])}: {last}"
    red = [verdict in RED for verdict, _ in judged]
    changes = [index for index in range(1, len(red)) if red[index] != red[index - 1]]
    begun = judged[changes[-1] if changes else 0][1]
    since = f"{last} since {_short(begun)}{'' if changes else ' or earlier'}"
    return f"{since}; changed {len(changes)} times in {len(judged)} runs" if changes[1:] else since


def _short(run: Mapping[str, Any]) -> str:
    """Return when a run ended, as ``05-25 14:00``; its name where it never did."""
    finished = str(run.get("finished") or "")
    return f"{finished[5:10]} {finished[11:16]}" if finished[10:11] == "T" else str(run.get("run") or "this run")
