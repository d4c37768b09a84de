"""The archives behind Attic's narinfos: only a body that was streamed whole proves that the cache gives one."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.archive import Archive


@pytest.mark.canary
@clause("attic.nar-whole", "the archive {nar} streams whole from {surface}", proves="S111 S012~")
def test_attic_nar_whole(attic_nar: Archive) -> None:
    """The body path can break while narinfo and metadata remain: HTTP end, frames, size, hash and structure are checked."""
    assert attic_nar.holds


@pytest.mark.nar
@clause("attic.store-hash-whole", "archive {store_hash} whole from {surface}", proves="S111~")
def test_attic_store_hash_whole(attic_store_hash: Archive) -> None:
    """The archive behind a store hash that --gf-store-hash names streams whole."""
    assert attic_store_hash.holds
