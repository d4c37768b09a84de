"""How a developer's machine is attached: what .envrc derives, that it searches for nothing, what ``just info`` reports."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pytest_gf.honey.formats import envrc, recipes
from pytest_gf.honey.formats.envrc import Assigned, Hole
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.recipes import Recipe
from pytest_gf.honey.observed.repository import ATTACHED, SHARED, FileFinding, Findings, Sources

SERVER, CACHE, BAZEL, EXECUTOR = "ATTIC_SERVER", "ATTIC_CACHE", "BAZEL_REMOTE_CACHE", "BAZEL_REMOTE_EXECUTOR"
_SEARCHES = linear(
    r"\b(?:dig|host|nslookup|getent|avahi-\w+|dns-sd|kubectl|tailscale|nmap|nc|curl|wget|ping|resolvectl|consul)\b"
)
_SIMPLE = linear(r"\$\{?[A-Za-z_]\w*\}?")
Values = Mapping[str, tuple[Assigned, ...]]


@dataclass(frozen=True)
class Promise:
    """What .envrc derives: ``https://HOST.<domain>`` and the cache's name; which variables an operator gives an endpoint by."""

    envrc: str
    host: str
    cache: str
    endpoints: tuple[str, ...]


def attic(sources: Sources, promise: Promise) -> Findings:
    """Find where .envrc derives another Attic address or cache (S062)."""
    read = _read(sources, promise)
    findings = _broken(sources, promise) if read is not None else [_absent(promise)]
    derived = linear(rf"https://{re.escape(promise.host)}\.(?:<.+>|[a-z0-9-]+(?:\.[a-z0-9-]+)+)/?")
    for name, expected, fits in (
        (SERVER, f"https://{promise.host}.<domain>", lambda text: derived.fullmatch(text) is not None),
        (CACHE, promise.cache, lambda text: text == promise.cache),
    ):
        given = (read or {}).get(name, ())
        if read is not None and not given:
            findings.append(
                FileFinding(
                    promise.envrc,
                    1,
                    f"envrc-{name.lower().replace('_', '-')}",
                    f"{name} is not assigned",
                    f"derive {expected}",
                )
            )
        for assigned in {one.line: one for one in reversed(given) if not fits(one.text)}.values():
            if not fits(assigned.text) and not _only_without_domain(assigned, given, f"https://{promise.host}."):
                undecided = "" if _tells(assigned, expected) else f"not literal, cannot prove: {assigned.text}"
                what = f"{name}={assigned.text or 'empty'}, and {expected} is promised"
                findings.append(
                    FileFinding(
                        promise.envrc,
                        assigned.line or 1,
                        f"envrc-{name.lower().replace('_', '-')}",
                        what,
                        f"derive {expected}",
                        undecided,
                    )
                )
    return Findings(
        ATTACHED,
        f"{promise.envrc} derives https://{promise.host}.<domain> and {promise.cache}",
        promise.envrc,
        findings,
    )


def _only_without_domain(assigned: Assigned, given: Sequence[Assigned], start: str) -> bool:
    """Return whether this is the address without a domain, where another branch knows one."""
    return assigned.text.rstrip("/") == start and any(
        other.text.startswith(start) and other.text != start for other in given
    )


def _tells(assigned: Assigned, expected: str) -> bool:
    """Return whether the literal beginning already differs from what is promised."""
    first = assigned.word[0] if assigned.word else ""
    return not isinstance(first, Hole) and (
        not assigned.holes or not expected.startswith(first[: len(expected)].split("<")[0])
    )


def bazel(sources: Sources, promise: Promise) -> Findings:
    """Find where .envrc sets BAZEL_REMOTE_CACHE by itself (S063). Empty holds."""
    read = _read(sources, promise)
    findings = _broken(sources, promise) if read is not None else [_absent(promise)]
    for assigned in (read or {}).get(BAZEL, ()):
        holes = [
            hole
            for hole in assigned.holes
            if hole not in {form for name in promise.endpoints for form in (f"${name}", f"${{{name}}}")}
        ]
        texts = [part for part in assigned.word if isinstance(part, str)]
        if not assigned.text or (assigned.holes and not holes and not texts):
            continue
        literal = any("://" in text for text in texts)
        undecided = "" if literal or not assigned.holes else f"not literal, cannot prove: {assigned.text}"
        mend = 'leave it empty unless an operator gives it: "${BAZEL_REMOTE_CACHE:-}"'
        findings.append(
            FileFinding(promise.envrc, assigned.line, "envrc-bazel", f"{BAZEL}={assigned.text}", mend, undecided)
        )
    return Findings(
        ATTACHED, f"{promise.envrc} leaves {BAZEL} empty unless an operator provides it", promise.envrc, findings
    )


def explicit(sources: Sources, promise: Promise) -> Findings:
    """Find where .envrc searches the network for an endpoint (S067)."""
    read = _read(sources, promise)
    findings = _broken(sources, promise) if read is not None else [_absent(promise)]
    for name in (SERVER, CACHE, BAZEL, EXECUTOR):
        for assigned in (read or {}).get(name, ()):
            for hole in assigned.holes:
                if _SEARCHES.search(hole) and not _SIMPLE.fullmatch(hole):
                    what = f"{name} comes from {hole}, which searches for it"
                    findings.append(
                        FileFinding(promise.envrc, assigned.line, "envrc-discovers", what, "let the developer set it")
                    )
            findings += _unread(promise, name, assigned)
    return Findings(ATTACHED, "attachment is explicit: nothing is discovered", promise.envrc, findings)


def separate(sources: Sources, promise: Promise) -> Findings:
    """Find where .envrc derives the executor from the cache (S050)."""
    read = _read(sources, promise)
    findings = _broken(sources, promise) if read is not None else [_absent(promise)]
    text = sources.get(promise.envrc, "")
    given = {assigned.word for assigned in (read or {}).get(BAZEL, ()) if assigned.text}
    derives = linear(rf"^(?:export\s+)?{EXECUTOR}=.*\b{BAZEL}\b")
    for line, command in envrc.read(text).commands:
        if derives.search(command):
            findings.append(
                FileFinding(promise.envrc, line, "executor-from-cache", command, f"set {EXECUTOR} by itself")
            )
    for assigned in (read or {}).get(EXECUTOR, ()):
        if assigned.word in given:
            what = f"{EXECUTOR} and {BAZEL} are both {assigned.text}"
            findings.append(
                FileFinding(promise.envrc, assigned.line, "executor-from-cache", what, f"set {EXECUTOR} by itself")
            )
        findings += _unread(promise, EXECUTOR, assigned)
    return Findings(SHARED, f"{EXECUTOR} is set apart from {BAZEL}", promise.envrc, findings)


def _unread(promise: Promise, name: str, assigned: Assigned) -> list[FileFinding]:
    """Return a finding where a part of a variable's value was not read: it may be what is forbidden."""
    return (
        [
            FileFinding(
                promise.envrc,
                assigned.line or 1,
                "unread-value",
                f"{name} is not read whole",
                f"assign {name} once, in plain shell",
                assigned.unread,
            )
        ]
        if assigned.unread
        else []
    )


def _read(sources: Sources, promise: Promise) -> Values | None:
    text = sources.get(promise.envrc)
    return envrc.read(text).values if text is not None else None


def _broken(sources: Sources, promise: Promise) -> list[FileFinding]:
    """Return a finding where .envrc is no shell that is understood, so that nobody can tell what it assigns."""
    broken = envrc.read(sources.get(promise.envrc, "")).broken
    return (
        []
        if broken is None
        else [
            FileFinding(
                promise.envrc, broken[0], "unread-envrc", "it is not understood", "write it in plain shell", broken[1]
            )
        ]
    )


def _absent(promise: Promise) -> FileFinding:
    return FileFinding(
        promise.envrc, 1, "no-envrc", "it is not in this checkout", "add it, with the attachment's variables"
    )


def reported(sources: Sources, status: str) -> Findings:
    """Find whether the recipe ``info`` has no word for an empty cache (S065, what the text shows)."""
    findings, elsewhere = [], ""
    for path in ("Justfile", "justfile", ".justfile"):
        read = recipes.just(sources.get(path, ""))
        recipe = read.recipes.get("info")
        if read.imports or not read.whole:
            elsewhere = f"the recipes that {path} takes from elsewhere"
        if recipe is not None:
            reached = _with_needs(recipe, read.recipes)
            if not any(status in needed.body for needed in reached):
                what, mend = f"just info never reports {status}", f"report {status} where {BAZEL} is empty"
                absent = any(need.name not in read.recipes for needed in reached for need in needed.needs)
                undecided = elsewhere if absent else ""
                findings.append(FileFinding(path, recipe.line - 1, "no-status", what, mend, undecided))
            return Findings(ATTACHED, f"just info reports {status} where {BAZEL} is empty", path, findings)
    mend = f"add one that reports {status}"
    missing = FileFinding("Justfile", 1, "no-recipe", "there is no recipe info", mend, elsewhere)
    return Findings(ATTACHED, f"just info reports {status} where {BAZEL} is empty", "Justfile", (missing,))


def _with_needs(recipe: Recipe, by_name: Mapping[str, Recipe]) -> Collection[Recipe]:
    """Return a recipe and all that it needs."""
    reached, waiting = {recipe.name: recipe}, [recipe]
    while waiting:
        for need in waiting.pop().needs:
            if need.name in by_name and need.name not in reached:
                reached[need.name] = by_name[need.name]
                waiting.append(by_name[need.name])
    return reached.values()


def printed(output: str, status: str) -> Findings:
    """Find whether what ``just info`` printed lacks the status (S065)."""
    missing = FileFinding("Justfile", 1, "status-not-reported", f"just info does not say {status}", f"report {status}")
    promise = f"just info reports {status} where {BAZEL} is empty"
    return Findings(
        ATTACHED, promise, f"just info, {len(output.splitlines())} line(s)", () if status in output else (missing,)
    )
