"""The timeline of a run's facts: what was asked when, how long it took, and which of them decided how long the run took."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

MOST_FACTS = 300
MOST_EXCHANGES = 20
"""Of one fact, in the page. The file has them all."""
MOST_READ = 8_000_000
"""Bytes of evidence that are read for one page, of the rows that are not as promised first."""
MOST_SHOWN = 2_000_000
"""Characters of evidence in one page."""
_THINNEST = 0.3
_NOTED = 0.01
"""The share of a run's time from which a fact that asked nothing is worth a line."""
_EVIDENCE = re.compile(r"evidence/[._=+-]*[A-Za-z0-9][A-Za-z0-9._=+-]*")
_FEW_SECONDS = 0.9995


@dataclass
class Fact:
    """One observation of a fact. ``started`` is in seconds, 0 where it was never begun; ``after`` is what it waited for."""

    name: str
    outcome: str
    started: float
    seconds: float
    count: int
    after: str
    path: str
    green: bool
    """Whether all rows that rest on it hold."""
    id: str = ""
    critical: bool = False
    exchanges: list[dict[str, str]] = field(default_factory=list)
    more: int = 0
    x: str = ""
    width: str = ""
    """Where its bar begins and how wide it is, in percent."""

    @property
    def ended(self) -> float:
        """The end of it, in seconds."""
        return self.started + self.seconds


def facts(verdicts: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str | None], Fact]:
    """Return each observation of a record once, by its fact's name and its start, with the evidence that it left."""
    observations: dict[tuple[str, str | None], Fact] = {}
    for row in verdicts:
        for entry, path in with_evidence(row):
            key = key_of(entry)
            if key not in observations:
                observations[key] = Fact(
                    name=key[0],
                    outcome=entry["outcome"],
                    started=_seconds(key[1]),
                    seconds=entry["seconds"],
                    count=entry["exchanges"],
                    after=entry["after"] or "",
                    path=path,
                    green=True,
                )
            observations[key].green &= row["verdict"] == "holds"
    return observations


def key_of(entry: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what an observation is known by: the fact's name, and when it began."""
    return "-".join((entry["fact"], *entry["params"].values())), entry.get("started")


def with_evidence(row: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield a row's facts, each with the path of its evidence, "" where it asked nothing."""
    observed = [entry for entry in row["facts"] if entry["exchanges"]]
    paths = iter(row["evidence"] if len(row["evidence"]) == len(observed) else [""] * len(observed))
    for entry in row["facts"]:
        yield entry, next(paths) if entry["exchanges"] else ""


def _seconds(instant: str | None) -> float:
    try:
        return datetime.datetime.fromisoformat(instant).timestamp() if instant else 0.0
    except (ValueError, OverflowError):
        return 0.0


def critical(observations: Iterable[Fact]) -> list[Fact]:
    """Mark the facts that decided how long it took, from the last one back to what it waited for. Return them in time's order."""
    begun = [fact for fact in observations if fact.started]
    path: list[Fact] = []
    last = max(begun, key=lambda fact: fact.ended, default=None)
    while last is not None:
        last.critical = True
        path.insert(0, last)
        start, after = last.started, last.after
        before = [fact for fact in begun if fact.name == after and not fact.critical and fact.started <= start]
        last = max(before, key=lambda fact: fact.ended, default=None)
    return path


def timeline(observations: Mapping[Any, Fact], folder: Path | None) -> dict[str, Any] | None:
    """Return the timeline as the page shows it; None where nothing was begun. ``folder`` is the run's, if its evidence is there."""
    begun = [fact for fact in observations.values() if fact.started]
    if not begun:
        return None
    path = critical(begun)
    begin = min(fact.started for fact in begun)
    span = max(max(fact.ended for fact in begun) - begin, 1e-6)
    shown = _chosen(begun, span)
    for index, fact in enumerate(shown):
        start = (fact.started - begin) / span * 100
        width = min(max(fact.seconds / span * 100, _THINNEST), 100.0)
        fact.id, fact.x, fact.width = f"f{index}", f"{min(start, 100 - width):.2f}", f"{width:.2f}"
    if folder is not None:
        _read_evidence(shown, folder)
    return {
        "begin": _clock(begin),
        "end": _clock(begin + span),
        "said": _said(begun, path, shown, span),
        "facts": shown,
    }


def _chosen(begun: Sequence[Fact], span: float) -> list[Fact]:
    """Return the facts that are worth a line, in the order of their start: what asked, failed, took long or decided."""
    worth = [
        fact
        for fact in begun
        if fact.count or fact.critical or fact.outcome != "observed" or fact.seconds >= span * _NOTED
    ]
    worth.sort(key=lambda fact: (not fact.critical, fact.green, -fact.seconds))
    return sorted(worth[:MOST_FACTS], key=lambda fact: (fact.started, fact.name))


def _said(begun: Sequence[Fact], path: Sequence[Fact], shown: Sequence[Fact], span: float) -> str:
    exchanges = sum(fact.count for fact in begun)
    left = len(begun) - len(shown)
    more = f" {left} more facts asked nothing, or are left out here." if left else ""
    decided = f" The critical path (◆) has {len(path)} facts: they decided how long it took."
    return f"{len(begun)} facts made {exchanges} exchanges in {took(span)}.{decided}{more}"


def _clock(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%H:%M:%S")


def instant(text: str) -> str:
    """Return an instant of the record for a person; another text as it is."""
    return f"{text[:10]} {text[11:19]} UTC" if text[10:11] == "T" and text.endswith("Z") else text


def took(seconds: float) -> str:
    """Return a duration for a person."""
    return f"{seconds:.1f} s" if seconds >= _FEW_SECONDS else f"{seconds * 1000:.0f} ms"


def href(path: str) -> str:
    """Return the address of an evidence file beside the page; "" for anything that is no such file."""
    return path if _EVIDENCE.fullmatch(path) else ""


def _read_evidence(shown: Iterable[Fact], folder: Path) -> None:
    """Put the exchanges into the facts, within bounds. What can't be read is only linked."""
    room, characters = MOST_READ, MOST_SHOWN
    for fact in sorted(shown, key=lambda fact: fact.green):
        if not href(fact.path):
            continue
        try:
            size = (folder / fact.path).stat().st_size
            if size > room:
                continue
            room -= size
            kept = msgspec.json.decode((folder / fact.path).read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        exchanges = [_exchange(exchange) for exchange in kept.exchanges[:MOST_EXCHANGES]]
        characters -= sum(len(exchange["detail"]) for exchange in exchanges)
        if characters < 0:
            return
        fact.exchanges = exchanges
        fact.more = len(kept.exchanges) + kept.left_out - len(exchanges)


class _Kept(msgspec.Struct):
    exchanges: list[dict[str, Any]]
    left_out: int = 0


def _exchange(exchange: Mapping[str, Any]) -> dict[str, str]:
    details = [
        f"{name}: {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for name, value in exchange.items()
        if name not in {"system", "operation", "at", "seconds"} and value not in ({}, [], "", None)
    ]
    seconds = exchange.get("seconds")
    return {
        "at": str(exchange.get("at", "")).partition("T")[2],
        "what": f"{exchange.get('system', '')} {exchange.get('operation', '')}",
        "took": took(seconds) if isinstance(seconds, int | float) else "",
        "detail": "\n".join(details),
    }
