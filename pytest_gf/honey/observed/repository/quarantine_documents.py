"""The write quarantine in documents, examples and composite actions: nothing there pushes, or tells to, past the gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats import markdown
from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.expression import Truth
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.markdown import Fence
from pytest_gf.honey.formats.templates import GITHUB, GITLAB, rendered
from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Node, Table, read_all, within
from pytest_gf.honey.observed.repository import DOCUMENTED, PUSHES, FileFinding, Findings, Sources, gitlab, gitlab_jobs
from pytest_gf.honey.observed.repository.calling import by_folder, caches
from pytest_gf.honey.observed.repository.effect import NAMES_PUSH, Writes
from pytest_gf.honey.observed.repository.following import Reader
from pytest_gf.honey.observed.repository.pushing import SWITCH, defaults, steps_push
from pytest_gf.honey.observed.repository.quarantine import scene_of, ungated
from pytest_gf.honey.observed.repository.scene import TOKEN, View
from pytest_gf.honey.observed.repository.searching import chosen

ACTIONS = tuple(
    f"{folder}action.{suffix}"
    for folder in (".github/actions/*/", ".forgejo/actions/*/", ".gitea/actions/*/", "")
    for suffix in ("yml", "yaml")
)
SHELLS = frozenset({"", "sh", "bash", "shell", "console", "zsh", "text"})
_PAST = "say that it writes only on the default branch and with ATTIC_TOKEN, or take it out"
_TELLS = linear(r"(?i)\b(?:set|use|pass|add|say|turn|enable|with)\b[^.\n]{0,60}push-cache:?\s*[\"'`=]*\s*true")
_WORDS = (SWITCH, "attic", "greedy-cache", "nix-job", "nix-build", TOKEN, "secrets:")
"""A document without any of these says nothing of the cache."""
_PROMPT = linear(r"^\s*[$>]\s")
_VARIABLE = linear(r"\$\{?(\w+)")
_BRANCH = linear(r"GITHUB_REF|CI_COMMIT_BRANCH|ref_name|CI_DEFAULT_BRANCH")
_UNLESS = linear(r"(?i)\b(?:not|never|don't|only|unless|quarantin\w*|default[- ]branch|instead of|keeps?|gated)\b")


def documents(sources: Sources, rules: Repository) -> Findings:
    """Find where operator-facing documents tell to push past the gate (S030)."""
    findings: list[FileFinding] = []
    files = chosen(sources, rules.quarantine.documents, rules.archived)
    for path, text in files.items():
        if any(word in text for word in _WORDS):
            findings += _in_prose(path, text)
            findings += [finding for fence in markdown.fences(text) for finding in _fenced(path, fence, sources, rules)]
    return Findings(DOCUMENTED, "no document tells to push past the gate", f"{len(files)} document(s)", findings)


def examples(sources: Sources, rules: Repository) -> Findings:
    """Find examples that push from elsewhere than the default branch or without ATTIC_TOKEN (S028)."""
    among = chosen(sources, rules.quarantine.examples)
    files = {path: text for path, text in among.items() if path.endswith((".yml", ".yaml"))}
    findings = [finding for path, text in files.items() for finding in _example(path, text, 0, sources, rules)]
    promise = f"examples push only on the default branch and with {TOKEN}"
    return Findings(PUSHES, promise, f"{len(files)} example(s)", findings)


def actions(sources: Sources, rules: Repository) -> Findings:
    """Find actions that push unless their caller says otherwise: by their switch, or by what they run (S027, S029)."""
    files = chosen(sources, ACTIONS)
    findings = [finding for path in files for finding in _action(path, sources, rules)]
    return Findings(PUSHES, "composite actions push only when they are asked to", f"{len(files)} action(s)", findings)


def _action(path: str, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    try:
        read_ = workflows.action(sources[path])
    except Malformed as wrong:
        yield FileFinding(path, wrong.line, "unreadable-action", wrong.what, "make it an action", "what it would run")
        return
    switch = read_.inputs.get(SWITCH)
    if switch is not None and (switch.default is None or switch.default.value != "false"):
        line = switch.default.line if switch.default is not None else switch.line
        said = repr(switch.default.text) if switch.default is not None else "nothing"
        what = f"{SWITCH} is {said} by default: whoever leaves it out and has {TOKEN} publishes"
        yield FileFinding(path, line, "action-pushes-by-default", what, 'make the default "false"')
        return
    bare = View(scene_of(rules, "pull_request"))
    given = replace(bare, env={TOKEN.lower(): bare.secret(TOKEN.lower())})
    entry = by_folder(path, rules)
    seen: set[int] = set()
    for push in steps_push(path, read_.steps, replace(given, inputs=defaults(read_.inputs, given)), sources, rules):
        if not push.how.startswith("may write") and push.line not in seen:
            seen.add(push.line)
            # An action that the contract knows to push whenever it is used needs no output of its own to tell.
            undecided = "" if entry is not None and not entry.switch else push.undecided
            what = f"{push.how} with the inputs' defaults: whoever uses it and has {TOKEN} publishes"
            mend = "push only where an input asks for it"
            yield FileFinding(path, push.line, "action-pushes-by-default", what, mend, undecided)


def _in_prose(path: str, text: str) -> Iterator[FileFinding]:
    for line in markdown.prose(text):
        if _TELLS.search(line.text) and not _UNLESS.search(line.text):
            yield FileFinding(path, line.number, "document-tells-to-push", f"it tells to set {SWITCH} true", _PAST)


def _fenced(path: str, fence: Fence, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    if fence.language in {"yaml", "yml"}:
        yield from _example(path, fence.text, fence.line - 1, sources, rules)
    elif fence.language in SHELLS:
        yield from _pushes(path, fence.text, fence.line, rules)


def _pushes(path: str, script: str, line: int, rules: Repository) -> Iterator[FileFinding]:
    if not (NAMES_PUSH.search(script) or "nix copy" in script):
        return
    plain = "".join(_PROMPT.sub("  ", text) for text in script.splitlines(keepends=True))
    for reached in Reader({}, caches(rules)).reached(rendered(plain, (GITHUB, GITLAB))):
        effect = reached.effect
        if isinstance(effect, Writes) and not (_BRANCH.search(effect.guard) and TOKEN in script):
            what = f"it tells to run {effect.verb}"
            undecided = effect.unknown or _unclear(effect.guard)
            yield FileFinding(path, line + effect.offset, "document-tells-to-push", what, _PAST, undecided)


def _unclear(guard: str) -> str:
    """Return a condition that may be the gate; one that looks at nothing but Attic's variables is none."""
    names = {match[1] for match in _VARIABLE.finditer(guard)}
    return "" if names and all(name.startswith("ATTIC_") for name in names) else guard


def _example(path: str, text: str, above: int, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    """Yield what an example in YAML pushes past its gates; it begins so many lines below the top of its file."""
    try:
        documents = read_all(text)
        findings = [finding for top in documents for finding in _document(path, top, sources, rules)]
        if not any(isinstance(within(top, "jobs"), Table) for top in documents):
            findings += _gitlab(path, text, sources, rules)
    except Malformed as wrong:
        if NAMES_PUSH.search(text):
            yield FileFinding(path, above + wrong.line, "unreadable-example", wrong.what, _PAST, "what it would run")
        return
    for finding in findings:
        yield replace(finding, line=finding.line + above) if finding.path == path else finding


def _document(path: str, top: Node, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    if isinstance(top, Table) and isinstance(top.get("jobs"), Table):
        yield from ungated(path, workflows.workflow_of(top), sources, rules)
    else:
        yield from _loose(path, top, sources, rules)


def _loose(path: str, top: Node, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    """Yield what loose steps push: nobody sees the gates around them, so only a switch that says true counts."""
    node = top.get("steps") if isinstance(top, Table) else top
    if not isinstance(node, Items) or not all(isinstance(item, Table) for item in node.nodes):
        return
    view = View(scene_of(rules, "pull_request"))
    for push in steps_push(path, workflows.steps_of(node), view, sources, rules):
        yield FileFinding(path, push.line, "not-gated-on-default-branch", push.how, _PAST, push.undecided)


def _gitlab(path: str, text: str, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    """Yield what a GitLab job pushes from a branch that is not the default one, and what nobody here can see of it."""
    whole = gitlab_jobs.pipeline(path, text, sources)
    for push in gitlab.pushes(whole, rules):
        if _BRANCH.search(push.guard) and TOKEN in text:
            continue
        runs, said = push.runs(gitlab.feature(rules.branch))
        if runs is Truth.NEVER:
            runs, said = push.runs(gitlab.merge_request(rules.branch))
        if runs is not Truth.NEVER:
            what = f"it tells to run {push.how.removeprefix('runs ')}"
            undecided = push.undecided or _unclear(push.guard) or said
            yield FileFinding(push.path, push.line, "not-gated-on-default-branch", what, _PAST, undecided)
    for where, line, what in whole.absent if _WORDS[1] in text.lower() else ():
        yield FileFinding(where, line, "unseen-include", "it includes what this checkout does not hold", _PAST, what)
