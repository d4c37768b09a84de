"""Where a workflow's commands lead in a checkout: folders, Dockerfiles, makefiles, flakes; and jobs that GitHub skips."""

from __future__ import annotations

import pytest

from pytest_gf.honey.observed.repository import quarantine

CASES = {
    "workflow-run-gated": (
        "holds",
        {
            ".github/workflows/a.yml": """on:
  workflow_run: {workflows: [ci], types: [completed]}
jobs:
  t:
    runs-on: x
    if: github.event.workflow_run.event == 'push' && github.event.workflow_run.head_branch == 'main'
    steps:
      - run: attic push main result
""",
            ".github/workflows/b.yml": """name: ci
on: [push, pull_request]
jobs: {t: {runs-on: x, steps: [{run: "true"}]}}
""",
        },
    ),
    "env-three-levels": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
env: {PUSH: "true"}
jobs:
  t:
    runs-on: x
    env: {PUSH: "true"}
    steps:
      - run: attic push main result
        if: env.PUSH == 'true'
        env: {PUSH: "false"}
""",
        },
    ),
    "composite-subfolder": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - uses: ./ci/actions/deep/push
""",
            "ci/actions/deep/push/action.yml": """runs:
  using: composite
  steps:
    - shell: bash
      run: ${{ github.action_path }}/push.sh
""",
            "ci/actions/deep/push/push.sh": """#!/usr/bin/env bash
attic push main result
""",
        },
    ),
    "bash-c-cat-file": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: bash -c "$(cat ci/p.sh)"
""",
            "ci/p.sh": """attic push main result
""",
        },
    ),
    "xargs-cmd-piped": (
        "undecided",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: echo push main result | xargs attic
""",
        },
    ),
    "nix-flake-app-no-token": (
        "undecided",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: nix run .#publish
""",
            "flake.nix": """{ outputs = { self }: { apps.x86_64-linux.publish = { type = "app"; program = "attic push main x"; }; }; }
""",
        },
    ),
    "just-dep-args": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: just ci
""",
            "justfile": """ci: (run "attic push main result")
run cmd:
    {{cmd}}
""",
        },
    ),
    "make-continued": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: make
""",
            "Makefile": """all: a \\
  push
push:
	-attic \\
	push main result
""",
        },
    ),
    "make-submake": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: make
""",
            "Makefile": """all:
	$(MAKE) push
push:
	attic push main result
""",
        },
    ),
    "docker-build": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: docker build --secret id=t,env=ATTIC_TOKEN .
        env: {ATTIC_TOKEN: "${{ secrets.ATTIC_TOKEN }}"}
""",
            "Dockerfile": """FROM nixos/nix
RUN --mount=type=secret,id=t nix build && attic push main result
""",
        },
    ),
    "docker-build-no-token": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: docker build -f ci/Dockerfile .
""",
            "ci/Dockerfile": """FROM nixos/nix
RUN nix build && \\
    attic push main result
""",
        },
    ),
    "matrix-exclude": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    strategy:
      matrix:
        push: ["yes", "no"]
        exclude: [{push: "yes"}]
    steps:
      - if: matrix.push == 'yes'
        run: attic push main result
""",
        },
    ),
    "needs-skipped": (
        "holds",
        {
            ".github/workflows/a.yml": """on: [push, pull_request]
jobs:
  a:
    runs-on: x
    if: github.event_name == 'push'
    steps: [{run: "true"}]
  t:
    needs: a
    runs-on: x
    steps:
      - run: attic push main result
""",
        },
    ),
    "needs-skipped-always": (
        "violated",
        {
            ".github/workflows/a.yml": """on: [push, pull_request]
jobs:
  a:
    runs-on: x
    if: github.event_name == 'push'
    steps: [{run: "true"}]
  t:
    needs: a
    if: always()
    runs-on: x
    steps:
      - run: attic push main result
""",
        },
    ),
    "issue-comment": (
        "undecided",
        {
            ".github/workflows/a.yml": """on: issue_comment
jobs:
  t:
    runs-on: x
    if: github.event.issue.pull_request && contains(github.event.comment.body, '/push')
    steps:
      - run: gh pr checkout ${{ github.event.issue.number }} && attic push main result
""",
        },
    ),
    "cd-then-script": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          cd ci
          ./push.sh
""",
            "ci/push.sh": """attic push main result
""",
        },
    ),
    "cd-and-script": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: cd ci && bash push.sh
""",
            "ci/push.sh": """attic push main result
""",
        },
    ),
    "cd-make": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: (cd ops && make push)
""",
            "ops/Makefile": """push:
	attic push main result
""",
        },
    ),
    "cd-subshell-back": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          (cd ops && true)
          ./push.sh
""",
            "ops/push.sh": """attic push main result
""",
            "push.sh": """true
""",
        },
    ),
    "cd-subshell-back-b": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          (cd ops && true)
          ./push.sh
""",
            "push.sh": """attic push main result
""",
            "ops/push.sh": """true
""",
        },
    ),
    "cd-dir-of-script": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          ci/a.sh
""",
            "ci/a.sh": """#!/bin/bash
cd "$(dirname "$0")/.."
./ci/b.sh
""",
            "ci/b.sh": """attic push main result
""",
        },
    ),
    "cd-workspace": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          cd "$GITHUB_WORKSPACE/ci"
          ./b.sh
""",
            "ci/b.sh": """attic push main result
""",
        },
    ),
    "pushd-popd": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          pushd ci
          true
          popd
          ./b.sh
""",
            "b.sh": """attic push main result
""",
        },
    ),
    "cd-bash-c": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          bash -c 'cd ci && ./b.sh'
""",
            "ci/b.sh": """attic push main result
""",
        },
    ),
    "cd-function": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          go() { cd ci; ./b.sh; }
          go
""",
            "ci/b.sh": """attic push main result
""",
        },
    ),
    "cd-source": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          cd ci
          . ./b.sh
""",
            "ci/b.sh": """attic push main result
""",
        },
    ),
    "cd-npm": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          cd web && npm run push
""",
            "web/package.json": """{"scripts": {"push": "attic push main result"}}
""",
        },
    ),
    "cd-npm-other": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          cd web && npm run push
""",
            "web/package.json": """{"scripts": {"push": "true"}}
""",
            "package.json": """{"scripts": {"push": "attic push main result"}}
""",
        },
    ),
    "docker-test-bracket": (
        "undecided",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          docker build .
""",
            "Dockerfile": """FROM x
RUN [ -f x ] && attic push main x
""",
        },
    ),
    "docker-json": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          docker buildx build -t x .
""",
            "Dockerfile": """FROM x
RUN ["attic", "push", "main", "x"]
""",
        },
    ),
    "docker-heredoc": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          docker build .
""",
            "Dockerfile": """FROM x
RUN <<EOF
nix build
attic push main x
EOF
""",
        },
    ),
    "docker-clean": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          docker build .
""",
            "Dockerfile": """FROM x
# RUN attic push main x
ENV A='attic push'
RUN nix build
CMD attic push main x
""",
        },
    ),
    "docker-none": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          docker build -f ../x .
""",
        },
    ),
    "docker-folder": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          cd img; docker build --build-arg X=1 -f Containerfile .
""",
            "img/Containerfile": """FROM x
RUN attic push main x
""",
        },
    ),
    "eval-cat": (
        "violated",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          eval "$(cat ci/b.sh)"
""",
            "ci/b.sh": """attic push main result
""",
        },
    ),
    "flake-quiet": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          nix run .#fmt
""",
            "flake.nix": """{ outputs = x: { }; }
""",
        },
    ),
    "attic-alone": (
        "holds",
        {
            ".github/workflows/a.yml": """on: pull_request
jobs:
  t:
    runs-on: x
    steps:
      - run: |
          attic
""",
        },
    ),
}
"""By what they are about: the verdict, and the checkout's files."""


@pytest.mark.parametrize("name", CASES)
def test_what_a_pull_request_reaches(name: str) -> None:
    expected, files = CASES[name]
    found = quarantine.pull_requests(files, quarantine.read(files), quarantine.Plan())
    assert ("violated" if found.standing else "undecided" if found.undecided else "holds") == expected
