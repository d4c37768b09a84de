"""Allure: its results say our verdicts, keep one history in checkout and wheel, and hold no secret."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import shutil
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import allure_commons
from allure_commons.model2 import Attachment, Label, Parameter, Status, StatusDetails, TestResult

from pytest_gf.engine.clauses import Row
from pytest_gf.engine.output_redaction import redact_within
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.verdict import Verdict
from pytest_gf.engine.visible import visible

if TYPE_CHECKING:
    from pytest_gf.engine.run import Run

JSON = "application/json"
Outcome: TypeAlias = Generator[None, Any, None]

STATUS: Mapping[Verdict, str] = {
    Verdict.HOLDS: Status.PASSED,
    Verdict.VIOLATED: Status.FAILED,
    Verdict.FIXED: Status.FAILED,
    Verdict.ERROR: Status.BROKEN,
    Verdict.UNPROVEN: Status.SKIPPED,
    Verdict.INTERIM: Status.SKIPPED,
}


class AllureHooks:
    """Registered with Allure around its file writer: what it passes on is what is written, and a full disk stops nothing."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.account: Mapping[str, Any] | None = None
        """The account of the clause that this process is judging, once there is one."""
        self._row: Row | None = None
        self._run = run
        self._folder = folder
        self._attached: dict[str, str] = {}

    @contextlib.contextmanager
    def judging(self, row: Row) -> Iterator[None]:
        """Let the result that Allure's listener writes meanwhile be this row's."""
        self._row = row
        try:
            yield
        finally:
            self._row = self.account = None

    @allure_commons.hookimpl(hookwrapper=True, tryfirst=True)
    def report_result(self, result: TestResult) -> Outcome:
        if self._row is not None and self.account is not None:
            self._complete(result, self._row, self.account)
        redact_within(result)
        self._written((yield))

    @allure_commons.hookimpl(hookwrapper=True, tryfirst=True)
    def report_container(self, container: Any) -> Outcome:
        redact_within(container)
        self._written((yield))

    @allure_commons.hookimpl(hookwrapper=True, tryfirst=True)
    def report_attached_file(self) -> Outcome:
        self._written((yield))

    report_attached_data = report_attached_file

    def _written(self, outcome: Any) -> None:
        if isinstance(outcome.exception, OSError):
            self._run.not_written(outcome.exception)
            outcome.force_result([])

    def _complete(self, result: TestResult, row: Row, account: Mapping[str, Any]) -> None:
        """Give a result what it needs to be read alone: verdict, evidence, and the word LAB where no real system was judged."""
        _apply(result, row, account)
        if self._run.is_lab:
            result.labels.append(Label(name="tag", value="LAB"))
            result.description = f"{self._run.house.lab_banner}. {result.description or ''}".strip()
        for evidence in account["evidence"]:
            if evidence not in self._attached:
                with self._run.reporting():
                    source = f"{evidence.rpartition('/')[2].removesuffix('.json')}-attachment.json"
                    shutil.copyfile(self._run.folder / evidence, self._folder / source)
                    self._attached[evidence] = source
            if evidence in self._attached:
                result.attachments.append(Attachment(name=evidence, source=self._attached[evidence], type=JSON))

    def write_environment(self) -> None:
        """Write what Allure shows as the environment of all results."""
        settings = self._run.settings
        values = {
            "target": self._run.target_name + (f" ({self._run.house.lab_banner})" if self._run.is_lab else ""),
            "vantage": settings.vantage,
            "contract": self._run.contract.name,
            "pytest_gf": importlib.metadata.version("pytest-gf"),
            "run": self._run.id,
            "faults": " ".join(str(fault) for fault in settings.faults),
        }
        with self._run.reporting():
            text = "".join(f"{name}={visible(redact(value))}\n" for name, value in values.items() if value)
            (self._folder / "environment.properties").write_text(text, encoding="utf-8")

    def write_unseen(self, row: Row, account: Mapping[str, Any], *, ran: bool) -> None:
        """Write the result of a row that Allure's own listener never finished: it did not run, or its worker crashed.

        Allure's word for a clause that was selected and did not run is "unknown".
        """
        now = round(time.time() * 1000)
        result = TestResult(uuid=str(uuid.uuid4()), start=now, stop=now)
        result.parameters = [Parameter(name=name, value=value) for name, value in row.params.items()]
        self._complete(result, row, account)
        if not ran:
            result.status = Status.UNKNOWN
        allure_commons.plugin_manager.hook.report_result(result=result)


def _apply(result: TestResult, row: Row, account: Mapping[str, Any]) -> None:
    """Put the verdict into Allure's words. Identify the row by clause and parameters, since node ids differ in the wheel."""
    verdict = Verdict(account["verdict"])
    result.name = f"{row.name}: {row.title}"
    result.status = STATUS[verdict]
    trace = result.statusDetails.trace if result.statusDetails is not None else None
    result.statusDetails = (
        None if verdict is Verdict.HOLDS else StatusDetails(message=f"{verdict}: {account['reason']}", trace=trace)
    )
    result.historyId = _digest(json.dumps([row.clause, sorted(row.params.items())]))
    result.testCaseId = _digest(row.clause)
    labels = [("clause", row.clause), ("verdict", str(verdict)), *(("statement", name) for name in row.statements)]
    result.labels.extend(Label(name=name, value=value) for name, value in labels)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
