"""How a developer's machine is attached: what .envrc derives, that it searches for nothing, what ``just info`` reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from pytest_gf.engine.trouble import Cause
from pytest_gf.honey.contract.repository import Attachment
from pytest_gf.honey.formats import envrc, recipes
from pytest_gf.honey.formats.envrc import Assigned, Envrc, Hole
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.recipes import Recipe
from pytest_gf.honey.observed.repository import ATTACHED, SHARED, FileFinding, Findings, Sources

SERVER, CACHE, BAZEL, EXECUTOR = "ATTIC_SERVER", "ATTIC_CACHE", "BAZEL_REMOTE_CACHE", "BAZEL_REMOTE_EXECUTOR"
_SEARCHES = linear(
    r"\b(?:dig|host|nslookup|getent|avahi-\w+|dns-sd|kubectl|tailscale|nmap|nc|curl|wget|ping|resolvectl|consul)\b"
)
_SIMPLE = linear(r"\$\{?[A-Za-z_]\w*\}?")


def attic(sources: Sources, promised: Attachment) -> Findings:
    """Find where .envrc derives another Attic address or cache (S062)."""
    says = f"{promised.envrc} derives https://{promised.https_host}.<domain> and {promised.attic_cache}"
    return _judged(ATTACHED, says, sources, promised, _derived)


def _derived(promised: Attachment, read: Envrc) -> Iterator[FileFinding]:
    start = f"https://{promised.https_host}."
    address = linear(rf"https://{re.escape(promised.https_host)}\.(?:<.+>|[a-z0-9-]+(?:\.[a-z0-9-]+)+)/?")
    for name, expected, fits in (
        (SERVER, f"{start}<domain>", lambda text: address.fullmatch(text) is not None),
        (CACHE, promised.attic_cache, lambda text: text == promised.attic_cache),
    ):
        rule, mend = f"envrc-{name.lower().replace('_', '-')}", f"derive {expected}"
        given = read.values.get(name, ())
        if not given:  # Where a part is not understood, it may be assigned there.
            unseen = read.broken[1] if read.broken is not None else ""
            yield FileFinding(promised.envrc, 1, rule, f"{name} is not assigned", mend, unseen)
        for assigned in {one.line: one for one in reversed(given) if not fits(one.text)}.values():
            if not _only_without_domain(assigned, given, start):
                undecided = "" if _tells(assigned, expected) else f"not literal, cannot prove: {assigned.text}"
                what = f"{name}={assigned.text or 'empty'}, and {expected} is promised"
                yield FileFinding(promised.envrc, assigned.line or 1, rule, what, mend, undecided)


def _only_without_domain(assigned: Assigned, given: Sequence[Assigned], start: str) -> bool:
    """Return whether this is the address without a domain, where another branch knows one."""
    knows = any(other.text.startswith(start) and other.text != start for other in given)
    return knows and assigned.text.rstrip("/") == start


def _tells(assigned: Assigned, expected: str) -> bool:
    """Return whether the literal beginning already differs from what is promised."""
    first = assigned.word[0] if assigned.word else ""
    return not isinstance(first, Hole) and (
        not assigned.holes or not expected.startswith(first[: len(expected)].split("<")[0])
    )


def bazel(sources: Sources, promised: Attachment) -> Findings:
    """Find where .envrc sets BAZEL_REMOTE_CACHE by itself (S063). Empty holds."""
    says = f"{promised.envrc} leaves {BAZEL} empty unless an operator provides it"
    return _judged(ATTACHED, says, sources, promised, _set)


def _set(promised: Attachment, read: Envrc) -> Iterator[FileFinding]:
    given_by_operator = {form for name in promised.endpoint_variables for form in (f"${name}", f"${{{name}}}")}
    for assigned in read.values.get(BAZEL, ()):
        texts = [part for part in assigned.word if isinstance(part, str)]
        if not assigned.text or (assigned.holes and set(assigned.holes) <= given_by_operator and not texts):
            continue
        literal = any("://" in text for text in texts)
        undecided = "" if literal or not assigned.holes else f"not literal, cannot prove: {assigned.text}"
        mend = 'leave it empty unless an operator gives it: "${BAZEL_REMOTE_CACHE:-}"'
        yield FileFinding(promised.envrc, assigned.line, "envrc-bazel", f"{BAZEL}={assigned.text}", mend, undecided)


def explicit(sources: Sources, promised: Attachment) -> Findings:
    """Find where .envrc searches the network for an endpoint (S067)."""
    return _judged(ATTACHED, "attachment is explicit: nothing is discovered", sources, promised, _searched)


def _searched(promised: Attachment, read: Envrc) -> Iterator[FileFinding]:
    for name in (SERVER, CACHE, BAZEL, EXECUTOR):
        for assigned in read.values.get(name, ()):
            for hole in assigned.holes:
                if _SEARCHES.search(hole) and not _SIMPLE.fullmatch(hole):
                    what, mend = f"{name} comes from {hole}, which searches for it", "let the developer set it"
                    yield FileFinding(promised.envrc, assigned.line, "envrc-discovers", what, mend)
            yield from _unread(promised, name, assigned)


def separate(sources: Sources, promised: Attachment) -> Findings:
    """Find where .envrc derives the executor from the cache (S050)."""
    return _judged(SHARED, f"{EXECUTOR} is set apart from {BAZEL}", sources, promised, _shared)


def _shared(promised: Attachment, read: Envrc) -> Iterator[FileFinding]:
    rule, mend = "executor-from-cache", f"set {EXECUTOR} by itself"
    given = {assigned.word for assigned in read.values.get(BAZEL, ()) if assigned.text}
    derives = linear(rf"^(?:export\s+)?{EXECUTOR}=.*\b{BAZEL}\b")
    for line, command in read.commands:
        if derives.search(command):
            yield FileFinding(promised.envrc, line, rule, command, mend)
    for assigned in read.values.get(EXECUTOR, ()):
        if assigned.word in given:
            what = f"{EXECUTOR} and {BAZEL} are both {assigned.text}"
            yield FileFinding(promised.envrc, assigned.line, rule, what, mend)
        yield from _unread(promised, EXECUTOR, assigned)


def _unread(promised: Attachment, name: str, assigned: Assigned) -> Iterator[FileFinding]:
    """Yield a finding where a part of a variable's value was not read: it may be what is forbidden."""
    if assigned.unread:
        what, mend = f"{name} is not read whole", f"assign {name} once, in plain shell"
        yield FileFinding(promised.envrc, assigned.line or 1, "unread-value", what, mend, assigned.unread)


def _judged(
    cause: Cause,
    says: str,
    sources: Sources,
    promised: Attachment,
    rule: Callable[[Attachment, Envrc], Iterator[FileFinding]],
) -> Findings:
    """Return what a rule finds in .envrc; nobody can tell what it assigns where it is absent, or no shell that is understood."""
    path = promised.envrc
    if path not in sources:
        mend = "add it, with the attachment's variables"
        absent = FileFinding(path, 1, "no-envrc", "it is not in this checkout", mend)
        return Findings(cause, says, path, (absent,))
    read = envrc.read(sources[path])
    findings = [*rule(promised, read)]
    if read.broken is not None:
        line, unknown = read.broken
        what, mend = "it is not understood", "write it in plain shell"
        findings.append(FileFinding(path, line, "unread-envrc", what, mend, unknown))
    return Findings(cause, says, path, findings)


def reported(sources: Sources, status: str) -> Findings:
    """Find whether the recipe ``info`` has no word for an empty cache (S065, what the text shows)."""
    elsewhere = ""
    promise = f"just info reports {status} where {BAZEL} is empty"
    for path in ("Justfile", "justfile", ".justfile"):
        read = recipes.just(sources.get(path, ""))
        recipe = read.recipes.get("info")
        if read.imports or not read.whole:
            elsewhere = f"the recipes that {path} takes from elsewhere"
        if recipe is not None:
            findings = []
            reached = _with_needs(recipe, read.recipes)
            if not any(status in needed.body for needed in reached):
                what, mend = f"just info never reports {status}", f"report {status} where {BAZEL} is empty"
                absent = any(need.name not in read.recipes for needed in reached for need in needed.needs)
                undecided = elsewhere if absent else ""
                findings.append(FileFinding(path, recipe.line - 1, "no-status", what, mend, undecided))
            return Findings(ATTACHED, promise, path, findings)
    what, mend = "there is no recipe info", f"add one that reports {status}"
    missing = FileFinding("Justfile", 1, "no-recipe", what, mend, elsewhere)
    return Findings(ATTACHED, promise, "Justfile", (missing,))


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
    looked = f"just info, {len(output.splitlines())} line(s)"
    return Findings(ATTACHED, promise, looked, () if status in output else (missing,))
