"""What pytest does instead of running: ``--gf-faults`` and ``--gf-clean``."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from pytest_gf.engine import cleaning, options
from pytest_gf.engine.errors import ProbeError
from pytest_gf.engine.house import BadInput


def list_faults(config: pytest.Config) -> int:
    """Print every fault of the lab, a line each."""
    faults = importlib.import_module(f"{config.stash[options.HOUSE].whole().lab}.faults").FAULTS
    width = max(len(_signature(fault)) for fault in faults.values())
    for fault in faults.values():
        _say(f"{_signature(fault):<{width}}  {fault.about}")
    return pytest.ExitCode.OK


def clean(config: pytest.Config) -> int:
    """Delete what killed runs left on the target; exit 1 where something is left. Raises `pytest.UsageError`."""
    lab = importlib.import_module(config.stash[options.HOUSE].whole().lab)
    failed = False
    try:
        for line, failure in cleaning.clean(options.read(config)):
            failed = failed or failure
            _say(line)
    except (BadInput, lab.LabError, ProbeError, OSError) as wrong:
        raise pytest.UsageError(str(wrong)) from None
    return pytest.ExitCode.TESTS_FAILED if failed else pytest.ExitCode.OK


def _signature(fault: Any) -> str:
    return str(fault.name) if fault.argument is None else f"{fault.name}:{fault.argument.upper()}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
