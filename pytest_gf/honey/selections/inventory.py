"""``-m inventory``: what could become the state authority."""

from pytest_gf.engine.house import Selection

INVENTORY = Selection(
    "inventory", "what could become the state authority: every object store of the cluster, classified"
)
