"""Which branches a pull request may be for: every one that a workflow speaks of, but for those that its filters leave out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.yaml_nodes import Items, Node, Scalar, Table

TOGETHER = 50
"""Branches that are looked at in one scene."""
MOST = 500
ANOTHER = "a-branch-of-another-name"
_QUOTED = linear(r"'([^'\n]{1,500})'")
_WORD = linear(r"[\w./-]{1,200}")


def possible(texts: Iterable[str], filters: Node | None, default: str) -> list[frozenset[str]]:
    """Return branches that the filters ``branches`` and ``branches-ignore`` let through, as sets of a bounded size.

    They are the default branch, those that an expression of a text names, and one of another name.
    """
    quoted = [found[1] for text in texts for found in _QUOTED.finditer(text)]
    named = dict.fromkeys(found[0].removeprefix("refs/heads/") for each in quoted for found in _WORD.finditer(each))
    table = filters if isinstance(filters, Table) else Table((), 0)
    wanted, ignored = words(table.get("branches")), words(table.get("branches-ignore"))
    samples = [_sample(each) for each in wanted if not each.startswith("!")]
    candidates = [default, *samples, ANOTHER, *named][:MOST]
    found = [each for each in dict.fromkeys(candidates) if each and _passes(each, wanted, ignored)]
    found = found or samples or [default]
    return [frozenset(found[at : at + TOGETHER]) for at in range(0, len(found), TOGETHER)]


def words(node: Node | None) -> tuple[str, ...]:
    """Return the words of a list, or of one word."""
    if isinstance(node, Scalar):
        return (node.value,)
    return tuple(each.value for each in node.nodes if isinstance(each, Scalar)) if isinstance(node, Items) else ()


def _passes(branch: str, wanted: Sequence[str], ignored: Sequence[str]) -> bool:
    passing = not wanted
    for each in wanted:
        if _fits(branch, each.removeprefix("!")):
            passing = not each.startswith("!")
    return passing and not any(_fits(branch, each) for each in ignored)


def _fits(branch: str, pattern: str) -> bool:
    """Return whether a branch fits a filter of GitHub's: ``*`` but for ``/``, ``**``, ``?`` and ``+`` after a sign, ``[]``."""
    made = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "?").replace(r"\+", "+")
    try:
        return linear(f"^(?:{made})$").search(branch) is not None
    except ValueError:
        return True


def _sample(pattern: str) -> str:
    return pattern.replace("**", "x").replace("*", "x")
