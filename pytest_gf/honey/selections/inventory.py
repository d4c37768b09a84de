"""``-m inventory``: what could become the state authority."""

from pytest_gf.engine.house import Selection

INVENTORY = Selection(
    "inventory", "Every object store of the cluster, classified as a candidate for the state authority."
)
