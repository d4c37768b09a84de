"""What pytest does instead of judging: ``--gf-faults``, ``--gf-clean``, ``--gf-plan`` and ``--gf-explain``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gf.engine import cleaning, options
from pytest_gf.engine.catalog import Collection
from pytest_gf.engine.errors import ProbeError
from pytest_gf.engine.explain import explain
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.plan import plan, within

if TYPE_CHECKING:
    from pytest_gf.engine.house import PlanLine
    from pytest_gf.engine.session import ContractSession


def list_faults(config: pytest.Config) -> int:
    """Print every fault of the lab, a line each."""
    faults = importlib.import_module(f"{config.stash[options.HOUSE].whole().lab}.faults").FAULTS
    width = max(len(_signature(fault)) for fault in faults.values())
    for fault in faults.values():
        _say(f"{_signature(fault):<{width}}  {fault.about}")
    return pytest.ExitCode.OK


def clean(config: pytest.Config) -> int:
    """Delete what killed runs left on the target. Exit with 1 if something is left. Raises `pytest.UsageError`."""
    lab = importlib.import_module(config.stash[options.HOUSE].whole().lab)
    failed = False
    with options.refused(BadInput, lab.LabError, ProbeError, OSError):
        for line, failure in cleaning.clean(options.read(config)):
            failed = failed or failure
            _say(line)
    return pytest.ExitCode.TESTS_FAILED if failed else pytest.ExitCode.OK


def instead_of_judging(config: pytest.Config) -> str:
    """Return ``--gf-explain`` or ``--gf-plan`` if the command line has it, else ""."""
    option = config.option
    return "--gf-explain" if option.gf_explain is not None else "--gf-plan" if option.gf_plan else ""


def plan_or_explanation(contract: ContractSession, items: Iterable[pytest.Item]) -> Iterable[PlanLine] | None:
    """Return the explanation or the plan, or None if neither is asked for. Raises `pytest.UsageError` for an unknown name."""
    option, run = contract.config.option, contract.run
    if option.gf_explain is not None:
        with options.refused(BadInput):
            explanation = explain(option.gf_explain, Collection.of(contract.every, contract.facts), run)
        return [(line, False) for line in explanation]
    if option.gf_plan and contract.rows:
        rows = {row.name: list(contract.wanted([item])) for item in items if (row := contract.rows.get(item.nodeid))}
        return within(run.settings.fact_deadline, plan(run, rows))
    return None


def _signature(fault: Any) -> str:
    return str(fault.name) if fault.argument is None else f"{fault.name}:{fault.argument.upper()}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
