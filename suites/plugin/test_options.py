"""Where the target and the vantage come from: option before variable before ini; and what a target may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.axes import Axes
from pytest_gf.engine.house import BadInput
from pytest_gf.honey import HOUSE, target
from pytest_gf.honey.contract import ContractError, load
from pytest_gf.honey.house import load_target

TARGET = 'name = "{name}"\nvantage = "operator"\nallow = ["scratch", "publication"]\n'


@pytest.fixture
def targets(tmp_path: Path) -> dict[str, Path]:
    """Three targets, told apart by their names."""
    paths = {name: tmp_path / f"{name}.toml" for name in ("option", "variable", "ini")}
    for name, path in paths.items():
        path.write_text(TARGET.format(name=name))
    return paths


def test_option_before_variable_before_ini(targets: dict[str, Path], run_pytest: Any) -> None:
    ini = ["-m", "canary", "-k", "list-buckets", "-o", f"gf_target={targets['ini']}"]
    variable = {"GF_TARGET": str(targets["variable"])}
    assert run_pytest(*ini).record["target"] == "ini"
    assert run_pytest(*ini, environment=variable).record["target"] == "variable"
    chosen = run_pytest(*ini, f"--gf-target={targets['option']}", "--gf-vantage=dev-machine", environment=variable)
    assert (chosen.record["target"], chosen.record["vantage"]) == ("option", "dev-machine")
    assert run_pytest(*ini, "--gf-target=lab", environment=variable).record["target"] == "lab"


def test_a_pull_request_changes_nothing(targets: dict[str, Path], run_pytest: Any) -> None:
    made = load_target(targets["option"])
    assert made.permits("scratch")
    assert not made.permits("cache-blob")
    assert not made.with_vantage("pull-request").permits("scratch")
    outcome = run_pytest("-m", "canary", "--gf-vantage=pull-request")
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("unproven") == {
        *(f"rustfs.scratch-{name}" for name in ("appears", "readable", "gone", "markers-appear", "markers-vanish")),
        *("rustfs.list-after-delete", "bazel.write-through"),
    }
    assert {outcome.verdicts()[row]["reason"] for row in outcome.rows("unproven")} == {
        "the vantage pull-request changes nothing"
    }


def test_credentials_are_read_by_name_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(
        TARGET.format(name="t") + '[s3]\nendpoint = "https://s3.example"\naccess_key_env = "A"\nsecret_key_env = "B"\n'
    )
    made = load_target(path, environment={"A": "access", "B": "", "C": "another"})
    assert made.credential("A") == "access"
    assert made.secrets() == (), "a key id is no secret"
    for name in ("B", "C"):
        with pytest.raises(target.Unset, match=f"variable {name} is not set"):
            made.credential(name)
    assert "access'" not in repr(made)


def test_a_fork_extends_replaces_and_takes_away(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('extends = "gloriousflywheel"\nname = "base"\n[buckets.more]\n')
    (tmp_path / "fork.toml").write_text(
        'extends = "base.toml"\nname = "fork"\n[buckets]\nattic = false\n[stacks.attic]\nkey = "k"\n'
    )
    fork = load(tmp_path / "fork.toml")
    axes = Axes(HOUSE, fork, {}, {"bucket": ["more"]})
    assert axes.every("bucket") == ("tofu-state", "bazel-cache", "more")
    assert (fork.stacks["attic"].key, fork.stacks["attic"].proves) == ("k", "S070~")
    assert axes.values("bucket") == ("more",)
    with pytest.raises(BadInput, match="unknown stack 'x'"):
        Axes(HOUSE, fork, {}, {"stack": ["x"]})


def test_a_fork_with_statements_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[section.one]\ntitle = "One"\nS001 = { how = "live", text = "it lives" }\n')
    (tmp_path / "fork.toml").write_text(
        'name = "f"\nstatements = "s.toml"\nbuckets = {}\nstacks = {}\n[scratch]\nprefix = "p-"\n'
    )
    assert set(load(tmp_path / "fork.toml").statements) == {"S001"}
    (tmp_path / "s.toml").write_text('[section.one]\nS001 = { how = "live" }\n')
    with pytest.raises(ContractError, match="statement S001: expected the key 'text'"):
        load(tmp_path / "fork.toml")


OLD = [("tofu-state-ha-readiness", "-m ha"), ("rustfs-bucket-index-rca --scratch-probe", 'pytest -m "rca or canary"')]
OLD += [
    ("validate_attic_write_quarantine", "-m quarantine"),
    ("x or attic-nar-integrity-check", "-m nar --gf-store-hash"),
]


@pytest.mark.parametrize(("old", "new"), OLD)
def test_an_old_name_says_the_new_one(old: str, new: str, refused: Any) -> None:
    outcome = refused("--gf", "-k", old)
    assert outcome.exit == 4
    assert new in outcome.text
    assert "is now" in outcome.text
    assert "Traceback" not in outcome.text
