"""``-m guard``: state authority before an apply."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_gf.engine.house import BadInput, Candidate, Given, Option, Selection
from pytest_gf.engine.run import Run
from pytest_gf.honey import baselines
from pytest_gf.honey.contract import Contract
from pytest_gf.honey.formats import baseline
from pytest_gf.honey.formats.baseline import KnownState


@dataclass(frozen=True)
class Guarded:
    """What is known of stacks, and what a person says that was done on purpose.

    ``baseline`` is None where none was named; ``record_to`` is where it is recorded anew. ``destroyed`` has the number of
    managed instances by stack, ``accepted_serial`` the serial of the one stack whose state is accepted as it is.
    ``errored_done``: what errored.tfstate has is stored already.
    """

    baseline: Mapping[str, KnownState] | None = None
    record_to: Path | None = None
    errored: Path | None = None
    destroyed: Mapping[str, int] = field(default_factory=dict)
    accepted_serial: int | None = None
    errored_done: bool = False


def _read(given: Given) -> Guarded:
    option = given.option
    return Guarded(
        _baseline(option.gf_baseline),
        _to_record(option.gf_baseline, update=option.gf_update_baseline),
        _errored(option.gf_errored, option.gf_stack),
        _destroyed(option.gf_baseline_allow_destroyed, given.contract),
        _accepted(option.gf_accept_baseline, option.gf_stack, option.gf_baseline),
        option.gf_errored_done,
    )


def _baseline(name: str | None) -> dict[str, KnownState] | None:
    """Return the baseline in a file; an absent one knows no stack yet."""
    if name is None:
        return None
    try:
        return baseline.read(Path(name).read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        raise BadInput(f"--gf-baseline={name}: can't be read: {wrong.strerror or wrong}") from None
    except baseline.Malformed as wrong:
        raise BadInput(f"--gf-baseline={name}: no baseline: {wrong}") from None


def _to_record(name: str | None, *, update: bool) -> Path | None:
    if update and name is None:
        raise BadInput("--gf-update-baseline: --gf-baseline=FILE says what to write")
    if not update or name is None:
        return None
    file = Path(os.path.abspath(name))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BadInput(f"--gf-baseline={name}: can't be written: does its folder exist, and may this user write there?")
    return file


def _errored(name: str | None, stacks: list[str]) -> Path | None:
    if name is None:
        return None
    if len(set(stacks)) != 1:
        raise BadInput(f"--gf-errored={name}: --gf-stack=NAME says of which one stack it is")
    file = Path(os.path.abspath(name))
    if not os.path.lexists(file):
        raise BadInput(f"--gf-errored={name}: no such file")
    return file


def _destroyed(given: list[str], contract: Contract) -> dict[str, int]:
    destroyed: dict[str, int] = {}
    for text in given:
        stack, _, number = text.rpartition(":")
        if stack not in contract.stacks or not re.fullmatch(r"[1-9][0-9]{0,6}", number):
            known = ", ".join(contract.stacks)
            raise BadInput(
                f"--gf-baseline-allow-destroyed={text}: expected STACK:N, a selected stack ({known}) and how many are gone"
            )
        destroyed[stack] = int(number)
    return destroyed


def _accepted(given: str | None, stacks: list[str], baseline: str | None) -> int | None:
    if given is None:
        return None
    if not re.fullmatch(r"[0-9]{1,20}", given):
        raise BadInput(f"--gf-accept-baseline={given}: expected the serial of the state as it is now")
    if len(set(stacks)) != 1 or baseline is None:
        raise BadInput(
            f"--gf-accept-baseline={given}: --gf-stack=NAME and --gf-baseline=FILE say which one stack's baseline it is"
        )
    return int(given)


def _takes(row: Candidate, run: Run) -> bool:
    """Take the rows of a state's own bucket, for the stacks that this run looks at."""
    buckets = {run.contract.stacks[stack].bucket for stack in run.axes.values("stack")}
    return "authority" in row.markers and row.params.get("bucket") in buckets


def _ends(run: Run, verdicts: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    guarded = run.options_of(Guarded)
    return baselines.record(run.folder, guarded.record_to, guarded.baseline or {}, verdicts)


AUTHORITY = Selection(
    "authority", "No clauses by itself: marks those whose rows for a state's bucket belong to guard too."
)
GUARD = Selection(
    "guard",
    "State authority before an apply, with --gf-stack for one stack: reads, lock, baseline, and a write proof where the target allows state-proof.",
    options=(
        Option(
            "--gf-baseline",
            {
                "metavar": "FILE",
                "help": "What each stack's state was when all was well: serial, lineage, resources, ETag, sha256. A file that is not there knows no stack.",
            },
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-errored",
            {
                "metavar": "FILE",
                "help": "The errored.tfstate of the one --gf-stack. Default: the one in the stack's folder of the checkout.",
            },
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-update-baseline",
            {
                "action": "store_true",
                "help": "With --gf-baseline: record it anew for each stack whose other clauses all hold, and print old and new.",
            },
        ),
        Option(
            "--gf-baseline-allow-destroyed",
            {
                "action": "append",
                "default": [],
                "metavar": "STACK:N",
                "help": "Exactly N managed instances of this stack were destroyed on purpose since its baseline (repeatable).",
            },
            repeated=True,
        ),
        Option(
            "--gf-accept-baseline",
            {
                "metavar": "SERIAL",
                "help": "The state of the one --gf-stack was put back on purpose, and has this serial. Its lineage is the same.",
            },
            repeated=True,
        ),
        Option(
            "--gf-errored-done",
            {
                "action": "store_true",
                "help": "What errored.tfstate has is stored already. Accepted only where the remote state has the same resources and outputs.",
            },
        ),
    ),
    read=_read,
    takes=_takes,
    ends=_ends,
)
