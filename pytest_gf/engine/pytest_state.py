"""What pytest and its plugins know, and tell by no hook."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

import pytest


def last_failed(config: pytest.Config) -> dict[Any, bool]:
    """Return what --lf knows, by node id (a str, or pytest's own type of it); {} without it."""
    return getattr(config.pluginmanager.get_plugin("lfplugin"), "lastfailed", {})


def stopped_by_maxfail(config: pytest.Config, code: int) -> bool:
    """Tell whether -x stopped a run under xdist, which calls it an interrupt. The verdicts still make the exit code."""
    dsession = config.pluginmanager.get_plugin("dsession")
    return code == pytest.ExitCode.INTERRUPTED and bool(getattr(dsession, "shouldstop", False))


def terminal(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Return what writes to the terminal; an xdist worker has none."""
    plugin = config.pluginmanager.get_plugin("terminalreporter")
    return plugin if isinstance(plugin, pytest.TerminalReporter) else None


def parameter_names(item: pytest.Item) -> Sequence[str]:
    """Return the names of the parameters of a test."""
    names: Sequence[str] = getattr(item, "_fixtureinfo").argnames  # noqa: B009  # Private, and mypy says so.
    return names


def is_controller(config: pytest.Config) -> bool:
    """Tell whether this process only hands out tests to xdist's workers."""
    option = config.option
    return getattr(option, "dist", "no") != "no" and bool(getattr(option, "tx", None))


def command_line(config: pytest.Config) -> dict[str, Any]:
    """Return the selection and the command of this run, as the record has them."""
    option = config.option
    paths = [str(arg).removeprefix(f"{config.rootpath}/") for arg in config.args]
    return {
        "selection": {"markers": option.markexpr, "keywords": option.keyword, "paths": paths},
        "command": shlex.join(["pytest", *map(str, config.invocation_params.args)]),
    }


def marker_names(config: pytest.Config) -> list[str]:
    """Return the names of the markers that pytest knows."""
    return [re.split(r"[:(]", line)[0].strip() for line in config.getini("markers")]
