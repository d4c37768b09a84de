"""The plugin of pytest that reports a contract run: each row's line, the record, the reports, the exit code.

It is registered once rows were selected, in the main process (under xdist: the controller) of a run that judges them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from pytest_gf.engine import judging, pytest_state
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reports import github, leaving, terminal
from pytest_gf.engine.reports.record import CRASHED, NOT_RUN, Record, empty_account
from pytest_gf.engine.verdict import Exit, Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.house import Selection
    from pytest_gf.engine.session import ContractSession

ACCOUNT = "gf_account"
"""The attribute of a report on which a clause's verdict travels between processes."""
Wrapper: TypeAlias = Generator[None, None, None]
_OURS = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""The exit codes that verdicts may replace; the others say that pytest itself could not go on."""


class Reporting:
    """What a contract run tells of its rows."""

    def __init__(self, contract: ContractSession) -> None:
        self.config, self.run, self.rows = contract.config, contract.run, contract.rows
        self._left, self._allure = contract.left, contract.allure
        self._record = Record(self.run, self.rows, pytest_state.command_line(self.config))
        self._whole: dict[str, Any] | None = None
        """What stands in record.json, once it is written."""
        self._plain_failures = 0
        self._reporting_phase = False
        self._failed_before = {str(nodeid): nodeid for nodeid in pytest_state.last_failed(self.config)}
        self._endings: list[str] = []
        self._terminal = pytest_state.terminal(self.config)
        if self._terminal is not None:
            self.run.listen(terminal.voice(self._terminal))
            # Each clause has a line of its own, and its file's name would be another.
            self._terminal.showfspath = False

    # Each phase of a row

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
        """Return pytest's category, letter and word.

        pytest prints letter or word while it handles a report. Both are empty then, since `pytest_gf_verdict` writes the line.
        With -q pytest prints its letters.
        """
        if not isinstance(report, pytest.TestReport) or report.nodeid not in self.rows:
            return None
        account = getattr(report, ACCOUNT, None)
        if account is None:
            return ("error", "E", "ERROR") if report.failed else ("", "", "")
        category, letter, _ = terminal.LOOKS[Verdict(account["verdict"])]
        silent = self._reporting_phase and self.config.option.verbose >= 0
        return (category, "", "") if silent else (category, letter, account["verdict"].upper())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Wrapper:
        """Let pytest's plugins report a phase, then write it into the record. After the last phase, settle the clause."""
        if report.nodeid not in self.rows:
            self._plain_failures += report.failed
            yield
            return
        when, account = report.when, getattr(report, ACCOUNT, None)
        if when == "call" and account is not None and account["verdict"] == Verdict.ERROR:
            report.when = "setup"  # JUnit knows an error only in set-up; a broken probe is never its <failure>.
        self._reporting_phase = True
        try:
            yield
        finally:
            self._reporting_phase = False
            report.when = when
            self._note(report, account)

    def _note(self, report: pytest.TestReport, account: dict[str, Any] | None) -> None:
        if str(report.when) == "???":  # xdist names the row that a crashed worker judged, or had just settled.
            account = empty_account(Verdict.ERROR, CRASHED, "run it again; if it crashes again, run it without -n")
            self._record.phase(report.nodeid, account, report)
            self.config.hook.pytest_gf_verdict(verdict=self._record.close(report.nodeid))
            self._write_unseen(report.nodeid, account, ran=True)
            self._end(report, account)
        elif report.nodeid not in self._record.verdicts:
            self._record.phase(report.nodeid, account, report)
            if report.when == "teardown":
                self.config.hook.pytest_gf_verdict(verdict=self._record.close(report.nodeid))

    def pytest_gf_verdict(self, verdict: dict[str, Any]) -> None:
        """Write the line of a row that has its verdict. With -q pytest writes a letter instead."""
        if self._terminal is not None and self.config.option.verbose >= 0:
            terminal.line(self._terminal, verdict, terminal.width(self.rows.values()), self.run)

    # The end

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Wrapper:
        """Give every row its verdict, and the run its exit code, before pytest reports. Write the last lines after it."""
        if self._whole is None:
            self._finish(session)
        yield
        if self._terminal is not None and self._whole is not None:
            if leaving.incomplete(self.run):
                line = f"{leaving.incomplete(self.run)}; exit {int(self._whole['exit'])}"
                self._terminal.write_line(line, red=True)
            terminal.last_lines(self._terminal, self._whole, self.run)

    def _finish(self, session: pytest.Session) -> None:
        for nodeid in self._record.missing():
            self._not_run(nodeid)
        self._keep_last_failed()
        code = int(session.exitstatus)
        if code in _OURS or pytest_state.stopped_by_maxfail(self.config, code):
            code = 1 if self._plain_failures else self._record.exit_code()
            session.exitstatus = code
        with self.run.reporting():
            verdicts = list(self._record.verdicts.values())
            ends = (self._ends(selection, verdicts) for selection in self.run.house.selections)
            self._endings = [line for lines in ends for line in lines]
        if self._allure is not None:
            self._allure.write_environment()
        self._whole = leaving.write(self._record, code)

    def _ends(self, selection: Selection, verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
        try:
            return list(selection.ends(self.run, verdicts))
        except Exception as broken:  # noqa: BLE001  # A House's own function may raise anything, and the record is still to be written.
            said = f"{type(broken).__name__}: {redact(str(broken))}"
            return [f"what -m {selection.marker} shows at the end can't be told: {said}"]

    def finished(self, session: pytest.Session) -> None:
        """Make a green exit code an error where a report could not be written. Call it when pytest has written its own."""
        if self._whole is not None:
            self._whole = leaving.write_last(self._record, self._whole)
            session.exitstatus = self._whole["exit"] if session.exitstatus == Exit.GREEN else session.exitstatus
        if self.config.option.verbose < 1:
            terminal.fold(self._terminal, ACCOUNT)

    def write_ending(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write what the run proved and what is left of it, unless it ended before its record was written."""
        if self._whole is None:
            return
        terminal.ending(terminalreporter, self._whole, self.run)
        terminal.shorten(terminalreporter, ACCOUNT)
        for line in github.lines(self._whole) if github.wanted() else ():
            terminalreporter.write_line(line)
        terminalreporter.write("".join(f"{line}\n" for line in self._endings))
        for line in self._left:
            terminalreporter.write_line(f"left behind: {line} (pytest --gf-clean finishes it)", red=True)

    def _not_run(self, nodeid: str) -> None:
        account = empty_account(Verdict.UNPROVEN, NOT_RUN, "something stopped the run before it: see the red rows")
        location = (nodeid.partition("::")[0], None, nodeid)
        report = pytest.TestReport(nodeid, location, {}, "skipped", (location[0], 0, f"Skipped: {NOT_RUN}"), "setup")
        vars(report)[ACCOUNT] = account
        self.config.hook.pytest_runtest_logreport(report=report)
        self._end(report, account)
        self._write_unseen(nodeid, account, ran=False)

    def _end(self, report: pytest.TestReport, account: dict[str, Any]) -> None:
        """Report the teardown of a row that never had one. Without it JUnit drops the row's properties."""
        ending = pytest.TestReport(report.nodeid, report.location, {}, "passed", None, "teardown")
        vars(ending).update({name: value for name, value in vars(report).items() if name in {"node", "worker_id"}})
        ending.user_properties = [*judging.properties(self.rows[report.nodeid]), ("verdict", account["verdict"])]
        self.config.hook.pytest_runtest_logreport(report=ending)

    def _write_unseen(self, nodeid: str, account: dict[str, Any], *, ran: bool) -> None:
        if self._allure is not None:
            self._allure.write_unseen(self.rows[nodeid], account, ran=ran)

    def _keep_last_failed(self) -> None:
        """Let --lf keep what was red and became unproven: pytest takes a skipped test for a mended one."""
        for nodeid, key in self._failed_before.items():
            if self._record.verdicts.get(nodeid, {}).get("verdict") == Verdict.UNPROVEN:
                pytest_state.last_failed(self.config)[key] = True
