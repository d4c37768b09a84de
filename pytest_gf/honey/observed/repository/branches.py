"""Which branches a pull request may be for: every one that a workflow speaks of, but for those that its filters leave out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_gf.honey.formats.expression_values import UNKNOWN, Set
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.yaml_nodes import Node, within, words

TOGETHER = 50
"""Branches that are looked at in one scene."""
MOST = 500
ANOTHER = "a-branch-of-another-name"
_QUOTED = linear(r"'([^'\n]{1,500})'")
_CLASS = re.compile(r"\[([^]])[^]]*\]")
_WORD = linear(r"[\w./-]{1,200}")


def possible(texts: Iterable[str], filters: Node | None, default: str) -> list[Set]:
    """Return branches that the filters ``branches`` and ``branches-ignore`` let through, as sets of a bounded size.

    They are the default branch, those that an expression of a text names, one for each pattern of a filter, and one of another
    name. UNKNOWN stands for the rest where there are more than `MOST`, and for what a pattern lets through that is not understood.
    """
    quoted = [match[1] for text in texts for match in _QUOTED.finditer(text)]
    named = dict.fromkeys(match[0].removeprefix("refs/heads/") for quote in quoted for match in _WORD.finditer(quote))
    wanted, ignored = words(within(filters, "branches")), words(within(filters, "branches-ignore"))
    patterns = [pattern for pattern in wanted if not pattern.startswith("!")]
    samples = [_sample(pattern) for pattern in patterns]
    candidates = list(dict.fromkeys([default, *samples, ANOTHER, *named]))
    passing = [branch for branch in candidates[:MOST] if branch and _passes(branch, wanted, ignored)]
    unsure = not all(map(_fits, samples, patterns))
    passing = passing or samples or [default]
    sets: list[Set] = [frozenset(passing[at : at + TOGETHER]) for at in range(0, len(passing), TOGETHER)]
    return [*sets, frozenset({UNKNOWN})] if unsure or len(candidates) > MOST else sets


def lets_through(filters: Node | None, branch: str) -> bool:
    """Return whether a push to a branch passes an event's filters. Filters of tags alone let no branch through."""
    given = [
        name for name in ("branches", "branches-ignore", "tags", "tags-ignore") if within(filters, name) is not None
    ]
    wanted, ignored = words(within(filters, "branches")), words(within(filters, "branches-ignore"))
    return (not given or given[0].startswith("branches")) and _passes(branch, wanted, ignored)


def _passes(branch: str, wanted: Sequence[str], ignored: Sequence[str]) -> bool:
    passing = not wanted
    for pattern in wanted:
        if _fits(branch, pattern.removeprefix("!")):
            passing = not pattern.startswith("!")
    return passing and not any(_fits(branch, pattern) for pattern in ignored)


def _fits(branch: str, pattern: str) -> bool:
    """Return whether a branch fits a filter of GitHub's: ``*`` but for ``/``, ``**``, ``?`` and ``+`` after a sign, ``[]``."""
    made = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    for sign in "?+[]-":
        made = made.replace(f"\\{sign}", sign)
    try:
        return linear(f"^(?:{made})$").search(branch) is not None
    except ValueError:
        return True


def _sample(pattern: str) -> str:
    """Return a branch that a filter lets through."""
    return _CLASS.sub(r"\1", pattern).replace("**", "x").replace("*", "x").replace("?", "").replace("+", "")
