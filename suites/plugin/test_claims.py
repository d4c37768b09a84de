"""What a run may claim of the contract: the rows of a record and the contract decide it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_gf.engine.axes import Axes
from pytest_gf.engine.clauses import Row
from pytest_gf.engine.contract import Reminder, Together
from pytest_gf.engine.reports.claims import claims
from pytest_gf.honey import HOUSE
from pytest_gf.honey import contract as contracts

CONTRACT = contracts.load()
AXES = Axes(HOUSE, CONTRACT, {}, {})
OBSERVED = [{"fact": "cluster", "outcome": "observed"}]
STACKS = tuple(CONTRACT.stacks)


def row(clause: str, *statements: str, stack: str = "", **also: Any) -> Row:
    plain = tuple(statement.rstrip("~!") for statement in statements)
    in_part, when_red = (
        frozenset(statement.rstrip("~!") for statement in statements if statement.endswith(mark)) for mark in ("~", "!")
    )
    return Row(clause, "a title", {"stack": stack} if stack else {}, plain, in_part, when_red, **also)


def claimed(
    pairs: list[tuple[Row, str]],
    *,
    target: str = "honey",
    facts: list[dict[str, str]] | None = None,
    waived: bool = False,
    contract: contracts.Contract = CONTRACT,
) -> dict[str, Any]:
    """Return the claims of a run with these rows and verdicts."""
    verdicts = [
        {
            "clause": made.clause,
            "params": dict(made.params),
            "verdict": verdict,
            "facts": OBSERVED if facts is None else facts,
            "reason": "",
            "next_step": "",
        }
        for made, verdict in pairs
    ]
    record = {"target": target, "verdicts": verdicts, "does_not_prove": []}
    return claims(record, [made for made, _ in pairs], contract, AXES, HOUSE.gate, waived=waived)


def test_one_row_that_holds_proves_what_its_clause_claims_whole() -> None:
    made = claimed([(row("rustfs.x", "S101", "S100~"), "holds")])
    assert (made["whole"], made["part"]) == (["S101"], ["S100"])
    assert claimed([(row("rustfs.x", "S101"), "violated")])["whole"] == []


@pytest.mark.parametrize(("stacks", "whole"), [(STACKS, ["S101"]), (STACKS[:1], [])])
def test_one_stack_of_four_is_a_part(stacks: tuple[str, ...], whole: list[str]) -> None:
    made = claimed([(row("state.x", "S101", stack=stack), "holds") for stack in stacks])
    assert made["whole"] == whole
    assert {*made["whole"], *made["part"]} == {"S101"}


def test_a_clause_over_what_is_no_axis_is_never_complete() -> None:
    made = claimed([(Row("state.x", "a title", {"index": "1"}, ("S101",), frozenset()), "holds")])
    assert (made["whole"], made["part"]) == ([], ["S101"])


def test_a_statement_of_one_value_needs_its_row_alone() -> None:
    made = claimed([(row("state.x", "S070", stack="attic", of_value=frozenset({"S070"})), "holds")])
    assert made["whole"] == ["S070"]


@pytest.mark.parametrize(
    ("target", "facts", "why"),
    [
        ("lab", None, "the target is a lab"),
        ("honey", [], "gate S001 did not pass"),
        ("honey", [{"fact": "cluster", "outcome": "unproven: no right"}], "gate S001 did not pass"),
        ("honey", [*OBSERVED, {"fact": "cluster", "outcome": "error: no way"}], "gate S001 did not pass"),
    ],
)
def test_nothing_live_is_proved_whole_on_a_lab_or_without_the_gate(
    target: str, facts: list[dict[str, str]] | None, why: str
) -> None:
    rows = [
        (row("rustfs.x", "S101"), "holds"),
        (row("workflow.x", "S103"), "holds"),
        (row("machine.x", "S020"), "holds"),
    ]
    made = claimed(rows, target=target, facts=facts)
    assert made["whole"] == ["S020", "S103"], "a checkout and a machine need no gate"
    assert made["part"] == ["S101"]
    assert made["held_back"] == why


def test_clauses_show_together_what_none_of_them_shows_alone() -> None:
    contract = msgspec.structs.replace(CONTRACT, together=(Together("S101", ("a.x", "a.y[attic]")),))
    one, other = row("a.x", "S101~"), row("a.y", "S101~", stack="attic")
    assert claimed([(one, "holds"), (other, "holds")], contract=contract)["whole"] == ["S101"]
    assert claimed([(one, "holds"), (other, "unproven")], contract=contract)["part"] == ["S101"]
    assert claimed([(one, "holds")], contract=contract)["whole"] == []
    third = row("a.z", "S101~")
    assert claimed([(one, "holds"), (other, "holds"), (third, "violated")], contract=contract)["whole"] == []


def test_of_a_clause_that_is_named_whole_every_row_must_be_there() -> None:
    contract = msgspec.structs.replace(CONTRACT, together=(Together("S101", ("a.x",)),))
    every = [(row("a.x", "S101~", stack=stack), "holds") for stack in STACKS]
    assert claimed(every, contract=contract)["whole"] == ["S101"]
    assert claimed(every[1:], contract=contract)["whole"] == []


def test_a_red_that_a_statement_foretells_shows_it() -> None:
    strict = row("ha.replicas", "S109!")
    made = claimed([(strict, "violated")])
    assert made["whole"] == ["S109"]
    assert made["expected"] == {"S109": ["ha.replicas"]}
    assert claimed([(strict, "interim")], waived=True)["expected"] == {"S109": ["ha.replicas"]}
    assert claimed([(strict, "violated")], waived=True)["expected"] == {}, "nothing waived it, so nobody expected it"
    assert claimed([(strict, "fixed")], waived=True)["whole"] == []
    down = claimed([(strict, "violated"), (row("rustfs.ready-endpoint", "S092~"), "violated")])
    assert (down["whole"], down["expected"]) == ([], {}), "what is down is red for another reason"


def test_reminders_and_tickets_appear_where_they_matter() -> None:
    contract = msgspec.structs.replace(CONTRACT, reminders=(Reminder("S080", ("a.x",), "drift"),))
    assert claimed([(row("a.x", "S101"), "violated")], contract=contract)["reminders"] == ["drift (S080)"]
    assert claimed([(row("a.x", "S101"), "holds")], contract=contract)["reminders"] == []
    record: dict[str, Any] = {"target": "lab", "verdicts": [], "does_not_prove": ["as TIN-1012 says"]}
    assert set(claims(record, [], CONTRACT, AXES, HOUSE.gate)["tickets"]) == {"TIN-1012"}


def test_every_clause_that_the_contract_names_is_one() -> None:
    sources = (Path(__file__).parents[1] / "contract").rglob("test_*.py")
    known = {name for source in sources for name in re.findall(r'@clause\(\s*"([^"]+)"', source.read_text())}
    assert CONTRACT.ha is not None
    named = [*CONTRACT.ha.readiness]
    named += [clause for group in CONTRACT.together for clause in group.clauses]
    named += [clause for group in CONTRACT.waivers for clause in group.clauses]
    named += [clause for group in CONTRACT.reminders for clause in group.clauses]
    assert {clause.partition("[")[0] for clause in named} - known == set()


OVERCLAIMED = (
    *("S001", "S005", "S015", "S020", "S026", "S049", "S051", "S064", "S070", "S071", "S072", "S073", "S079", "S096"),
    *("S098", "S109", "S120", "S121", "S125", "S126"),
)


@pytest.mark.parametrize("statement", OVERCLAIMED)
def test_no_clause_proves_alone_what_it_looks_at_in_part(statement: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "clauses.md").read_text()
    (cell,) = re.findall(rf"^\| {statement} \| ([^|]*) \|", page, re.MULTILINE)
    alone = re.findall(r"`[^`]+`(?: \([a-z ]+\))?", cell.partition("whole by all of")[0])
    assert all(clause.endswith(("(in part)", "(by its red)")) for clause in alone), cell
