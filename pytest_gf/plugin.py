"""pytest's hooks before a run begins: options, markers, the House. `engine.session` has those of a contract run."""

from __future__ import annotations

import re

import pytest

from pytest_gf.engine import commands, hookspecs, options
from pytest_gf.engine.clauses import clauses_among
from pytest_gf.engine.pytest_state import marker_names
from pytest_gf.engine.session import SESSION, ContractSession
from pytest_gf.engine.suggestion import suggestion

NO_NEWS = "ignore:SOCKS support in urllib3"
"""A warning that the import of requests causes. requests silences it, but pytest undoes that if a test begins meanwhile: facts
import their clients in threads. Where warnings are errors, all facts of the cluster would be errors."""
_OPERATORS = {"and", "or", "not", "True", "False"}
_ADD_GF = "gf: no clause is here. Add --gf to run those that come with the package, such as pytest --gf -m canary\n"


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
    for name, meaning in options.markers_of(config.stash[options.HOUSE]).items():
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
    config.pluginmanager.register(session, "gf")
    session.load_facts()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for _, clause in () if SESSION in config.stash else clauses_among(items):
        raise pytest.UsageError(
            f"{clause.function.__code__.co_filename} holds clauses, and its folder is not in gf_suites: "
            "add it to gf_suites in pytest's ini file, or to a House"
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        terminalreporter.write(nothing_selected(config, collected="deselected" in terminalreporter.stats))


def nothing_selected(config: pytest.Config, *, collected: bool) -> str:
    """Return the line about a run without a test, "" for none. ``collected``: all were deselected."""
    ours = options.HOUSE in config.stash
    if collected and ours:
        known = marker_names(config)
        expression = re.sub(r"\([^)]*\)", " ", config.option.markexpr)  # Without an argument list's words.
        unknown = [name for name in re.findall(r"\w+", expression) if name not in {*known, *_OPERATORS}]
        return f"gf: -m: unknown marker {unknown[0]!r}{suggestion(unknown[0], known)}\n" if unknown else ""
    named = config.getini("gf_house") or config.getini("gf_suites") or config.known_args_namespace.file_or_dir
    asked = config.option.markexpr or config.option.keyword or ours
    return "" if collected or named or not asked or config.getoption("gf", default=False) else _ADD_GF
