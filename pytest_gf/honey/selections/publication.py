"""``-m publication``: a push to Attic, and where it is stored."""

from pytest_gf.engine.house import Selection

PUBLICATION = Selection(
    "publication", "pushes a small fresh path to Attic, and looks where it is stored; never in the canary"
)
