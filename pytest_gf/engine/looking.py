"""What a run writes instead of judging: ``--gf-plan`` and ``--gf-explain``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from pytest_gf.engine.explain import explain
from pytest_gf.engine.found import Found
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.plan import plan, within

if TYPE_CHECKING:
    from pytest_gf.engine.house import PlanLine
    from pytest_gf.engine.session import ContractSession


def wanted(config: pytest.Config) -> str:
    """Return the option that asks for it, "" where the run is to judge."""
    option = config.option
    return "--gf-explain" if option.gf_explain is not None else "--gf-plan" if option.gf_plan else ""


def lines(contract: ContractSession, items: Iterable[pytest.Item]) -> Iterable[PlanLine] | None:
    """Return the lines that are asked for, None where none are. Raises `pytest.UsageError` for a name that nobody has."""
    option, run = contract.config.option, contract.run
    if option.gf_explain is not None:
        try:
            explanation = explain(option.gf_explain, Found.of(contract.every, contract.facts), run)
        except BadInput as wrong:
            raise pytest.UsageError(str(wrong)) from None
        return [(line, False) for line in explanation]
    if option.gf_plan and contract.rows:
        rows = {row.name: list(contract.wanted([item])) for item in items if (row := contract.rows.get(item.nodeid))}
        return within(run.settings.fact_deadline, plan(run, rows))
    return None
