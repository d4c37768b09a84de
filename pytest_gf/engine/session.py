"""A contract run as pytest sees it: what each hook does, in the process that judges and in the one that reports."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gf.engine import catalog, commands, judging, load_errors, output_redaction, pytest_state, waivers
from pytest_gf.engine.clauses import Row, clause_of
from pytest_gf.engine.facts import Facts, Folder, read_folder
from pytest_gf.engine.lint import lint
from pytest_gf.engine.options import HOUSE, suites_of
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reports import github, monitoring, places, terminal
from pytest_gf.engine.reports.record import CRASHED, NOT_RUN, Record, empty_account
from pytest_gf.engine.run import Run, new_id
from pytest_gf.engine.verdict import Exit, Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.house import Selection
    from pytest_gf.engine.options import Settings
    from pytest_gf.engine.reports.allure import AllureHooks

ACCOUNT = "gf_account"
"""The attribute of a report on which a clause's verdict travels between processes."""

SESSION = pytest.StashKey["ContractSession"]()
_OURS = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""The exit codes that verdicts may replace; the others say that pytest itself could not go on."""


class ContractSession:
    """The state of one contract run in one process: the main one, xdist's controller, or one of its workers."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        worker = getattr(config, "workerinput", None)
        self.config = config
        self.is_worker = worker is not None
        self.is_controller = not self.is_worker and pytest_state.is_controller(config)
        instead = commands.instead_of_judging(config)
        if instead and (self.is_worker or self.is_controller):
            raise pytest.UsageError(f"{instead} is made in one process: leave -n out")
        self.run = Run(settings, worker["gf_run"] if worker is not None else new_id())
        self.rows: dict[str, Row] = {}
        self.record: Record | None = None
        self.facts = self.run.graph.facts
        self._folders: dict[Path, Folder] = {}
        self._broken: list[str] = []
        self._whole: dict[str, Any] | None = None
        self._plain_failures = 0
        self._started = self._reporting_phase = self._tidied = self._lacking = False
        self._failed_before: dict[str, Any] = {}
        self.left: list[str] = []
        self.every: list[pytest.Item] = []
        self._endings: list[str] = []
        self._allure: AllureHooks | None = None
        self._undo: list[Callable[[], object]] = [*output_redaction.redact_outputs(config.trace.root)]
        option = config.option
        self.looks_only = bool(option.collectonly or option.setuponly or option.setupplan or instead)
        if not self.looks_only:
            if not self.is_worker:
                places.check(self.run)
            self._allure = places.point(config, self.run)

    # Before anything runs

    def load_facts(self) -> None:
        """Read the facts of the House and of all that it extends."""
        for layer in self.config.stash[HOUSE].layers():
            if layer.facts is not None:
                self.add_facts(read_folder(Path(layer.facts)))

    def add_facts(self, folder: Folder) -> None:
        """Add a folder of facts, once. A fact takes the place of an earlier one of its name."""
        if folder.path in self._folders:
            return
        if folder.wrong:
            raise pytest.UsageError(folder.wrong)
        self._folders[folder.path] = folder
        self.facts = Facts({**self.facts.facts, **folder.facts}, self.run.axes.names)
        self.run.begin(self.facts)
        fixtures = self.facts.fixtures(lambda: self.run.graph)
        self.config.pluginmanager.register(fixtures, f"gf-facts-{len(self._folders)}")

    def add_keywords(self, item: pytest.Item) -> None:
        """Let -k select a clause by its id and by its values."""
        clause = clause_of(item)
        if clause is not None:
            values = catalog.params_of(item).values()
            item.extra_keyword_matches.update({clause.id, *values, f"{clause.id}[{'-'.join(values)}]"})

    def collected(self, every: list[pytest.Item], selected: list[pytest.Item]) -> None:
        """Lint all clauses that were collected (in one process only), and note the rows that were selected."""
        self.every = every
        gc.freeze()  # What was imported and collected stays: no later collection of garbage looks at it again.
        if not self.is_worker:
            lines = [*self._broken, *lint(every, self.facts, self.run.settings)]
            if lines:
                raise pytest.UsageError(*map(redact, lines))
        self.rows = catalog.rows_of(selected, self.run.settings)
        self.run.is_live = self.run.needs_target(self.wanted(selected))
        if self.rows and not self.is_worker and not self.looks_only:
            self.record = Record(self.run, self.rows, pytest_state.command_line(self.config))
            self._undo.append(interrupt_on_sigterm())
            self._failed_before = {str(nodeid): nodeid for nodeid in pytest_state.last_failed(self.config)}
            reporter = pytest_state.terminal(self.config)
            if reporter is not None:
                self.run.listen(terminal.voice(reporter))
                reporter.showfspath = False  # Each clause has a line of its own, and its file's name would be another.

    def banner(self) -> list[str]:
        reporter = pytest_state.terminal(self.config) if self.rows and not self.config.option.gf_explain else None
        return terminal.banner(self.run, reporter) if reporter is not None else []

    def scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Return xdist's scheduler for a run that judges clauses; None lets xdist choose."""
        if not self.rows:
            return None
        from pytest_gf.engine.scheduling import ClausesTogether

        return ClausesTogether(config, log, self.rows)

    def instead(self, session: pytest.Session) -> bool | None:
        """Write the plan or the explanation instead of running anything. None where neither is asked for."""
        lines = None if session.testsfailed else commands.plan_or_explanation(self, session.items)
        if lines is None:
            return None
        reporter = pytest_state.terminal(self.config)
        for line, lacks in lines:
            self._lacking = self._lacking or lacks
            if reporter is not None:
                reporter.write_line(redact(line))
        return True

    # In the process that judges

    @contextlib.contextmanager
    def judging(self, item: pytest.Item) -> Iterator[None]:
        """Run an item. What the selected clauses need is observed from the first of them on."""
        row = self.rows.get(item.nodeid)
        if row is None:
            yield
            return
        if not self._started and not self.looks_only:
            self._started = True
            self.run.observe(self.wanted(item.session.items))
        item.user_properties += _properties(row)
        if self._allure is None:
            yield
            return
        from pytest_gf.engine.reports.allure import Current

        self._allure.current = Current(row)
        try:
            yield
        finally:
            self._allure.current = None

    def ready(self, item: pytest.Item) -> None:
        """Waive what is known to be red, once the item's values are there."""
        if item.nodeid in self.rows:
            waivers.waive(item, self.rows[item.nodeid], self.run)

    def clean_report(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Give a red clause its text, and strike secrets out of whatever pytest made, before any other plugin sees it."""
        row = self.rows.get(item.nodeid)
        if row is not None and report.failed:
            report.longrepr = judging.failure_text(item, call, row, self.run) or report.longrepr
        report.longrepr = output_redaction.redact_within(report.longrepr)
        report.sections = output_redaction.redact_within(report.sections)

    def judge(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Put a clause's verdict for this phase on its report, on which it travels to the process that reports."""
        if item.nodeid not in self.rows or self.looks_only:
            return
        verdict = judging.verdict_of(item, call, report)
        if verdict is None:
            return
        account = judging.account(item, call, verdict, self.rows[item.nodeid], self.run)
        vars(report)[ACCOUNT] = account
        for properties in (item.user_properties, report.user_properties):
            judging.keep_worst(properties, verdict)
        if self._allure is not None and self._allure.current is not None:
            self._allure.current.account = account

    # In the process that reports

    def status(self, report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
        """Return pytest's category, letter and word.

        pytest prints letter or word while it handles a report. Both are empty then, since `show` writes the line. With -q
        pytest prints its letters.
        """
        if not isinstance(report, pytest.TestReport) or report.nodeid not in self.rows or self.looks_only:
            return None
        account = getattr(report, ACCOUNT, None)
        if account is None:
            return ("error", "E", "ERROR") if report.failed else ("", "", "")
        category, letter, word = terminal.PYTEST_WORDS[Verdict(account["verdict"])]
        silent = self._reporting_phase and self.config.option.verbose >= 0
        return (category, "", "") if silent else (category, letter, word)

    @contextlib.contextmanager
    def reporting(self, report: pytest.TestReport) -> Iterator[None]:
        """Let pytest's plugins report a phase, then write it into the record. After the last phase, settle the clause."""
        if self.record is None or report.nodeid not in self.rows:
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
            self._note(self.record, report, account)

    def _note(self, record: Record, report: pytest.TestReport, account: dict[str, Any] | None) -> None:
        if str(report.when) == "???":  # xdist names the row that a crashed worker judged, or had just settled.
            account = empty_account(Verdict.ERROR, CRASHED, "run it again; if it crashes again, run it without -n")
            record.phase(report.nodeid, account, report)
            self.config.hook.pytest_gf_verdict(verdict=record.close(report.nodeid))
            self._write_unseen(report.nodeid, account, ran=True)
            self._end(report, account)
        elif report.nodeid not in record.verdicts:
            record.phase(report.nodeid, account, report)
            if report.when == "teardown":
                self.config.hook.pytest_gf_verdict(verdict=record.close(report.nodeid))

    def show(self, verdict: dict[str, Any]) -> None:
        """Write the line of a row that has its verdict. With -q pytest writes a letter instead."""
        reporter = pytest_state.terminal(self.config)
        if reporter is not None and self.config.option.verbose >= 0:
            terminal.line(reporter, verdict, terminal.width(self.rows.values()), self.run)

    def clean_collect_report(self, report: pytest.CollectReport, collector: pytest.Collector) -> None:
        self._broken += load_errors.take_failure(report, collector, suites_of(self.config))
        report.longrepr = output_redaction.redact_within(report.longrepr)

    # At the end

    def finish(self, session: pytest.Session) -> None:
        """Delete what the run made. Give every row its verdict, and the run its exit code, before pytest reports."""
        self.tidy()
        self.run.graph.write()
        if self.is_worker:
            self.config.workeroutput |= {"gf_left": self.left, "gf_unwritten": self.run.unwritten}  # type: ignore[attr-defined]  # xdist's.
        if self._lacking and self.run.settings.strict:
            session.exitstatus = Exit.UNPROVEN
        if self.record is None or self._whole is not None:
            return
        for nodeid in self.record.missing():
            self._not_run(nodeid)
        self._keep_last_failed()
        code = int(session.exitstatus)
        if code in _OURS or pytest_state.stopped_by_maxfail(self.config, code):
            code = 1 if self._plain_failures else self.record.exit_code()
            session.exitstatus = code
        with self.run.reporting():
            verdicts = list(self.record.verdicts.values())
            self._endings = [
                line for selection in self.run.house.selections for line in self._ends(selection, verdicts)
            ]
        if self._allure is not None:
            self._allure.write_environment()
        self._whole = self.record.finish(code)
        places.write_pages(self.record, self._whole)

    def _ends(self, selection: Selection, verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
        try:
            return list(selection.ends(self.run, verdicts))
        except Exception as broken:  # noqa: BLE001  # A House's own function may raise anything, and the record is still to be written.
            return [
                f"what -m {selection.marker} shows at the end can't be told: {type(broken).__name__}: {redact(str(broken))}"
            ]

    def finished(self, session: pytest.Session) -> None:
        """Make a green exit code an error where a report could not be written. Call it when pytest has written its own."""
        if self.record is not None and self._whole is not None:
            before, self._whole = self._whole, monitoring.write(self.record, self._whole)
            if self._whole is not before:
                session.exitstatus = self._whole["exit"] if session.exitstatus == Exit.GREEN else session.exitstatus
                places.write_page(self.record, self._whole)
        if self.record is not None and self.config.option.verbose < 1:
            terminal.fold(pytest_state.terminal(self.config), ACCOUNT)

    def tidy(self, deadline: float | None = None) -> None:
        """Delete what the run made, once. Facts are daemon threads, and nobody waits for them."""
        if not self._tidied:
            self._tidied = True
            self.left += self.run.tidy(deadline=deadline)

    def take_left(self, workeroutput: dict[str, Any]) -> None:
        """Note what a worker could not delete."""
        self.left += workeroutput.get("gf_left", ())
        self.run.unwritten += workeroutput.get("gf_unwritten", ())

    def write_ending(self, reporter: pytest.TerminalReporter) -> None:
        if self._whole is not None:
            terminal.ending(reporter, self._whole, self.run)
            terminal.shorten(reporter, ACCOUNT)
            for line in github.lines(self._whole) if github.wanted() else ():
                reporter.write_line(line)
            reporter.write("".join(f"{line}\n" for line in self._endings))
            for line in self.left:
                reporter.write_line(f"left behind: {line} (pytest --gf-clean finishes it)", red=True)

    def write_last_line(self) -> None:
        reporter = pytest_state.terminal(self.config)
        if reporter is not None and self._whole is not None:
            if places.incomplete(self.run):
                reporter.write_line(f"{places.incomplete(self.run)}; exit {int(self._whole['exit'])}", red=True)
            terminal.last_lines(reporter, self._whole, self.run)

    def close(self) -> None:
        """Stop what the run started. Safe to call twice."""
        self.run.close()
        while self._undo:
            self._undo.pop()()

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
        ending.user_properties = [*_properties(self.rows[report.nodeid]), ("verdict", account["verdict"])]
        self.config.hook.pytest_runtest_logreport(report=ending)

    def _write_unseen(self, nodeid: str, account: dict[str, Any], *, ran: bool) -> None:
        if self._allure is not None:
            from pytest_gf.engine.reports import allure

            allure.write_unseen(self._allure, self.rows[nodeid], account, ran=ran)

    def _keep_last_failed(self) -> None:
        """Let --lf keep what was red and became unproven: pytest takes a skipped test for a mended one."""
        if self.record is not None:
            for nodeid, key in self._failed_before.items():
                if self.record.verdicts.get(nodeid, {}).get("verdict") == Verdict.UNPROVEN:
                    pytest_state.last_failed(self.config)[key] = True

    def wanted(self, items: list[pytest.Item]) -> Iterator[tuple[str, Mapping[str, str]]]:
        for item in items:
            if item.nodeid in self.rows:
                for name in pytest_state.parameter_names(item):
                    if name in self.facts.facts:
                        yield name, self.rows[item.nodeid].params


def _properties(row: Row) -> list[tuple[str, object]]:
    """Return what JUnit shows of a row beside its verdict."""
    return [("clause", row.clause), ("statements", " ".join(row.statements))]


def interrupt_on_sigterm() -> Callable[[], object]:
    """Let SIGTERM end a run as Ctrl-C does, if nobody else handles it. Return how to undo that.

    What the run made on the target is deleted then, and every row has its verdict.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return lambda: None

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Once is enough: the run is ending.
        raise KeyboardInterrupt("SIGTERM")

    signal.signal(signal.SIGTERM, interrupt)

    return partial(signal.signal, signal.SIGTERM, signal.SIG_DFL)
