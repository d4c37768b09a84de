"""``-m repository``, ``-m quarantine``, ``-m environment``: clauses of a checkout and of this machine; no network."""

from __future__ import annotations

from pytest_gf.engine.house import Given, Option, Selection
from pytest_gf.honey import subject, trust
from pytest_gf.honey.subject import Subject
from pytest_gf.honey.target import honeys


def _read(given: Given) -> Subject:
    return subject.chosen(given.option, honeys(given.target) if given.target is not None else None)


REPOSITORY = Selection(
    "repository",
    "clauses of a checkout of the infrastructure repository; no network",
    options=(
        Option(
            "--gf-repository",
            {
                "metavar": "PATH|lab",
                "help": "the checkout to judge; takes precedence over [repository] path of the target",
            },
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-contract-page",
            {"metavar": "FILE", "help": "a contract document, to be compared with the contract's data"},
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-run-just",
            {"action": "store_true", "help": "run `just info` of the checkout, and nothing else of it"},
        ),
        trust.OPTION,
    ),
    read=_read,
    early=trust.refuse,
)
QUARANTINE = Selection("quarantine", "those of them that keep pull requests and proofs from writing to Attic")
ENVIRONMENT = Selection("environment", "clauses of this machine: its variables, bazelrc and nix.conf; no network")
