"""Who may push to Attic: nobody without a credential that allows it, and the run's own token. `pytest -m gate`."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.artifacts import Apart
from pytest_gf.honey.observed.gates import HeldToken, WriteGate

pytestmark = pytest.mark.gate


@clause("attic.write-gate", "the right to push is asked for: {gate}", proves="S023~")
def test_attic_write_gate(attic_write_gate: WriteGate) -> None:
    """Whoever has no credential that allows it is refused; a door that is locked for everybody is no gate."""
    assert attic_write_gate.holds


@clause("attic.upload-gate", "an upload needs the right to push: {gate}", proves="S023~")
def test_attic_upload_gate(attic_upload_gate: WriteGate) -> None:
    """The gate stands before what writes, too: an upload whose hash is wrong tells, and publishes nothing."""
    assert attic_upload_gate.holds


@clause("attic.token-bounded", "the run's token allows push to main alone, and ends", proves="S023~")
def test_attic_token_bounded(attic_held_token: HeldToken) -> None:
    """A token that outgrows its use is a key to every cache; one past its end is told from a missing one here alone."""
    assert attic_held_token.holds


@clause("attic.separate", "{artifact} is an artifact of its own", proves="S025~")
def test_attic_separate(artifact_apart: Apart) -> None:
    """Signing keys, token and S3 credential are separate artifacts: whoever holds one of them holds no other."""
    assert artifact_apart.holds
