"""Contract section "State Backend", before an apply: lock, baseline, write proof. `pytest -m guard --gf-stack=STACK`."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.authority import (
    StateBaseline,
    StateLock,
    StateOwn,
    StateResources,
    StateUnchanged,
    WriteProof,
)
from pytest_gf.honey.observed.bucket import ListAfter
from pytest_gf.honey.observed.errored import Errored

pytestmark = pytest.mark.guard


@clause("state.lock-free", "no lock lies on the state of {stack}", proves="S095~")
def test_lock_free(state_lock: StateLock) -> None:
    """A young lock is a run that works; an old one makes every apply fail until somebody releases it."""
    assert state_lock.holds


@clause("state.errored-absent", "no errored.tfstate of {stack} waits to be pushed", proves="S098~")
def test_errored_absent(errored_state: Errored) -> None:
    """It is preserved and pushed in a controlled way; an apply that is rerun first orphans what it made."""
    assert errored_state.holds


@clause("state.baseline", "the state of {stack} went on from its baseline", proves="S095~")
def test_baseline(state_baseline: StateBaseline) -> None:
    """An older snapshot or another lineage is silent: only a recorded serial and lineage show it."""
    assert state_baseline.holds


@clause("state.resources", "the state of {stack} still holds its instances", proves="S095~")
def test_resources(state_resources: StateResources) -> None:
    """A state that lost some of its instances is a state still, and a plan creates them anew."""
    assert state_resources.holds


@clause("state.own", "the state of {stack} is no other stack's", proves="S095~")
def test_own(state_own: StateOwn) -> None:
    """A body that was copied over another stack's is a good state, and an apply would destroy what it does not know."""
    assert state_own.holds


@clause("state.write-proof", "S3 persists conditional writes beside {stack}", proves="S097")
def test_write_proof(state_written: WriteProof) -> None:
    """A full disk, or a server that ignores conditions, answers every read as it should: only a write tells."""
    assert state_written.holds


@clause("state.list-after-delete", "ListBuckets is whole after a delete beside {stack}", proves="S094~")
def test_list_after_delete(buckets_after_delete: ListAfter) -> None:
    """The loss of 2026-05-25 followed the delete of a key."""
    assert buckets_after_delete.holds


@clause("state.unchanged", "the state of {stack} is what it was before the proof", proves="S095~")
def test_unchanged(state_after: StateUnchanged) -> None:
    """Nobody wrote to the state while this run looked, and the proof did not touch it."""
    assert state_after.holds
