"""Addresses in a checkout: private topology in what is public, and dead addresses that stand as current authority."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_gf.honey.formats.linear import Pattern, any_of, linear
from pytest_gf.honey.observed.repository import DEAD, TOPOLOGY, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import Lines, chosen, hit, hits, is_among, shown

PRIVATE_WORDS = frozenset({"ops", "private", "internal", "bazel", "rustfs", "s3"})
"""Words of a host's name that say that it is for operators."""
_RULE, _MEND = "private-topology", "use a documented variable or an example name"
PER_FILE = 5
"""Findings of one rule in one file; the rest is counted in the last of them."""


@dataclass(frozen=True)
class PrivateNames:
    """What names private topology: patterns by what they name, and hosts below the contract's domains that are not public."""

    patterns: Mapping[str, str]
    allowed: Sequence[str] = ()
    domains: Sequence[str] = ()
    public_hosts: Sequence[str] = ()


def private(sources: Sources, public: Sequence[str], internal: Sequence[str], named: PrivateNames) -> Findings:
    """Find private topology in what third parties read (S064, S049)."""
    findings: list[FileFinding] = []
    files = chosen(sources, public, internal)
    patterns = {what: linear(pattern) for what, pattern in named.patterns.items()}
    for path, text in files.items():
        lines = Lines(text)
        for what, pattern in patterns.items():
            leaks = [
                FileFinding(path, line, _RULE, f"{what} {shown(hit(match, pattern))}", _MEND)
                for line, match in hits(lines, pattern)
                if not any(word in match[0] for word in named.allowed)
            ]
            findings += _few(leaks)
        findings += _few(list(_hosts(path, lines, named)))
    promise = "public documents and examples name no private topology"
    return Findings(TOPOLOGY, promise, f"{len(files)} file(s)", findings)


def _hosts(path: str, lines: Lines, named: PrivateNames) -> Iterator[FileFinding]:
    """Yield the hosts below the contract's domains that it does not call public."""
    for domain in named.domains:
        if domain not in lines.text.lower():
            continue
        pattern = linear(rf"(?i)(?:(\w+)://)?((?:[a-z0-9_-]+\.)+{re.escape(domain)})\b")
        for line, match in hits(lines, pattern):
            host, scheme = match[2].lower(), (match[1] or "").lower()
            if host in named.public_hosts or any(word in match[0] for word in named.allowed):
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


def retired(sources: Sources, names: Mapping[str, str], said: Sequence[str], archived: Sequence[str]) -> Findings:
    """Find names that are out of contract and stand without a word that says so (S131 to S135)."""
    pattern = either_of(names)
    shortest = [name for name in names if not any(other in name for other in names if other != name)]
    saying = any_of(tuple(said))
    findings: list[FileFinding] = []
    for path, text in sources.items():
        # Plain searches rule out nearly every file, faster than a pattern does.
        if not any(name in text for name in shortest) or is_among(path, archived):
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
