"""Allure: its results say our verdicts, keep one history in checkout and wheel, and hold no secret."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import allure_commons
from allure_commons.model2 import Label, Parameter, Status, StatusDetails, TestResult

from pytest_gf.engine.clauses import Row
from pytest_gf.engine.redacting import redact_within
from pytest_gf.engine.verdict import Verdict

STATUS: Mapping[Verdict, str] = {
    Verdict.HOLDS: Status.PASSED,
    Verdict.VIOLATED: Status.FAILED,
    Verdict.FIXED: Status.FAILED,
    Verdict.ERROR: Status.BROKEN,
    Verdict.UNPROVEN: Status.SKIPPED,
    Verdict.INTERIM: Status.SKIPPED,
}


@dataclass
class Current:
    """The clause that this process is judging, with its account once there is one."""

    row: Row
    account: Mapping[str, Any] | None = None


class AllureHooks:
    """Registered with Allure before its file writer: what it passes on is what is written."""

    def __init__(self) -> None:
        self.current: Current | None = None

    @allure_commons.hookimpl(tryfirst=True)
    def report_result(self, result: TestResult) -> None:
        if self.current is not None and self.current.account is not None:
            apply(result, self.current.row, self.current.account)
        redact_within(result)

    @allure_commons.hookimpl(tryfirst=True)
    def report_container(self, container: Any) -> None:
        redact_within(container)


def apply(result: TestResult, row: Row, account: Mapping[str, Any]) -> None:
    """Say the verdict in Allure's words, and identify the row by clause and parameters (node ids move with the wheel)."""
    verdict = Verdict(account["verdict"])
    result.name = f"{row.name}: {row.title}"
    result.status = STATUS[verdict]
    trace = result.statusDetails.trace if result.statusDetails is not None else None
    result.statusDetails = (
        None if verdict is Verdict.HOLDS else StatusDetails(message=f"{verdict}: {account['reason']}", trace=trace)
    )
    result.historyId = history_id(row)
    result.testCaseId = hashlib.sha256(row.clause.encode()).hexdigest()[:32]
    labels = [("clause", row.clause), ("verdict", str(verdict)), *(("statement", name) for name in row.statements)]
    result.labels.extend(Label(name=name, value=value) for name, value in labels)


def history_id(row: Row) -> str:
    """Return the same id for the same clause and parameters, wherever the clause's file lies."""
    return hashlib.sha256(json.dumps([row.clause, sorted(row.params.items())]).encode()).hexdigest()[:32]


def _now() -> int:
    return round(time.time() * 1000)


def write_unseen(row: Row, account: Mapping[str, Any], *, ran: bool) -> None:
    """Write the result of a row that Allure's own listener never finished: it did not run, or its worker crashed.

    Allure's word for a clause that was selected and did not run is "unknown".
    """
    result = TestResult(uuid=str(uuid.uuid4()), name=row.name, start=_now(), stop=_now())
    result.parameters = [Parameter(name=name, value=value) for name, value in row.params.items()]
    apply(result, row, account)
    if not ran:
        result.status = Status.UNKNOWN
    allure_commons.plugin_manager.hook.report_result(result=result)
