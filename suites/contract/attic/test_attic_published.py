"""What a publication leaves: every path taken, readable to the last byte, and S3's buckets listed. `pytest -m publication`."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.publication import BucketsAfter, Published, ReadBack

pytestmark = pytest.mark.publication


@clause("publication.pushed", "Attic takes each path of {profile} that it lacks", proves="{profile}")
def test_publication_pushed(attic_published: Published) -> None:
    """A synthetic publication works; what is there already is not pushed again."""
    assert attic_published.holds


@clause("publication.reads-back", "what {profile} pushed is read back whole and signed", proves="{profile} S111~")
def test_publication_reads_back(attic_read_back: ReadBack) -> None:
    """An acknowledged push proves nothing: narinfo, signature and archive are read after it."""
    assert attic_read_back.holds


@clause("publication.buckets-listed", "S3 lists every bucket after {profile} was pushed", proves="{profile}")
def test_publication_buckets_listed(buckets_after_publication: BucketsAfter) -> None:
    """The losses of 2026-05-08 and 05-13 followed pushes, and show on the first call after an idle gap."""
    assert buckets_after_publication.holds
