"""The write quarantine of the Attic cache: who may never push, who may only from the default branch, and who says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.expression import Truth, condition, texts
from pytest_gf.honey.formats.expression_values import UNKNOWN, Set
from pytest_gf.honey.formats.workflow import Step, Workflow
from pytest_gf.honey.formats.yaml_nodes import Malformed, Node, within, words
from pytest_gf.honey.observed.repository import PUSHES, FileFinding, Findings, Sources, gitlab, gitlab_jobs
from pytest_gf.honey.observed.repository.branches import possible
from pytest_gf.honey.observed.repository.calling import entry, last, local_action
from pytest_gf.honey.observed.repository.effect import NAMES_ATTIC, NAMES_PUSH
from pytest_gf.honey.observed.repository.pushing import SWITCH, Push, pushes
from pytest_gf.honey.observed.repository.scene import TOKEN, Scene, View
from pytest_gf.honey.observed.repository.searching import chosen, is_among, shown

FOLDERS = (".github/workflows", ".forgejo/workflows", ".gitea/workflows")
WORKFLOWS = tuple(f"{folder}/*.{suffix}" for folder in FOLDERS for suffix in ("yml", "yaml"))
PULL_REQUEST_EVENTS: Mapping[str, str] = {
    "pull_request": "refs/pull/1/merge",
    "pull_request_target": "refs/heads/{branch}",
    "pull_request_review": "refs/pull/1/merge",
    "pull_request_review_comment": "refs/pull/1/merge",
    "merge_group": "refs/heads/gh-readonly-queue/{branch}/pr-1",
}
"""Events of a pull request, and the ref that GitHub runs them on."""
CALLED = (*WORKFLOWS, ".github/actions/*", ".forgejo/actions/*", ".gitea/actions/*")
"""What a workflow may call in its checkout."""
STRANGE = (
    *(".woodpecker.y*ml", ".woodpecker/*.y*ml", ".drone.y*ml", ".drone.star", ".drone.jsonnet", ".circleci/*.y*ml"),
    *(".buildkite/*", "azure-pipelines*.y*ml", ".azure-pipelines/*", "Jenkinsfile*", ".travis.y*ml", ".build.yml"),
    *(".builds/*.y*ml", "bitbucket-pipelines.yml", ".cirrus.y*ml", ".cirrus.star", ".semaphore/*.y*ml", "appveyor.yml"),
    *(".tekton/*.y*ml", ".tangled/workflows/*", ".teamcity/*", ".onedev-buildspec.yml", ".gitlab-ci.yaml"),
)
"""Pipelines of other forges, which are not read here."""
ROOT = ".gitlab-ci.yml"
_FEATURE = "refs/heads/a-feature"
_TAG = "refs/tags/v1.0.0"


@dataclass(frozen=True)
class Read:
    """A checkout and what the contract says of it: the workflows that could be read, by path, and a finding for each that could not.

    ``forge``: all that lies where forges look.
    """

    sources: Sources
    rules: Repository
    workflows: Mapping[str, Workflow]
    refused: tuple[FileFinding, ...]
    forge: Sources


def default_ref(rules: Repository) -> str:
    """Return the ref of the default branch."""
    return f"refs/heads/{rules.branch}"


def scene_of(rules: Repository, event: str, ref: str = "") -> Scene:
    """Return an event of this repository; a pull request's runs on the ref that GitHub runs it on."""
    ref = ref or PULL_REQUEST_EVENTS.get(event, "").format(branch=rules.branch)
    return Scene(event, ref, rules.branch, repository=rules.name)


def read(sources: Sources, rules: Repository) -> Read:
    """Read all workflows among the sources."""
    readable: dict[str, Workflow] = {}
    refused: list[FileFinding] = []
    forge = {path: text for path, text in sources.items() if path.startswith(".")}
    for path, text in forge.items():
        if is_among(path, WORKFLOWS):
            try:
                readable[path] = workflows.workflow(text)
            except Malformed as wrong:
                rule, mend = "unreadable-workflow", "make it a workflow that GitHub runs, or remove it"
                refused.append(FileFinding(path, wrong.line, rule, wrong.what, mend, "what it would run"))
    return Read(sources, rules, readable, tuple(refused), forge)


def pull_requests(known: Read) -> Findings:
    """Find what a pull request can make push (S027)."""
    findings = list(known.refused)
    held: set[str] = set()
    for path, workflow in known.workflows.items():
        for scene, doubt in _pull_request_scenes(path, workflow, known):
            for push in pushes(path, workflow, scene, known.sources, known.rules, held):
                what = f"{push.how}, and {scene.event} reaches it"
                mend = "gate it on github.event_name == 'push' and the default branch, or say push-cache: \"false\""
                findings.append(_finding(push, "pull-request-pushes", what, mend, doubt))
    findings += merge_requests(known)
    findings += _strange(known.sources)
    looked = (
        f"{len(known.workflows)} workflow(s), {len(held)} command(s) that can't be read and that no credential reaches"
    )
    return Findings(PUSHES, "no event of a pull request writes to Attic", looked, findings)


def _strange(sources: Sources) -> Iterator[FileFinding]:
    """Yield the pipelines of other forges that name Attic: what a pull request runs of them, nobody can tell here."""
    for path, text in chosen(sources, STRANGE).items():
        match = NAMES_PUSH.search(text) or NAMES_ATTIC.search(text)
        if match:
            line, said = text.count("\n", 0, match.start()) + 1, shown(match[0])
            mend = "gate it on the default branch, and judge it by hand"
            what = "a pipeline of another forge may write to Attic"
            yield FileFinding(path, line, "unread-pipeline", what, mend, f"it is not read here, and it says {said}")


def merge_requests(known: Read) -> Iterator[FileFinding]:
    """Yield what a merge request can make a GitLab pipeline push."""
    mend = "give its job rules: if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    sources, rules = known.sources, known.rules
    included: set[str] = set()
    for path, text in sorted(chosen(known.forge, gitlab.PIPELINES).items()):  # The root comes first.
        if path in included:
            continue  # Judged with the pipeline that includes it.
        try:
            whole = gitlab_jobs.pipeline(path, text, sources)
            included |= whole.files if path == ROOT else set()
            pushed = list(gitlab.pushes(whole, rules))
        except Malformed as wrong:
            yield FileFinding(path, wrong.line, "unreadable-pipeline", wrong.what, "make it YAML", "what it would run")
            continue
        for where, line, what in whole.absent:
            if NAMES_ATTIC.search(what):
                unseen = "it includes what this checkout does not hold"
                yield FileFinding(where, line, "unseen-include", unseen, mend, what)
        for push in pushed:
            if push.job.hidden and path == ROOT:
                continue
            asked, said = push.runs(gitlab.merge_request(rules.branch))
            if asked is Truth.NEVER:
                asked, said = push.runs(gitlab.feature(rules.branch))
                said = said or "whether a merge request stands behind a branch's pipeline"
            if asked is not Truth.NEVER:
                what = f"{push.how}, and a merge request reaches it"
                doubt = push.undecided or push.guard or said or ("whether a job extends it" if push.job.hidden else "")
                yield FileFinding(push.path, push.line, "pull-request-pushes", what, mend, doubt)


def proofs(known: Read) -> Findings:
    """Find broad proof workflows that don't say ``push-cache: "false"``, or push in another way (S029)."""
    findings, sources, rules = list(known.refused), known.sources, known.rules
    for path, workflow in known.workflows.items():
        if is_among(path, (*rules.quarantine.pilots, *rules.quarantine.publication)):
            continue
        switched = [*filter(None, (_switch(path, step, sources, rules) for job in workflow.jobs for step in job.steps))]
        findings += switched
        lines = {finding.line for finding in switched}
        for scene in _scenes(path, workflow, sources, rules):
            for push in pushes(path, workflow, scene, sources, rules):
                if push.line not in lines:
                    mend = 'broad proof workflows don\'t write while the recurrence is unresolved: say push-cache: "false", or take it out'
                    findings.append(_finding(push, "proof-pushes", f"a broad proof workflow {push.how}", mend))
    looked = f"{len(known.workflows)} workflow(s)"
    return Findings(PUSHES, 'broad proof workflows keep push-cache: "false"', looked, findings)


def pilots(known: Read) -> Findings:
    """Find pilots that push from elsewhere than the default branch, or without ATTIC_TOKEN (S028)."""
    chosen = {
        path: workflow for path, workflow in known.workflows.items() if is_among(path, known.rules.quarantine.pilots)
    }
    findings = [finding for path, one in chosen.items() for finding in ungated(path, one, known.sources, known.rules)]
    findings += known.refused
    promise = f"pilots push only on the default branch and with {TOKEN}"
    return Findings(PUSHES, promise, f"{len(chosen)} workflow(s)", findings)


def ungated(path: str, workflow: Workflow, sources: Sources, rules: Repository) -> Iterator[FileFinding]:
    """Yield what a pilot or an example pushes past its two gates, once a line and gate."""
    seen: set[tuple[str, int, str]] = set()
    for scene in _scenes(path, workflow, sources, rules):
        on_default = scene.ref == default_ref(rules)
        bare = replace(scene, token=not on_default)
        rule = "not-gated-on-token" if on_default else "not-gated-on-default-branch"
        for push in pushes(path, workflow, bare, sources, rules):
            mend = f"gate it: if: github.ref == '{default_ref(rules)}' && env.{TOKEN} != ''"
            if (push.path, push.line, rule) not in seen:
                seen.add((push.path, push.line, rule))
                yield _finding(push, rule, f"{push.how} on {bare}", mend)


def _finding(push: Push, rule: str, what: str, mend: str, doubt: str = "") -> FileFinding:
    return FileFinding(push.path, push.line, rule, what, mend, push.undecided or doubt)


def _pull_request_scenes(path: str, workflow: Workflow, known: Read) -> Iterator[tuple[Scene, str]]:
    """Yield the scenes of a pull request in which a workflow runs, each with what is in doubt about it."""
    rules = known.rules
    texts = _texts(path, known.forge, known.sources, ("base", "head"))
    for event, below in workflow.triggers.items():
        if event in PULL_REQUEST_EVENTS:
            heads, *more_heads = possible(texts, None, rules.branch)
            heads |= {UNKNOWN} if more_heads else frozenset()
            for bases in possible(texts, below, rules.branch):
                yield replace(scene_of(rules, event), bases=bases, heads=heads), ""
    if "workflow_run" in workflow.triggers:
        doubt = _run_of(workflow, known)
        if doubt is not None:
            yield scene_of(rules, "workflow_run", default_ref(rules)), doubt
    if "issue_comment" in workflow.triggers:
        doubt = "whether the comment is one on a pull request, and the workflow builds that"
        yield scene_of(rules, "issue_comment", default_ref(rules)), doubt
    called = {job.uses.text for other in known.workflows.values() for job in other.jobs if job.uses is not None}
    if "workflow_call" in workflow.triggers and f"./{path}" not in called:
        yield scene_of(rules, "pull_request"), "whether a pull request's workflow calls it"


def _run_of(workflow: Workflow, known: Read) -> str | None:
    """Return what is in doubt about a workflow_run being a pull request's; None where it can't be one."""
    names = words(within(workflow.triggers["workflow_run"], "workflows"))
    named = [other for other in known.workflows.values() if other.name in names]
    if any(set(other.triggers) & set(PULL_REQUEST_EVENTS) for other in named):
        return ""
    all_known = names and {other.name for other in named} == set(names)
    return None if all_known else "what triggers the workflow that it follows"


def _texts(path: str, called: Sources, sources: Sources, words: Sequence[str]) -> list[str]:
    """Return a workflow's text, and the texts of what it may call that have one of these words."""
    others = (text for text in chosen(called, CALLED).values() if any(word in text for word in words))
    return [sources[path], *others]


def _scenes(path: str, workflow: Workflow, sources: Sources, rules: Repository) -> Iterator[Scene]:
    """Yield the scenes in which a workflow runs by itself: on the default branch, and elsewhere where it can."""
    for event, below in workflow.triggers.items():
        if event in PULL_REQUEST_EVENTS or event == "workflow_run":
            continue
        what = "push" if event == "workflow_call" else event
        for ref in _refs(event, below, rules):
            yield scene_of(rules, what, ref)
        for refs in _named_refs(path, event, below, sources, rules):
            yield replace(scene_of(rules, what), refs=refs)


def _named_refs(path: str, event: str, below: Node | None, sources: Sources, rules: Repository) -> Iterator[Set]:
    """Yield the other branches that expressions name and that an event may run on, as sets of a bounded size."""
    filters = below if event == "push" else None
    only_tags = within(filters, "tags") is not None and within(filters, "branches") is None
    if event not in {"push", "workflow_dispatch", "workflow_call"} or only_tags:
        return
    texts = _texts(path, sources, sources, ("ref",))
    for names in possible([text for text in texts if "ref" in text], filters, rules.branch):
        refs: Set = frozenset(
            f"refs/heads/{name}" if isinstance(name, str) else name for name in names - {rules.branch}
        )
        if refs:
            yield refs


def _refs(event: str, below: Node | None, rules: Repository) -> tuple[str, ...]:
    if event in {"workflow_dispatch", "workflow_call"}:
        return default_ref(rules), _FEATURE
    if event in {"release", "create"}:
        return (_TAG,)
    if event != "push":
        return (default_ref(rules),)
    branches, tags = words(within(below, "branches")), words(within(below, "tags"))
    refs = [default_ref(rules)]
    refs += [f"refs/heads/{name}" for name in branches if name != rules.branch and not name.startswith("!")][:1]
    refs += [_FEATURE] if not branches and not tags else []
    refs += [_TAG] if tags or (not branches and within(below, "branches-ignore") is None) else []
    return tuple(refs) if branches or not tags else (_TAG,)


def _switch(path: str, step: Step, sources: Sources, rules: Repository) -> FileFinding | None:
    """Return the finding where a step uses an action with the switch and does not turn it off."""
    if step.uses is None:
        return None
    given = step.inputs.get(SWITCH)
    default = _default(step.uses.text, sources, rules)
    if given is None and default is None:
        return None
    view = View(scene_of(rules, "push", default_ref(rules)))
    if step.condition is not None and condition(step.condition.value, view) is Truth.NEVER:
        return None
    mend = f'say {SWITCH}: "false"'
    if given is None:
        what = f"{last(step.uses.text)} without {SWITCH}, which is {default!r} by default"
        return FileFinding(path, step.uses.line, "push-cache-not-false", what, mend)
    values = texts(given.value, view)
    if values == {"false"}:
        return None
    undecided = given.value if values <= {UNKNOWN, "false"} else ""
    what = f"{SWITCH}: {given.text!r} is not false"
    return FileFinding(path, given.line, "push-cache-not-false", what, mend, undecided)


def _default(uses: str, sources: Sources, rules: Repository) -> str | None:
    """Return what an action's switch is where nobody gives it; None for an action without one, or that is not known."""
    own = local_action(uses, sources)
    if own is not None:
        action = own[1]
        switch = None if isinstance(action, Malformed) else action.inputs.get(SWITCH)
        return None if switch is None else switch.default.value if switch.default is not None else ""
    row = entry(uses, rules)
    return row.default if row is not None and row.switch == SWITCH else None
