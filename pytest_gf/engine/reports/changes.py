"""What changed between runs, row by row: what is new, what was mended, what flaps, since when an incident stands. Without I/O."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from pytest_gf.engine.reports.history import History, Past, Stood
from pytest_gf.engine.verdict import RED, Verdict

WINDOW = 10
"""The last so many looks at a row, this run's included, among which it flaps or does not."""
_FALLS = 2
"""A row flaps if it went red at least so often among them. A loss that lasted and was mended went red once."""
_TURNS: Mapping[tuple[bool | None, bool | None], str] = {
    (False, True): "new",
    (True, False): "mended",
    (True, True): "red in both",
    (False, False): "hold in both",
}
"""What became of a row, by whether it was bad and whether it is."""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier run."""

    run: str
    started: str
    exit: int


class Flap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row that was red in so many of the last runs that judged it, and went red more than once among them."""

    row: str
    red: int
    of: int


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fact noted for later runs, as it was and as it is."""

    name: str
    was: str
    now: str


class Gone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An incident of an earlier run that stands no more: rows that showed it hold now."""

    kind: str
    subject: str
    tickets: list[str]
    since: Annotated[str, Meta(description="The first run in which it stood, the last time.")]
    last: Annotated[str, Meta(description="The last run in which it stood.")]
    fresh: Annotated[bool, Meta(description="Whether no run between that one and this one saw that it is gone.")]
    marks: Annotated[list[Mark], Meta(description="What is not as it was then: when a system was started, say.")]


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run differs from the earlier ones of its target, contract and vantage."""

    runs: Annotated[int, Meta(description="How many earlier runs it was compared with.")]
    unreadable: Annotated[list[str], Meta(description="Files of the history that could not be read, and why.")]
    left_out: Annotated[int, Meta(description="Older files that were not read.")]
    later: Annotated[int, Meta(description="Earlier runs that a clock says are later than this one.")]
    last: When | None
    green: Annotated[When | None, Meta(description="The last earlier run that ended with 0.")]
    new: Annotated[list[str], Meta(description="Rows that are red, and held when a run last judged them.")]
    new_since_green: Annotated[list[str], Meta(description="Rows that are red, and held as of the last green run.")]
    mended: Annotated[list[str], Meta(description="Rows that hold, and were red when a run last judged them.")]
    since: Annotated[dict[str, str], Meta(description="The first run in which each red row was red without a break.")]
    flaps: list[Flap]
    gone: list[Gone]


def step(before: Past, after: Past) -> dict[str, list[str]]:
    """Return what became of each row that either run has, as ``diff`` says it. "neither": one of them did not judge it."""
    rows: dict[str, list[str]] = {word: [] for word in (*_TURNS.values(), "neither")}
    for row in sorted(before.rows | after.rows):
        rows[_TURNS.get((_judged(before, row), _judged(after, row)), "neither")].append(row)
    return rows


def changes(now: Past, history: History) -> Changes:
    """Return how a run differs from a history of its like. This run is the last one, whatever the clocks say."""
    runs = history.runs
    green = next((index for index in reversed(range(len(runs))) if runs[index].exit == 0), None)
    looks = {row: list(_looks(row, runs)) for row in now.rows}
    red = [row for row in now.rows if _judged(now, row) is True]
    well = [row for row in now.rows if _judged(now, row) is False]
    return Changes(
        runs=len(runs),
        unreadable=list(history.broken),
        left_out=history.left_out,
        later=sum(earlier.started > now.started for earlier in runs),
        last=_when(runs[-1]) if runs else None,
        green=_when(runs[green]) if green is not None else None,
        new=[row for row in red if _as_of(len(runs), looks[row]) is False],
        new_since_green=[row for row in red if green is not None and _as_of(green, looks[row]) is False],
        mended=[row for row in well if _as_of(len(runs), looks[row]) is True],
        since={row: _streak(looks[row], runs, now) for row in red},
        flaps=list(_flaps(now, looks)),
        gone=list(_gone(now, runs)),
    )


def since(incident: Stood, now: Past, runs: Sequence[Past]) -> str:
    """Return when the first run began since which an incident stands, as far as anybody looked."""
    begun = now.started
    for earlier in reversed(runs):
        stood = stands(incident, earlier)
        if stood is False:
            break
        begun = earlier.started if stood else begun
    return begun


def stands(incident: Stood, run: Past) -> bool | None:
    """Tell whether an incident stood in a run; None where no row judged there would have shown it."""
    if any(stood.cause == incident.cause for stood in run.incidents):
        return True
    seen = [_judged(run, row) for row in incident.rows]
    return False if False in seen and True not in seen else None


def _judged(run: Past, row: str) -> bool | None:
    """Tell whether a row is bad in a run; None where the run says nothing about it: unproven was not seen, and interim is waived."""
    verdict = run.rows.get(row)
    return verdict in RED if verdict in {*RED, Verdict.HOLDS} else None


def _looks(row: str, runs: Sequence[Past]) -> Iterator[tuple[int, bool]]:
    """Yield the places of the runs that judged a row, each with whether it was bad there."""
    for index, run in enumerate(runs):
        bad = _judged(run, row)
        if bad is not None:
            yield index, bad


def _as_of(index: int, looks: Sequence[tuple[int, bool]]) -> bool | None:
    """Return whether a row was bad when it was last looked at, as of this run; None where nobody had looked."""
    return next((bad for when, bad in reversed(looks) if when <= index), None)


def _streak(looks: Sequence[tuple[int, bool]], runs: Sequence[Past], now: Past) -> str:
    streak = list(itertools.takewhile(lambda look: look[1], reversed(looks)))
    return runs[streak[-1][0]].started if streak else now.started


def _flaps(now: Past, looks: dict[str, list[tuple[int, bool]]]) -> Iterator[Flap]:
    for row, earlier in looks.items():
        bad = _judged(now, row)
        if bad is not None:
            last = [*(was_bad for _, was_bad in earlier[1 - WINDOW :]), bad]
            if sum(bad for bad, _ in itertools.groupby(last)) >= _FALLS:
                yield Flap(row, sum(last), len(last))


def _gone(now: Past, runs: Sequence[Past]) -> Iterator[Gone]:
    """Yield each incident of earlier runs that this one saw gone, as it stood the last time."""
    last: dict[tuple[str, str], tuple[int, Stood]] = {}
    for index, run in enumerate(runs):
        last |= {incident.cause: (index, incident) for incident in run.incidents}
    for index, stood in last.values():
        if stands(stood, now) is False:
            known = {name: was for run in runs[: index + 1] for name, was in run.marks.items()}
            marks = [Mark(name, was, now.marks[name]) for name, was in known.items() if name in now.marks]
            yield Gone(
                kind=stood.kind,
                subject=stood.subject,
                tickets=list(stood.tickets),
                since=since(stood, runs[index], runs[:index]),
                last=runs[index].started,
                fresh=not any(stands(stood, run) is False for run in runs[index + 1 :]),
                marks=[mark for mark in marks if mark.was != mark.now],
            )


def _when(run: Past) -> When:
    return When(run.run, run.started, run.exit)
