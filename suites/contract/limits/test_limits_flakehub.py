"""Contract section "Cache Surfaces": FlakeHub answers for the published flake."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.s3 import Page

pytestmark = pytest.mark.flakehub


@clause("acceleration.flakehub-answers", "FlakeHub's page of the flake answers", proves="S015~")
def test_flakehub_answers(flakehub_page: Page) -> None:
    """Publication and discovery go through FlakeHub."""
    assert flakehub_page.holds
