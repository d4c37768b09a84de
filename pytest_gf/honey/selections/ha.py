"""``-m ha``: the interim shape, and strict HA beyond it."""

from pytest_gf.engine.house import Selection

HA = Selection(
    "ha", "the interim shape, and strict HA beyond it: red by design until TIN-1012, see --gf-expect-interim"
)
