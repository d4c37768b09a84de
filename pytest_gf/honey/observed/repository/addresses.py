"""Addresses in a checkout: private topology in what is public, and dead addresses that stand as current authority."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pytest_gf.honey.contract.repository import Repository, Topology
from pytest_gf.honey.formats.linear import Pattern, any_of, linear
from pytest_gf.honey.observed.repository import DEAD, TOPOLOGY, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import Lines, chosen, hit, hits, is_among, shown

PRIVATE_WORDS = frozenset({"ops", "private", "internal", "bazel", "rustfs", "s3"})
"""Words of a host's name that say that it is for operators."""
_RULE, _MEND = "private-topology", "use a documented variable or an example name"
PER_FILE = 5
"""Findings of one rule in one file; the rest is counted in the last of them."""


def private(sources: Sources, rules: Repository) -> Findings:
    """Find private topology in what third parties read (S064, S049)."""
    findings: list[FileFinding] = []
    files = chosen(sources, rules.topology.public, (*rules.topology.internal, *rules.archived))
    patterns = {what: linear(pattern) for what, pattern in rules.topology.private.items()}
    for path, text in files.items():
        lines = Lines(text)
        for what, pattern in patterns.items():
            leaks = [
                FileFinding(path, line, _RULE, f"{what} {shown(hit(match, pattern))}", _MEND)
                for line, match in hits(lines, pattern)
                if not _is_allowed(match[0], rules.topology)
            ]
            findings += _few(leaks)
        findings += _few(list(_hosts(path, lines, rules)))
    promise = "public documents and examples name no private topology"
    return Findings(TOPOLOGY, promise, f"{len(files)} file(s)", findings)


def _is_allowed(text: str, topology: Topology) -> bool:
    return any(allowed.text in text for allowed in topology.allow)


def _hosts(path: str, lines: Lines, rules: Repository) -> Iterator[FileFinding]:
    """Yield the hosts below the contract's domains that it does not call public."""
    public = (*rules.topology.public_hosts, *rules.retired.names)
    for domain in rules.topology.domains:
        if domain not in lines.text.lower():
            continue
        pattern = linear(rf"(?i)(?:(\w+)://)?((?:[a-z0-9_-]+\.)+{re.escape(domain)})\b")
        for line, match in hits(lines, pattern):
            host, scheme = match[2].lower(), (match[1] or "").lower()
            if host in public or _is_allowed(match[0], rules.topology):
                continue
            words = set(host.removesuffix(domain).replace("-", ".").replace("_", ".").split("."))
            is_private = scheme in {"grpc", "grpcs"} or words & PRIVATE_WORDS
            what, undecided = f"private host {shown(match[0])}", ""
            if not is_private:
                what = f"unlisted host {shown(match[0])}"
                undecided = f"whether {host} is public: [repository.topology] public_hosts does not list it"
            yield FileFinding(path, line, _RULE, what, _MEND, undecided)


def _few(findings: list[FileFinding]) -> list[FileFinding]:
    """Return one finding a line, what stands first and the first ones only; the last of them counts the rest."""
    decided = sorted(findings, key=lambda finding: bool(finding.undecided))
    single = sorted({finding.line: finding for finding in reversed(decided)}.values())
    if len(single) <= PER_FILE:
        return single
    single.sort(key=lambda finding: bool(finding.undecided))
    last = single[PER_FILE - 1]
    more = f"{last.what}, and {len(single) - PER_FILE} more in this file"
    return [*single[: PER_FILE - 1], replace(last, what=more)]


def retired(sources: Sources, rules: Repository) -> Findings:
    """Find names that are out of contract and stand without a word that says so (S131 to S135)."""
    names = rules.retired.names
    pattern = either_of(names)
    shortest = [name for name in names if not any(other in name for other in names if other != name)]
    saying = any_of(rules.retired.said)
    findings: list[FileFinding] = []
    for path, text in sources.items():
        # Plain searches rule out nearly every file, faster than a pattern does.
        if not any(name in text for name in shortest) or is_among(path, rules.archived):
            continue
        findings += _few(list(_standing(path, Lines(text), pattern, saying, names)))
    return Findings(DEAD, "no address that is out of contract stands as current", f"{len(sources)} file(s)", findings)


def either_of(names: Iterable[str]) -> Pattern:
    """Return one pattern for these names, the longest first; it matches nothing where there are none."""
    longest_first = sorted(names, key=len, reverse=True)
    return linear("|".join(map(re.escape, longest_first)) or r"[^\s\S]")


def _standing(
    path: str, lines: Lines, pattern: Pattern, saying: Pattern, names: Mapping[str, str]
) -> Iterator[FileFinding]:
    judged: dict[int, bool] = {}
    for line, match in hits(lines, pattern):
        if line not in judged:
            judged[line] = bool(saying.search(f"{lines.line(line)} {lines.around(line)}")) or (
                path.endswith(".md") and bool(saying.search(" ".join(lines.above(line))))
            )
        if not judged[line]:
            yield FileFinding(path, line, "retired-address", f"{match[0]} stands as current", names[match[0]])
