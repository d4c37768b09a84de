"""Small checkouts, and steps of a pull request: which may write to Attic, with the verdict and the line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pytest_gf.honey import contract as contracts
from pytest_gf.honey.observed.repository import (
    Findings,
    acceleration,
    addresses,
    executor,
    quarantine,
    quarantine_documents,
)
from pytest_gf.honey.probes import repository

RULES = contracts.load().repository
SMALL = Path(__file__).parent / "checkouts"


def judged(folder: Path, name: str = "") -> dict[str, Findings]:
    texts = repository.read(folder).texts
    rules = msgspec.structs.replace(RULES, name=name)
    return {
        "pull-requests": quarantine.pull_requests(quarantine.read(texts, rules)),
        "examples": quarantine_documents.examples(texts, rules),
        "actions": quarantine_documents.actions(texts, rules),
        "documents": quarantine_documents.documents(texts, rules),
        "substituters": acceleration.substituters(texts, rules),
        "rotation": acceleration.rotation(texts, rules),
        "executor": executor.eligible(texts, rules.executor),
        "topology": addresses.private(texts, rules),
    }


WORKFLOW = ".github/workflows/w.yml"
EXPECTED = [
    ("base-ref", "pull-requests", [f"{WORKFLOW}:14"]),
    ("github_env", "pull-requests", [f"{WORKFLOW}:8"]),
    ("nixcopy", "pull-requests", [f"{WORKFLOW}:6"]),
    ("quoted-hash", "pull-requests", [f"{WORKFLOW}:14"]),
    ("script", "pull-requests", [f"{WORKFLOW}:6"]),
    ("xargs", "pull-requests", [f"{WORKFLOW}:6"]),
    ("wrappers", "pull-requests", [f"{WORKFLOW}:{line}" for line in range(6, 20)]),
    ("repo_name", "pull-requests", [f"{WORKFLOW}:7?"]),
    ("inherit_lint", "pull-requests", [f"{WORKFLOW}:4?"]),
    ("login_only", "pull-requests", []),
    ("canary-new-commands", "pull-requests", []),
    ("magic-nix-cache-off", "substituters", []),
    ("nix-conf-include", "substituters", [".config/nix/nix.custom.conf:1"]),
    ("gitlab-two-documents", "examples", ["templates/x/template.yml:10"]),
    ("executor-no-class", "executor", [".github/workflows/rbe.yml:7?"]),
    ("executor-no-class", "topology", ["docs/onboarding.md:1"]),
    ("executor-no-class", "rotation", ["docs/r.md:2", "docs/r.md:3", "docs/r.md:4", "docs/r.md:5"]),
]


@pytest.mark.parametrize(("name", "what", "expected"), EXPECTED)
def test_small_checkouts(name: str, what: str, expected: list[str]) -> None:
    findings = sorted(set(judged(SMALL / name)[what].found))
    assert [f"{finding.path}:{finding.line}{'?' if finding.undecided else ''}" for finding in findings] == expected


def test_the_repositorys_name_decides_where_it_is_said() -> None:
    said = judged(SMALL / "repo_name", "tinyland-inc/GloriousFlywheel")["pull-requests"]
    assert [(finding.line, finding.undecided) for finding in said.found] == [(7, "")]
    assert judged(SMALL / "repo_name", "someone/else")["pull-requests"].holds


STEPS = [
    ("- uses: nick-fields/retry@v3\n  with: {command: attic push main result}", "?"),
    ("- uses: actions/github-script@v7\n  with: {script: \"exec('attic', ['push', 'main'])\"}", "?"),
    ("- uses: docker://nixos/nix\n  with: {args: attic push main result}", "?"),
    ("- uses: ./.github/actions/publish", "!"),
    ("- uses: ./.github/actions/runs\n  with: {command: attic push main result}", "!"),
    ("- uses: ./.github/actions/runs\n  with: {command: nix build}", ""),
    ("- uses: tinyland-inc/ci-templates/.github/actions/nix-build@v3\n  with: {command: attic push main result}", "!"),
    ("- uses: tinyland-inc/ci-templates/.github/actions/greedy-cache@61cd1338ca9dae8a25985c0a36ff7beb111449be", ""),
    ("- env: {CMD: attic push main}\n  run: $CMD result", "!"),
    ("- run: $CMD result", ""),
    ('- run: echo "CMD=attic push main" >> $GITHUB_ENV\n- run: $CMD result', "!"),
    ("- run: echo \"PUSH=$X\" >> $GITHUB_ENV\n- if: env.PUSH == 'yes'\n  run: attic push main result", "?"),
    ("- run: cat env >> $GITHUB_ENV\n- if: env.PUSH == 'yes'\n  run: attic push main result", "?"),
    ("- if: env.PUSH == 'yes'\n  run: attic push main result", ""),
    ("- if: github.actor != 'x'\n  run: attic push main result", "?"),
    ("- if: vars.PUSH == 'yes'\n  run: attic push main result", "?"),
    ("- if: steps.a.outputs.status == 'success'\n  run: attic push main result", "?"),
    ("- if: steps.a.outcome == 'success'\n  run: attic push main result", "!"),
    ("- if: github.base_ref == 'release'\n  run: attic push main result", "!"),
    ("- if: startsWith(github.head_ref, 'renovate/')\n  run: attic push main result", "!"),
    ("- shell: python\n  run: os.system('attic push main')", "?"),
    ("- shell: nix develop -c bash -e {0}\n  run: attic push main result", "!"),
    ("- working-directory: ci\n  run: ./push.sh", "!"),
    ("- uses: cachix/install-nix-action@v30\n  with: {extra_nix_config: post-build-hook = ./ci/push.sh}", "!"),
    ("- run: attic login a https://x.example t\n- run: nix run .#app", "?"),
    ("- run: nix run .#app", ""),
]
AROUND_STEPS = {
    "ci/push.sh": "#!/usr/bin/env nix-shell\n#! nix-shell -i bash -p attic-client\nattic push main result\n",
    ".github/actions/publish/action.yml": "runs:\n  using: composite\n  steps: [{shell: bash, run: '${{ github.action_path }}/do.sh'}]\n",
    ".github/actions/publish/do.sh": "#!/bin/sh\nattic push main result\n",
    ".github/actions/runs/action.yml": "inputs: {command: {}}\nruns:\n  using: composite\n  steps: [{shell: bash, run: '${{ inputs.command }}'}]\n",
}


@pytest.mark.parametrize(("steps", "expected"), STEPS)
def test_steps_of_a_pull_request(steps: str, expected: str) -> None:
    inner = "\n".join(f"      {line}" for line in steps.splitlines())
    text = f"on: pull_request\njobs:\n  t:\n    runs-on: x\n    steps:\n{inner}\n"
    sources = {**AROUND_STEPS, WORKFLOW: text}
    findings = quarantine.pull_requests(quarantine.read(sources, RULES))
    assert ("!" if not findings.holds else "?" if findings.undecided else "") == expected, findings.found


def test_what_cannot_be_read_and_no_credential_reaches_holds_and_is_counted() -> None:
    text = "on: pull_request\njobs: {t: {runs-on: x, steps: [{run: nix run .#app}, {uses: some/action@v1}]}}\n"
    findings = quarantine.pull_requests(quarantine.read({WORKFLOW: text}, RULES))
    assert not findings.found
    assert "1 command(s) that can't be read" in findings.seen
    token = text.replace("runs-on: x", 'runs-on: x, env: {ATTIC_TOKEN: "${{ secrets.ATTIC_TOKEN }}"}')
    findings = quarantine.pull_requests(quarantine.read({WORKFLOW: token}, RULES))
    assert {finding.undecided.split(",")[0] for finding in findings.undecided} == {
        "nix run .#app",
        "uses some/action@v1",
    }
    assert findings.holds
