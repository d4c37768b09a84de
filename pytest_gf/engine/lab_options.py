"""The options that bend the lab. Only the House's lab knows what a fault or an incident is."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.contract import Contract
from pytest_gf.engine.house import BadInput, House, Option

if TYPE_CHECKING:
    from pytest_gf.engine.target import Target

OPTIONS = (
    Option.values("--gf-fault", "NAME[:ARG]", "Bend the lab (repeatable). Refused on any other target."),
    Option.flag("--gf-faults", "List the faults of the lab, and run nothing."),
    Option.value(
        "--gf-incident",
        "DATE[:PHASE]",
        "Bend the lab as it was on a date, in its phase `during` or another. `python -m pytest_gf.lab replay DATE` runs all phases.",
    ),
)


def bends(option: argparse.Namespace, house: House, contract: Contract, target: Target | None) -> tuple[Any, ...]:
    """Return the faults that the lab gets. Raises `BadInput` for one that it does not know, and for a target that is no lab."""
    given = [("--gf-incident", option.gf_incident)] if option.gf_incident is not None else []
    given += [("--gf-fault", fault) for fault in option.gf_fault]
    if not given:
        return ()
    if target is not None:
        raise BadInput(f"{given[0][0]}={given[0][1]}: only the lab can be bent, and the target is {target.name!r}")
    bent: dict[Any, None] = {}
    for name, value in given:
        try:
            if name == "--gf-fault":
                bent[importlib.import_module(f"{house.lab}.faults").parse(value, contract)] = None
            else:
                bent.update(dict.fromkeys(importlib.import_module(f"{house.lab}.incidents").bends(value, contract)))
        except ValueError as unknown:
            raise BadInput(f"{name}: {unknown}") from None
    return tuple(bent)
