"""Which checkout is judged: the option, else the target's section, else none; what can't be meant is one line and exit 4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import model

ONE = ("-m", "quarantine", "-k", "actions-quiet")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--gf-repository=nowhere",), "nowhere: no such folder"),
        (("--gf-contract-page=nowhere.md",), "--gf-contract-page=nowhere.md: no such file"),
        (
            ("--gf-repository=.", "--gf-fault=action-pushes"),
            "only the lab's model can be bent; say --gf-repository=lab",
        ),
        (("--gf-repository", "."), "write --gf-repository=."),
        (("--gf-fault=action-pushes:x",), "fault action-pushes takes no argument"),
    ],
)
def test_what_cannot_be_meant_is_one_line(args: tuple[str, ...], says: str, refused: Any) -> None:
    outcome = refused(*ONE, *args)
    assert outcome.exit == 4
    assert says in outcome.text
    assert "Traceback" not in outcome.text


def test_the_targets_checkout_is_judged_and_the_option_stands_before_it(run_pytest: Any, tmp_path: Path) -> None:
    model.lay(tmp_path / "good", [])
    model.lay(tmp_path / "bent", ["action-pushes"])
    target = tmp_path / "target.toml"
    target.write_text('name = "outside"\nvantage = "pull-request"\n[repository]\npath = "bent/repository"\n')
    assert run_pytest(*ONE, f"--gf-target={target}").exit == 1
    outcome = run_pytest(*ONE, f"--gf-target={target}", f"--gf-repository={tmp_path / 'good' / 'repository'}")
    assert outcome.exit == 0
    assert outcome.record["target"] == "outside"


def test_files_are_no_target_and_the_models_are_named(run_pytest: Any) -> None:
    outcome = run_pytest(*ONE, "--gf-repository=lab")
    assert outcome.record["target"] == "files"
    assert "the checkout and the machine are the lab's model" in outcome.text
    assert "LAB" not in outcome.text + (outcome.folder / "summary.md").read_text()


def test_a_runners_variables_are_judged_on_a_runner_only(run_pytest: Any) -> None:
    environment = {"ATTIC_SERVER": "http://other.example"}
    args = ("-m", "environment", "-k", "attic-server")
    assert run_pytest(*args, environment=environment).rows("violated") == {"machine.attic-server"}
    other = run_pytest(*args, "--gf-vantage=dev-machine", environment=environment)
    assert other.rows("unproven") == {"machine.attic-server"}
