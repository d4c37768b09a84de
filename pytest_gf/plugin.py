"""pytest's hooks. Each delegates. No other file knows them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pytest

from pytest_gf.engine import commands, hookspecs, options, output_redaction
from pytest_gf.engine.catalog import select
from pytest_gf.engine.clauses import clause_of, clauses_among
from pytest_gf.engine.facts import FOLDER
from pytest_gf.engine.load_errors import nothing_selected
from pytest_gf.engine.reports import terminal
from pytest_gf.engine.session import SESSION, ContractSession

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

NO_NEWS = "ignore:SOCKS support in urllib3"
"""A warning that the import of requests causes. requests silences it, but pytest undoes that if a test begins meanwhile: facts
import their clients in threads. Where warnings are errors, all facts of the cluster would be errors."""
MOMENT = 0.5
"""Seconds that an interrupted run spends on each thing that it made."""
Result = TypeVar("Result")
Wrapper: TypeAlias = Generator[None, Result, Result]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    options.add_options(parser, pluginmanager.get_plugin("pytestconfig"))  # type: ignore[arg-type]  # It is the Config.


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    options.place_suites(early_config, args)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if options.HOUSE in config.stash and (config.option.gf_faults or config.option.gf_clean):
        return commands.clean(config) if config.option.gf_clean else commands.list_faults(config)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if options.HOUSE not in config.stash:
        return
    for name, meaning in options.markers_of(config.stash[options.HOUSE].whole()).items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if not options.holds_clauses(config):
        return
    config.addinivalue_line("filterwarnings", "default")  # What a library warns of is no error of a contract's row.
    config.addinivalue_line("filterwarnings", NO_NEWS)
    settings = options.read(config)
    renamed = settings.contract.renamed(config.option.keyword)
    if renamed:
        raise pytest.UsageError(f"-k {config.option.keyword!r}: {renamed}")
    session = ContractSession(config, settings)
    config.stash[SESSION] = session
    config.pluginmanager.register(Hooks(session), "gf")
    session.load_facts()


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if clause_of(metafunc.function) is None or SESSION not in metafunc.config.stash:
        return
    axes = metafunc.config.stash[SESSION].run.axes
    for axis in axes.names:
        if axis in metafunc.fixturenames:
            metafunc.parametrize(axis, axes.values(axis))


@pytest.hookimpl(tryfirst=True)  # Before pytest selects by -m.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SESSION in config.stash:
        select(config, items, config.stash[SESSION].run)
        return
    for _, clause in clauses_among(items):
        raise pytest.UsageError(
            f"{clause.function.__code__.co_filename} holds clauses, and its folder is not in gf_suites: "
            "add it to gf_suites in pytest's ini file, or to a House"
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        collected = "deselected" in terminalreporter.stats
        line = nothing_selected(config, ours=options.HOUSE in config.stash, collected=collected)
        terminalreporter.write(f"{line}\n" if line else "")


class Hooks:
    """The hooks of a contract run."""

    def __init__(self, session: ContractSession) -> None:
        self.session = session

    def pytest_plugin_registered(self, plugin: object) -> None:
        folder = getattr(plugin, FOLDER, None)
        if folder is not None:
            self.session.add_facts(folder)

    def pytest_report_header(self) -> list[str]:
        return terminal.header(self.session.run)

    def pytest_report_collectionfinish(self) -> list[str]:
        return self.session.banner()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Wrapper[pytest.CollectReport]:
        report = yield
        self.session.clean_collect_report(report, collector)
        return report

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.session.add_keywords(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Wrapper[None]:
        every = list(items)
        yield
        self.session.collected(every, items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        return self.session.instead(session)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Wrapper[object]:
        with self.session.judging(item):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Wrapper[None]:
        yield
        self.session.ready(item)

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_runtest_makereport")
    def pytest_gf_clean_report(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Wrapper[pytest.TestReport]:
        report = yield
        self.session.clean_report(item, call, report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Wrapper[pytest.TestReport]:
        report = yield
        self.session.judge(item, call, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
        return self.session.status(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Wrapper[None]:
        with self.session.reporting(report):
            yield

    def pytest_gf_verdict(self, verdict: dict[str, Any]) -> None:
        self.session.show(verdict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: Any) -> None:
        warning_message.message = output_redaction.redact_warning(warning_message.message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        output_redaction.redact_within(excrepr)

    def pytest_keyboard_interrupt(self) -> None:
        self.session.tidy(MOMENT)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self.session.write_ending(terminalreporter)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Wrapper[None]:
        self.session.finish(session)
        yield
        self.session.write_last_line()

    @pytest.hookimpl(wrapper=True, trylast=True, specname="pytest_sessionfinish")
    def pytest_gf_reports_of_others(self, session: pytest.Session) -> Wrapper[None]:
        with self.session.run.reporting():
            yield
        self.session.finished(session)

    def pytest_unconfigure(self) -> None:
        self.session.close()

    # Under xdist

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Let the controller collect too: it lints, and it must know the rows that a crashed worker never judged."""
        if not self.session.is_controller:
            return None
        session.perform_collect()
        return True

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        node.workerinput["gf_run"] = self.session.run.id

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        self.session.take_left(getattr(node, "workeroutput", {}))

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        return self.session.scheduler(config, log)
