"""What a run may claim: the statements that it proved whole or in part, those that an expected red shows, and the tickets."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_gf.engine.clauses import Row
from pytest_gf.engine.verdict import Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.axes import Axes
    from pytest_gf.engine.contract import Contract
    from pytest_gf.engine.house import Gate

LIVE = "live"
"""Statements that only a running system shows; the others need no gate."""
_RED = (Verdict.VIOLATED, Verdict.INTERIM)
Seen: TypeAlias = Sequence[tuple[Row, Verdict]]
"""The rows of the run that were judged, each beside its verdict."""


def row_name(verdict: Mapping[str, Any]) -> str:
    """Return the row's name, as ``system.requirement[value]``, for one verdict of a record."""
    clause, values = str(verdict["clause"]), verdict["params"].values()
    return f"{clause}[{'-'.join(values)}]" if values else clause


def claims(
    record: Mapping[str, Any],
    rows: Iterable[Row],
    contract: Contract,
    axes: Axes,
    gate: Gate | None,
    *,
    waived: bool = False,
) -> dict[str, Any]:
    """Return what the run of this record may claim, as `form.Claimed` says. ``waived``: it took the expected red for interim."""
    verdicts = {row_name(verdict): Verdict(verdict["verdict"]) for verdict in record["verdicts"]}
    seen = [(row, verdicts[row.name]) for row in rows if row.name in verdicts]
    calm, complete = _is_calm(seen, contract), _complete(seen, axes)
    shown: dict[str, list[bool]] = {}  # By statement, whether each row that names it shows its part of it.
    entire = set(_together(verdicts, complete, contract))
    for row, verdict in seen:
        for name in row.statements:
            shows = calm and verdict in _RED if name in row.when_red else verdict is Verdict.HOLDS
            shown.setdefault(name, []).append(shows)
            if name not in row.in_part and (name in row.of_value or row.clause in complete):
                entire.add(name)
    whole = entire - {name for name, shows in shown.items() if not all(shows)}
    some = {name for name, shows in shown.items() if any(shows)}
    line, held_back = _gate(record, gate)
    live = {name for name in whole if contract.statements[name].how == LIVE} if held_back else set()
    return {
        "gate": line,
        "whole": sorted(whole - live),
        "part": sorted((some | live) - (whole - live)),
        "held_back": held_back if live else "",
        "expected": _expected(shown, seen, _RED if not waived else {Verdict.INTERIM}) if calm else {},
        "reminders": list(_reminders(seen, contract)),
        "tickets": _tickets(record, contract),
    }


def _gate(record: Mapping[str, Any], gate: Gate | None) -> tuple[str, str]:
    """Return in a line whether the House's gate was passed, and why no live statement is proved whole.

    The line is "" if no row asked, or there is no gate. The reason is "" where nothing holds them back.
    """
    lab = "the target is a lab" if record["target"] == "lab" else ""
    if gate is None:
        return "", lab
    name = f"gate {gate.statement}"
    facts = [fact for verdict in record["verdicts"] for fact in verdict["facts"] if fact["fact"] == gate.fact]
    outcomes = {fact["outcome"] for fact in facts}
    if outcomes == {"observed"}:
        return f"{name}: passed, {gate.passed}", lab
    failed = "; ".join(sorted(outcomes - {"observed"}))
    return f"{name}: not passed, {failed}" if failed else "", lab or f"{name} did not pass"


def _complete(seen: Seen, axes: Axes) -> frozenset[str]:
    """Return the clauses of which this run has every row.

    How many rows there are is known of axes alone: a clause over anything else is never complete.
    """
    of_clause: dict[str, list[Row]] = {}
    for row, _ in seen:
        of_clause.setdefault(row.clause, []).append(row)
    return frozenset(
        clause
        for clause, rows in of_clause.items()
        if rows[0].params.keys() <= set(axes.names)
        and len(rows) == math.prod(len(axes.every(axis)) for axis in rows[0].params)
    )


def _together(verdicts: Mapping[str, Verdict], complete: frozenset[str], contract: Contract) -> Iterator[str]:
    """Yield the statements that several clauses show together, where all of them hold."""
    for group in contract.together:
        if all(_holds(clause, verdicts, complete) for clause in group.clauses):
            yield from group.statements.split()


def _holds(wanted: str, verdicts: Mapping[str, Verdict], complete: frozenset[str]) -> bool:
    if wanted.endswith("]"):
        return verdicts.get(wanted) is Verdict.HOLDS
    rows = [verdict for name, verdict in verdicts.items() if name.partition("[")[0] == wanted]
    return wanted in complete and all(verdict is Verdict.HOLDS for verdict in rows)


def _is_calm(seen: Seen, contract: Contract) -> bool:
    """Return whether everything that readiness needs is well. If it is not, no red is an expected one."""
    return not any(row.clause in contract.readiness and verdict in {*_RED, Verdict.ERROR} for row, verdict in seen)


def _expected(names: Iterable[str], seen: Seen, expected: Collection[Verdict]) -> dict[str, list[str]]:
    """Return which of these statements the red of some rows shows; where waivers were asked for, only what they cover."""
    shown = {
        name: [row.name for row, verdict in seen if name in row.when_red and verdict in expected] for name in names
    }
    return {name: rows for name, rows in shown.items() if rows}


def _reminders(seen: Seen, contract: Contract) -> Iterator[str]:
    red = {row.clause for row, verdict in seen if verdict in _RED}
    for reminder in contract.reminders:
        if red & set(reminder.clauses):
            yield f"{reminder.text} ({reminder.statements})"


def _tickets(record: Mapping[str, Any], contract: Contract) -> dict[str, str]:
    """Return what each ticket is that the run's texts name."""
    texts = [*record["does_not_prove"]]
    texts += [f"{verdict['reason']} {verdict['next_step']}" for verdict in record["verdicts"]]
    return {name: says for name, says in contract.tickets.items() if any(name in text for text in texts)}
