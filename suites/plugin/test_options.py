"""Where the target and the vantage come from: option before variable before ini; and what a target may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import target
from pytest_gf.honey.contract import ContractError, load

TARGET = 'name = "{name}"\nvantage = "operator"\nallow = ["scratch", "publication"]\n'


@pytest.fixture
def targets(tmp_path: Path) -> dict[str, Path]:
    """Three targets, told apart by their names."""
    found = {name: tmp_path / f"{name}.toml" for name in ("option", "variable", "ini")}
    for name, path in found.items():
        path.write_text(TARGET.format(name=name))
    return found


def test_option_before_variable_before_ini(targets: dict[str, Path], run_pytest: Any) -> None:
    ini = ["-m", "canary", "-k", "list-buckets", "-o", f"gf_target={targets['ini']}"]
    variable = {"GF_TARGET": str(targets["variable"])}
    assert run_pytest(*ini).record["target"] == "ini"
    assert run_pytest(*ini, environment=variable).record["target"] == "variable"
    chosen = run_pytest(*ini, f"--gf-target={targets['option']}", "--gf-vantage=dev-machine", environment=variable)
    assert (chosen.record["target"], chosen.record["vantage"]) == ("option", "dev-machine")
    assert run_pytest(*ini, "--gf-target=lab", environment=variable).record["target"] == "lab"


def test_a_pull_request_changes_nothing(targets: dict[str, Path], run_pytest: Any) -> None:
    made = target.load(targets["option"])
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
    made = target.load(path, environment={"A": "access", "B": "", "C": "another"})
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
    assert fork.axis("bucket") == ("tofu-state", "bazel-cache", "more")
    assert (fork.stacks["attic"].key, fork.stacks["attic"].proves) == ("k", "S070")
    narrowed = fork.narrow(buckets=["more"])
    assert narrowed.axis("bucket") == ("more",)
    assert narrowed.every("bucket") == fork.axis("bucket")
    with pytest.raises(ContractError, match="unknown stack 'x'"):
        fork.narrow(stacks=["x"])


def test_a_fork_with_statements_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[section.one]\ntitle = "One"\nS001 = { how = "live", text = "it lives" }\n')
    (tmp_path / "fork.toml").write_text(
        'name = "f"\nstatements = "s.toml"\nbuckets = {}\nstacks = {}\n[scratch]\nprefix = "p-"\n'
    )
    assert set(load(tmp_path / "fork.toml").statements) == {"S001"}
    (tmp_path / "s.toml").write_text('[section.one]\nS001 = { how = "live" }\n')
    with pytest.raises(ContractError, match="statement S001: expected the key 'text'"):
        load(tmp_path / "fork.toml")
