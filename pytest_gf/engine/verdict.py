"""The algebra of verdicts: what each means, which is worse, what a run's exit code is."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """What a run says about one clause. Members stand from the worst to the best."""

    VIOLATED = "violated"
    """Observed, and not as promised."""
    FIXED = "fixed"
    """An interim clause that holds: its waiver must go."""
    ERROR = "error"
    """The probe broke; this says nothing about the clause."""
    UNPROVEN = "unproven"
    """Could not be observed from here, for the reason given."""
    INTERIM = "interim"
    """Known-red until a ticket closes."""
    HOLDS = "holds"
    """Observed, and as promised."""


class Exit(IntEnum):
    """Exit codes of a contract run, beside pytest's own (2 interrupted, 3 internal, 4 usage, 5 nothing selected)."""

    GREEN = 0
    RED = 1
    ERROR = 10
    UNPROVEN = 11


BADNESS = {verdict: rank for rank, verdict in enumerate(Verdict)}
"""The rank of each verdict. The worst has 0."""
RED = frozenset({Verdict.VIOLATED, Verdict.FIXED, Verdict.ERROR})
"""The verdicts that make a run red or an error."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of at least one verdict (the worst phase wins). Raises ValueError on none."""
    return min(verdicts, key=BADNESS.__getitem__)


def exit_code(verdicts: Iterable[Verdict], *, strict: bool) -> Exit:
    """Return the exit code of a run in which at least one clause was selected.

    ``strict`` makes a single unproven clause red (``--gf-strict``); a run in which every clause is unproven proved
    nothing and is never green.
    """
    seen = set(verdicts)
    if seen & {Verdict.VIOLATED, Verdict.FIXED}:
        return Exit.RED
    if Verdict.ERROR in seen:
        return Exit.ERROR
    if Verdict.UNPROVEN in seen and (strict or seen == {Verdict.UNPROVEN}):
        return Exit.UNPROVEN
    return Exit.GREEN
