"""A contract run as a plugin of pytest, in the process that judges and in xdist's controller. `reporting` is its other half."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pytest

from pytest_gf.engine import catalog, commands, judging, loading, output_redaction, pytest_state
from pytest_gf.engine.clauses import Row, clause_of
from pytest_gf.engine.facts import FOLDER, Facts, read_folder
from pytest_gf.engine.lint import lint
from pytest_gf.engine.options import HOUSE, suites_of
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reporting import ACCOUNT, Reporting
from pytest_gf.engine.reports import places, terminal
from pytest_gf.engine.run import Run, new_id
from pytest_gf.engine.verdict import Exit

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

    from pytest_gf.engine.options import Settings
    from pytest_gf.engine.reports.allure import AllureHooks

SESSION = pytest.StashKey["ContractSession"]()
MOMENT = 0.5
"""Seconds that an interrupted run spends on each thing that it made."""
Result = TypeVar("Result")
Wrapper: TypeAlias = Generator[None, Result, Result]


class ContractSession:
    """One contract run in one process: the main one, xdist's controller, or one of its workers."""

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
        self.facts = self.run.graph.facts
        self.left: list[str] = []
        """What could not be deleted, a line each."""
        self.every: list[pytest.Item] = []
        """All items that were collected, also those that were not selected."""
        self.allure: AllureHooks | None = None
        self.reporting: Reporting | None = None
        self._folders: list[Path] = []
        self._broken: list[str] = []
        self._started = self._tidied = self._lacking = False
        for undo in output_redaction.redact_outputs(config.trace.root):
            config.add_cleanup(undo)
        option = config.option
        self.looks_only = bool(option.collectonly or option.setuponly or option.setupplan or instead)
        if not self.looks_only:
            if not self.is_worker:
                places.check(self.run)
            self.allure = places.point(config, self.run)

    # Before anything runs

    def load_facts(self) -> None:
        """Read the facts of the House and of all that it extends."""
        for layer in self.config.stash[HOUSE].layers():
            if layer.facts is not None:
                self._add_facts(Path(layer.facts).resolve())

    def pytest_plugin_registered(self, plugin: object) -> None:
        folder = getattr(plugin, FOLDER, None)
        if folder is not None:
            self._add_facts(folder)

    def _add_facts(self, folder: Path) -> None:
        """Add a folder of facts, once. A fact takes the place of an earlier one of its name."""
        if folder not in self._folders:
            self._folders.append(folder)
            self.facts = Facts({**self.facts.facts, **read_folder(folder)}, self.run.axes.names)
            self.run.begin(self.facts)
            fixtures = self.facts.fixtures(lambda: self.run.graph)
            self.config.pluginmanager.register(fixtures, f"gf-facts-{len(self._folders)}")

    def pytest_report_header(self) -> list[str]:
        return terminal.header(self.run)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Let xdist's controller collect too: it lints, and it must know the rows that a crashed worker never judged."""
        if not self.is_controller:
            return None
        session.perform_collect()
        return True

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Wrapper[pytest.CollectReport]:
        report = yield
        self._broken += loading.take_failure(report, collector, suites_of(self.config))
        report.longrepr = output_redaction.redact_within(report.longrepr)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a row of a clause for each value of its axes that this run looks at."""
        for axis in self.run.axes.names if clause_of(metafunc.function) is not None else ():
            if axis in metafunc.fixturenames:
                metafunc.parametrize(axis, self.run.axes.values(axis))

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Let -k select a clause by its id and by its values."""
        clause = clause_of(item)
        if clause is not None:
            values = catalog.params_of(item).values()
            item.extra_keyword_matches.update({clause.id, *values, f"{clause.id}[{'-'.join(values)}]"})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Wrapper[None]:
        """Lint all clauses that were collected (in one process only), and note the rows that were selected."""
        self.every = list(items)
        catalog.select(self.config, items, self.run)  # Before pytest selects by -m.
        yield
        gc.freeze()  # What was imported and collected stays: no later collection of garbage looks at it again.
        if not self.is_worker:
            lines = [*self._broken, *lint(self.every, self.facts, self.run.settings)]
            if lines:
                raise pytest.UsageError(*map(redact, lines))
        self.rows = catalog.rows_of(items, self.run.settings)
        self.run.is_live = self.run.needs_target(self.wanted(items))
        if self.rows and not self.is_worker and not self.looks_only:
            interrupt_on_sigterm(self.config)
            self.reporting = Reporting(self)
            self.config.pluginmanager.register(self.reporting, "gf-reporting")

    def pytest_report_collectionfinish(self) -> list[str]:
        reporter = pytest_state.terminal(self.config) if self.rows and not self.config.option.gf_explain else None
        return terminal.banner(self.run, reporter) if reporter is not None else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Write the plan or the explanation instead of running anything, where one is asked for."""
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

    def wanted(self, items: list[pytest.Item]) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the facts that the rows among these items ask for, each with its axes' values."""
        for item in items:
            if item.nodeid in self.rows:
                for name in pytest_state.parameter_names(item):
                    if name in self.facts.facts:
                        yield name, self.rows[item.nodeid].params

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Wrapper[object]:
        """Observe what the selected clauses need, from the first of them on."""
        row = self.rows.get(item.nodeid)
        if row is None:
            return (yield)
        if not self._started and not self.looks_only:
            self._started = True
            self.run.observe(self.wanted(item.session.items))
        item.user_properties += judging.properties(row)
        with self.allure.judging(row) if self.allure is not None else contextlib.nullcontext():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Wrapper[None]:
        """Waive what is known to be red, once the item's values are there."""
        yield
        if item.nodeid in self.rows:
            judging.waive(item, self.rows[item.nodeid], self.run)

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_runtest_makereport")
    def pytest_gf_clean_report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Wrapper[pytest.TestReport]:
        """Give a red clause its text, and strike secrets out of whatever pytest made, before any other plugin sees it."""
        report = yield
        row = self.rows.get(item.nodeid)
        if row is not None and report.failed:
            report.longrepr = judging.failure_text(item, call, row, self.run) or report.longrepr
        report.longrepr = output_redaction.redact_within(report.longrepr)
        report.sections = output_redaction.redact_within(report.sections)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Wrapper[pytest.TestReport]:
        """Put a clause's verdict for this phase on its report, on which it travels to the process that reports."""
        report = yield
        if item.nodeid not in self.rows or self.looks_only:
            return report
        verdict = judging.verdict_of(item, call, report)
        if verdict is not None:
            account = judging.account(item, call, verdict, self.rows[item.nodeid], self.run)
            vars(report)[ACCOUNT] = account
            for properties in (item.user_properties, report.user_properties):
                judging.keep_worst(properties, verdict)
            if self.allure is not None:
                self.allure.account = account
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: Any) -> None:
        warning_message.message = output_redaction.redact_warning(warning_message.message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        output_redaction.redact_within(excrepr)

    # At the end

    def pytest_keyboard_interrupt(self) -> None:
        self._tidy(MOMENT)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Wrapper[None]:
        """Delete what the run made, before anything is reported."""
        self._tidy()
        self.run.graph.write()
        if self.is_worker:
            self.config.workeroutput |= {"gf_left": self.left, "gf_unwritten": self.run.unwritten}  # type: ignore[attr-defined]  # xdist's.
        if self._lacking and self.run.settings.strict:
            session.exitstatus = Exit.UNPROVEN
        yield

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_sessionfinish")
    def pytest_gf_reports_of_others(self, session: pytest.Session) -> Wrapper[None]:
        """Go on where pytest can't write a report of its own. Whether anything is judged does not matter."""
        with self.run.reporting():
            yield
        if self.reporting is not None:
            self.reporting.finished(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write what the run proved. A plugin that is registered as late as `Reporting` would write before pytest's own."""
        if self.reporting is not None:
            self.reporting.write_ending(terminalreporter)

    def _tidy(self, deadline: float | None = None) -> None:
        """Delete what the run made, once. Facts are daemon threads, and nobody waits for them."""
        if not self._tidied:
            self._tidied = True
            self.left += self.run.tidy(deadline=deadline)

    def pytest_unconfigure(self) -> None:
        self.run.close()

    # Under xdist

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        node.workerinput["gf_run"] = self.run.id

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Note what a worker could not delete, and what it could not write."""
        output = getattr(node, "workeroutput", {})
        self.left += output.get("gf_left", ())
        self.run.unwritten += output.get("gf_unwritten", ())

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Return the scheduler of a run that judges clauses. Without them xdist chooses."""
        if not self.rows:
            return None
        from pytest_gf.engine.scheduling import ClausesTogether

        return ClausesTogether(config, log, self.rows)


def interrupt_on_sigterm(config: pytest.Config) -> None:
    """Let SIGTERM end a run as Ctrl-C does, if nobody else handles it.

    What the run made on the target is deleted then, and every row has its verdict.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Once is enough: the run is ending.
        raise KeyboardInterrupt("SIGTERM")

    def release() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, interrupt)
    config.add_cleanup(release)
