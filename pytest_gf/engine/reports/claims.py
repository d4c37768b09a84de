"""What a run may claim: the statements that it proved whole or in part, those that an expected red shows, and the tickets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.verdict import Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.axes import Axes
    from pytest_gf.engine.clauses import Row
    from pytest_gf.engine.contract import Contract
    from pytest_gf.engine.house import Gate

LIVE = "live"
"""Statements that only a running system shows; the others need no gate."""
_RED = (Verdict.VIOLATED, Verdict.INTERIM)


@dataclass(frozen=True)
class _Judged:
    """One row of the run beside its verdict."""

    row: Row
    verdict: Verdict

    def shows(self, statement: str, *, calm: bool) -> bool:
        """Return whether this row shows its part of a statement: by holding, or by its red where that is expected."""
        if statement in self.row.when_red:
            return calm and self.verdict in _RED
        return self.verdict is Verdict.HOLDS

    def shows_whole(self, statement: str, complete: frozenset[str]) -> bool:
        """Return whether its clause shows a whole statement: of the row's own value, or of all values of its axes."""
        row = self.row
        return statement not in row.in_part and (statement in row.of_value or row.clause in complete)


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
    seen = [_Judged(row, verdicts[row.name]) for row in rows if row.name in verdicts]
    calm = _is_calm(seen, contract)
    named: dict[str, list[_Judged]] = {}
    for judged in seen:
        for name in judged.row.statements:
            named.setdefault(name, []).append(judged)
    complete = _complete(seen, axes)
    shown = {name for name, naming in named.items() if all(judged.shows(name, calm=calm) for judged in naming)}
    whole = {name for name in shown if any(judged.shows_whole(name, complete) for judged in named[name])}
    whole |= set(_together(verdicts, complete, contract))
    whole -= named.keys() - shown
    some = {name for name, naming in named.items() if any(judged.shows(name, calm=calm) for judged in naming)}
    line, held_back = _gate(record, gate)
    live = {name for name in whole if contract.statements[name].how == LIVE} if held_back else set()
    return {
        "gate": line,
        "whole": sorted(whole - live),
        "part": sorted((some | live) - (whole - live)),
        "held_back": held_back if live else "",
        "expected": _expected(named, calm=calm, waived=waived),
        "reminders": list(_reminders(seen, contract)),
        "tickets": _tickets(record, contract),
    }


def _gate(record: Mapping[str, Any], gate: Gate | None) -> tuple[str, str]:
    """Return in a line whether the House's gate was passed, and why no live statement is proved whole.

    The line is "" if no row asked, or there is no gate. The reason is "" where nothing holds them back.
    """
    line = missed = ""
    if gate is not None:
        facts = [fact for verdict in record["verdicts"] for fact in verdict["facts"] if fact["fact"] == gate.fact]
        outcomes = {fact["outcome"] for fact in facts}
        if outcomes == {"observed"}:
            line = f"gate {gate.statement}: passed, {gate.passed}"
        else:
            missed = f"gate {gate.statement} did not pass"
            failed = "; ".join(sorted(outcomes - {"observed"}))
            line = f"gate {gate.statement}: not passed, {failed}" if failed else ""
    return line, "the target is a lab" if record["target"] == "lab" else missed


def _complete(seen: Sequence[_Judged], axes: Axes) -> frozenset[str]:
    """Return the clauses of which this run has every row.

    How many rows there are is known of axes alone: a clause over anything else is never complete.
    """
    of_clause: dict[str, list[Row]] = {}
    for judged in seen:
        of_clause.setdefault(judged.row.clause, []).append(judged.row)
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


def _is_calm(seen: Iterable[_Judged], contract: Contract) -> bool:
    """Return whether everything that readiness needs is well. If it is not, no red is an expected one."""
    return not any(
        judged.row.clause in contract.readiness and judged.verdict in {*_RED, Verdict.ERROR} for judged in seen
    )


def _expected(named: Mapping[str, Sequence[_Judged]], *, calm: bool, waived: bool) -> dict[str, list[str]]:
    """Return the statements that the red of some rows shows; where waivers were asked for, only what they cover."""
    kinds = {Verdict.INTERIM} if waived else set(_RED)
    shown = {
        name: [judged.row.name for judged in rows if name in judged.row.when_red and judged.verdict in kinds]
        for name, rows in named.items()
    }
    return {name: rows for name, rows in shown.items() if rows and calm}


def _reminders(seen: Iterable[_Judged], contract: Contract) -> Iterator[str]:
    red = {judged.row.clause for judged in seen if judged.verdict in _RED}
    for reminder in contract.reminders:
        if red & set(reminder.clauses):
            yield f"{reminder.text} ({reminder.statements})"


def _tickets(record: Mapping[str, Any], contract: Contract) -> dict[str, str]:
    """Return what each ticket is that the run's texts name."""
    texts = [*record["does_not_prove"]]
    texts += [f"{verdict['reason']} {verdict['next_step']}" for verdict in record["verdicts"]]
    return {name: says for name, says in contract.tickets.items() if any(name in text for text in texts)}
