"""What a command line says to the guard of the states: baselines, and what a person did on purpose."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract
    from pytest_gf.honey.formats.baseline import Known

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "--gf-baseline-allow-destroyed": {
        "action": "append",
        "default": [],
        "metavar": "STACK:N",
        "help": "exactly N managed instances of this stack were destroyed on purpose since its baseline (repeatable)",
    },
    "--gf-accept-baseline": {
        "metavar": "SERIAL",
        "help": "the state of the one --gf-stack was put back on purpose, and has this serial; its lineage is the same",
    },
    "--gf-errored-done": {
        "action": "store_true",
        "help": "what errored.tfstate has is stored already; accepted only where the comparison with the remote shows it",
    },
}


@dataclass(frozen=True)
class Asked:
    """What a person says that was done on purpose.

    ``destroyed`` has the number of managed instances by stack, ``accepted_serial`` the serial of the one stack whose state is
    accepted as it is. ``errored_done``: what errored.tfstate has is stored already.
    """

    destroyed: Mapping[str, int] = field(default_factory=dict)
    accepted_serial: int | None = None
    errored_done: bool = False


def read(option: Any, contract: Contract) -> Asked:
    """Return what the command line says. Raises `pytest.UsageError`."""
    return Asked(
        destroyed=_destroyed(option.gf_baseline_allow_destroyed, contract),
        accepted_serial=_accepted(option.gf_accept_baseline, option.gf_stack, option.gf_baseline),
        errored_done=option.gf_errored_done,
    )


def baseline(name: str | None) -> dict[str, Known] | None:
    """Return the baseline in a file; an absent one knows no stack yet. Raises `pytest.UsageError`."""
    from pytest_gf.honey.formats import baseline as baselines

    if name is None:
        return None
    try:
        return baselines.read(Path(name).read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        raise pytest.UsageError(f"--gf-baseline={name}: can't be read: {wrong.strerror or wrong}") from None
    except baselines.Malformed as wrong:
        raise pytest.UsageError(f"--gf-baseline={name}: no baseline: {wrong}") from None


def errored(name: str | None, stacks: list[str]) -> Path | None:
    """Return the named errored.tfstate of the one stack. Raises `pytest.UsageError`."""
    if name is None:
        return None
    if len(set(stacks)) != 1:
        raise pytest.UsageError(f"--gf-errored={name}: --gf-stack=NAME says of which one stack it is")
    file = Path(os.path.abspath(name))
    if not os.path.lexists(file):
        raise pytest.UsageError(f"--gf-errored={name}: no such file")
    return file


def to_record(name: str | None, *, update: bool) -> Path | None:
    """Return the baseline's file where it is to be recorded anew. Raises `pytest.UsageError`."""
    if update and name is None:
        raise pytest.UsageError("--gf-update-baseline: --gf-baseline=FILE says what to write")
    if not update or name is None:
        return None
    file = Path(os.path.abspath(name))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise pytest.UsageError(f"--gf-baseline={name}: can't be written: is its folder there, and ours to write?")
    return file


def _destroyed(given: list[str], contract: Contract) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in given:
        stack, _, number = each.rpartition(":")
        if stack not in contract.stacks or not re.fullmatch(r"[1-9][0-9]{0,6}", number):
            known = ", ".join(contract.stacks)
            raise pytest.UsageError(
                f"--gf-baseline-allow-destroyed={each}: expected STACK:N, a selected stack ({known}) and how many are gone"
            )
        found[stack] = int(number)
    return found


def _accepted(given: str | None, stacks: list[str], baseline: str | None) -> int | None:
    if given is None:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", given):
        raise pytest.UsageError(f"--gf-accept-baseline={given}: expected the serial of the state as it is now")
    if len(set(stacks)) != 1 or baseline is None:
        raise pytest.UsageError(
            f"--gf-accept-baseline={given}: --gf-stack=NAME and --gf-baseline=FILE say which one stack's baseline it is"
        )
    return int(given)
