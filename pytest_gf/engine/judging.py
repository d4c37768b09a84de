"""From a phase of a pytest item to a verdict, with the texts that a person reads. A waived row is expected to be red."""

from __future__ import annotations

import datetime
import errno
import shlex
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unproven
from pytest_gf.engine.facts import UNPROVEN
from pytest_gf.engine.options import options_of
from pytest_gf.engine.pytest_state import parameter_names
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.run import as_data, evidence_path
from pytest_gf.engine.trouble import Cause, Observed, failing, is_failing
from pytest_gf.engine.verdict import Verdict, worst
from pytest_gf.engine.visible import visible_lines

if TYPE_CHECKING:
    from pytest_gf.engine.clauses import Row
    from pytest_gf.engine.contract import Waiver
    from pytest_gf.engine.graph import Graph
    from pytest_gf.engine.nodes import Node
    from pytest_gf.engine.run import Run

LABEL = 12
EXPIRED = pytest.StashKey[str]()
"""Why a waiver of this item counts no more."""
_OF_THIS_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE}


def verdict_of(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Verdict | None:
    """Return what this phase says about its clause; None for a set-up or tear-down that went well."""
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped:
        return Verdict.INTERIM if expected_failure else Verdict.UNPROVEN
    if report.passed:
        if report.when != "call":
            return None
        return Verdict.FIXED if expected_failure else Verdict.HOLDS
    if report.when == "call":
        if call.excinfo is None:  # pytest's strict xfail fails a test that raised nothing.
            return Verdict.FIXED
        if is_judgement(item, call.excinfo):
            return Verdict.VIOLATED
    return Verdict.ERROR


def waiver_of(row: Row, run: Run) -> Waiver | None:
    """Return the contract's waiver of this row or of its clause, if there is one."""
    return next((waiver for waiver in run.contract.waivers if {row.clause, row.name} & set(waiver.clauses)), None)


def waive(item: pytest.Item, row: Row, run: Run) -> None:
    """Expect this row to be red, where a waiver of the contract says so; its values are there by now."""
    waiver = waiver_of(row, run)
    if waiver is None or not run.settings.expect_interim:
        return
    values = getattr(item, "funcargs", {}).values()
    if not all(getattr(value, "waivable", True) for value in values):
        return
    if datetime.datetime.now(datetime.UTC) >= waiver.review:
        item.stash[EXPIRED] = f"the waiver of {waiver.ticket} was due for review at {waiver.review.isoformat()}"
        return
    reason = f"{waiver.ticket}: {waiver.reason}; reviewed at {waiver.review.isoformat()}; closed by {waiver.closes}"
    item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))


def is_judgement(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether this is an ``assert`` of the clause itself, not one in a library that it called."""
    return excinfo.errisinstance(AssertionError) and Path(excinfo.traceback[-1].path) == item.path


def properties(row: Row) -> list[tuple[str, object]]:
    """Return what JUnit shows of a row beside its verdict."""
    return [("clause", row.clause), ("statements", " ".join(row.statements))]


def keep_worst(properties: list[tuple[str, object]], verdict: Verdict) -> None:
    """Put a phase's verdict into a row's properties, which JUnit shows. The worst one stays."""
    verdicts = [Verdict(str(value)) for name, value in properties if name == "verdict"]
    properties[:] = [entry for entry in properties if entry[0] != "verdict"]
    properties.append(("verdict", str(worst([*verdicts, verdict]))))


def account(item: pytest.Item, call: pytest.CallInfo[None], verdict: Verdict, row: Row, run: Run) -> dict[str, Any]:
    """Return the record's account of a clause: verdict, reason, next_step, cause, because, facts, evidence (all redacted)."""
    try:
        why = _why(item, call, verdict, row, run)
    except Exception as broken:  # noqa: BLE001  # A value's own words may raise anything. Its row was judged before.
        step = "mend the value's class: this is a fault of the suite"
        why = _Why(f"what it saw can't be told: {_raised_at(broken)}", step, Cause("suite-broken", row.name))
    facts, evidence = _seen(item, row, run)
    return {
        "verdict": str(verdict),
        "reason": visible_lines(redact(why.reason)),
        "next_step": visible_lines(redact(why.next_step)),
        "cause": _shown(why.cause) if why.cause is not None else None,
        "because": [_shown(cause) for cause in why.because],
        "facts": facts,
        "evidence": evidence,
    }


def _seen(item: pytest.Item, row: Row, run: Run) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the record's facts and evidence of a clause; clauses of the same facts share them."""
    direct = tuple(_direct(item, row, run.graph))
    if direct in run.seen:
        return run.seen[direct]
    nodes = run.graph.with_needs(*direct)
    facts = [
        {
            **as_data(node),
            "after": waited_for.name if (waited_for := node.waited_for()) is not None else None,
            "exchanges": len(node.evidence.exchanges) + node.evidence.left_out if node.evidence is not None else 0,
        }
        for node in nodes
    ]
    shown = facts, [evidence_path(node) for node in nodes if node.asked_last]
    if all(node.done for node in nodes):
        run.seen[direct] = shown
    return shown


def failure_text(item: pytest.Item, call: pytest.CallInfo[None], row: Row, run: Run) -> str | None:
    """Return what a red clause shows: requirement, expected, observed, diagnosis, next step, repeat, evidence.

    None for an exception that is no verdict and no probe's: pytest's own traceback says more.
    """
    if call.excinfo is None:
        return None
    raised = call.excinfo.value
    lines = [("requirement", row.title)]
    lines += [(name, run.contract.statements[name].text) for name in row.statements]
    if is_judgement(item, call.excinfo):
        seen = [value for value in _arguments(item) if isinstance(value, Observed)]
        for value in seen:
            lines += _described(value)
        # The value's own words say more than pytest's introspection of it, which is cut at some length.
        statement = str(call.excinfo.traceback[-1].statement).strip()
        lines.append(("asserted", statement if seen else call.excinfo.exconly(tryshort=True)))
    elif isinstance(raised, ProbeError):
        lines += [("tried", raised.tried), ("came back", raised.came_back), ("next step", raised.next_step)]
    else:
        return None
    lines.append(("repeat", repeat(item, row, run)))
    lines += [("evidence", str(run.shown_folder / path)) for path in _seen(item, row, run)[1]]
    text = "\n".join(_labelled(label, text) for label, text in lines if text)
    return visible_lines(redact(text), most=len(text) * 2)


def _described(value: Observed) -> list[tuple[str, str]]:
    try:
        return [
            ("expected", value.promised),
            ("observed", value.seen),
            ("diagnosis", value.diagnosis),
            ("next step", value.next_step),
        ]
    except Exception as broken:  # noqa: BLE001  # As in `account`.
        return [("observed", f"what it saw can't be told: {_raised_at(broken)}")]


def _raised_at(broken: Exception) -> str:
    """Return an exception in words, with the line that raised it."""
    frame = traceback.extract_tb(broken.__traceback__)[-1]
    return f"{type(broken).__name__}: {broken} ({Path(frame.filename).name}:{frame.lineno})"


def repeat(item: pytest.Item, row: Row, run: Run) -> str:
    """Return the command that judges this one row again."""
    given = item.config.option
    settings = run.settings
    words = ["pytest", f"-m \"clause(id='{row.clause}')\""]
    words += ["--gf"] if given.gf else []
    narrowing = {option.axis: option.name for option in settings.house.options() if option.axis}
    if narrowing.keys() >= row.params.keys():
        words += [shlex.quote(f"{narrowing[axis]}={value}") for axis, value in row.params.items()]
    else:
        words += ["-k", shlex.quote(row.name)]
    for option in options_of(settings.house):
        value = getattr(given, option.attribute) if option.repeated else None
        values = value if isinstance(value, list) else [value] if value else []
        words += [shlex.quote(f"{option.name}={value}") for value in values]
    words += [shlex.quote(f"--gf-seed={argument.seed}") for argument in _arguments(item) if hasattr(argument, "seed")]
    words += ["--gf-expect-interim"] if given.gf_expect_interim else []
    words += [shlex.quote(f"--gf-fault={fault}") for fault in given.gf_fault]
    return " ".join(words)


@dataclass(frozen=True)
class _Why:
    """Why a row has its verdict, what to do, the cause, and the causes that would explain it."""

    reason: str = ""
    next_step: str = ""
    cause: Cause | None = None
    because: tuple[Cause, ...] = ()


def _why(item: pytest.Item, call: pytest.CallInfo[None], verdict: Verdict, row: Row, run: Run) -> _Why:
    raised = call.excinfo.value if call.excinfo is not None else None
    if verdict in {Verdict.VIOLATED, Verdict.INTERIM}:
        return _why_red(item, call, verdict)
    if verdict is Verdict.UNPROVEN:
        unproven = getattr(raised, UNPROVEN, None) or Unproven(str(raised))
        return _Why(unproven.reason, unproven.next_step, because=unproven.because)
    if verdict is Verdict.HOLDS:
        # What holds may have to be read with a note: judged earlier, say, or with something left out.
        return _Why("; ".join(note for argument in _arguments(item) if (note := getattr(argument, "note", ""))))
    if verdict is Verdict.FIXED:
        waiver = waiver_of(row, run)
        cause = Cause("still-waived", waiver.ticket) if waiver is not None else None
        step = "remove it from the waiver in the contract; what else does the waiver wait for?"
        return _Why("it holds, and is still waived", step, cause)
    return _why_broken(raised, item, row, run) if raised is not None else _Why()


def _why_red(item: pytest.Item, call: pytest.CallInfo[None], verdict: Verdict) -> _Why:
    """Return what the first value that does not hold says of itself. A clause without one has its assertion."""
    troubles = ((value, value.trouble()) for value in _arguments(item) if isinstance(value, Observed))
    value, trouble = next(((value, trouble) for value, trouble in troubles if trouble is not None), (None, None))
    if value is None or trouble is None:
        return _Why(call.excinfo.exconly(tryshort=True) if call.excinfo is not None else "")
    due = item.stash.get(EXPIRED, "")
    waived = item.get_closest_marker("xfail") if verdict is Verdict.INTERIM else None
    reason = f"{trouble.says}{due and f'; {due}'}\nobserved: {value.seen}"
    reason += f"\nwaived: {waived.kwargs['reason']}" if waived is not None else ""
    step = f"review the waiver; {trouble.next_step}" if due else trouble.next_step
    return _Why(reason, step, trouble.cause, trouble.because)


def _why_broken(raised: BaseException, item: pytest.Item, row: Row, run: Run) -> _Why:
    """Return what broke, and where. This machine, a probe, an answer that was not understood, or the suite is at fault."""
    nodes = run.graph.with_needs(*_direct(item, row, run.graph))
    # None where the clause or pytest raised it.
    failed = next((node for node in nodes if node.failure is raised), None)
    cause = _breakage(raised, failed, row)
    because = _behind(cause, failed, run)
    if isinstance(raised, ProbeError):
        return _Why(str(raised), raised.next_step, cause, because)
    text = f"{type(raised).__name__}: {raised}"
    if _is_of_this_machine(raised):
        step = "make room on this machine, or let this user write there, and run again"
    elif failed is not None and failed.asked_last:
        text = f"observing {failed.name}: what was answered was not understood ({text})"
        step = "the evidence holds the answer: if it is what this system should say, report it as a gap of the suite"
    else:
        step = "this is a fault of the suite: its traceback says where"
    return _Why(text, step, cause, because)


def _shown(cause: Cause) -> dict[str, str]:
    return {"kind": cause.kind, "subject": visible_lines(redact(cause.subject))}


def _behind(cause: Cause, failed: Node | None, run: Run) -> tuple[Cause, ...]:
    """Return what would explain that a probe broke.

    The same system may fail in another way too. The House knows what a system stands on. The values that the fact needs may
    have seen more.
    """
    if not is_failing(cause):
        return ()
    needs = failed.needs.values() if failed is not None else ()
    seen = (explaining for need in needs for explaining in getattr(need.value, "because", ()))
    return (*run.house.behind(run.contract, cause.subject), *seen, *failing(cause.subject, cause.kind))


def _breakage(raised: BaseException, failed: Node | None, row: Row) -> Cause:
    """Return what broke, and where: at the system that was asked last, in the fact if it asked none, or in the row itself."""
    if _is_of_this_machine(raised):
        return Cause("this-machine")
    system = failed.asked_last if failed is not None else ""
    where = system or (failed.key[0] if failed is not None else row.name)
    if isinstance(raised, ProbeError):
        return Cause(raised.kind, raised.where or where)
    return Cause(NotUnderstood.kind if system else "suite-broken", where)


def _is_of_this_machine(raised: BaseException) -> bool:
    return isinstance(raised, OSError) and raised.errno in _OF_THIS_MACHINE


def _arguments(item: pytest.Item) -> list[Any]:
    values = getattr(item, "funcargs", {})
    return [values[name] for name in parameter_names(item) if name in values]


def _direct(item: pytest.Item, row: Row, graph: Graph) -> list[Node]:
    """Return the facts that a clause asks for by name."""
    nodes = (graph.find(name, row.params) for name in parameter_names(item) if name in graph.facts.facts)
    return [node for node in nodes if node is not None]


def _labelled(label: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return "\n".join([f"{label:<{LABEL}} {first}", *(f"{'':<{LABEL}} {line}" for line in rest)])
