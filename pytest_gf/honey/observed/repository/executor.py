"""Executor mode: which target classes may run remotely, and that no executor takes this cache for its authority."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_gf.honey.contract.repository import Executor, Repository
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.observed.repository import ELIGIBLE, SHARED, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import Lines, chosen, hits, shown

MOST_CLASSES = 1_000
_MODE = linear(r"(?m)(?:--remote_executor[= ]|\bBAZEL_REMOTE_EXECUTOR\s*[=:])[ \t]*(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"']*)")
_PASSED_ON = linear(r"^\$\{?BAZEL_REMOTE_EXECUTOR(?::?[-=])?\}?$")
"""The variable handed on as it is: nothing is switched on by that."""
_CLASS = linear(r"(?:target[_-]class|RBE_TARGET_CLASS)[\"']?\s*[:=]\s*[\"']?([A-Za-z][\w-]*)")
_AUTHORITY = linear(
    r"(?i)(?:--remote_(?:cas|action_cache|instance_cache)\w*[= ]|(?:\bcas|content_?addressable_?storage|action_?cache|\bac)[\w-]*"
    r"(?:_?(?:address|endpoint|url|backend|authority|store))?[\"']?\s*[:=]\s*[\"']?)[^\s#]*"
)
_FLAG = linear(r"(?:--remote_executor[= ]|BAZEL_REMOTE_EXECUTOR=)\S+")
CONFIGURATION = ("*.bazelrc", "*.json", "*.json5", "*.y*ml", "*.toml", "*.cfg", "*.conf", "*.tf", "*.tofu")


def eligible(sources: Sources, rules: Executor) -> Findings:
    """Find what is wrong with the file of eligible target classes, and which class is used without being in it (S051)."""
    path = rules.eligibility
    text = sources.get(path)
    if text is None:
        mend = "add it, with the classes that are proved"
        missing = FileFinding(path, 1, "no-eligibility", "it is not in this checkout", mend)
        return Findings(ELIGIBLE, _PROMISE, path, (missing,) if _uses(sources) else ())
    try:
        classes = _classes(json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as wrong:
        line = getattr(wrong, "lineno", 1)
        malformed = FileFinding(path, line, "malformed-eligibility", str(wrong), "mend the JSON")
        return Findings(ELIGIBLE, _PROMISE, path, (malformed,))
    findings = list(_shape(path, text, classes, rules.states))
    good = {name for name, entry in classes.items() if isinstance(entry, dict) and entry.get("state") in rules.eligible}
    for where, line, name in _uses(sources):
        if not name:
            what, unknown = "a remote executor, and no target class is named beside it", "which target class runs there"
            findings.append(FileFinding(where, line, "no-class", what, "say RBE_TARGET_CLASS", unknown))
        elif name not in classes:
            mend = f"declare it in {path}, or use a class that stands there"
            findings.append(FileFinding(where, line, "unknown-class", f"target class {name} is not in {path}", mend))
        elif name not in good:
            what = f"target class {name} is not eligible"
            findings.append(FileFinding(where, line, "ineligible-class", what, "run it locally"))
    return Findings(ELIGIBLE, _PROMISE, f"{path}, {len(classes)} class(es)", findings)


_PROMISE = "executor-backed mode only for target classes that are eligible"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counts = Counter(name for name, _ in pairs)
    twice = (
        "more than is read" if len(pairs) > MOST_CLASSES else next((name for name in counts if counts[name] > 1), None)
    )
    if twice is not None:
        raise ValueError(f"the member {twice!r} stands twice, or there are more than {MOST_CLASSES}")
    return dict(pairs)


def _classes(read: Any) -> dict[str, Any]:
    """Return the classes by name: a mapping below ``classes``, or a list of objects with ``name``."""
    below = read.get("classes", read.get("target_classes")) if isinstance(read, dict) else None
    if isinstance(below, list):
        if not all(isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in below):
            raise ValueError("a class without a name")
        return {entry["name"]: entry for entry in below}
    if not isinstance(below, dict):
        raise ValueError('no member "classes" with the target classes')  # noqa: TRY004  # It is the file that is wrong.
    return below


def _shape(path: str, text: str, classes: dict[str, Any], states: Sequence[str]) -> Iterator[FileFinding]:
    for name, entry in classes.items():
        state = entry.get("state") if isinstance(entry, dict) else None
        if state not in states:
            line = text.count("\n", 0, max(0, text.find(json.dumps(name)))) + 1
            mend = f"say one of {', '.join(states)}"
            yield FileFinding(path, line, "malformed-class", f"class {name} has the state {state!r}", mend)


def _uses(sources: Sources) -> list[tuple[str, int, str]]:
    """Return where an executor is used, with the target classes named beside it ("" for none): in workflows, recipes, bazelrc files."""
    uses: list[tuple[str, int, str]] = []
    for path, text in chosen(sources, (".github/*.y*ml", "*Justfile", "*justfile", "*.bazelrc", "*.sh")).items():
        if "remote_executor" not in text and "BAZEL_REMOTE_EXECUTOR" not in text:
            continue
        lines = Lines(text)
        named = [(path, line, match[1]) for line, match in hits(lines, _CLASS) if not _is_comment(lines, line)]
        modes = [line for line, match in hits(lines, _MODE) if _is_on(match[1]) and not _is_comment(lines, line)]
        uses += named or [(path, line, "") for line in modes]
    return uses


def _is_on(value: str) -> bool:
    bare = value.strip("\"'")
    return bool(bare) and not _PASSED_ON.match(bare)


def _is_comment(lines: Lines, line: int) -> bool:
    return lines.line(line).lstrip().startswith("#")


def authority(sources: Sources, rules: Repository) -> Findings:
    """Find an executor's configuration that names this cache as CAS or action-cache authority (S047)."""
    findings: list[FileFinding] = []
    cache = rules.attachment.bazel_cache.partition("://")[2].partition(":")[0]
    files = chosen(sources, CONFIGURATION, rules.archived)
    for path, text in files.items():
        if cache not in text:
            continue
        lines = Lines(text)
        for line, match in hits(lines, _AUTHORITY):
            whole = lines.line(line)
            if cache in match[0] and match[0] in whole.partition("#")[0]:
                mend = "an executor's CAS and action cache are a store of their own"
                findings.append(FileFinding(path, line, "cache-as-authority", shown(whole), mend))
        findings += _executors(path, lines, cache)
    promise = "no executor takes the Bazel cache for its CAS or action cache"
    return Findings(SHARED, promise, f"{len(files)} file(s)", findings)


def _executors(path: str, lines: Lines, cache: str) -> Iterator[FileFinding]:
    """Yield where the executor's own address is the cache's."""
    for line, match in hits(lines, _FLAG):
        code = lines.line(line).partition("#")[0]
        if match[0] in code and cache in match[0]:
            mend = "an executor has an address of its own"
            yield FileFinding(path, line, "cache-as-executor", shown(match[0]), mend)
