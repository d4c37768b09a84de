"""The grid of the last runs: the rows that were not well in all of them, and since when each is as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_gf.engine.verdict import RED, Verdict

MOST_RUNS = 30
MOST_ROWS = 300
_JUDGED = {Verdict.HOLDS, Verdict.VIOLATED, Verdict.FIXED, Verdict.ERROR, Verdict.INTERIM}
"""What says how a row is. What was not observed is neither mended nor new."""


def grid(runs: Sequence[Mapping[str, Any]], here: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the grid of these runs, the oldest first, and of the one at hand; None where there was none before.

    A run is ``run, finished, rows``, the last of which gives each row's verdict. ``ids`` are the places of rows in the page.
    """
    if not runs:
        return None
    every = [*runs[-(MOST_RUNS - 1) :], here]
    names = dict.fromkeys(name for run in reversed(every) for name in run["rows"])
    not_well = [name for name in names if any(run["rows"].get(name, Verdict.HOLDS) != Verdict.HOLDS for run in every)]
    not_well.sort(key=lambda name: here["rows"].get(name, Verdict.HOLDS) == Verdict.HOLDS)
    shown = not_well[:MOST_ROWS]
    well = len(names) - len(not_well)
    left = f" {len(not_well) - len(shown)} more rows are left out." if not_well[MOST_ROWS:] else ""
    return {
        "runs": [{"name": _short(run), "here": run is here} for run in every],
        "said": f"The newest is the last column. {well} rows held in all of these runs and are not shown.{left}",
        "rows": [_row(name, every, ids.get(name, "")) for name in shown],
    }


def _row(name: str, every: Sequence[Mapping[str, Any]], place: str) -> dict[str, Any]:
    verdicts = [str(run["rows"].get(name, "")) for run in every]
    cells = [{"verdict": verdict, "letter": verdict[:1].upper()} for verdict in verdicts]
    return {"name": name, "id": place, "cells": cells, "told": _since(verdicts, every)}


def _since(verdicts: Sequence[str], every: Sequence[Mapping[str, Any]]) -> str:
    """Return since when a row is as it is, and how often it changed."""
    judged = [(verdict, run) for verdict, run in zip(verdicts, every, strict=True) if verdict in _JUDGED]
    if not judged:
        return ""
    changes = [index for index in range(1, len(judged)) if (judged[index][0] in RED) != (judged[index - 1][0] in RED)]
    last, since = judged[-1][0], judged[changes[-1]][1] if changes else judged[0][1]
    if verdicts[-1] not in _JUDGED:
        return f"last observed {_short(judged[-1][1])}: {last}"
    begun = f"{last} since {_short(since)}{'' if changes else ' or earlier'}"
    return f"{begun}; changed {len(changes)} times in {len(judged)} runs" if changes[1:] else begun


def _short(run: Mapping[str, Any]) -> str:
    """Return when a run ended, as ``05-25 14:00``; its name where it never did."""
    finished = str(run.get("finished") or "")
    return f"{finished[5:10]} {finished[11:16]}" if finished[10:11] == "T" else str(run.get("run") or "this run")
