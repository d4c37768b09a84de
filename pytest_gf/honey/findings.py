"""From findings to what a clause may judge: what nobody could decide is unproven, with the expressions that would decide."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.evidence import record
from pytest_gf.honey.observed.repository import FileFinding, Findings, listed
from pytest_gf.honey.observed.repository.searching import is_among

if TYPE_CHECKING:
    from pytest_gf.honey.probes.repository import Checkout


def settled(findings: Findings, checkout: Checkout | None = None, patterns: Sequence[str] = ()) -> Findings:
    """Return the findings, those of files that fit ``patterns`` and were not read among them.

    Raises Unproven where nothing stands against the promise, and something is undecided.
    """
    refused: Mapping[str, str] = checkout.refused if checkout is not None else {}
    unread = tuple(
        FileFinding(path, 1, "refused-file", why, "make it a text file of this checkout, or remove it", "what it holds")
        for path, why in refused.items()
        if is_among(path, patterns)
    )
    whole = dataclasses.replace(findings, found=(*findings.found, *unread))
    record("repository", "judge", seconds=0.0, promise=whole.promise, seen=whole.seen)
    if whole.holds and whole.undecided:
        raise Unproven(listed(whole.undecided), "decide the expression, or look at it by hand")
    return whole
