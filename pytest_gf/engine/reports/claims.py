"""What a run may claim: which statements it proved, which in part, which an expected red shows, and what to remember."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.verdict import Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.clauses import Row
    from pytest_gf.honey.contract import Contract

GATE = "cluster"
"""The fact that says which cluster this is: a gate before everything live, no clause."""
LIVE = "live"
"""Statements that only a running system shows; the others need no gate."""
_RED = (Verdict.VIOLATED, Verdict.INTERIM)


@dataclass(frozen=True)
class Claims:
    """What a run shows of the contract. ``held_back``: why live statements are claimed in part only, "" where they are not.

    ``expected`` has, by statement, the rows whose red shows it.
    """

    whole: tuple[str, ...]
    part: tuple[str, ...]
    held_back: str
    expected: Mapping[str, tuple[str, ...]]
    reminders: tuple[str, ...]
    tickets: Mapping[str, str]

    def expects(self, row: str) -> str:
        """Return the statement that the red of this row shows, "" for any other row."""
        return next((name for name, rows in self.expected.items() if row in rows), "")


@dataclass(frozen=True)
class _Seen:
    """One row of the run beside its verdict."""

    row: Row
    verdict: Verdict

    def shows(self, statement: str, *, calm: bool) -> bool:
        """Return whether this row shows its part of a statement: by holding, or by its red where that is expected."""
        if statement in self.row.when_red:
            return calm and self.verdict in _RED
        return self.verdict is Verdict.HOLDS


def row_name(verdict: Mapping[str, Any]) -> str:
    """Return ``rustfs.list-buckets[tofu-state]`` for one verdict of a record."""
    return (
        f"{verdict['clause']}[{'-'.join(verdict['params'].values())}]" if verdict["params"] else str(verdict["clause"])
    )


def claims(record: Mapping[str, Any], rows: Iterable[Row], contract: Contract, *, waived: bool = False) -> Claims:
    """Return what the run of this record may claim; ``waived`` says that it took the expected red for interim."""
    verdicts = {row_name(each): Verdict(each["verdict"]) for each in record["verdicts"]}
    seen = [_Seen(row, verdicts[row.name]) for row in rows if row.name in verdicts]
    calm = _is_calm(seen, contract)
    named: dict[str, list[_Seen]] = {}
    for each in seen:
        for name in each.row.statements:
            named.setdefault(name, []).append(each)
    complete = _complete(seen, contract)
    shown = {name for name, found in named.items() if all(each.shows(name, calm=calm) for each in found)}
    whole = {name for name in shown if any(_alone(name, each.row, complete) for each in named[name])}
    whole |= set(_together(verdicts, complete, contract))
    whole -= {name for name in named if name not in shown}
    some = {name for name, found in named.items() if any(each.shows(name, calm=calm) for each in found)}
    held_back = _held_back(record)
    live = {name for name in whole if contract.statements[name].how == LIVE} if held_back else set()
    return Claims(
        whole=tuple(sorted(whole - live)),
        part=tuple(sorted((some | live) - (whole - live))),
        held_back=held_back if live else "",
        expected=_expected(named, calm=calm, waived=waived),
        reminders=tuple(_reminders(seen, contract)),
        tickets=_tickets(record, contract),
    )


def gate(record: Mapping[str, Any]) -> str:
    """Return what became of the gate before everything live, S001: which cluster this is; "" where no row asked."""
    outcomes = _gate(record)
    if not outcomes:
        return ""
    if outcomes == {"observed"}:
        return "gate S001: passed, the cluster is the contract's"
    return f"gate S001: not passed, {'; '.join(sorted(outcomes - {'observed'}))}"


def _gate(record: Mapping[str, Any]) -> set[str]:
    return {fact["outcome"] for verdict in record["verdicts"] for fact in verdict["facts"] if fact["fact"] == GATE}


def _held_back(record: Mapping[str, Any]) -> str:
    if record["target"] == "lab":
        return "the target is a lab"
    return "" if _gate(record) == {"observed"} else "gate S001 did not pass"


def _alone(statement: str, row: Row, complete: frozenset[str]) -> bool:
    """Return whether this row's clause shows a whole statement: of its own value, or of all values of its axes."""
    return statement not in row.in_part and (statement in row.of_value or row.clause in complete)


def _complete(seen: Sequence[_Seen], contract: Contract) -> frozenset[str]:
    """Return the clauses of which this run has every row: one stack of four is a part."""
    found: dict[str, list[Row]] = {}
    for each in seen:
        found.setdefault(each.row.clause, []).append(each.row)
    return frozenset(
        clause
        for clause, rows in found.items()
        if len(rows) == math.prod(len(contract.every(axis)) for axis in rows[0].params)
    )


def _together(verdicts: Mapping[str, Verdict], complete: frozenset[str], contract: Contract) -> Iterator[str]:
    """Yield the statements that several clauses show together, where all of them hold."""
    for group in contract.together:
        if all(_holds(each, verdicts, complete) for each in group.clauses):
            yield from group.statements.split()


def _holds(wanted: str, verdicts: Mapping[str, Verdict], complete: frozenset[str]) -> bool:
    if wanted.endswith("]"):
        return verdicts.get(wanted) is Verdict.HOLDS
    rows = [verdict for name, verdict in verdicts.items() if name.partition("[")[0] == wanted]
    return wanted in complete and all(verdict is Verdict.HOLDS for verdict in rows)


def _is_calm(seen: Iterable[_Seen], contract: Contract) -> bool:
    """Return whether nothing that readiness stands on is red or broken: else a red is no expected one."""
    stands_on = contract.ha.readiness if contract.ha is not None else ()
    return not any(each.row.clause in stands_on and each.verdict in {*_RED, Verdict.ERROR} for each in seen)


def _expected(named: Mapping[str, Sequence[_Seen]], *, calm: bool, waived: bool) -> dict[str, tuple[str, ...]]:
    """Return the statements that the red of some rows shows; where waivers were asked for, only what they cover."""
    kinds = {Verdict.INTERIM} if waived else set(_RED)
    found = {
        name: tuple(each.row.name for each in rows if name in each.row.when_red and each.verdict in kinds)
        for name, rows in named.items()
    }
    return {name: rows for name, rows in found.items() if rows and calm}


def _reminders(seen: Iterable[_Seen], contract: Contract) -> Iterator[str]:
    red = {each.row.clause for each in seen if each.verdict in _RED}
    for each in contract.reminders:
        if red & set(each.clauses):
            yield f"{each.text} ({each.statements})"


def _tickets(record: Mapping[str, Any], contract: Contract) -> dict[str, str]:
    """Return what each ticket is that the run's texts name."""
    texts = [*record["does_not_prove"]]
    texts += [f"{each['reason']} {each['next_step']}" for each in record["verdicts"]]
    return {name: says for name, says in contract.tickets.items() if any(name in text for text in texts)}
