"""Bodies of a later serial that a plan would create anew from, beside the baseline of a good one (cases/state-guard)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_gf.honey import baselines
from pytest_gf.honey.formats import tfstate
from pytest_gf.honey.formats.baseline import KnownState
from pytest_gf.honey.observed.authority import StateBaseline, StateOwn, StateResources

CASES = Path(__file__).parent / "cases" / "state-guard"


def known(name: str) -> KnownState:
    state = tfstate.read((CASES / f"{name}.tfstate").read_bytes())
    return KnownState(state.serial, state.lineage, state.resources, "e", "then", state.sha256, state.addresses.hex())


BASE = known("base-serial-2")


@pytest.mark.parametrize(("name", "gone"), [("x-all-data", 12), ("x-inst-empty", 12), ("x-res-one-left", 11)])
def test_what_a_plan_would_create_is_gone(name: str, gone: int) -> None:
    now = known(name)
    assert StateBaseline("a", now, BASE).holds, "the serial went on: only the instances tell"
    resources = StateResources("a", now, BASE)
    assert (resources.holds, resources.gone, resources.added) == (False, gone, 0)
    assert f"{gone} managed instances are gone from the state" in resources.diagnosis
    assert not replace(resources, allowed=gone - 1).holds
    assert replace(resources, allowed=gone).holds


def test_as_many_gone_as_added_were_moved_or_replaced() -> None:
    kept = sorted(BASE.managed)[:5]
    others = [f"{at:016x}" for at in range(len(BASE.managed) - len(kept))]
    moved = StateResources("a", KnownState(3, BASE.lineage, 1, "e", "now", "s", "".join([*kept, *others])), BASE)
    assert (moved.gone, moved.added) == (len(others), len(others))
    assert "moved or replaced?" in moved.diagnosis


def test_a_split_stack_keeps_its_lineage_and_no_instance_of_the_other() -> None:
    split = KnownState(1, BASE.lineage, 1, "e", "now", "s", "0" * 16)
    own = StateOwn("a", BASE, {"b": split})
    assert own.holds
    assert "its lineage is that of b too" in own.seen
    assert not StateOwn("a", BASE, {"b": KnownState(9, BASE.lineage, 1, "e", "now", "s", BASE.addresses)}).holds
    assert not StateOwn("a", BASE, {"b": BASE}).holds
    assert StateOwn("a", BASE, {"b": KnownState(9, "another", 1, "e", "now", "s", BASE.addresses)}).holds


def test_a_stack_may_be_called_by_a_path(tmp_path: Path) -> None:
    baselines.offer(tmp_path, "infra/runners", BASE)
    assert (tmp_path / "baseline" / "infra%2Frunners.json").exists()
