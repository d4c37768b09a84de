"""``-m repository``, ``-m quarantine``, ``-m environment``: clauses of a checkout and of this machine; no network."""

from __future__ import annotations

from pytest_gf.engine.house import Given, Option, Selection
from pytest_gf.honey import local_inputs, trust
from pytest_gf.honey.local_inputs import LocalInputs
from pytest_gf.honey.target import honeys


def _read(given: Given) -> LocalInputs:
    return local_inputs.chosen(given.option, honeys(given.target) if given.target is not None else None)


REPOSITORY = Selection(
    "repository",
    "What a checkout of the infrastructure repository shows. No network, and nothing of it is executed.",
    options=(
        Option(
            "--gf-repository",
            {
                "metavar": "PATH|lab",
                "help": "The checkout of the infrastructure repository to judge, or the lab's model of one. Takes precedence over [repository] of the target.",
            },
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-contract-page",
            {"metavar": "FILE", "help": "A contract document, whose tables are compared with the contract's data."},
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-run-just",
            {"action": "store_true", "help": "Run `just info` of the checkout, and nothing else of it."},
        ),
        trust.OPTION,
    ),
    read=_read,
    early=trust.refuse,
)
QUARANTINE = Selection("quarantine", "Those of them that keep pull requests and broad proofs from writing to Attic.")
ENVIRONMENT = Selection("environment", "What this machine shows: its variables, bazelrc and nix.conf. No network.")
