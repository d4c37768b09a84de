"""pytest_gf: a contract as a live-infrastructure test suite. What clauses, facts and forks import."""

from pytest_gf.engine.clauses import clause
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.facts import Every, IfSeen, fact, facts_in
from pytest_gf.engine.house import Axis, House, Section, Selection
from pytest_gf.engine.trouble import Trouble

__all__ = [
    "Axis",
    "Every",
    "House",
    "IfSeen",
    "ProbeError",
    "Section",
    "Selection",
    "Trouble",
    "Unproven",
    "clause",
    "fact",
    "facts_in",
]
