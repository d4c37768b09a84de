"""Executor mode: which target classes may run remotely, and that no executor takes this cache for its authority."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_gf.honey.formats.shell import lines
from pytest_gf.honey.observed.repository import Finding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import chosen, hits, line_at, shown

MOST_CLASSES = 1_000
_MODE = re.compile(r"(?:--remote_executor[= ]|\bBAZEL_REMOTE_EXECUTOR=)(?!\s*(?:\"\"|''|$))", re.MULTILINE)
_CLASS = re.compile(r"(?:target[_-]class|RBE_TARGET_CLASS)[\"']?\s*[:=]\s*[\"']?([A-Za-z][\w-]*)")
_AUTHORITY = re.compile(
    r"(?:--remote_(?:cas|action_cache|instance_cache)\w*[= ]|(?:\bcas|content_?addressable_?storage|action_?cache|\bac)[\w-]*"
    r"(?:_?(?:address|endpoint|url|backend|authority|store))?[\"']?\s*[:=]\s*[\"']?)[^\s#]*",
    re.IGNORECASE,
)
CONFIGURATION = ("*.bazelrc", "*.json", "*.json5", "*.y*ml", "*.toml", "*.cfg", "*.conf", "*.tf", "*.tofu")


def eligible(sources: Sources, path: str, states: Sequence[str], allowed: Sequence[str]) -> Findings:
    """Find what is wrong with the file of eligible target classes, and which class is used without being in it (S051)."""
    text = sources.get(path)
    if text is None:
        missing = Finding(
            path, 1, "no-eligibility", "it is not in this checkout", "add it, with the classes that are proved"
        )
        return Findings(_PROMISE, path, (missing,) if _uses(sources) else ())
    try:
        classes = _classes(json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as wrong:
        line = getattr(wrong, "lineno", 1)
        return Findings(_PROMISE, path, (Finding(path, line, "malformed-eligibility", str(wrong), "mend the JSON"),))
    found = list(_shape(path, text, classes, states))
    good = {name for name, each in classes.items() if isinstance(each, dict) and each.get("state") in allowed}
    for where, line, name in _uses(sources):
        if name not in classes:
            mend = f"declare it in {path}, or use a class that stands there"
            found.append(Finding(where, line, "unknown-class", f"target class {name} is not in {path}", mend))
        elif name not in good:
            found.append(
                Finding(where, line, "ineligible-class", f"target class {name} is not eligible", "run it locally")
            )
    return Findings(_PROMISE, f"{path}, {len(classes)} class(es)", tuple(found))


_PROMISE = "executor-backed mode only for target classes that are eligible"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if len(names) <= MOST_CLASSES
        else "more than is read"
    )
    if twice is not None:
        raise ValueError(f"the member {twice!r} stands twice, or there are more than {MOST_CLASSES}")
    return dict(pairs)


def _classes(read: Any) -> dict[str, Any]:
    """Return the classes by name: a mapping below ``classes``, or a list of objects with ``name``."""
    below = read.get("classes", read.get("target_classes")) if isinstance(read, dict) else None
    if isinstance(below, list):
        if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in below):
            raise ValueError("a class without a name")
        return {each["name"]: each for each in below}
    if not isinstance(below, dict):
        raise ValueError('no member "classes" with the target classes')  # noqa: TRY004  # It is the file that is wrong.
    return below


def _shape(path: str, text: str, classes: dict[str, Any], states: Sequence[str]) -> Iterator[Finding]:
    for name, each in classes.items():
        state = each.get("state") if isinstance(each, dict) else None
        if state not in states:
            line = text.count("\n", 0, max(0, text.find(json.dumps(name)))) + 1
            mend = f"say one of {', '.join(states)}"
            yield Finding(path, line, "malformed-class", f"class {name} has the state {state!r}", mend)


def _uses(sources: Sources) -> list[tuple[str, int, str]]:
    """Return where a target class is named beside an executor: in workflows, recipes and bazelrc files."""
    found: list[tuple[str, int, str]] = []
    for path, text in chosen(sources, (".github/*.y*ml", "*Justfile", "*justfile", "*.bazelrc", "*.sh")).items():
        if _MODE.search(text) or "BAZEL_REMOTE_EXECUTOR" in text:
            found += [
                (path, line, match[1])
                for line, match in hits(text, _CLASS)
                if not line_at(text, match).lstrip().startswith("#")
            ]
    return found


def authority(sources: Sources, caches: Sequence[str], archived: Sequence[str]) -> Findings:
    """Find an executor's configuration that names this cache as CAS or action-cache authority (S047)."""
    found: list[Finding] = []
    files = chosen(sources, CONFIGURATION, archived)
    for path, text in files.items():
        if not any(cache in text for cache in caches):
            continue
        for line, match in hits(text, _AUTHORITY):
            whole = line_at(text, match)
            code = whole.partition("#")[0]
            if any(cache in match[0] for cache in caches) and match[0] in code:
                mend = "an executor's CAS and action cache are a store of their own"
                found.append(Finding(path, line, "cache-as-authority", shown(whole), mend))
        found += _executors(path, text, caches)
    return Findings(
        "no executor takes the Bazel cache for its CAS or action cache", f"{len(files)} file(s)", tuple(found)
    )


def _executors(path: str, text: str, caches: Sequence[str]) -> Iterator[Finding]:
    """Yield where the executor's own address is the cache's."""
    for offset, code in lines(text):
        for flag in re.findall(r"(?:--remote_executor[= ]|BAZEL_REMOTE_EXECUTOR=)\S+", code):
            if any(cache in flag for cache in caches):
                mend = "an executor has an address of its own"
                yield Finding(path, offset + 1, "cache-as-executor", shown(flag), mend)
