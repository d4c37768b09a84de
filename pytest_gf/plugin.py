"""pytest's hooks, each delegating: the only file that knows them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pytest

from pytest_gf import trust
from pytest_gf.engine import catalog, hookspecs, options
from pytest_gf.engine.clauses import clause_of
from pytest_gf.engine.facts import AXES, HOUSE
from pytest_gf.engine.session import SESSION, ContractSession

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

NO_NEWS = "ignore:SOCKS support in urllib3"
"""A warning of requests' import. It silences that itself, which pytest undoes where a test begins in the meantime: facts
import their clients in threads, and where warnings are errors the whole cluster would be one."""
Result = TypeVar("Result")
Wrapper: TypeAlias = Generator[None, Result, Result]


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    options.place_suites(early_config, args)
    trust.refuse(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if config.option.gf_faults or config.option.gf_clean:
        from pytest_gf.engine import commands

        return commands.clean(config) if config.option.gf_clean else commands.list_faults()
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in options.MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if not options.holds_clauses(config):
        return
    config.addinivalue_line("filterwarnings", NO_NEWS)
    session = ContractSession(config, options.read(config))
    config.stash[SESSION] = session
    config.pluginmanager.register(Hooks(session), "gf")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(XdistHooks(session), "gf-xdist")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if clause_of(metafunc.function) is None or SESSION not in metafunc.config.stash:
        return
    contract = metafunc.config.stash[SESSION].run.contract
    for axis in AXES:
        if axis in metafunc.fixturenames:
            metafunc.parametrize(axis, contract.axis(axis))


@pytest.hookimpl(tryfirst=True)  # Before pytest selects by -m.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_empty_axes(config, items)
    _mark_authority(config, items)
    _mark_evidence(config, items)
    made = [found for item in items if (found := clause_of(getattr(item, "function", None)))]
    if made and SESSION not in config.stash:
        where = made[0].function.__code__.co_filename
        raise pytest.UsageError(
            f"{where} holds clauses, and its folder is not in gf_suites: add it to gf_suites in pytest's ini file"
        )


def _leave_empty_axes(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect clauses over an axis without values (a contract without stacks, no --gf-store-hash): they have no row."""
    if SESSION not in config.stash:
        return
    contract = config.stash[SESSION].run.contract
    empty = {axis for axis in AXES if not contract.axis(axis)}
    left = [
        item
        for item in items
        if clause_of(getattr(item, "function", None)) is None or not empty & set(catalog.params_of(item))
    ]
    if len(left) != len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in left])
        items[:] = left


def _mark_authority(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the rows of a state's own bucket belong to guard, for the stacks that this run looks at."""
    if SESSION not in config.stash:
        return
    contract = config.stash[SESSION].run.contract
    buckets = {contract.stacks[stack].bucket for stack in contract.axis("stack")}
    for item in items:
        if item.get_closest_marker("authority") and catalog.params_of(item).get("bucket") in buckets:
            item.add_marker("guard")


def _mark_evidence(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let what the canary only looks at belong to rca: its evidence is wanted too."""
    house = config.stash[SESSION].house if SESSION in config.stash else None
    if house is None:
        return
    for item in items:
        names = [name for name in getattr(item, "_fixtureinfo").argnames if name in house.facts]  # noqa: B009  # Private, and mypy says so.
        changes = any(each.changes for name in names for each in house.closure(name).values())
        if item.get_closest_marker("canary") and not changes:
            item.add_marker("rca")


class Hooks:
    """The hooks of a contract run."""

    def __init__(self, session: ContractSession) -> None:
        self.session = session

    @pytest.hookimpl
    def pytest_plugin_registered(self, plugin: object) -> None:
        house = getattr(plugin, HOUSE, None)
        if house is not None:
            self.session.move_in(house)

    @pytest.hookimpl
    def pytest_report_header(self) -> list[str]:
        return self.session.header()

    @pytest.hookimpl
    def pytest_report_collectionfinish(self) -> list[str]:
        return self.session.after_collection()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(self) -> Wrapper[pytest.CollectReport]:
        report = yield
        self.session.clean_collect_report(report)
        return report

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self.session.add_keywords(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Wrapper[None]:
        every = list(items)
        yield
        self.session.collected(every, items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        return self.session.planned(session)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Wrapper[object]:
        self.session.before(item)
        try:
            return (yield)
        finally:
            self.session.after(item)

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
        when = self.session.take_in(report)
        try:
            yield
        finally:
            self.session.taken_in(report, when)

    @pytest.hookimpl
    def pytest_gf_verdict(self, verdict: dict[str, Any]) -> None:
        self.session.show(verdict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: Any) -> None:
        self.session.clean_warning(warning_message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        self.session.clean_object(excrepr)

    @pytest.hookimpl
    def pytest_keyboard_interrupt(self) -> None:
        self.session.interrupted()

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self.session.write_ending(terminalreporter)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Wrapper[None]:
        self.session.finish(session)
        yield
        self.session.write_last_line()

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        self.session.close()


class XdistHooks:
    """The hooks of a contract run that only xdist calls."""

    def __init__(self, session: ContractSession) -> None:
        self.session = session

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
