"""What pytest does instead of judging: ``--gf-faults``, ``--gf-clean``, ``--gf-plan`` and ``--gf-explain``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gf.engine import ledger as ledgers
from pytest_gf.engine import options
from pytest_gf.engine import target as targets
from pytest_gf.engine.catalog import Collection
from pytest_gf.engine.errors import ProbeError
from pytest_gf.engine.explain import explain
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.ledger import Left, Thing
from pytest_gf.engine.plan import plan, within
from pytest_gf.engine.redaction import redact

if TYPE_CHECKING:
    from pytest_gf.engine.house import PlanLine
    from pytest_gf.engine.options import Settings
    from pytest_gf.engine.session import ContractSession
    from pytest_gf.engine.target import Target


def list_faults(config: pytest.Config) -> int:
    """Print every fault of the lab, a line each."""
    faults = importlib.import_module(f"{config.stash[options.HOUSE].lab}.faults").FAULTS
    width = max(len(_signature(fault)) for fault in faults.values())
    for fault in faults.values():
        _say(f"{_signature(fault):<{width}}  {fault.about}")
    return pytest.ExitCode.OK


def clean(config: pytest.Config) -> int:
    """Delete what killed runs left on the target. Exit with 1 if something is left. Raises `pytest.UsageError`."""
    lab = importlib.import_module(config.stash[options.HOUSE].lab)
    failed = False
    with options.refused(BadInput, lab.LabError, ProbeError, OSError):
        for line, failure in cleaning(options.read(config)):
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


def cleaning(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Delete what killed runs left on the target. Yield lines for people, each with whether it tells of a failure.

    Raises BadInput where the target can't be used.
    """
    any_left = False
    for left in ledgers.unfinished(settings.reports, partial(settings.house.why_not, settings.contract)):
        any_left = True
        if isinstance(left, Path):
            yield f"{left.parent.name}: still running, so its things stay", False
            continue
        yield from ((redact(f"{left.run}: {problem}"), True) for problem in left.problems)
        for thing in left.stays:
            stays = f"{thing.kind} {thing.name} stays: it was left on purpose, and nothing here deletes it"
            yield redact(f"{left.run}: {stays}"), False
        if not left.things:
            continue
        if settings.target is None and "folder" in left.where:
            yield from _clean_lab(left, settings)
        elif settings.target is not None and _is_there(left, settings.target, settings):
            yield from _clean_on(settings.target, left, settings)
        else:
            where = left.where.get("target", "an unknown target")
            yield f"{left.run}: left {len(left.things)} things on {where}: run --gf-clean with that target", True
    if not any_left:
        yield f"nothing is left: no open ledger below {settings.reports}", False


def _is_there(left: Left, target: Target, settings: Settings) -> bool:
    """Tell whether this target is the one that the ledger names. The same name is not enough."""
    known = settings.house.where(target)
    return bool(known) and all(left.where.get(name) == value for name, value in known.items())


def _clean_lab(left: Left, settings: Settings) -> Iterator[tuple[str, bool]]:
    folder = left.path.parent / "lab"
    if Path(left.where["folder"]) != folder.absolute():
        yield f"{left.run}: left {len(left.things)} things in a lab that is not its own; nothing is deleted there", True
        return
    if not folder.is_dir():
        for thing in left.things:
            ledgers.settle(left, thing)
        yield f"{left.run}: its lab's folder is gone, and all in it", False
        return
    with importlib.import_module(settings.house.lab).Lab.start(folder, contract=settings.contract_file) as lab:
        target = targets.load(settings.house, lab.target_file, environment=lab.environment)
        yield from _clean_on(target, left, settings)


def _clean_on(target: Target, left: Left, settings: Settings) -> Iterator[tuple[str, bool]]:
    gone: list[Thing] = []
    lines = settings.house.remove(left.things, target, settings.deadline, settings.contract, gone.append)
    for thing in gone:
        ledgers.settle(left, thing)
    yield from ((f"{left.run}: {line}", True) for line in lines)
    yield from ((f"{left.run}: {thing.kind} {thing.name} is gone", False) for thing in gone)
