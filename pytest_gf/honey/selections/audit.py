"""``-m audit``: every object of the Bazel cache's bucket, read, decoded and hashed."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.house import BadInput, Given, Option, Selection
from pytest_gf.honey.audit import options as audits


@dataclass(frozen=True)
class AuditSettings:
    """What the command line asks of the audit, and the rows that it makes: hundreds, so none where no audit is named."""

    options: audits.AuditOptions
    shards: tuple[str, ...]
    sample: str
    """What a sampled audit reads, in words; "" for all."""


def _read(given: Given) -> AuditSettings:
    option = given.option
    try:
        options = audits.read(*(getattr(option, f"gf_{name}") for name in audits.OPTIONS))
    except ValueError as wrong:
        raise BadInput(str(wrong)) from None
    named = bool(option.gf_shard or option.gf_sample or given.mentions("audit")) and given.contract.bazel is not None
    return AuditSettings(options, options.shards if named else (), options.sample_of(given.seed))


def _part(asked: AuditSettings) -> str | None:
    return str(asked.options.part) if asked.options.part is not None else None


AUDIT = Selection(
    "audit",
    "Every object of the Bazel cache's bucket is read, decoded and hashed. There is a row for each of its 768 folders.",
    options=(
        Option(
            "--gf-sample",
            {
                "metavar": "N|PERCENT%",
                "help": "With -m audit: read only so many objects, or such a share of them. --gf-seed chooses them, and every report says so.",
            },
        ),
        Option(
            "--gf-shard",
            {
                "metavar": "I/N",
                "help": f"With -m audit: every N-th shard from the I-th on, 0 <= I < N. {audits.INDEX}/N takes I from that variable.",
            },
        ),
        Option(
            "--gf-rate",
            {"metavar": "N/s|NMB/s", "help": "With -m audit: read at most so many objects, or megabytes, a second."},
        ),
        Option(
            "--gf-audit-state",
            {
                "metavar": "DIR",
                "help": "With -m audit: the folder that notes how far the audit is. A killed audit goes on from there. Default: in the run's folder.",
            },
            path=True,
        ),
        Option(
            "--gf-audit-state-age",
            {
                "metavar": "AGE",
                "help": "With -m audit: how old a finished audit's state may be to be believed (90m, 12h, 7d). Without it, a finished one is unproven today.",
            },
        ),
        Option(
            "--gf-readers",
            {
                "metavar": "N",
                "help": "With -m audit: read by N connections (1 to 64). Default: 8 to 64, by the latency.",
            },
        ),
    ),
    read=_read,
    fills="shard",
    values=lambda asked: asked.shards,
    note=lambda asked: asked.sample,
    part=_part,
)
