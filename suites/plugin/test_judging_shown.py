"""What a judged row shows: its facts in the record, its text on the terminal, the command that repeats it."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_gf.engine import judging
from pytest_gf.engine.clauses import Row
from pytest_gf.engine.errors import ProbeError
from pytest_gf.engine.run import Run
from pytest_gf.engine.trouble import Observed, Trouble
from pytest_gf.engine.verdict import Verdict
from pytest_gf.honey import contract

PROMISED = contract.load()
ROW = Row("s3.listed", "it is listed", {"bucket": "attic"}, ("S001",), frozenset())
PLAIN = Row("s3.plain", "it is", {}, (), frozenset())
PLAINLY = "requirement  it is\n{}\nrepeat       pytest -m \"clause(id='s3.plain')\""


def raised_here(raised: BaseException) -> pytest.CallInfo[None]:
    def run() -> None:
        raise raised

    return pytest.CallInfo.from_call(run, "call")


def asserted_here() -> pytest.CallInfo[None]:
    def run() -> None:
        holds = False
        assert holds

    return pytest.CallInfo.from_call(run, "call")


def test_the_record_shows_the_facts_that_a_row_rests_on(judged: Any) -> None:
    need = judged.node("need", None, "s3", "s3")
    broken = judged.node("top", ProbeError("asking", "503", "wait"), need=need)
    need.started, need.began, need.seconds = 5.0, 0.0, 1.23456789
    assert need.evidence is not None
    need.evidence.left_out = 3
    broken.began, broken.seconds = 86_400.5, 2.0
    run = judged.run_of(need, broken)
    made = judging.account(judged.item(more=("top",)), judged.call(), Verdict.HOLDS, ROW, run)
    assert made["facts"] == [
        {
            "fact": "need",
            "params": {},
            "outcome": "observed",
            "started": None,
            "seconds": 1.234568,
            "after": None,
            "exchanges": 5,
        },
        {
            "fact": "top",
            "params": {},
            "outcome": "error: asking: 503",
            "started": "1970-01-02T00:00:00.500Z",
            "seconds": 2.0,
            "after": "need",
            "exchanges": 0,
        },
    ]
    assert made["evidence"] == ["evidence/need.json"]
    again = judging.account(judged.item(more=("top",)), judged.call(), Verdict.HOLDS, PLAIN, run)
    assert again["facts"] is made["facts"], "rows of the same facts share them"


def test_rows_of_other_facts_share_nothing(judged: Any) -> None:
    run = judged.run_of(judged.node("one"), judged.node("two"))
    for name in ("one", "two", "one"):
        made = judging.account(judged.item(more=(name,)), judged.call(), Verdict.HOLDS, ROW, run)
        assert [fact["fact"] for fact in made["facts"]] == [name]


def test_facts_that_are_not_observed_yet_are_looked_at_again(judged: Any) -> None:
    late = judged.node("late", began=False)
    run = judged.run_of(late)
    made = judging.account(judged.item(more=("late",)), judged.call(), Verdict.UNPROVEN, ROW, run)
    assert made["facts"] == [
        {
            "fact": "late",
            "params": {},
            "outcome": "not observed",
            "started": None,
            "seconds": 0.0,
            "after": None,
            "exchanges": 0,
        }
    ]
    assert made["evidence"] == []
    assert run.seen == {}


def test_a_run_without_facts(judged: Any) -> None:
    run = judged.run_of()
    made = judging.account(judged.item(3), judged.call(), Verdict.HOLDS, ROW, run)
    assert (made["facts"], made["evidence"]) == ([], [])


def shown(
    judged: Any, made: pytest.Item, called: pytest.CallInfo[None], row: Row = ROW, run: Run | None = None
) -> str | None:
    return judging.failure_text(made, called, row, judged.run_of() if run is None else run)


REPEAT = "pytest -m \"clause(id='s3.listed')\" --gf-bucket=attic"


def test_what_a_red_row_shows(judged: Any) -> None:
    need = judged.node("need", None, "s3")
    said = shown(judged, judged.item(judged.value(), more=("need",)), asserted_here(), run=judged.run_of(need))
    assert said == "\n".join(
        [
            "requirement  it is listed",
            f"S001         {PROMISED.statements['S001'].text}",
            "expected     a bucket",
            "observed     404 [redacted]",
            "diagnosis    it is lost",
            "next step    look for it",
            "asserted     assert holds",
            f"repeat       {REPEAT}",
            "evidence     reports/now/evidence/need.json",
        ]
    )


def test_what_a_red_row_without_a_value_shows(judged: Any) -> None:
    assert shown(judged, judged.item(3), raised_here(AssertionError("one\ntwo")), PLAIN) == PLAINLY.format(
        "asserted     AssertionError: one\n             two"
    )


def test_what_a_probes_error_shows(judged: Any) -> None:
    broke = ProbeError("asking it", "503", "wait")
    assert shown(judged, judged.item(), judged.call(broke), PLAIN) == PLAINLY.format(
        "tried        asking it\ncame back    503\nnext step    wait"
    )


def test_what_no_probe_raised_is_shown_as_pytest_does(judged: Any) -> None:
    assert shown(judged, judged.item(), judged.call(KeyError("x"))) is None
    assert shown(judged, judged.item(), judged.call(AssertionError("a library's"))) is None
    assert shown(judged, judged.item(), judged.call()) is None


class Dumb(Observed):
    """A value whose class has a mistake that shows only where it is red."""

    promises = "it is {self.name}"
    sees = "it is not"

    def trouble(self) -> Trouble:
        return cast("Trouble", "wrong")


def test_a_value_that_can_not_be_told_ends_no_run(judged: Any) -> None:
    """Its row keeps its verdict, and the rows after it are judged."""
    item, call, run = judged.item(Dumb(), path=Path(__file__)), asserted_here(), judged.run_of()
    shown = judging.failure_text(item, call, PLAIN, run)
    assert "observed     what it saw can't be told: AttributeError: 'Dumb' object has no attribute 'name'" in str(shown)
    made = judging.account(item, call, Verdict.VIOLATED, PLAIN, run)
    assert (made["verdict"], made["cause"]) == ("violated", {"kind": "suite-broken", "subject": "s3.plain"})
    assert (
        "what it saw can't be told: AttributeError: 'str' object has no attribute 'says' (judging.py:" in made["reason"]
    )


def test_a_long_text_is_shown_whole(judged: Any) -> None:
    said = shown(judged, judged.item(), raised_here(AssertionError("\x1b" * 9_000)), PLAIN)
    assert said is not None
    assert len(said) < 2 * 10_000
    said = shown(judged, judged.item(), raised_here(AssertionError("a\n" * 15_000)), PLAIN)
    assert said is not None
    assert said.count("\n             a") == 14_999


@pytest.mark.parametrize(
    ("row", "values", "given", "words"),
    [
        (ROW, (), {}, "--gf-bucket=attic"),
        (PLAIN, (), {"gf": True}, "--gf"),
        (Row("a.b", "", {"node": "bumble x"}, (), frozenset()), (), {}, "-k 'a.b[bumble x]'"),
        (PLAIN, (), {"gf_target": "a b.toml"}, "'--gf-target=a b.toml'"),
        (PLAIN, (), {"gf_baseline": ["a.json", "b.json"]}, "--gf-baseline=a.json --gf-baseline=b.json"),
        (PLAIN, (), {"gf_reports": "elsewhere"}, ""),
        (PLAIN, (3, SimpleNamespace(seed="s 1")), {}, "'--gf-seed=s 1'"),
        (PLAIN, (), {"gf_expect_interim": True}, "--gf-expect-interim"),
        (PLAIN, (), {"gf_fault": ["a", "b:c d"]}, "--gf-fault=a '--gf-fault=b:c d'"),
    ],
)
def test_the_command_that_repeats_a_row(
    judged: Any, row: Row, values: tuple[Any, ...], given: dict[str, Any], words: str
) -> None:
    command = judging.repeat(judged.item(*values, given=given), row, judged.run_of())
    first = f"pytest -m \"clause(id='{row.clause}')\""
    assert command == f"{first} {words}".rstrip()


@pytest.mark.parametrize(
    ("raised", "is_ours"),
    [(OSError(getattr(errno, name), "x"), True) for name in ("ENOSPC", "EDQUOT", "EROFS", "EFBIG", "EMFILE", "ENFILE")]
    + [(OSError(errno.ENOENT, "x"), False), (ValueError(errno.ENOSPC), False)],
)
def test_what_is_of_this_machine(raised: BaseException, is_ours: bool) -> None:
    assert judging._is_of_this_machine(raised) is is_ours


def test_arguments_are_a_clauses_own() -> None:
    asked = SimpleNamespace(argnames=("value", "absent"))
    made = SimpleNamespace(funcargs={"value": 1, "request": 2}, _fixtureinfo=asked)
    assert judging._arguments(cast("pytest.Item", made)) == [1]
    assert judging._arguments(cast("pytest.Item", SimpleNamespace(_fixtureinfo=asked))) == []
