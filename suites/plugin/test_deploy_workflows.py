"""deploy/github: copied into a checkout its workflows pass our own clauses, actionlint and zizmor, and the action runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / "deploy" / "github"
MODEL = ROOT / "pytest_gf" / "lab" / "model" / "repository"
TEMPLATES = sorted((GITHUB / "workflows").glob("*.yml"))
ACTION = GITHUB / "action" / "action.yml"
BIN = Path(sys.executable).parent
ACTIONLINT = shutil.which("actionlint", path=f"{BIN}:{os.environ.get('PATH', os.defpath)}")
GIT, BASH = shutil.which("git") or "git", shutil.which("bash") or "bash"
PINNED = re.compile(r"uses: (\./\.github/actions/pytest-gf|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the lab's model repository, with our templates where GitHub looks for workflows."""
    folder = tmp_path / "checkout"
    shutil.copytree(MODEL, folder)
    for template in TEMPLATES:
        shutil.copy(template, folder / ".github" / "workflows")
    action = folder / ".github" / "actions" / "pytest-gf"
    action.mkdir(parents=True)
    shutil.copy(ACTION, action)
    return folder


def test_they_pass_our_own_clauses(checkout: Path, run_pytest: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = run_pytest(
        "--gf", "-m", "repository or quarantine", f"--gf-repository={checkout}", cwd=tmp_path / "empty"
    )
    assert outcome.exit == 0, outcome.text
    ours = {row for row in outcome.rows("holds") if row.startswith(("workflow.", "quarantine."))}
    assert ours >= {"workflow.order", "workflow.lane", "workflow.hygiene", "quarantine.confirm-words"}
    assert not [row for row in outcome.rows("unproven") if row.startswith(("workflow.", "quarantine."))]


@pytest.mark.parametrize(
    ("name", "old", "new", "row"),
    [
        ("rustfs-state-authority-canary", "--gf-expect-interim ", "", "workflow.order"),
        ("rustfs-state-authority-canary", "tinyland-nix-operator", "tinyland-nix", "workflow.lane"),
        ("rustfs-state-authority-canary", "    timeout-minutes: 30\n", "", "workflow.hygiene"),
        ("attic-publication-probe", "probe-attic-publication-medium-check", "yes", "quarantine.confirm-words"),
    ],
)
def test_a_template_that_is_spoilt_is_red(  # noqa: PLR0917  # A row of a table, and three fixtures.
    name: str, old: str, new: str, row: str, checkout: Path, run_pytest: Any, tmp_path: Path
) -> None:
    path = checkout / ".github" / "workflows" / f"{name}.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    (tmp_path / "empty").mkdir()
    outcome = run_pytest("--gf", "-m", f"clause(id='{row}')", f"--gf-repository={checkout}", cwd=tmp_path / "empty")
    assert outcome.rows("violated") == {row}, outcome.text


@pytest.mark.skipif(ACTIONLINT is None, reason="actionlint is not installed (.ci/run says how)")
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """In a folder of their own: the model's workflows call actions that are not there."""
    assert ACTIONLINT is not None
    workflows, action = tmp_path / ".github" / "workflows", tmp_path / ".github" / "actions" / "pytest-gf"
    workflows.mkdir(parents=True)
    action.mkdir(parents=True)
    for template in TEMPLATES:
        shutil.copy(template, workflows)
    shutil.copy(ACTION, action)
    (tmp_path / ".github" / "actionlint.yaml").write_text("self-hosted-runner:\n  labels: [tinyland-nix-operator]\n")
    subprocess.run([GIT, "init", "-q", str(tmp_path)], check=True, timeout=60)
    done = subprocess.run([ACTIONLINT], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing() -> None:
    done = subprocess.run(
        [
            str(BIN / "zizmor"),
            "--offline",
            "--no-progress",
            "--strict-collection",
            f"--config={GITHUB / 'zizmor.yml'}",
            *map(str, (*TEMPLATES, ACTION)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout + done.stderr


@pytest.mark.parametrize("path", [*TEMPLATES, ACTION], ids=lambda path: path.stem)
def test_actions_are_pinned_with_their_version(path: Path) -> None:
    lines = [line.strip().removeprefix("- ") for line in path.read_text().splitlines()]
    assert [line for line in lines if line.startswith("uses: ") and not PINNED.match(line)] == []


def test_a_pull_request_has_no_secret_and_reads_only() -> None:
    text = (GITHUB / "workflows" / "contract-pull-request.yml").read_text()
    read: Any = yaml.safe_load(text)
    assert read["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert read[True] == {"pull_request": None}, "YAML 1.1 reads `on` as true; pull_request_target would have secrets"


def test_every_pytest_of_the_templates_reads_its_options(run_pytest: Any) -> None:
    """A misspelt option would be found on the first run only, in someone else's CI."""
    from pytest_gf.engine import options
    from pytest_gf.honey import HOUSE

    known = {option.name for option in options.options_of(HOUSE)}
    said = {word for path in TEMPLATES for word in re.findall(r"(?<!\S)--gf[a-z-]*", path.read_text())}
    assert said
    assert said <= known


def test_the_actions_run_step_gives_its_arguments_and_keeps_the_exit_code(tmp_path: Path) -> None:
    step = next(step for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"] if step["name"] == "Run")
    fake = tmp_path / "pytest-gf" / "bin" / "pytest"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 11\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env=os.environ
        | {"RUNNER_TEMP": str(tmp_path), "GITHUB_WORKSPACE": "/w", "ARGS": "-m\nrepository or quarantine\n"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 11
    assert done.stdout.splitlines() == [
        "--gf",
        "-p",
        "no:cacheprovider",
        "--gf-reports=/w/gf-reports",
        "-m",
        "repository or quarantine",
    ]
