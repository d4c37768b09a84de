"""``-m publication``: a push to Attic, and where it is stored."""

from pytest_gf.engine.house import Selection

PUBLICATION = Selection(
    "publication",
    "Pushes a small fresh path to Attic, and looks where it is stored, where the target allows publication. Never in the canary.",
)
