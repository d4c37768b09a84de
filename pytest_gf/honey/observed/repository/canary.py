"""The canary workflow: when it runs, where, what in which order, and what it leaves."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from pytest_gf.honey.contract.repository import CanaryStep
from pytest_gf.honey.formats.cron import daily_hours
from pytest_gf.honey.formats.expression import Truth, condition
from pytest_gf.honey.formats.workflow import Job, Step, Workflow
from pytest_gf.honey.formats.yaml_nodes import Scalar, Table, items, within, words
from pytest_gf.honey.observed.repository import CANARY, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.branches import lets_through
from pytest_gf.honey.observed.repository.canary_steps import commands, elsewhere, observed, runs
from pytest_gf.honey.observed.repository.scene import Scene, View

_PINNED = re.compile(r"@[0-9a-f]{40}$|@sha256:[0-9a-f]{64}$")
_WRITES = re.compile(r"^(?:write|write-all)$")

HOURS = 24
Workflows = Mapping[str, Workflow]
_NOTHING: Sources = MappingProxyType({})


def the_canary(workflows: Workflows, name: str) -> tuple[str, Workflow] | None:
    """Return the workflow of this name, if the checkout has it."""
    named = (pair for pair in workflows.items() if pair[1].name.casefold() == name.casefold())
    return next(named, None)


def triggers(path: str, read: Workflow, branch: str) -> Findings:
    """Find an event that is missing: a push to the default branch, on demand, hourly (S103)."""
    return Findings(CANARY, f"the canary runs on {branch}, on demand and hourly", path, [*_missing(path, read, branch)])


def _missing(path: str, read: Workflow, branch: str) -> Iterator[FileFinding]:
    def at(event: str, what: str, mend: str, undecided: str = "") -> FileFinding:
        line = read.trigger_lines.get(event, min(read.trigger_lines.values(), default=1))
        return FileFinding(path, line, "canary-trigger", what, mend, undecided)

    if "push" not in read.triggers or not lets_through(read.triggers["push"], branch):
        yield at("push", f"it does not run on {branch}", f"add push: branches: [{branch}]")
    if "workflow_dispatch" not in read.triggers:
        yield at("workflow_dispatch", "it can't be run on demand", "add workflow_dispatch")
    hours, strange = set[int](), ""
    for schedule in items(read.triggers.get("schedule")):
        for text in words(within(schedule, "cron")):
            try:
                hours |= daily_hours(text)
            except ValueError as wrong:
                strange = f"not understood: {text}: {wrong}"
    if len(hours) < HOURS:
        mend = 'add schedule: - cron: "17 * * * *"'
        yield at("schedule", "no schedule runs every hour", mend, strange)


def lane(path: str, read: Workflow, wanted: str) -> Findings:
    """Find a job that runs elsewhere than on the operators' lane (S104)."""
    findings = [finding for job in read.jobs for finding in _astray(path, job, wanted)]
    return Findings(CANARY, f"the canary runs on {wanted} and nowhere else", path, findings)


def _astray(path: str, job: Job, wanted: str) -> Iterator[FileFinding]:
    def at(line: int, where: str, undecided: str = "") -> FileFinding:
        return FileFinding(path, line, "canary-lane", f"job {job.id} {where}", f"say runs-on: {wanted}", undecided)

    if job.uses is not None:
        yield at(job.line, f"runs where {job.uses.text} says", job.uses.text)
    elif not job.runs_on:
        yield at(job.line, "says no runs-on")
    is_named = wanted in {label.value for label in job.runs_on}
    for label in job.runs_on:
        given = _label_values(label, job)
        if given != {wanted} and not (label.value == "self-hosted" and is_named):
            yield at(label.line, f"runs on {label.value}", label.value if given is None else "")


def _label_values(label: Scalar, job: Job) -> set[str] | None:
    """Return what a label may be; None where an expression hides it."""
    if "${{" not in label.value:
        return {label.value}
    axis = re.fullmatch(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}", label.value)
    values = (job.matrix or {}).get(axis[1].lower()) if axis else None
    return {str(value) for value in values} if values else None


def order(
    path: str,
    read: Workflow,
    steps: Sequence[CanaryStep],
    ini: Mapping[str, str] | None = None,
    sources: Sources = _NOTHING,
) -> Findings:
    """Find a step that is missing, before its time, or skipped by a red one, and one that observes no real target (S105)."""
    every = list(commands(read))
    placed = [(step, [command for command in every if runs(command, step)]) for step in steps]
    findings: list[FileFinding] = []
    for step, places in placed:
        if not places:
            may_be = elsewhere(read.jobs, sources, *filter(None, (step.was, f"-m {step.marker}", f"-m '{step.marker}")))
            what, mend = f"no step runs {step.name}", "add it, in its place"
            findings.append(FileFinding(path, read.jobs[0].line, "canary-step", what, mend, may_be))
        for command in places:
            findings += observed(path, command, ini or {})
            if step.always and not _always(command.step):
                what = f"{step.name} is skipped after a red step"
                mend = "say if: always(), so that a red state check does not hide it"
                findings.append(FileFinding(path, command.line, "canary-always", what, mend))
    present = [(step, places[0]) for step, places in placed if places]
    for (before, earlier), (after, later) in itertools.pairwise(present):
        if later.line < earlier.line:
            what = f"{after.name} runs before {before.name}"
            findings.append(FileFinding(path, later.line, "canary-order", what, "put it behind"))
    promise = "the canary's steps stand in their order, Attic's evidence with if: always()"
    return Findings(CANARY, promise, path, findings)


def _always(step: Step) -> bool:
    text = step.condition.value if step.condition is not None else ""
    asks = re.search(r"\balways\(\s*\)|!\s*cancelled\(\s*\)", text) is not None
    return asks and condition(text, View(Scene("push", "refs/heads/main"))) is not Truth.NEVER


def artifacts(path: str, read: Workflow, sources: Sources = _NOTHING) -> Findings:
    """Find a job whose logs are not published, or only where all is well (S105)."""
    findings: list[FileFinding] = []
    for job in read.jobs:
        used = [(step, step.uses.text) for step in job.steps if step.uses is not None]
        uploads = [step for step, uses in used if uses.startswith("actions/upload-artifact@")]
        if not uploads:
            what, mend = f"job {job.id} uploads nothing", "upload its logs, with if: always()"
            may_be = elsewhere([job], sources, "upload-artifact")
            findings.append(FileFinding(path, job.line, "canary-artifacts", what, mend, may_be))
        findings += [
            FileFinding(path, step.line, "canary-artifacts", "a red run uploads no logs", "say if: always()")
            for step in uploads
            if not _always(step)
        ]
    return Findings(CANARY, "the canary's logs are artifacts, also of a red run", path, findings)


def hygiene(path: str, read: Workflow) -> Findings:
    """Find what is unbounded, may write, or may change under us: timeouts, permissions, pins (S106)."""
    findings = [*_permissions(path, read), *_loose(path, read)]
    return Findings(CANARY, "the canary is bounded, reads only, and uses pinned actions", path, findings)


def _loose(path: str, read: Workflow) -> Iterator[FileFinding]:
    """Yield the jobs without a bound of time, and the actions that are not pinned."""
    for job in read.jobs:
        if job.timeout is None or not job.timeout.value.isdigit():
            yield FileFinding(path, job.line, "canary-timeout", f"job {job.id} has no timeout-minutes", "add one")
        for uses in (step.uses for step in job.steps if step.uses is not None):
            if not uses.text.startswith("./") and not _PINNED.search(uses.text):
                mend = "pin the action by its commit's 40 digits"
                yield FileFinding(path, uses.line, "canary-pin", f"{uses.text} is not pinned", mend)


def _permissions(path: str, read: Workflow) -> Iterator[FileFinding]:
    given = [(1, read.permissions)] if read.permissions is not None else []
    given += [(job.line, job.permissions) for job in read.jobs if job.permissions is not None]
    if not given or (read.permissions is None and any(job.permissions is None for job in read.jobs)):
        what = "no permissions, so the repository's default holds"
        yield FileFinding(path, 1, "canary-permissions", what, "say permissions: contents: read")
    for line, node in given:
        rights = node.entries if isinstance(node, Table) else ((Scalar("permissions", plain=True, line=line), node),)
        for name, word in rights:
            if isinstance(word, Scalar) and _WRITES.match(word.value):
                yield FileFinding(path, word.line, "canary-permissions", f"{name.text}: {word.value}", "read is enough")
