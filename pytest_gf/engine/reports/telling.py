"""A record's history in plain text: what changed since the earlier runs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_gf.engine.reports.incidents import _few
from pytest_gf.engine.visible import visible

WIDTH = 100
"""Columns of what is printed of several runs."""
MOST_CLAUSES = 12
"""Clauses of which one line names rows."""


def lines(told: Mapping[str, Any] | None) -> list[str]:
    """Return what a record's ``history`` says, a line each; [] where no history is kept."""
    if told is None:
        return []
    return [*_against(told), *_changed(told), *unread(told)]


def _against(told: Mapping[str, Any]) -> Iterator[str]:
    last, green = told["last"], told["green"]
    if last is None:
        yield "history: this is the first run of its target, contract and vantage"
        return
    when = f"last green {green['started']}" if green is not None else "none of them green"
    yield f"history: {number(told['runs'], 'earlier run')}, last {last['started']} (exit {last['exit']}), {when}"


def _changed(told: Mapping[str, Any]) -> Iterator[str]:
    if told["last"] is not None and not told["new"]:
        yield "nothing is new since the last run"
    yield from listed("new since the last run", told["new"])
    if told["new_since_green"] != told["new"]:
        yield from listed("new since the last green run", told["new_since_green"])
    yield from listed("mended", told["mended"])
    yield from (_gone(incident) for incident in told["gone"] if incident["fresh"])
    flaps: dict[str, list[str]] = {}
    for flap in told["flaps"]:
        flaps.setdefault(f"flaps, red in {flap['red']} of the last {flap['of']}", []).append(flap["row"])
    for what, rows in flaps.items():
        yield from listed(what, rows)


def _gone(incident: Mapping[str, Any]) -> str:
    """Return a line about an incident that stands no more. Where tickets belong to its cause, nothing was repaired while they are open."""
    stood = f"{cause(incident)}, which stood from {incident['since']} to {incident['last']}"
    if not incident["tickets"]:
        return f"stands no more: {stood}"
    moved = "".join(f"; {mark['name']} was {mark['was']}, is {mark['now']}" for mark in incident["marks"])
    tickets = " and ".join(incident["tickets"])
    return f"recovered, not repaired: {stood}{moved}; {tickets} stay{'s' * (len(incident['tickets']) == 1)} open"


def restarted(told: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the incidents of earlier runs that stand no more, where a mark is another than when they stood.

    A mark that tells when a system was started says by that: it was restarted since. Each has ``kind, subject, tickets, since, last, fresh, marks``.
    """
    return [incident for incident in (told or {}).get("gone", ()) if incident["marks"]]


def unread(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the history could not be read, was not looked at, or has a strange time."""
    if told["unreadable"]:
        more = f", and {len(told['unreadable']) - 1} more" if told["unreadable"][1:] else ""
        yield f"history: {number(len(told['unreadable']), 'file')} can't be read and left out: {told['unreadable'][0]}{more}"
    if told["left_out"]:
        yield f"history: {number(told['left_out'], 'older file')} not looked at"
    if told["later"]:
        yield f"history: by its clock {number(told['later'], 'earlier run')} began after this one; was a clock set back?"


def listed(what: str, rows: Sequence[str]) -> Iterator[str]:
    """Yield a line about these rows, none where there are none."""
    if rows:
        yield f"{what} ({len(rows)}): {_few(rows, MOST_CLAUSES)}"


def number(count: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def cause(incident: Mapping[str, Any]) -> str:
    """Return an incident's kind and subject."""
    return f"{incident['kind']} {incident['subject']}".strip()


def wrapped(said: Iterable[str]) -> list[str]:
    """Return these lines within `WIDTH` columns."""
    return [
        line
        for text in said
        for line in textwrap.wrap(visible(text, 20_000), WIDTH, subsequent_indent="  ", break_on_hyphens=False) or [""]
    ]
