"""``-m flakehub``: whether FlakeHub answers for the published flake. It asks the internet, so it stands apart."""

from pytest_gf.engine.house import Selection

FLAKEHUB = Selection(
    "flakehub", "FlakeHub's page of the published flake, asked over the internet. Never in the canary."
)
