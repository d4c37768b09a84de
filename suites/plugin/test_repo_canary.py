"""The canary made of pytest's commands: the same order, a real target, and strict; neighbours of each that are not."""

from __future__ import annotations

import pytest

from pytest_gf.honey import contract as contracts
from pytest_gf.honey.formats import bash, pytest_ini, workflow
from pytest_gf.honey.observed.repository import canary

STEPS = contracts.load().repository.canary.steps
NEW = """name: RustFS State Authority Canary
on: push
env: {GF_TARGET: targets/honey.toml}
jobs:
  canary:
    runs-on: tinyland-nix-operator
    steps:
      - run: pytest -m ha --gf-expect-interim --gf-strict
      - if: always()
        run: pytest -m rca --gf-bucket=attic --gf-strict
      - if: always()
        run: pytest -m nar --gf-store-hash=g7y840vqna9ji1azbsnfdz2ixnskc6zg --gf-strict
      - run: pytest -m canary -k scratch --gf-strict
      - run: pytest -m inventory --gf-strict
"""
INVENTORY = "pytest -m inventory --gf-strict"


def rules(text: str, ini: dict[str, str] | None = None) -> list[str]:
    findings = canary.order("w", workflow.workflow(text), STEPS, ini).found
    return [f"{finding.rule}:{finding.line}{'?' if finding.undecided else ''}" for finding in sorted(findings)]


SAME = (
    ("pytest -m ha --gf", "python -m pytest -m ha --gf"),
    ("pytest -m ha --gf", ".venv/bin/pytest -m=ha --gf"),
    ("pytest -m ha --gf", "uv run pytest -q -m 'ha' --gf"),
    ("-m ha --gf-expect-interim", "--gf-expect-interim -m ha"),
    ("--gf-bucket=attic ", "--gf-bucket attic "),
    ("--gf-bucket=attic ", "--gf-bucket=tofu-state --gf-bucket=attic "),
    (" --gf-bucket=attic", ""),
    ("-m canary -k scratch", "-m canary"),
    ("-m inventory", '-m "inventory or ha"'),
    (INVENTORY, f"set -o pipefail; {INVENTORY} | tee inventory.log"),
    (INVENTORY, f"GF_TARGET=other.toml {INVENTORY}"),
    (INVENTORY, f"|\n          export GF_TARGET=other.toml\n          {INVENTORY}"),
    (INVENTORY, f"{INVENTORY} --gf-target=other.toml"),
    (INVENTORY, "just ha-state-candidate-inventory"),
)


@pytest.mark.parametrize(("old", "new"), SAME)
def test_other_spellings_of_the_same_canary_hold(old: str, new: str) -> None:
    assert old in NEW
    assert rules(NEW) == rules(NEW.replace(old, new)) == []


OTHER = (
    ("-m ha --gf-expect-interim", "-m ha", ["canary-step:5"]),
    ("-m ha --gf", "-m 'ha and not ha' --gf", ["canary-step:5"]),
    ("-m ha --gf", "-m ha -k replicas --gf", ["canary-step:5"]),
    ("-m ha --gf", "-m ha --gf-stack=attic --gf", ["canary-step:5"]),
    ("-m ha --gf", "--collect-only -m ha --gf", ["canary-step:5"]),
    ("--gf-bucket=attic", "--gf-bucket=tofu-state", ["canary-step:5"]),
    ("pytest -m canary -k scratch", "pytest -m canary -k 'not scratch'", ["canary-step:5"]),
    (INVENTORY, f"echo {INVENTORY} && true", ["canary-step:5"]),
    ("      - if: always()\n        run: pytest -m rca", "      - run: pytest -m rca", ["canary-always:9"]),
    ("targets/honey.toml", "lab", [f"canary-lab:{line}" for line in (8, 10, 12, 13, 14)]),
    (INVENTORY, f"{INVENTORY} --gf-target=lab", ["canary-lab:14"]),
    (INVENTORY, f"GF_TARGET=lab {INVENTORY}", ["canary-lab:14"]),
    (INVENTORY, f"{INVENTORY} --gf-target=$OTHER", ["canary-lab:14?"]),
    (INVENTORY, f"{INVENTORY} --gf-target=${{{{ vars.TARGET }}}}", ["canary-lab:14?"]),
    (INVENTORY, f"{INVENTORY} --gf-fault=disk-full", ["canary-lab:14"]),
    (INVENTORY, "pytest -m inventory", ["canary-lenient:14"]),
)


@pytest.mark.parametrize(("old", "new", "expected"), OTHER)
def test_what_is_missing_or_observes_the_lab_is_found(old: str, new: str, expected: list[str]) -> None:
    assert old in NEW
    assert rules(NEW.replace(old, new)) == expected


@pytest.mark.parametrize(
    "instead", ["uses: ./.github/actions/inventory", f"run: true {'x' * bash.LONGEST}"], ids=["action", "unread"]
)
def test_a_step_that_may_stand_elsewhere_is_undecided(instead: str) -> None:
    assert rules(NEW.replace(f"run: {INVENTORY}", instead)) == ["canary-step:5?"]


ACTION = "runs:\n  using: composite\n  steps:\n    - run: {0}\n      shell: bash\n"
USES = "uses: ./.github/actions/inventory"


@pytest.mark.parametrize(
    ("action", "step", "expected"),
    [
        (ACTION.format("pip install pytest-gf"), USES, "canary-step:5"),
        (ACTION.format("pip install pytest-gf"), f"{USES}\n        with: {{args: x}}", "canary-step:5?"),
        (ACTION.format("pytest --gf -m inventory"), USES, "canary-step:5?"),
        (ACTION.format("true") + "    - uses: ./.github/actions/more\n", USES, "canary-step:5?"),
        ("- no action", USES, "canary-step:5?"),
    ],
)
def test_a_local_action_that_is_here_and_does_something_else_has_no_step(action: str, step: str, expected: str) -> None:
    sources = {".github/actions/inventory/action.yml": action}
    read = workflow.workflow(NEW.replace(f"run: {INVENTORY}", step))
    findings = canary.order("w", read, STEPS, None, sources).found
    assert [f"{finding.rule}:{finding.line}{'?' if finding.undecided else ''}" for finding in findings] == [expected]


def test_a_called_workflow_may_have_the_steps_and_upload_their_logs() -> None:
    called = workflow.workflow("name: c\non: push\njobs:\n  canary:\n    uses: ./.github/workflows/canary-steps.yml\n")
    for findings in (canary.order("w", called, STEPS), canary.artifacts("w", called)):
        assert findings.undecided
        assert not findings.standing


def test_without_any_target_every_step_observes_the_lab() -> None:
    without = NEW.replace("env: {GF_TARGET: targets/honey.toml}\n", "")
    assert rules(without) == [f"canary-lab:{line}" for line in (7, 9, 11, 12, 13)]
    assert rules(without, {"gf_target": "honey.toml"}) == []
    assert len(rules(without, {"gf_target": "lab"})) == 5
    assert rules(NEW.replace(" --gf-strict", ""), {"addopts": "--gf-strict"}) == []
    written = without.replace("    steps:\n", '    steps:\n      - run: echo "GF_TARGET=x" >> "$GITHUB_ENV"\n')
    assert {rule[-1] for rule in rules(written)} == {"?"}


def test_an_order_that_is_turned_is_found() -> None:
    first, last = "pytest -m ha --gf-expect-interim --gf-strict", INVENTORY
    turned = NEW.replace(first, "X").replace(last, first).replace("X", last)
    assert {rule.partition(":")[0] for rule in rules(turned)} == {"canary-order"}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"pyproject.toml": '[tool.pytest.ini_options]\ngf_target = "x"\naddopts = ["-q", "--gf-strict"]\n'}, "x"),
        ({"pyproject.toml": "[tool.ruff]\n", "tox.ini": "[pytest]\ngf_target = x\n"}, "x"),
        ({"pytest.ini": "[pytest]\n", "pyproject.toml": '[tool.pytest]\ngf_target = "x"\n'}, ""),
        ({"setup.cfg": "[tool:pytest]\ngf_target = x\n", "tox.ini": "[tox]\n"}, "x"),
        ({"pytest.ini": "gf_target = x"}, ""),
        ({"pyproject.toml": "tool = 3"}, ""),
        ({"pyproject.toml": "["}, ""),
        ({}, ""),
    ],
)
def test_pytests_ini_is_found_as_pytest_finds_it(texts: dict[str, str], expected: str) -> None:
    assert pytest_ini.options(texts).get("gf_target", "") == expected


def test_a_step_may_stand_in_a_script_that_is_not_understood() -> None:
    """Bash takes this loop, and our grammar does not."""
    hidden = NEW.replace(INVENTORY, f"|\n          for at in a b; {{ :; }}\n          {INVENTORY}")
    assert hidden != NEW
    assert rules(hidden) == ["canary-step:5?"]
