"""Addresses in a checkout: private topology in what is public, and dead addresses that stand as current authority."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pytest_gf.honey.observed.repository import Finding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import (
    any_of,
    around,
    chosen,
    headings_above,
    hits,
    is_among,
    line_at,
    shown,
)

PER_FILE = 5
"""Findings of one rule in one file; the rest is counted in the last of them."""


def private(
    sources: Sources, public: Sequence[str], internal: Sequence[str], named: Mapping[str, str], allowed: Sequence[str]
) -> Findings:
    """Find private topology in what third parties read (S064, S049)."""
    found: list[Finding] = []
    files = chosen(sources, public, internal)
    patterns = {what: re.compile(pattern) for what, pattern in named.items()}
    for path, text in files.items():
        for what, pattern in patterns.items():
            each = [
                Finding(
                    path,
                    line,
                    "private-topology",
                    f"{what} {shown(match[0])}",
                    "use a documented variable or an example name",
                )
                for line, match in hits(text, pattern)
                if not any(word in match[0] for word in allowed)
            ]
            found += _few(each)
    return Findings("public documents and examples name no private topology", f"{len(files)} file(s)", tuple(found))


def _few(found: list[Finding]) -> list[Finding]:
    """Return one finding a line, the first ones only; the last of them counts the rest."""
    single = list({each.line: each for each in reversed(found)}.values())[::-1]
    if len(single) <= PER_FILE:
        return single
    last = single[PER_FILE - 1]
    more = f"{last.what}, and {len(single) - PER_FILE} more in this file"
    return [*single[: PER_FILE - 1], Finding(last.path, last.line, last.rule, more, last.mend)]


def retired(sources: Sources, names: Mapping[str, str], said: Sequence[str], archived: Sequence[str]) -> Findings:
    """Find names that are out of contract and stand without a word that says so (S131 to S135)."""
    pattern = _names(names)
    saying = any_of(said)
    found: list[Finding] = []
    for path, text in sources.items():
        # Plain searches rule out nearly every file, faster than a pattern does.
        if not any(name in text for name in names) or is_among(path, archived):
            continue
        found += _few(_standing(path, text, pattern, saying, names))
    return Findings("no address that is out of contract stands as current", f"{len(sources)} file(s)", tuple(found))


def _names(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _standing(
    path: str, text: str, pattern: re.Pattern[str], saying: re.Pattern[str], names: Mapping[str, str]
) -> list[Finding]:
    found = []
    for line, match in hits(text, pattern):
        near = f"{line_at(text, match)} {around(text, line)}"
        if saying.search(near) or (path.endswith(".md") and saying.search(" ".join(headings_above(text, line)))):
            continue
        found.append(Finding(path, line, "retired-address", f"{match[0]} stands as current", names[match[0]]))
    return found
