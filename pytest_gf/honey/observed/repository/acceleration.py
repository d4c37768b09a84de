"""Acceleration is no publication: FlakeHub is never a substituter, a cache never a release, no claim outruns its proof."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pytest_gf.honey.formats.workflow import Workflow
from pytest_gf.honey.observed.repository import Finding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import any_of, around, chosen, headings_above, hits, line_at, shown

_SUBSTITUTERS = re.compile(
    r"(?:extra-|trusted-)?substituters?\b[\"']?\s*=\s*(?P<value>\[[^\]]*\]|[^\n;]*)|--(?:option\s+)?(?:extra-)?substituters\s+(?P<flag>[^\n]*)"
)
_CACHE_ACTIONS = re.compile(
    r"^\s*-?\s*uses:\s*[\"']?DeterminateSystems/(?:flakehub-cache-action|magic-nix-cache-action)\b[^\n]*", re.MULTILINE
)
_RELEASE = re.compile(r"\b(?:release|publish|deploy)\b", re.IGNORECASE)
_DENIES = any_of(
    [
        r"\bnot?\b",
        r"\bnever\b",
        r"\bwithout\b",
        r"\bnarrow\b",
        r"\bnon-goals?\b",
        r"\bfuture\b",
        r"\bplanned\b",
        r"does(?:n't| not)",
        r"is(?:n't| not)",
        r"\bunless\b",
        r"\buntil\b",
        r"\broadmap\b",
        r"\bgoal\b",
    ]
)
WHERE = "docs/rotation.md"
"""Where a rotation rule that is missing could stand."""
CONFIGURATION = ("*.nix", "*.y*ml", "*nix.conf", "*.sh", "*Justfile", "*justfile", ".envrc")


def substituters(sources: Sources, hosts: Sequence[str], archived: Sequence[str]) -> Findings:
    """Find FlakeHub as a substituter (S004)."""
    found: list[Finding] = []
    files = chosen(sources, CONFIGURATION, archived)
    for path, text in files.items():
        if "substituter" in text:
            found += _substituted(path, text, hosts)
        for line, match in hits(text, _CACHE_ACTIONS) if "DeterminateSystems" in text else ():
            what = f"{shown(match[0])} makes FlakeHub a cache"
            found.append(Finding(path, line, "flakehub-substituter", what, "FlakeHub publishes; Attic is the cache"))
    return Findings("FlakeHub publishes, and substitutes nothing", f"{len(files)} file(s)", tuple(found))


def _substituted(path: str, text: str, hosts: Sequence[str]) -> Iterator[Finding]:
    for line, match in hits(text, _SUBSTITUTERS):
        value = match["value"] or match["flag"] or ""
        before = line_at(text, match).lstrip()
        host = next((each for each in hosts if each in value), None)
        if host is not None and not before.startswith(("#", "//")):
            within = line + value[: value.index(host)].count("\n")
            yield Finding(
                path,
                within,
                "flakehub-substituter",
                f"{host} is a substituter",
                "FlakeHub publishes; Attic is the cache",
            )


def release_targets(workflows: Mapping[str, Workflow], caches: Sequence[str]) -> Findings:
    """Find a release job that uploads to a cache (S002)."""
    found: list[Finding] = []
    for path, read in workflows.items():
        releases = "release" in read.triggers or bool(_RELEASE.search(read.name))
        for job in read.jobs:
            if not releases and not _RELEASE.search(job.id):
                continue
            for step in job.steps:
                texts = [step.run] if step.run is not None else list(step.inputs.values())
                for each in texts:
                    if any(cache in each.text for cache in caches) and re.search(
                        r"\b(?:push|upload|copy|put|url|endpoint)\b", each.text
                    ):
                        what = f"release job {job.id} publishes to a cache"
                        found.append(
                            Finding(path, each.line, "cache-as-release", what, "release to FlakeHub or GitHub")
                        )
    return Findings("no release goes to Attic or the Bazel cache", f"{len(workflows)} workflow(s)", tuple(found))


def claims(sources: Sources, patterns: Sequence[str], archived: Sequence[str]) -> Findings:
    """Find documents that claim full remote execution (S007)."""
    pattern = any_of(patterns)
    found: list[Finding] = []
    files = chosen(sources, ("*.md",), archived)
    for path, text in files.items():
        for line, match in hits(text, pattern) if "remot" in text.lower() else ():
            near = f"{around(text, line)} {' '.join(headings_above(text, line))}"
            if not _DENIES.search(near):
                mend = "claim the target classes that are proved, and no more"
                found.append(Finding(path, line, "claims-remote-execution", shown(line_at(text, match)), mend))
    return Findings("no document claims full remote execution", f"{len(files)} document(s)", tuple(found))


def rotation(sources: Sources, kinds: Mapping[str, Sequence[str]], archived: Sequence[str]) -> Findings:
    """Find a kind of credential without a rotation rule of its own (S026)."""
    files = chosen(sources, ("*.md",), archived)
    rotating = {path: text for path, text in files.items() if "rotat" in text.lower()}
    found: list[Finding] = []
    owners: dict[tuple[str, int], str] = {}
    for kind, patterns in kinds.items():
        rules = list(_rules(rotating, any_of(patterns)))
        own = [place for place in rules if place not in owners]
        if not own:
            what = (
                f"no rotation rule for the {kind}"
                if not rules
                else f"the {kind} shares the rule of the {owners[rules[0]]}"
            )
            found.append(
                Finding(
                    rules[0][0] if rules else WHERE,
                    rules[0][1] if rules else 1,
                    "no-rotation-rule",
                    what,
                    "write a rule of its own",
                )
            )
        owners |= dict.fromkeys(own[:1], kind)
    return Findings(
        "each kind of credential has a rotation rule of its own", f"{len(rotating)} document(s)", tuple(found)
    )


def _rules(files: Mapping[str, str], kind: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    """Yield the lines that say of this kind of credential when or how it is rotated."""
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            below = re.search(r"\brotat", " ".join(headings_above(text, number)), re.IGNORECASE)
            if kind.search(line) and (
                re.search(r"\brotat", line, re.IGNORECASE) or (below and line.lstrip().startswith(("|", "-", "*", "#")))
            ):
                yield path, number
