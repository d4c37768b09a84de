"""From a phase of an item to a verdict, a reason and a cause, without a run around it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_gf.engine import judging
from pytest_gf.engine.clauses import Row
from pytest_gf.engine.errors import ProbeError, Unanswered, Unproven
from pytest_gf.engine.facts import UNPROVEN
from pytest_gf.engine.nodes import Node
from pytest_gf.engine.trouble import Cause
from pytest_gf.engine.verdict import Verdict
from pytest_gf.honey import contract

PROMISED = contract.load()
ROW = Row("s3.listed", "it is listed", {"bucket": "attic"}, ("S001",), frozenset())
PLAIN = Row("s3.plain", "it is", {}, (), frozenset())
When = Literal["setup", "call", "teardown"]


def asserted_here() -> pytest.CallInfo[None]:
    def run() -> None:
        holds = False
        assert holds

    return pytest.CallInfo.from_call(run, "call")


def asserted_elsewhere() -> pytest.CallInfo[None]:
    def run() -> None:
        exec(compile("assert 1 == 2", "/elsewhere/library.py", "exec"))  # noqa: S102  # An assertion of another file.

    return pytest.CallInfo.from_call(run, "call")


def report(outcome: Literal["passed", "failed", "skipped"], when: When = "call", **more: Any) -> pytest.TestReport:
    return pytest.TestReport("test_x", ("f", 1, "test_x"), {}, outcome, None, when, **more)


def test_what_passed_or_was_skipped(judged: Any) -> None:
    assert judging.verdict_of(judged.item(), judged.call(), report("passed")) is Verdict.HOLDS
    assert judging.verdict_of(judged.item(), judged.call(), report("passed", wasxfail="why")) is Verdict.FIXED
    for when in ("setup", "teardown"):
        assert judging.verdict_of(judged.item(), judged.call(), report("passed", when)) is None
        assert judging.verdict_of(judged.item(), judged.call(), report("passed", when, wasxfail="why")) is None
    assert judging.verdict_of(judged.item(), judged.call(), report("skipped")) is Verdict.UNPROVEN
    assert judging.verdict_of(judged.item(), judged.call(), report("skipped", "setup")) is Verdict.UNPROVEN
    assert judging.verdict_of(judged.item(), judged.call(), report("skipped", wasxfail="why")) is Verdict.INTERIM


def test_what_failed(judged: Any) -> None:
    assert judging.verdict_of(judged.item(), judged.call(), report("failed")) is Verdict.FIXED, "pytest's strict xfail"
    assert judging.verdict_of(judged.item(), asserted_here(), report("failed")) is Verdict.VIOLATED
    assert judging.verdict_of(judged.item(), asserted_here(), report("failed", "setup")) is Verdict.ERROR
    assert judging.verdict_of(judged.item(), asserted_here(), report("failed", "teardown")) is Verdict.ERROR
    assert judging.verdict_of(judged.item(), judged.call(ValueError("x")), report("failed")) is Verdict.ERROR
    assert judging.verdict_of(judged.item(), judged.call(when="setup"), report("failed", "setup")) is Verdict.ERROR


def test_an_assertion_of_a_library_says_nothing_about_the_contract(judged: Any) -> None:
    assert judging.verdict_of(judged.item(), asserted_elsewhere(), report("failed")) is Verdict.ERROR
    raised = asserted_elsewhere().excinfo
    assert raised is not None
    assert not judging.is_judgement(judged.item(), raised)
    assert judging.is_judgement(judged.item(path=Path("/elsewhere/library.py")), raised)
    other = judged.call(KeyError("x")).excinfo
    assert other is not None
    assert not judging.is_judgement(judged.item(), other)


def test_a_row_says_the_worst_of_its_phases() -> None:
    properties: list[tuple[str, object]] = [("clause", "x")]
    for verdict, said in (
        (Verdict.HOLDS, "holds"),
        (Verdict.VIOLATED, "violated"),
        (Verdict.ERROR, "violated"),
    ):
        judging.keep_worst(properties, verdict)
        assert properties == [("clause", "x"), ("verdict", said)]


def why(
    judged: Any, verdict: Verdict, made: pytest.Item, called: pytest.CallInfo[None], *nodes: Node
) -> tuple[str, str]:
    """Return the reason and the next step that the record has."""
    account = judging.account(made, called, verdict, ROW, judged.run_of(*nodes))
    return account["reason"], account["next_step"]


def test_the_reason_of_a_violated_row_is_what_its_value_says(judged: Any) -> None:
    assert why(judged, Verdict.VIOLATED, judged.item(judged.SOUND, judged.value()), asserted_here()) == (
        "it is lost\nobserved: 404 [redacted]",
        "look for it",
    )


def test_the_reason_of_a_violated_row_without_a_value_is_its_assertion(judged: Any) -> None:
    reason, step = why(judged, Verdict.VIOLATED, judged.item(3), judged.call(AssertionError("3 is not 4")))
    assert (reason, step) == ("AssertionError: 3 is not 4", "")
    assert why(judged, Verdict.VIOLATED, judged.item(3), judged.call()) == ("", "")


def test_the_reason_of_an_interim_row_names_its_waiver(judged: Any) -> None:
    waived = pytest.mark.xfail(reason="TIN-1: later").mark
    reason, step = why(judged, Verdict.INTERIM, judged.item(judged.value(), waived=waived), asserted_here())
    assert reason == "it is lost\nobserved: 404 [redacted]\nwaived: TIN-1: later"
    assert step == "look for it"
    reason, _ = why(judged, Verdict.INTERIM, judged.item(judged.value()), asserted_here())
    assert reason == "it is lost\nobserved: 404 [redacted]"
    reason, _ = why(judged, Verdict.VIOLATED, judged.item(judged.value(), waived=waived), asserted_here())
    assert reason == "it is lost\nobserved: 404 [redacted]", "no waiver excuses what is violated"


def test_a_waiver_that_is_due_is_named(judged: Any) -> None:
    made = judged.item(judged.value())
    made.stash[judging.EXPIRED] = "the waiver of TIN-1 was due"
    assert why(judged, Verdict.VIOLATED, made, asserted_here()) == (
        "it is lost; the waiver of TIN-1 was due\nobserved: 404 [redacted]",
        "review the waiver; look for it",
    )


def test_the_reason_of_an_unproven_row(judged: Any) -> None:
    skipped = pytest.skip.Exception("what pytest shows")
    setattr(skipped, UNPROVEN, Unproven("no route to it", "run it from inside", (Cause("s3-fails"),)))
    assert why(judged, Verdict.UNPROVEN, judged.item(), judged.call(skipped)) == (
        "no route to it",
        "run it from inside",
    )
    plain = pytest.skip.Exception("by hand")
    assert why(judged, Verdict.UNPROVEN, judged.item(), judged.call(plain)) == ("by hand", "")
    made = judging.account(judged.item(), judged.call(skipped), Verdict.UNPROVEN, ROW, judged.run_of())
    assert (made["cause"], made["because"]) == (None, [{"kind": "s3-fails", "subject": ""}])
    made = judging.account(judged.item(), judged.call(plain), Verdict.UNPROVEN, ROW, judged.run_of())
    assert (made["cause"], made["because"]) == (None, [])


def test_the_reason_of_what_holds_is_its_notes(judged: Any) -> None:
    assert why(judged, Verdict.HOLDS, judged.item(judged.SOUND, 3), judged.call()) == ("", "")
    noted = (judged.value("", note="judged earlier"), judged.SOUND, judged.value("", note="one left out"))
    assert why(judged, Verdict.HOLDS, judged.item(*noted), judged.call()) == ("judged earlier; one left out", "")


def test_what_is_fixed_says_to_remove_the_waiver(judged: Any) -> None:
    assert why(judged, Verdict.FIXED, judged.item(), judged.call()) == (
        "it holds, and is still waived",
        "remove it from the waiver in the contract; what else does the waiver wait for?",
    )


def test_the_cause_of_what_is_fixed_is_its_waiver(judged: Any) -> None:
    (waiver, *_) = PROMISED.waivers
    row = Row(waiver.clauses[0], "it is", {}, (), frozenset())
    made = judging.account(judged.item(), judged.call(), Verdict.FIXED, row, judged.run_of())
    assert made["cause"] == {"kind": "still-waived", "subject": waiver.ticket}
    assert judging.account(judged.item(), judged.call(), Verdict.FIXED, PLAIN, judged.run_of())["cause"] is None


def test_the_reason_of_an_error(judged: Any) -> None:
    broke = ProbeError("asking it", f"503 {judged.SECRET}", "wait")
    assert why(judged, Verdict.ERROR, judged.item(), judged.call(broke)) == ("asking it: 503 [redacted]", "wait")
    assert why(judged, Verdict.ERROR, judged.item(), judged.call()) == ("", "")
    assert why(judged, Verdict.ERROR, judged.item(), judged.call(KeyError("x"))) == (
        "KeyError: 'x'",
        "this is a fault of the suite: its traceback says where",
    )
    assert why(judged, Verdict.ERROR, judged.item(), judged.call(OSError(errno.ENOSPC, "No space left"))) == (
        "OSError: [Errno 28] No space left",
        "make room on this machine, or let this user write there, and run again",
    )


def test_an_answer_that_a_fact_did_not_understand_is_no_fault_of_the_suite(judged: Any) -> None:
    wrong = KeyError("x")
    asked, silent = judged.node("asked", wrong, "s3"), judged.node("silent", wrong)
    assert why(judged, Verdict.ERROR, judged.item(more=("asked",)), judged.call(wrong), asked) == (
        "observing asked: what was answered was not understood (KeyError: 'x')",
        "the evidence holds the answer: if it is what this system should say, report it as a gap of the suite",
    )
    fault = ("KeyError: 'x'", "this is a fault of the suite: its traceback says where")
    assert why(judged, Verdict.ERROR, judged.item(more=("silent",)), judged.call(wrong), silent) == fault
    assert why(judged, Verdict.ERROR, judged.item(more=("asked",)), judged.call(KeyError("x")), asked) == fault, (
        "the clause raised it"
    )


def causes(
    judged: Any, verdict: Verdict, made: pytest.Item, raised: BaseException, *nodes: Node
) -> tuple[Any, list[Any]]:
    account = judging.account(made, judged.call(raised), verdict, ROW, judged.run_of(*nodes))
    return account["cause"], account["because"]


def test_the_cause_of_a_red_row_is_its_values(judged: Any) -> None:
    behind = (Cause("pod-down", f"pod {judged.SECRET}"),)
    for verdict in (Verdict.VIOLATED, Verdict.INTERIM):
        assert causes(
            judged,
            verdict,
            judged.item(3, judged.SOUND, judged.value(because=behind), judged.value(subject="x")),
            AssertionError(),
        ) == (
            {"kind": "bucket-gone", "subject": "attic"},
            [{"kind": "pod-down", "subject": "pod [redacted]"}],
        )
    assert causes(judged, Verdict.VIOLATED, judged.item(3, judged.SOUND), AssertionError()) == (None, [])
    assert causes(judged, Verdict.HOLDS, judged.item(judged.value()), AssertionError()) == (None, [])


def test_the_cause_of_what_broke_is_where_it_broke(judged: Any) -> None:
    wrong = KeyError("x")
    asked, silent = judged.node("asked", wrong, "Attic", "s3"), judged.node("silent", wrong)
    cause, because = causes(judged, Verdict.ERROR, judged.item(more=("asked",)), wrong, asked)
    assert cause == {"kind": "not-understood", "subject": "s3"}
    assert {"kind": "unreachable", "subject": "s3"} in because
    assert {"kind": "probe-broken", "subject": "s3"} not in because, "only what is worse stands for it"
    assert causes(judged, Verdict.ERROR, judged.item(more=("silent",)), wrong, silent) == (
        {"kind": "suite-broken", "subject": "silent"},
        [],
    )
    assert causes(judged, Verdict.ERROR, judged.item(), wrong) == (
        {"kind": "suite-broken", "subject": "s3.listed[attic]"},
        [],
    )
    full = OSError(errno.EMFILE, "too many open files")
    assert causes(judged, Verdict.ERROR, judged.item(), full) == ({"kind": "this-machine", "subject": ""}, [])
    assert causes(judged, Verdict.ERROR, judged.item(), OSError(errno.ECONNRESET, "reset"))[0] == {
        "kind": "suite-broken",
        "subject": "s3.listed[attic]",
    }


def test_the_cause_of_a_probes_error_is_the_system_that_it_asked(judged: Any) -> None:
    refused = Unanswered("asking it", "refused", "look")
    asked = judged.node("asked", refused, "s3")
    cause, because = causes(judged, Verdict.ERROR, judged.item(more=("asked",)), refused, asked)
    assert cause == {"kind": "unreachable", "subject": "s3"}
    assert {"kind": "s3-not-ready", "subject": ""} in because, "what the House knows of it"
    alone = Unanswered("asking it", "refused", "look")
    assert causes(judged, Verdict.ERROR, judged.item(), alone)[0] == {
        "kind": "unreachable",
        "subject": "s3.listed[attic]",
    }


def test_what_a_need_saw_stands_behind_what_broke(judged: Any) -> None:
    refused = Unanswered("asking it", "refused", "look")
    need = judged.node("need")
    need.value = judged.value(because=(Cause("ingress-gone", "attic"),))
    asked = judged.node("asked", refused, "s3", need=need)
    _, because = causes(judged, Verdict.ERROR, judged.item(more=("asked",)), refused, need, asked)
    assert {"kind": "ingress-gone", "subject": "attic"} in because


def test_an_error_without_an_exception_names_no_cause(judged: Any) -> None:
    account = judging.account(judged.item(), judged.call(), Verdict.ERROR, ROW, judged.run_of())
    assert (account["verdict"], account["cause"], account["because"]) == ("error", None, [])
