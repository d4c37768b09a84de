"""pytest_gf: GloriousFlywheel's contract as a live-infrastructure test suite. What clauses and facts import."""

from pytest_gf.engine.clauses import clause
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.facts import Every, IfSeen, fact, facts_in

__all__ = ["Every", "IfSeen", "ProbeError", "Unproven", "clause", "fact", "facts_in"]
