"""GloriousFlywheel's House: what its contract is judged by, as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gf.engine import target as targets
from pytest_gf.engine.house import Axis, Gate, House
from pytest_gf.honey import cleaning, contract, local_inputs, rights, stored
from pytest_gf.honey.behind import behind
from pytest_gf.honey.causes import KINDS
from pytest_gf.honey.contract import Contract
from pytest_gf.honey.reaching import SECTIONS
from pytest_gf.honey.selections.audit import AUDIT
from pytest_gf.honey.selections.cache_delete import CACHE_DELETE
from pytest_gf.honey.selections.canary import CANARY
from pytest_gf.honey.selections.flakehub import FLAKEHUB
from pytest_gf.honey.selections.gate import GATE, GATES, is_named
from pytest_gf.honey.selections.guard import AUTHORITY, GUARD
from pytest_gf.honey.selections.ha import HA
from pytest_gf.honey.selections.inventory import INVENTORY
from pytest_gf.honey.selections.nar import NAR
from pytest_gf.honey.selections.publication import PROVES, PUBLICATION
from pytest_gf.honey.selections.rca import RCA
from pytest_gf.honey.selections.repository import ENVIRONMENT, QUARANTINE, REPOSITORY
from pytest_gf.honey.target import Target, honeys
from pytest_gf.honey.vantage import READ_ONLY, VANTAGES

if TYPE_CHECKING:
    from collections.abc import Callable

_INSTALLED = Path(__file__).parent / "suite"
"""Where the wheel carries facts and clauses; in a checkout they lie beside the package."""
_ROOT = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[2]


def _attic(name: str) -> Callable[[Contract], tuple[str, ...]]:
    return lambda promised: getattr(promised.attic, name) if promised.attic is not None else ()


AXES = (
    Axis("bucket", lambda promised: tuple(promised.buckets), "--gf-bucket", "Only this bucket (repeatable)."),
    Axis(
        "stack",
        lambda promised: tuple(promised.stacks),
        "--gf-stack",
        "Only this stack (repeatable).",
        statements=lambda promised, stack: tuple(promised.stacks[stack].proves.split()),
    ),
    Axis("surface", _attic("surfaces"), present=lambda target, surface: surface in target.surfaces),
    Axis("nar", _attic("nars")),
    Axis("store_hash"),
    Axis("evidence", lambda promised: tuple(promised.ha.evidence) if promised.ha is not None else ()),
    Axis(
        "component",
        lambda promised: tuple(promised.limits),
        statements=lambda promised, component: tuple(promised.limits[component].proves.split()),
    ),
    Axis("gate", lambda promised: GATES if promised.attic is not None else (), present=is_named),
    Axis("artifact", lambda promised: tuple(promised.artifacts)),
    Axis("profile", statements=lambda _, profile: (PROVES[profile],)),
    Axis("shard", quiet=True),
)

HOUSE = House(
    name="GloriousFlywheel",
    read_contract=contract.load,
    facts=_ROOT / "fixtures",
    suites=_ROOT / "suites" / "contract",
    axes=AXES,
    selections=(
        *(CANARY, REPOSITORY, QUARANTINE, ENVIRONMENT, GUARD, AUTHORITY, HA, INVENTORY, RCA, AUDIT, CACHE_DELETE),
        *(PUBLICATION, GATE, NAR, FLAKEHUB),
    ),
    sections=SECTIONS,
    vantages=VANTAGES,
    read_only=READ_ONLY,
    allows=("scratch", "state-proof", "cache-blob", "cache-delete", "publication"),
    target=Target,
    guard="coherent_buckets",
    gate=Gate("cluster", "S001", "the cluster is the contract's"),
    system="honey",
    lab="pytest_gf.lab",
    banner=local_inputs.banner,
    removers=cleaning.removers,
    where=cleaning.where,
    why_not=stored.why_not,
    plan=rights.lines,
    applies=rights.applies,
    rights=rights.needed,
    causes=KINDS,
    behind=behind,
)


def load_target(path: Path, environment: Mapping[str, str] | None = None) -> Target:
    """Return the target in a TOML file of honey's sections. Raises TargetError."""
    return honeys(targets.load(HOUSE, path, environment))
