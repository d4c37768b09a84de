"""The publication workflow: nothing is published unless the word of its profile was typed (S031)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_gf.honey.formats.workflow import Job, Workflow
from pytest_gf.honey.observed.repository import PUSHES, FileFinding, Findings
from pytest_gf.honey.observed.repository.pushing import Push, pushes
from pytest_gf.honey.observed.repository.quarantine import Read, default_ref, scene_of
from pytest_gf.honey.observed.repository.searching import is_among

CONFIRM = "confirm"
WRONG = "not-the-word"
_REFUSES = re.compile(r"\bexit\s+[1-9]|\bfalse\b|::error|\bdie\b")


def publication(known: Read) -> Findings:
    """Find publication workflows that publish without their word, or whose words are not demanded."""
    publish, words = known.rules.quarantine.publication, known.rules.quarantine.confirm
    chosen = {path: workflow for path, workflow in known.workflows.items() if is_among(path, publish)}
    findings = [finding for finding in known.refused if is_among(finding.path, publish)]
    for path, workflow in chosen.items():
        findings += _words(path, workflow, known.sources[path], words)
        findings += _unconfirmed(path, workflow, known, words)
    promise = f"publication demands {', '.join(words)}, each for its profile"
    return Findings(PUSHES, promise, f"{len(chosen)} publication workflow(s)", findings)


def _words(path: str, read: Workflow, text: str, words: Sequence[str]) -> Iterator[FileFinding]:
    code = "\n".join(line.partition(" #")[0] for line in text.splitlines() if not line.lstrip().startswith("#"))
    for word in words:
        if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code):
            line = read.trigger_lines.get("workflow_dispatch", 1)
            mend = f"refuse the profile unless confirm is {word}"
            yield FileFinding(path, line, "word-not-demanded", f"the word {word} stands nowhere in it", mend)
    given = read.inputs.get(CONFIRM)
    if given is not None and given.default is not None and given.default.value in words:
        what = f"confirm is {given.default.value} by default, so nobody has to type it"
        yield FileFinding(path, given.default.line, "word-by-default", what, "leave the default empty")


def _unconfirmed(path: str, read: Workflow, known: Read, words: Sequence[str]) -> Iterator[FileFinding]:
    """Yield what is published after a wrong word, or by an event that has no word at all."""
    for event in read.triggers:
        wrong = frozenset({WRONG if event == "workflow_dispatch" else ""})
        scene = replace(scene_of(known.rules, event, default_ref(known.rules)), inputs={CONFIRM: wrong})
        for push in pushes(path, read, scene, known.sources, known.rules):
            job = _job_of(read, push)
            if event == "workflow_dispatch" and job is not None and _refused_before(read, job, push.line, words):
                continue
            what = f"{push.how} with confirm={WRONG!r}" if event == "workflow_dispatch" else f"{push.how} on {event}"
            mend = "refuse it before that line unless confirm is the word of the profile"
            yield FileFinding(path, push.line, "published-without-word", what, mend, push.undecided)


def _job_of(read: Workflow, push: Push) -> Job | None:
    above = [job for job in read.jobs if job.line <= push.line]
    return max(above, key=lambda job: job.line, default=None)


def _refused_before(read: Workflow, job: Job, line: int, words: Sequence[str]) -> bool:
    """Return whether a script before this line, or in a job that this one needs, refuses a wrong word."""
    jobs = {other.id: other for other in read.jobs}
    needed = [jobs[name] for name in job.needs if name in jobs]
    scripts = [step.run.text for other in needed for step in other.steps if step.run is not None]
    scripts += [step.run.text for step in job.steps if step.run is not None and step.run.line <= line]
    return any(any(word in script for word in words) and _REFUSES.search(script) for script in scripts)
