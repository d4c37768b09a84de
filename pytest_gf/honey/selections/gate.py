"""``-m gate``: who may push to Attic, asked with the run's own token and with those that the target names."""

from __future__ import annotations

from pytest_gf.engine.house import Selection
from pytest_gf.engine.target import Target
from pytest_gf.honey.target import AtticSection

FREE = ("none", "forged", "alg-none", "cut")
"""The gates that are tried without a credential: by the canary too."""
OWN = "own"
NAMED = {"pull-only": "pull_only_env", "other-cache": "other_cache_env", "expired": "expired_env"}
"""Those that are tried by a token of [attic.tokens], with its key there."""
GATES = (*FREE, OWN, *NAMED)

GATE = Selection("gate", "Who may push to Attic: nobody without a token that allows it, and the run's own token.")


def is_named(target: Target, gate: str) -> bool:
    """Tell whether a target has what this gate is tried by; the run's own token is asked for everywhere."""
    section = target.section(AtticSection)
    return gate not in NAMED or (section is not None and getattr(section.tokens, NAMED[gate]) is not None)
