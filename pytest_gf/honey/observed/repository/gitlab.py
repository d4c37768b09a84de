"""GitLab pipelines: which jobs push to Attic, and whether a merge request or a branch other than the default one runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats.expression import Truth
from pytest_gf.honey.formats.templates import GITLAB, rendered
from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Node, Scalar, Table, entries, items, within, words
from pytest_gf.honey.observed.repository import gitlab_jobs
from pytest_gf.honey.observed.repository.calling import caches
from pytest_gf.honey.observed.repository.effect import NAMES_ATTIC, Opaque, Writes
from pytest_gf.honey.observed.repository.following import Reader
from pytest_gf.honey.observed.repository.gitlab_jobs import DEEPEST, GitLabJob, Pipeline, Placed
from pytest_gf.honey.observed.repository.scene import TOKEN
from pytest_gf.honey.observed.repository.searching import shown

LONGEST = 4_000
"""Characters of a rule's ``if``."""
PIPELINES = (".gitlab-ci.yml", ".gitlab/*.yml", ".gitlab/*.yaml")
_SHELLS = (("before_script", "script"), ("after_script",))
"""The scripts of a job, those together that one shell runs."""
_CHILDREN = 2
"""How deep pipelines start others; GitLab allows as many."""
_BY_DOUBT = (Truth.NEVER, Truth.UNDECIDED, Truth.POSSIBLE)
_NAMED = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_TOKEN = re.compile(
    r"\s*(?:(\$\{?\w+\}?)|\"([^\"]*)\"|'([^']*)'|/((?:[^/\\]|\\.)*)/\w*|(==|!=|=~|!~|&&|\|\||[()])|(null)\b)"
)


@dataclass(frozen=True)
class PipelineTrigger:
    """What runs a pipeline: the variables that are known of it; an empty text is a variable that is not there."""

    variables: Mapping[str, str]

    @property
    def is_merge_request(self) -> bool:
        return self.variables["CI_PIPELINE_SOURCE"] == "merge_request_event"


def merge_request(branch: str) -> PipelineTrigger:
    """Return what runs a merge request's pipeline."""
    known = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": "", "CI_COMMIT_TAG": ""}
    numbers = {"CI_MERGE_REQUEST_IID": "1", "CI_MERGE_REQUEST_ID": "1", "CI_OPEN_MERGE_REQUESTS": "g/p!1"}
    return PipelineTrigger({**known, **numbers, "CI_DEFAULT_BRANCH": branch})


def feature(branch: str) -> PipelineTrigger:
    """Return what runs the pipeline of a branch that is not the default one."""
    names = dict.fromkeys(("CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"), "a-feature")
    absent = dict.fromkeys(("CI_COMMIT_TAG", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_ID"), "")
    return PipelineTrigger({"CI_PIPELINE_SOURCE": "push", **names, **absent, "CI_DEFAULT_BRANCH": branch})


@dataclass(frozen=True)
class JobPush:
    """A place in a job that can write, the condition in its script, and what nobody can tell; ``runs``: whether a pipeline runs it.

    ``doubt``: what would have to be known to tell whether the job runs at all.
    """

    path: str
    line: int
    how: str
    guard: str
    undecided: str
    job: GitLabJob
    whole: Pipeline
    doubt: str = ""

    def runs(self, trigger: PipelineTrigger) -> tuple[Truth, str]:
        """Return whether a pipeline that this triggers runs the job, and the words that would decide it."""
        truth, said = _runs(self.job, self.whole, trigger)
        return (Truth.UNDECIDED, self.doubt) if self.doubt and truth is Truth.POSSIBLE else (truth, said)


def pushes(whole: Pipeline, rules: Repository, depth: int = 0) -> Iterator[JobPush]:
    """Yield what the jobs of a pipeline, and of those that it starts, can push. Raises Malformed.

    A hidden job that another one extends or refers to counts in that one, and not by itself.
    """
    for job in whole.jobs():
        if job.hidden and job.used:
            continue
        shells = ([entry for key in keys for entry in whole.listed(job.get(key))] for keys in _SHELLS)
        hooks = filter(None, (job.get("hooks"), job.get("run")))
        hooked = [Placed(hook.path, node) for hook in hooks for node in _texts(hook.node)]
        for scripts in chain(shells, [hooked] if hooked else []):
            for push in _pushed(scripts, job, whole, rules):
                yield replace(push, doubt=job.unseen)
        trigger = job.get("trigger")
        if trigger is not None and depth < _CHILDREN:
            for _, kind, where in gitlab_jobs.included(within(trigger.node, "include")):
                for path in gitlab_jobs.local(where, whole.sources) if kind == "local" else ():
                    yield from _below(path, job, whole, rules, depth)


def _texts(node: Node) -> Iterator[Node]:
    """Yield the scripts of a job's ``hooks``, or of the steps of its ``run``."""
    yield from filter(None, (within(step, "script") for step in items(node)))
    for _, below in entries(node):
        yield from below.nodes if isinstance(below, Items) else (below,)


def _below(path: str, job: GitLabJob, whole: Pipeline, rules: Repository, depth: int) -> Iterator[JobPush]:
    """Yield what the pipeline below a job can push: the job's own rules say whether that runs, but for the rules in it."""
    try:
        below = gitlab_jobs.pipeline(path, whole.sources[path], whole.sources)
        below.budget = whole.budget
        for push in pushes(below, rules, depth + 1):
            ruled = any(push.job.get(key) is not None for key in ("rules", "only", "except"))
            doubt = push.doubt or (f"whether {push.job.name} of {path} runs below {job.name}" if ruled else "")
            yield replace(push, job=job, whole=whole, doubt=doubt)
    except Malformed as wrong:
        yield JobPush(path, wrong.line, "may write to Attic", "", f"it can't be read: {wrong}", job, whole)


def _pushed(scripts: Sequence[Placed], job: GitLabJob, whole: Pipeline, rules: Repository) -> Iterator[JobPush]:
    """Yield what commands of a job can push: GitLab hands them to one shell, one below the other."""
    texts: list[str] = []
    places: list[tuple[str, int]] = []
    for path, node in scripts:
        if isinstance(node, Scalar):
            whole.budget.spend(len(node.text), node.line)
            lines = node.text.splitlines() or [""]
            texts += lines
            places += [(path, node.line + ("\n" in node.text) + at) for at in range(len(lines))]
        else:
            said = f"!reference [{', '.join(words(node))}]"
            yield JobPush(path, node.line, "may write to Attic", "", f"{said} is not in this checkout", job, whole)
    variables = {**whole.top().table("variables"), **job.table("variables")}
    ruled = {name for rules in _all_rules(job, whole) for name in rules}
    literal = {name: text for name, text in _literal(variables).items() if name not in ruled}
    reader, token = Reader(whole.sources, caches(rules), literal), TOKEN in variables
    for reached in reader.reached(rendered("\n".join(texts), (GITLAB,))) if texts else ():
        effect = reached.effect
        path, line = places[min(max(effect.offset, 0), len(places) - 1)]
        if isinstance(effect, Writes):
            yield JobPush(path, line, f"runs {effect.verb}{reached.where}", effect.guard, effect.unknown, job, whole)
        elif isinstance(effect, Opaque) and (token or NAMES_ATTIC.search(f"{effect.text} {effect.unknown}")):
            why = f"{effect.unknown}, and it can't be read"
            yield JobPush(path, line, "may write to Attic", effect.guard, why, job, whole)


def _literal(variables: Mapping[str, Node]) -> dict[str, str]:
    """Return the variables with one known text; a mapping says it in ``value``, and may name other variables."""
    given = {name: node.get("value") if isinstance(node, Table) else node for name, node in variables.items()}
    texts = {name: node.text for name, node in given.items() if isinstance(node, Scalar)}
    for _ in range(_CHILDREN):
        plain = {name: text for name, text in texts.items() if "$" not in text}
        put = partial(_put, plain)
        texts = {name: _NAMED.sub(put, text) for name, text in texts.items()}
    return {name: text for name, text in texts.items() if "$" not in text}


def _put(plain: Mapping[str, str], match: re.Match[str]) -> str:
    return plain.get(match[1] or match[2], match[0])


def _all_rules(job: GitLabJob, whole: Pipeline) -> Iterator[dict[str, Node]]:
    """Yield the variables that rules set, of the job and of the whole pipeline: which of them counts, a run alone knows."""
    for rules in (job.get("rules"), _workflow_rules(whole)):
        for _, rule in whole.listed(rules):
            yield {key.text: node for key, node in entries(within(rule, "variables"))}


def _workflow_rules(whole: Pipeline) -> Placed | None:
    workflow = whole.top().get("workflow")
    rules = within(workflow.node, "rules") if workflow is not None else None
    return Placed(workflow.path, rules) if workflow is not None and rules is not None else None


def _runs(job: GitLabJob, whole: Pipeline, trigger: PipelineTrigger) -> tuple[Truth, str]:
    above = _workflow_rules(whole)
    gate, said = _rules(whole, above, trigger) if above is not None else (Truth.POSSIBLE, "")
    if gate is Truth.NEVER:
        return gate, said
    truth, why = _own(job, whole, trigger, has_workflow=above is not None)
    return (gate, said) if truth is Truth.POSSIBLE else (truth, why)


def _own(job: GitLabJob, whole: Pipeline, trigger: PipelineTrigger, *, has_workflow: bool) -> tuple[Truth, str]:
    """Return whether a pipeline that runs has this job. Without rules of any kind, a merge request's has it only where ``workflow`` has rules."""
    rules, only, but = job.get("rules"), job.get("only"), job.get("except")
    if rules is not None:
        return _rules(whole, rules, trigger)
    if only is None and but is None:
        if job.unseen:
            return Truth.UNDECIDED, job.unseen
        return (Truth.NEVER if trigger.is_merge_request and not has_workflow else Truth.POSSIBLE), ""
    judged = [judge(placed.node, trigger) for judge, placed in ((_only, only), (_except, but)) if placed is not None]
    return min(judged, key=lambda verdict: _BY_DOUBT.index(verdict[0]))


def _rules(whole: Pipeline, rules: Placed, trigger: PipelineTrigger) -> tuple[Truth, str]:
    """Return whether a rule lets a job run: the first that fits says so."""
    try:
        listed = list(whole.listed(rules))
    except Malformed as wrong:
        return Truth.UNDECIDED, wrong.what
    for _, rule in listed:
        if not isinstance(rule, Table):
            return Truth.UNDECIDED, "a rule that is no mapping"
        text, when = rule.get("if"), rule.get("when")
        runs = not (isinstance(when, Scalar) and when.text == "never")
        if rule.get("changes") is not None or rule.get("exists") is not None:
            if runs and (not isinstance(text, Scalar) or fits(text.text, trigger.variables) is not False):
                return Truth.POSSIBLE, ""
            continue
        fit = True if text is None else fits(text.text, trigger.variables) if isinstance(text, Scalar) else None
        if fit is None:
            return Truth.UNDECIDED, f"if: {shown(text.text) if isinstance(text, Scalar) else '?'}"
        if fit:
            return (Truth.POSSIBLE if runs else Truth.NEVER), ""
    return Truth.NEVER, ""


def _only(node: Node, trigger: PipelineTrigger) -> tuple[Truth, str]:
    """Return whether ``only`` lets a job run: by its refs, branches and tags where it names none, and by each of its variables."""
    refs = words(within(node, "refs") if isinstance(node, Table) else node) or ("branches", "tags")
    asks = trigger.is_merge_request
    fitting = {"merge_requests"} if asks else {"branches", "pushes"}
    if not fitting & set(refs):
        unclear = [ref for ref in refs if ref.startswith("/") or "$" in ref or "*" in ref]
        return (Truth.UNDECIDED, f"only: {', '.join(refs)}") if unclear and not asks else (Truth.NEVER, "")
    fit = [fits(condition, trigger.variables) for condition in words(within(node, "variables"))]
    if not fit or True in fit:
        return Truth.POSSIBLE, ""
    return (Truth.UNDECIDED, "only: variables") if None in fit else (Truth.NEVER, "")


def _except(node: Node, trigger: PipelineTrigger) -> tuple[Truth, str]:
    truth, said = _only(node, trigger)
    if truth is Truth.UNDECIDED:
        return truth, said.replace("only", "except")
    return (Truth.NEVER if truth is Truth.POSSIBLE or trigger.is_merge_request else Truth.POSSIBLE), ""


def fits(text: str, variables: Mapping[str, str]) -> bool | None:
    """Return whether a rule's ``if`` holds with these variables; None where only a run would know."""
    try:
        reader = _Rule(text, variables)
        result = reader.either(0)
    except (Malformed, ValueError):
        return None
    return result if reader.at == len(reader.tokens) else None


class _Rule:
    """Reads and evaluates a rule's ``if`` at once. Raises ValueError for one that is not understood."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.tokens: list[tuple[int, str]] = []
        self.at = 0
        place, end = 0, len(text.rstrip())
        if end > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        while place < end:
            match = _TOKEN.match(text, place)
            if match is None:
                raise ValueError(f"not understood: {text[place : place + 20]!r}")
            self.tokens.append((int(match.lastindex or 0), match[match.lastindex or 0]))
            place = match.end()

    def either(self, depth: int) -> bool | None:
        return self.chain("||", lambda: self.chain("&&", lambda: self.one(depth), decides=False), decides=True)

    def chain(self, sign: str, part: Callable[[], bool | None], *, decides: bool) -> bool | None:
        """Return what parts between such signs come to: one that decides it does so, else one that is unknown."""
        left = part()
        while self.sign(sign):
            both = {left, part()}
            left = decides if decides in both else None if None in both else not decides
        return left

    def one(self, depth: int) -> bool | None:
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if self.sign("("):
            value = self.either(depth + 1)
            if not self.sign(")"):
                raise ValueError(") is missing")
            return value
        left = self.value()
        for sign in ("==", "!=", "=~", "!~"):
            if self.sign(sign):
                right = self.value()
                if left is None or right is None or sign in {"=~", "!~"}:
                    return None
                return (left == right) is (sign == "==")
        return None if left is None else bool(left)

    def value(self) -> str | None:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] == _SIGN:
            raise ValueError("a value is missing")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == 1:
            return self.variables.get(text.strip("${}"))
        return "" if kind == _NULL else text

    def sign(self, wanted: str) -> bool:
        is_next = self.at < len(self.tokens) and self.tokens[self.at] == (_SIGN, wanted)
        self.at += is_next
        return is_next


_SIGN, _NULL = 5, 6
