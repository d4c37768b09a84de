"""What is pushed to Attic arrives where it is promised to lie."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.publication import PushedPath


@pytest.mark.publication
@clause("attic.stores-in-bucket", "what is pushed to Attic lies in its bucket", proves="S012~")
def test_attic_stores_in_bucket(attic_pushed: PushedPath) -> None:
    """An Attic that writes to another bucket is invisible to every read: chunks carry their bucket."""
    assert attic_pushed.holds
