"""``-m canary``: whether the state path is coherent now."""

from pytest_gf.engine.house import Selection

CANARY = Selection("canary", "The hourly canary: is the state path coherent now?")
