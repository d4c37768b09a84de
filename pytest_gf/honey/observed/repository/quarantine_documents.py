"""The write quarantine in documents, examples and composite actions: nothing there pushes, or tells to, past the gate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_gf.honey.formats import markdown
from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.markdown import Fence
from pytest_gf.honey.formats.shell import attic_commands
from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Scalar, Table, read
from pytest_gf.honey.observed.repository import Finding, Findings, Sources
from pytest_gf.honey.observed.repository.pushing import SWITCH, steps_push
from pytest_gf.honey.observed.repository.quarantine import Plan, ungated
from pytest_gf.honey.observed.repository.scene import TOKEN, Scene
from pytest_gf.honey.observed.repository.searching import is_among

ACTIONS = (".github/actions/*/action.yml", ".github/actions/*/action.yaml")
SHELLS = frozenset({"", "sh", "bash", "shell", "console", "zsh", "text"})
_PAST = "say that it writes only on the default branch and with ATTIC_TOKEN, or take it out"
_TELLS = re.compile(
    r"\b(?:set|use|pass|add|say|turn|enable|with)\b[^.\n]{0,60}push-cache:?\s*[\"'`=]*\s*true", re.IGNORECASE
)
_WORDS = (SWITCH, "attic", "greedy-cache", "nix-job", "nix-build", TOKEN, "secrets:")
"""A document without any of these says nothing of the cache."""
_BRANCH = re.compile(r"GITHUB_REF|CI_COMMIT_BRANCH|ref_name|CI_DEFAULT_BRANCH")
_UNLESS = re.compile(
    r"\b(?:not|never|don't|only|unless|quarantin\w*|default[- ]branch|instead of|keeps?|gated)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Documents:
    """Which paths are documents, which are examples, and which are only kept (fnmatch patterns)."""

    documents: tuple[str, ...]
    examples: tuple[str, ...]
    archived: tuple[str, ...]


def documents(sources: Sources, which: Documents, plan: Plan) -> Findings:
    """Find where operator-facing documents tell to push past the gate (S030)."""
    found: list[Finding] = []
    count = 0
    for path, text in sources.items():
        if is_among(path, which.documents) and not is_among(path, which.archived):
            count += 1
            if not any(word in text for word in _WORDS):
                continue
            found += _told(path, text)
            for fence in markdown.fences(text):
                found += _fenced(path, fence, sources, plan)
    return Findings("no document tells to push past the gate", f"{count} document(s)", tuple(found))


def examples(sources: Sources, which: Documents, plan: Plan) -> Findings:
    """Find examples that push from elsewhere than the default branch or without ATTIC_TOKEN (S028)."""
    found: list[Finding] = []
    chosen = [path for path in sources if is_among(path, which.examples) and path.endswith((".yml", ".yaml"))]
    for path in chosen:
        found += _example(path, sources[path], 0, sources, plan)
    promise = f"examples push only on the default branch and with {TOKEN}"
    return Findings(promise, f"{len(chosen)} example(s)", tuple(found))


def actions(sources: Sources, patterns: Sequence[str] = ACTIONS) -> Findings:
    """Find composite actions that push unless their caller says otherwise (S027, S029)."""
    found: list[Finding] = []
    chosen = [path for path in sources if is_among(path, patterns)]
    for path in chosen:
        found += _action(path, sources)
    return Findings("composite actions push only when they are asked to", f"{len(chosen)} action(s)", tuple(found))


def _action(path: str, sources: Sources) -> Iterator[Finding]:
    try:
        read_ = workflows.action(sources[path])
    except Malformed as wrong:
        yield Finding(path, wrong.line, "unreadable-action", wrong.what, "make it an action", "what it would run")
        return
    switch = read_.inputs.get(SWITCH)
    if switch is not None and (switch.default is None or switch.default.value != "false"):
        line = switch.default.line if switch.default is not None else switch.line
        said = repr(switch.default.text) if switch.default is not None else "nothing"
        what = f"{SWITCH} is {said} by default: whoever leaves it out and has {TOKEN} publishes"
        yield Finding(path, line, "action-pushes-by-default", what, 'make the default "false"')


def _told(path: str, text: str) -> Iterator[Finding]:
    for line in markdown.prose(text):
        if _TELLS.search(line.text) and not _UNLESS.search(line.text):
            yield Finding(path, line.number, "document-tells-to-push", f"it tells to set {SWITCH} true", _PAST)


def _fenced(path: str, fence: Fence, sources: Sources, plan: Plan) -> Iterator[Finding]:
    if fence.language in {"yaml", "yml"}:
        yield from _example(path, fence.text, fence.line - 1, sources, plan)
    elif fence.language in SHELLS:
        yield from _pushes(path, fence.text, fence.line)


def _pushes(path: str, script: str, line: int, around: str = "") -> Iterator[Finding]:
    for command in attic_commands(re.sub(r"(?m)^\s*[$>]\s", "", script)):
        if command.verb != "login" and not (_BRANCH.search(command.guard) and TOKEN in script + around):
            what = f"it tells to run attic {command.verb}"
            yield Finding(path, line + command.offset, "document-tells-to-push", what, _PAST)


def _example(path: str, text: str, above: int, sources: Sources, plan: Plan) -> Iterator[Finding]:
    """Yield what an example in YAML pushes past its gates; it begins so many lines below the top of its file."""
    try:
        top = read(text)
    except Malformed:
        return  # An example may leave parts out, and nobody runs it as it stands.
    found: list[Finding] = []
    if isinstance(top, Table) and isinstance(top.get("jobs"), Table):
        try:
            found += ungated(path, workflows.workflow_of(top), sources, plan)
        except Malformed:
            return
    else:
        found += _loose(path, top, sources, plan)
        found += _gitlab(path, top, text)
    for each in found:
        yield Finding(each.path, each.line + above, each.rule, each.what, each.mend, each.undecided)


def _loose(path: str, top: object, sources: Sources, plan: Plan) -> Iterator[Finding]:
    """Yield what loose steps push: nobody sees the gates around them, so only a switch that says true counts."""
    node = top.get("steps") if isinstance(top, Table) else top
    if not isinstance(node, Items):
        return
    try:
        steps = workflows.steps_of(node)
    except Malformed:
        return
    scene = Scene("pull_request", "refs/pull/1/merge", plan.branch)
    for push in steps_push(path, steps, scene, sources):
        yield Finding(path, push.line, "not-gated-on-default-branch", push.how, _PAST, push.undecided)


def _gitlab(path: str, top: object, text: str) -> Iterator[Finding]:
    """Yield what a GitLab job's script pushes without a rule on the default branch."""
    if not isinstance(top, Table):
        return
    for _, job in top.entries:
        script = job.get("script") if isinstance(job, Table) else None
        rules = job.get("rules") or job.get("only") if isinstance(job, Table) else None
        for line in script.nodes if isinstance(script, Items) and rules is None else ():
            if isinstance(line, Scalar):
                yield from _pushes(path, line.text, line.line + ("\n" in line.text), text)
