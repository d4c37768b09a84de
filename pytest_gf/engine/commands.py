"""What pytest does instead of running: ``--gf-faults`` and ``--gf-clean``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_gf.engine import options
from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey import cleaning
from pytest_gf.honey.target import TargetError

if TYPE_CHECKING:
    from pytest_gf.lab.faults import Fault


def list_faults() -> int:
    """Print every fault of the lab, a line each."""
    from pytest_gf.lab.faults import FAULTS

    width = max(len(_signature(fault)) for fault in FAULTS.values())
    for fault in FAULTS.values():
        _say(f"{_signature(fault):<{width}}  {fault.about}")
    return pytest.ExitCode.OK


def clean(config: pytest.Config) -> int:
    """Delete what killed runs left on the target; exit 1 where something is left. Raises `pytest.UsageError`."""
    from pytest_gf.lab import LabError

    failed = False
    try:
        for line, failure in cleaning.clean(options.read(config)):
            failed = failed or failure
            _say(line)
    except (TargetError, LabError, ProbeError, OSError) as wrong:
        raise pytest.UsageError(str(wrong)) from None
    return pytest.ExitCode.TESTS_FAILED if failed else pytest.ExitCode.OK


def _signature(fault: Fault) -> str:
    if fault.argument is None:
        return fault.name
    return f"{fault.name}:{fault.argument.upper()}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
