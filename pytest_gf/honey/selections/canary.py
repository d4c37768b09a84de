"""``-m canary``: whether the state path is coherent now."""

from pytest_gf.engine.house import Selection

CANARY = Selection("canary", "clauses of the hourly canary: is the state path coherent now?")
