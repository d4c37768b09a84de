"""The write quarantine over small workflows, good and bad: ``#!`` marks where a rule must find, ``#?`` where it can't tell."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from pytest_gf.honey import contract as contracts
from pytest_gf.honey.observed.repository import FileFinding, quarantine
from pytest_gf.honey.observed.repository import publication as publications

FOLDER = Path(__file__).parent / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
WORDS = (
    "probe-attic-publication",
    "probe-attic-publication-small-check",
    "probe-attic-publication-medium-check",
)
CONTRACT = contracts.load().repository
QUARANTINE = msgspec.structs.replace(
    CONTRACT.quarantine,
    pilots=(".github/workflows/pilot-*",),
    publication=(".github/workflows/publication-*",),
    confirm=WORDS,
)
AROUND = {
    ".github/actions/nix-job/action.yml": """
inputs:
  push-cache: {default: "false"}
runs:
  using: composite
  steps:
    - if: env.ATTIC_SERVER != '' && env.ATTIC_TOKEN != ''
      uses: ryanccn/attic-action@v0
      with: {token: "${{ env.ATTIC_TOKEN }}", skip-push: "${{ inputs.push-cache == 'false' }}"}
""",
    ".github/actions/wraps-nix-job/action.yaml": """
inputs:
  publish: {default: "true"}
runs:
  using: composite
  steps:
    - uses: tinyland-inc/ci-templates/.github/actions/nix-build@main
      with: {push-cache: "${{ inputs.publish }}"}
""",
    ".github/workflows/checks.yml": "name: checks\non: pull_request\njobs: {t: {runs-on: x, steps: []}}\n",
    ".github/workflows/nightly.yml": "name: nightly\non: {schedule: [{cron: 0 3 * * *}]}\njobs: {t: {runs-on: x, steps: []}}\n",
    ".github/workflows/pilot-shared.yml": "on: {workflow_call: {}}\njobs: {t: {uses: ./.github/workflows/shared-build.yml}}\n",
    ".github/workflows/shared-build.yml": """
on:
  workflow_call:
    inputs:
      publish: {type: boolean, default: false}
    secrets:
      ATTIC_TOKEN: {}
jobs:
  t:
    runs-on: tinyland-nix
    env: {ATTIC_TOKEN: "${{ secrets.ATTIC_TOKEN }}"}
    steps:
      - if: inputs.publish && env.ATTIC_TOKEN != '' && github.event_name != 'push'
        run: attic push main result
""",
}


def marked(text: str) -> set[tuple[int, str, bool]]:
    """Return the marks of a file: line, rule, whether it can be told."""
    return {
        (number, rule, match[1] == "!")
        for number, line in enumerate(text.splitlines(), 1)
        if (match := re.search(r"  #([!?]) (.+)$", line))
        for rule in match[2].split()
    }


def judged(path: str, text: str) -> set[FileFinding]:
    sources = {**AROUND, path: text}
    known = quarantine.read(sources, msgspec.structs.replace(CONTRACT, quarantine=QUARANTINE))
    judges = (quarantine.pull_requests, quarantine.proofs, quarantine.pilots, publications.publication)
    findings = [finding for judge in judges for finding in judge(known).found]
    return {finding for finding in findings if finding.path == path}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.upholds("S031")
def test_each_workflow_is_judged_as_marked(file: Path) -> None:
    text = file.read_text()
    findings = judged(f".github/workflows/{file.name}", text)
    seen = {(finding.line, finding.rule, not finding.undecided) for finding in findings if finding.rule in RULES}
    expected = {mark for mark in marked(text) if mark[1] in RULES}
    implied = {"pull-request-pushes": "proof-pushes"}
    if not file.name.startswith(("pilot-", "publication-")):
        lines = {(line, implied.get(rule)) for line, rule, _ in expected}
        seen = {mark for mark in seen if (mark[0], mark[1]) not in lines or mark in expected}
    assert seen == expected, "\n".join(map(str, sorted(findings)))
    assert all(finding.mend and finding.what for finding in findings)


RULES = {
    "pull-request-pushes",
    "proof-pushes",
    "push-cache-not-false",
    "not-gated-on-default-branch",
    "not-gated-on-token",
    "word-not-demanded",
    "word-by-default",
    "published-without-word",
    "unreadable-workflow",
}


def test_there_are_many_and_each_rule_has_both_kinds() -> None:
    assert len(FILES) >= 60
    marks = {file: {rule for _, rule, _ in marked(file.read_text())} for file in FILES}
    for rule in RULES:
        assert any(rule in rules for rules in marks.values()), rule
    assert sum(not rules for rules in marks.values()) >= 20
