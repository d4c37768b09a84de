"""Contract section "State Backend": the state object of each active stack."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.state import StateBody, StateListing, StateShape

pytestmark = [pytest.mark.canary, pytest.mark.guard]


@clause("state.object-listed", "S3 lists the state object of {stack}", proves="S005~ {stack} S094~ S095~")
def test_object_listed(state_listing: StateListing) -> None:
    """The four active stacks use the honey-local S3-compatible state path, each under its proven key."""
    assert state_listing.holds


@clause("state.body-whole", "the state body of {stack} arrives whole", proves="S095 S096~")
def test_body_whole(state_body: StateBody) -> None:
    """Length, ETag and checksum agree between listing, HEAD and GET: half of a state is no state."""
    assert state_body.holds


@clause("state.body-shape", "the state body of {stack} is a state", proves="S096~")
def test_body_shape(state_shape: StateShape) -> None:
    """OpenTofu takes an empty body for no state and plans to create everything, without an error."""
    assert state_shape.holds
