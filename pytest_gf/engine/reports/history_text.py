"""A record's history in plain text: what changed since the earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_gf.engine.reports.incidents import in_short, named
from pytest_gf.engine.reports.lines import number

MOST_CLAUSES = 12
"""Clauses of which one line names rows."""


def lines(history: Mapping[str, Any] | None) -> list[str]:
    """Return what a record's ``history`` says, a line each; [] where no history is kept."""
    if history is None:
        return []
    return [*_against(history), *_changed(history), *unread(history)]


def _against(history: Mapping[str, Any]) -> Iterator[str]:
    last, green = history["last"], history["green"]
    if last is None:
        yield "history: this is the first run of its target, contract and vantage"
        return
    when = f"last green {green['started']}" if green is not None else "none of them green"
    yield f"history: {number(history['runs'], 'earlier run')}, last {last['started']} (exit {last['exit']}), {when}"


def _changed(history: Mapping[str, Any]) -> Iterator[str]:
    if history["last"] is not None and not history["new"]:
        yield "nothing is new since the last run"
    yield from listed("new since the last run", history["new"])
    if history["new_since_green"] != history["new"]:
        yield from listed("new since the last green run", history["new_since_green"])
    yield from listed("mended", history["mended"])
    yield from (_gone(incident) for incident in history["gone"] if incident["fresh"])
    flaps: dict[str, list[str]] = {}
    for flap in history["flaps"]:
        flaps.setdefault(f"flaps, red in {flap['red']} of the last {flap['of']}", []).append(flap["row"])
    for what, rows in flaps.items():
        yield from listed(what, rows)


def _gone(incident: Mapping[str, Any]) -> str:
    """Return a line about an incident that stands no more. While tickets of its cause are open, it is called recovered, not repaired."""
    stood = f"{named(incident)}, which stood from {incident['since']} to {incident['last']}"
    if not incident["tickets"]:
        return f"stands no more: {stood}"
    moved = "".join(f"; {mark['name']} was {mark['was']}, is {mark['now']}" for mark in incident["marks"])
    tickets = " and ".join(incident["tickets"])
    return f"recovered, not repaired: {stood}{moved}; {tickets} stay{'s' * (len(incident['tickets']) == 1)} open"


def unread(history: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the history could not be read, was not looked at, or has a strange time."""
    if history["unreadable"]:
        more = f", and {len(history['unreadable']) - 1} more" if history["unreadable"][1:] else ""
        yield f"history: {number(len(history['unreadable']), 'file')} can't be read and left out: {history['unreadable'][0]}{more}"
    if history["left_out"]:
        yield f"history: {number(history['left_out'], 'older file')} not looked at"
    if history["later"]:
        yield f"history: by its clock {number(history['later'], 'earlier run')} began after this one; was a clock set back?"


def listed(what: str, rows: Sequence[str]) -> Iterator[str]:
    """Yield a line about these rows, none where there are none."""
    if rows:
        yield f"{what} ({len(rows)}): {in_short(rows, MOST_CLAUSES)}"
