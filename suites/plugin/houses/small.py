"""Honey's House without its facts and clauses, for tests that bring a few of their own. Its contract waives two of theirs."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pytest_gf.engine.contract import Waiver
from pytest_gf.honey import HOUSE as HONEY
from pytest_gf.honey import contract
from pytest_gf.honey.contract import Contract

KNOWN_RED = Waiver(("lab.interim", "lab.fixed"), "TIN-1", "it is known", datetime(2100, 1, 1, tzinfo=UTC), "a repair")


def read(path: Path | None) -> Contract:
    """Return the contract of honey with the waiver."""
    promised = contract.load(path)
    return msgspec.structs.replace(promised, waivers=(*promised.waivers, KNOWN_RED))


HOUSE = replace(HONEY, name="small", facts=None, suites=None, read_contract=read)
