"""From a phase of a pytest item to a verdict, with the texts that a person reads."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unproven
from pytest_gf.engine.evidence import instant
from pytest_gf.engine.facts import UNPROVEN
from pytest_gf.engine.options import options_of
from pytest_gf.engine.pytest_state import parameter_names
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.run import evidence_path, outcome
from pytest_gf.engine.trouble import Cause, Observed, failing, is_failing
from pytest_gf.engine.verdict import Verdict, worst
from pytest_gf.engine.visible import visible_lines
from pytest_gf.engine.waivers import EXPIRED, waiver_of

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.clauses import Row
    from pytest_gf.engine.graph import Graph
    from pytest_gf.engine.nodes import Node
    from pytest_gf.engine.run import Run

LABEL = 12
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


def is_judgement(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether this is an ``assert`` of the clause itself, not one in a library that it called."""
    return excinfo.errisinstance(AssertionError) and Path(excinfo.traceback[-1].path) == item.path


def keep_worst(properties: list[tuple[str, object]], verdict: Verdict) -> None:
    """Put a phase's verdict into a row's properties, which JUnit shows. The worst one stays."""
    verdicts = [Verdict(str(value)) for name, value in properties if name == "verdict"]
    properties[:] = [entry for entry in properties if entry[0] != "verdict"]
    properties.append(("verdict", str(worst([*verdicts, verdict]))))


def account(item: pytest.Item, call: pytest.CallInfo[None], verdict: Verdict, row: Row, run: Run) -> dict[str, Any]:
    """Return the record's account of a clause: verdict, reason, next_step, cause, because, facts, evidence (all redacted)."""
    reason, next_step = _why(item, call, verdict) or _broken(call, _nodes(item, row, run.graph))
    facts, evidence = _seen(item, row, run)
    return {
        "verdict": str(verdict),
        "reason": visible_lines(redact(reason)),
        "next_step": visible_lines(redact(next_step)),
        **_causes(item, call, verdict, row, run),
        "facts": facts,
        "evidence": evidence,
    }


def _seen(item: pytest.Item, row: Row, run: Run) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the record's facts and evidence of a clause; clauses of the same facts share them."""
    direct = tuple(_direct(item, row, run.graph))
    if direct in run.seen:
        return run.seen[direct]
    nodes = _nodes(item, row, run.graph)
    facts = [
        {
            "fact": node.key[0],
            "params": node.params,
            "outcome": outcome(node),
            "started": instant(node.began) if node.began else None,
            "seconds": round(node.seconds, 6),
            "after": waited_for.name if (waited_for := node.waited_for()) is not None else None,
            "exchanges": len(node.evidence.exchanges) + node.evidence.left_out if node.evidence is not None else 0,
        }
        for node in nodes
    ]
    shown = facts, [evidence_path(node) for node in nodes if node.evidence is not None and node.evidence.exchanges]
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
        seen = [value for value in _arguments(item) if hasattr(value, "promised") and hasattr(value, "seen")]
        for value in seen:
            lines += [
                ("expected", value.promised),
                ("observed", value.seen),
                ("diagnosis", value.diagnosis),
                ("next step", value.next_step),
            ]
        # The value's own words say more than pytest's introspection of it, which is cut at some length.
        lines.append(
            ("asserted", str(call.excinfo.traceback[-1].statement).strip() if seen else _assertion(call.excinfo))
        )
    elif isinstance(raised, ProbeError):
        lines += [("tried", raised.tried), ("came back", raised.came_back), ("next step", raised.next_step)]
    else:
        return None
    lines.append(("repeat", repeat(item, row, run)))
    nodes = _nodes(item, row, run.graph)
    lines += [
        ("evidence", str(run.shown_folder / evidence_path(node)))
        for node in nodes
        if node.evidence is not None and node.evidence.exchanges
    ]
    text = "\n".join(_labelled(label, text) for label, text in lines if text)
    return visible_lines(redact(text), most=len(text) * 2)


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


def _why(item: pytest.Item, call: pytest.CallInfo[None], verdict: Verdict) -> tuple[str, str] | None:
    """Return reason and next step of a verdict; None where something broke that is no probe's error."""
    raised = call.excinfo.value if call.excinfo is not None else None
    if verdict is Verdict.UNPROVEN:
        unproven = getattr(raised, UNPROVEN, None) or Unproven(str(raised))
        return unproven.reason, unproven.next_step
    if verdict in {Verdict.VIOLATED, Verdict.INTERIM}:
        judged = [value for value in _arguments(item) if getattr(value, "diagnosis", "")]
        due = item.stash.get(EXPIRED, "")
        if judged:
            waived = item.get_closest_marker("xfail") if verdict is Verdict.INTERIM else None
            seen = f"\nobserved: {judged[0].seen}" + (
                f"\nwaived: {waived.kwargs['reason']}" if waived is not None else ""
            )
            step = judged[0].next_step
            return f"{judged[0].diagnosis}{due and f'; {due}'}{seen}", f"review the waiver; {step}" if due else step
        return _assertion(call.excinfo) if call.excinfo is not None else "", ""
    if verdict is Verdict.HOLDS:
        # What holds may have to be read with a note: judged earlier, say, or with something left out.
        return "; ".join(note for argument in _arguments(item) if (note := getattr(argument, "note", ""))), ""
    if verdict is Verdict.FIXED:
        return (
            "it holds, and is still waived",
            "remove it from the waiver in the contract; what else does the waiver wait for?",
        )
    return (str(raised), raised.next_step) if isinstance(raised, ProbeError) else None


def _causes(item: pytest.Item, call: pytest.CallInfo[None], verdict: Verdict, row: Row, run: Run) -> dict[str, Any]:
    """Return the cause of a row, and the causes that would explain it. The cause of an error is what broke, and where."""
    cause: Cause | None = None
    because: tuple[Cause, ...] = ()
    raised = call.excinfo.value if call.excinfo is not None else None
    if verdict in {Verdict.VIOLATED, Verdict.INTERIM}:
        troubles = (argument.trouble() for argument in _arguments(item) if isinstance(argument, Observed))
        trouble = next((trouble for trouble in troubles if trouble is not None), None)
        if trouble is not None:
            cause, because = trouble.cause, trouble.because
    elif verdict is Verdict.UNPROVEN:
        because = getattr(getattr(raised, UNPROVEN, None), "because", ())
    elif verdict is Verdict.FIXED:
        waiver = waiver_of(row, run)
        cause = Cause("still-waived", waiver.ticket) if waiver is not None else None
    elif verdict is Verdict.ERROR and raised is not None:
        nodes = _nodes(item, row, run.graph)
        cause = _breakage(raised, nodes, row)
        because = _behind(cause, _failed(raised, nodes), run)
    return {
        "cause": _shown(cause) if cause is not None else None,
        "because": [_shown(explaining) for explaining in because],
    }


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
    seen = tuple(explaining for need in needs for explaining in getattr(need.value, "because", ()))
    return (*run.house.behind(run.contract, cause.subject), *seen, *failing(cause.subject, cause.kind))


def _breakage(raised: BaseException, nodes: Sequence[Node], row: Row) -> Cause:
    """Return what broke, and where: at the system that was asked last, in the fact if it asked none, or in the row itself."""
    if _is_of_this_machine(raised):
        return Cause("this-machine")
    failed = _failed(raised, nodes)
    system = failed.asked_last if failed is not None else ""
    where = system or (failed.key[0] if failed is not None else row.name)
    if isinstance(raised, ProbeError):
        return Cause(raised.kind, raised.where or where)
    return Cause(NotUnderstood.kind if system else "suite-broken", where)


def _failed(raised: BaseException, nodes: Sequence[Node]) -> Node | None:
    """Return the fact that raised this; None where the clause or pytest did."""
    return next((node for node in nodes if node.failure is raised), None)


def _is_of_this_machine(raised: BaseException) -> bool:
    return isinstance(raised, OSError) and raised.errno in _OF_THIS_MACHINE


def _broken(call: pytest.CallInfo[None], nodes: Sequence[Node]) -> tuple[str, str]:
    """Return reason and next step of an exception. This machine, an answer that was not understood, or the suite is at fault."""
    if call.excinfo is None:
        return "", ""
    raised = call.excinfo.value
    text = f"{type(raised).__name__}: {raised}"
    if _is_of_this_machine(raised):
        return text, "make room on this machine, or let this user write there, and run again"
    failed = _failed(raised, nodes)
    if failed is not None and failed.evidence is not None and failed.evidence.exchanges:
        return (
            f"observing {failed.name}: what was answered was not understood ({text})",
            "the evidence holds the answer: if it is what this system should say, report it as a gap of the suite",
        )
    return text, "this is a fault of the suite: its traceback says where"


def _assertion(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    return excinfo.exconly(tryshort=True)


def _arguments(item: pytest.Item) -> list[Any]:
    values = getattr(item, "funcargs", {})
    return [values[name] for name in parameter_names(item) if name in values]


def _direct(item: pytest.Item, row: Row, graph: Graph | None) -> list[tuple[str, Node]]:
    """Return the facts that a clause asks for by name."""
    if graph is None:
        return []
    names = [name for name in parameter_names(item) if name in graph.facts.facts]
    nodes = [(name, graph.find(name, row.params)) for name in names]
    return [(name, node) for name, node in nodes if node is not None]


def _nodes(item: pytest.Item, row: Row, graph: Graph | None) -> list[Node]:
    """Return these facts and all that they need, each once, needs first."""
    if graph is None:
        return []
    return list(dict.fromkeys(node for _, direct in _direct(item, row, graph) for node in graph.with_needs(direct)))


def _labelled(label: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return "\n".join([f"{label:<{LABEL}} {first}", *(f"{'':<{LABEL}} {line}" for line in rest)])
