"""GitLab pipelines: which jobs push to Attic, and whether a merge request or a branch other than the default one runs them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pytest_gf.honey.formats.expression import Truth
from pytest_gf.honey.formats.templates import GITLAB, rendered
from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Node, Scalar, Table, read_all
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.branches import words
from pytest_gf.honey.observed.repository.calling import Known
from pytest_gf.honey.observed.repository.effect import NAMES_ATTIC, Logs, Opaque, Writes
from pytest_gf.honey.observed.repository.following import Reader
from pytest_gf.honey.observed.repository.scene import TOKEN
from pytest_gf.honey.observed.repository.searching import shown

PIPELINES = (".gitlab-ci.yml", ".gitlab/*.yml", ".gitlab/*.yaml")
NO_JOBS = frozenset(
    {"default", "variables", "stages", "workflow", "include", "spec", "image", "services", "cache", "pages:deploy"}
)
_SCRIPTS = ("before_script", "script", "after_script")
_TOKEN = re.compile(
    r"\s*(?:(\$\{?\w+\}?)|\"([^\"]*)\"|'([^']*)'|/((?:[^/\\]|\\.)*)/\w*|(==|!=|=~|!~|&&|\|\||[()])|(null)\b)"
)
DEEPEST = 30


@dataclass(frozen=True)
class Pipeline:
    """What runs a pipeline: the variables that are known of it; an empty text is a variable that is not there."""

    what: str
    variables: Mapping[str, str]


def merge_request(branch: str) -> Pipeline:
    """Return a merge request's pipeline."""
    known = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_BRANCH": "",
        "CI_COMMIT_TAG": "",
        "CI_DEFAULT_BRANCH": branch,
    }
    return Pipeline(
        "a merge request",
        known | {"CI_MERGE_REQUEST_IID": "1", "CI_MERGE_REQUEST_ID": "1", "CI_OPEN_MERGE_REQUESTS": "g/p!1"},
    )


def feature(branch: str) -> Pipeline:
    """Return the pipeline of a branch that is not the default one."""
    known = {
        "CI_PIPELINE_SOURCE": "push",
        "CI_COMMIT_BRANCH": "a-feature",
        "CI_COMMIT_REF_NAME": "a-feature",
        "CI_COMMIT_TAG": "",
    }
    return Pipeline(
        "a branch", known | {"CI_DEFAULT_BRANCH": branch, "CI_MERGE_REQUEST_IID": "", "CI_MERGE_REQUEST_ID": ""}
    )


@dataclass(frozen=True)
class JobPush:
    """A place in a job that can write, the condition in its script, and what nobody can tell; ``runs``: whether a pipeline runs it."""

    path: str
    line: int
    how: str
    guard: str
    undecided: str
    job: Table
    jobs: Mapping[str, Table]
    doubt: str = ""

    def runs(self, pipeline: Pipeline) -> tuple[Truth, str]:
        """Return whether this pipeline runs the job, and the words that would decide it."""
        found, said = _runs(self.job, self.jobs, pipeline, 0)
        return (Truth.UNDECIDED, self.doubt) if self.doubt and found is Truth.POSSIBLE else (found, said)


def pushes(path: str, text: str, sources: Sources, known: Known) -> Iterator[JobPush]:
    """Yield what the jobs of a pipeline's file can push. Raises Malformed."""
    tables = [each for each in read_all(text) if isinstance(each, Table)]
    jobs = {key.text: node for table in tables for key, node in table.entries if isinstance(node, Table)}
    for name, job in jobs.items():
        if name in NO_JOBS and name != "default":
            continue
        for scalar in _scripted(job):
            yield from _pushed(path, scalar, job, jobs, sources, known)


def unknown_includes(text: str, sources: Sources) -> Iterator[tuple[int, str]]:
    """Yield the lines that include what this checkout does not hold. Raises Malformed."""
    for table in read_all(text):
        node = table.get("include") if isinstance(table, Table) else None
        for each in node.nodes if isinstance(node, Items) else (node,) if node is not None else ():
            if isinstance(each, Scalar):
                kind, where = ("remote" if "://" in each.text else "local"), each.text
            elif isinstance(each, Table):
                kind, where = next(
                    ((key.text, one.text) for key, one in each.entries if isinstance(one, Scalar)), ("", "")
                )
            else:
                continue
            if kind == "template" or (kind == "local" and posixpath.normpath(where.lstrip("/")) in sources):
                continue
            yield each.line, f"include: {kind}: {where}"


def _scripted(job: Table) -> Iterator[Scalar]:
    for name in _SCRIPTS:
        yield from _flat(job.get(name), 0)


def _flat(node: Node | None, depth: int) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Items) and depth < DEEPEST:
        for each in node.nodes:
            yield from _flat(each, depth + 1)


def _pushed(  # noqa: PLR0917  # A place in a file, and what is around it.
    path: str, scalar: Scalar, job: Table, jobs: Mapping[str, Table], sources: Sources, known: Known
) -> Iterator[JobPush]:
    first = scalar.line + ("\n" in scalar.text)
    reader = Reader(sources, known.caches, _variables(job))
    for each in reader.reached(rendered(scalar.text, (GITLAB,))):
        found = each.effect
        line = first + found.offset
        if isinstance(found, Writes):
            yield JobPush(path, line, f"runs {found.verb}{each.where}", found.guard, found.unknown, job, jobs)
        elif isinstance(found, Opaque) and (NAMES_ATTIC.search(f"{found.text} {found.unknown}") or _has_token(job)):
            yield JobPush(
                path, line, "may write to Attic", found.guard, f"{found.unknown}, and it can't be read", job, jobs
            )
        elif isinstance(found, Logs):
            continue


def _variables(job: Table) -> dict[str, str]:
    node = job.get("variables")
    return (
        {key.text: each.text for key, each in node.entries if isinstance(each, Scalar) and "$" not in each.text}
        if isinstance(node, Table)
        else {}
    )


def _has_token(job: Table) -> bool:
    node = job.get("variables")
    return isinstance(node, Table) and node.get(TOKEN) is not None


def _runs(job: Table, jobs: Mapping[str, Table], pipeline: Pipeline, depth: int) -> tuple[Truth, str]:
    for name in ("rules", "only", "except"):
        node = job.get(name)
        if node is not None:
            judge: Callable[[Node, Pipeline], tuple[Truth, str]] = {"rules": _rules, "only": _only, "except": _except}[
                name
            ]
            return judge(node, pipeline)
    extended = [jobs.get(each) for each in words(job.get("extends"))]
    for above in extended:
        if above is None or depth > DEEPEST:
            return Truth.UNDECIDED, f"extends: {', '.join(words(job.get('extends')))}"
        found, said = _runs(above, jobs, pipeline, depth + 1)
        if above.get("rules") is not None or above.get("only") is not None or found is not Truth.POSSIBLE:
            return found, said
    return (Truth.NEVER if pipeline.variables["CI_PIPELINE_SOURCE"] == "merge_request_event" else Truth.POSSIBLE), ""


def _rules(node: Node, pipeline: Pipeline) -> tuple[Truth, str]:
    """Return whether a rule lets a job run: the first that fits says so."""
    if not isinstance(node, Items):
        return Truth.UNDECIDED, "rules"
    for rule in node.nodes:
        if not isinstance(rule, Table):
            return Truth.UNDECIDED, "a rule that is no mapping"
        text, when = rule.get("if"), rule.get("when")
        runs = not (isinstance(when, Scalar) and when.text == "never")
        if rule.get("changes") is not None or rule.get("exists") is not None:
            if runs and (not isinstance(text, Scalar) or fits(text.text, pipeline.variables) is not False):
                return Truth.POSSIBLE, ""
            continue
        fit = True if text is None else fits(text.text, pipeline.variables) if isinstance(text, Scalar) else None
        if fit is None:
            return Truth.UNDECIDED, f"if: {shown(text.text) if isinstance(text, Scalar) else '?'}"
        if fit:
            return (Truth.POSSIBLE if runs else Truth.NEVER), ""
    return Truth.NEVER, ""


def _refs(node: Node) -> tuple[str, ...]:
    return words(node.get("refs")) if isinstance(node, Table) else words(node)


def _only(node: Node, pipeline: Pipeline) -> tuple[Truth, str]:
    asks = pipeline.variables["CI_PIPELINE_SOURCE"] == "merge_request_event"
    wanted = "merge_requests" if asks else "branches"
    refs = _refs(node)
    if wanted in refs or (not asks and "pushes" in refs) or not refs:
        return (Truth.POSSIBLE, "") if refs or not asks else (Truth.NEVER, "")
    if not asks and any(each.startswith("/") or "$" in each or "*" in each for each in refs):
        return Truth.UNDECIDED, f"only: {', '.join(refs)}"
    return Truth.NEVER, ""


def _except(node: Node, pipeline: Pipeline) -> tuple[Truth, str]:
    found, said = _only(node, pipeline)
    if found is Truth.UNDECIDED:
        return found, said.replace("only", "except")
    asks = pipeline.variables["CI_PIPELINE_SOURCE"] == "merge_request_event"
    return (Truth.NEVER if found is Truth.POSSIBLE or asks else Truth.POSSIBLE), ""


def fits(text: str, variables: Mapping[str, str]) -> bool | None:
    """Return whether a rule's ``if`` holds with these variables; None where only a run would know."""
    try:
        reader = _Rule(text, variables)
        found = reader.either(0)
    except (Malformed, ValueError):
        return None
    return found if reader.at == len(reader.tokens) else None


class _Rule:
    """Reads and evaluates a rule's ``if`` at once. Raises ValueError for one that is not understood."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.tokens: list[tuple[int, str]] = []
        self.at = 0
        place, end = 0, len(text.rstrip())
        while place < min(end, 4_000):
            found = _TOKEN.match(text, place)
            if found is None:
                raise ValueError(f"not understood: {text[place : place + 20]!r}")
            self.tokens.append((int(found.lastindex or 0), found[found.lastindex or 0]))
            place = found.end()

    def either(self, depth: int) -> bool | None:
        found = self.both(depth)
        while self.sign("||"):
            other = self.both(depth)
            found = True if True in {found, other} else None if None in {found, other} else False
        return found

    def both(self, depth: int) -> bool | None:
        found = self.one(depth)
        while self.sign("&&"):
            other = self.one(depth)
            found = False if False in {found, other} else None if None in {found, other} else True
        return found

    def one(self, depth: int) -> bool | None:
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if self.sign("("):
            found = self.either(depth + 1)
            if not self.sign(")"):
                raise ValueError(") is missing")
            return found
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
        found = self.at < len(self.tokens) and self.tokens[self.at] == (_SIGN, wanted)
        self.at += found
        return found


_SIGN, _NULL = 5, 6
