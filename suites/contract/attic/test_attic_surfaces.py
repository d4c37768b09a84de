"""Attic's two surfaces: they answer, they are one cache, they sign by the pinned key, they refuse who may not push."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.attic import AnonymousPush, CacheInfo, Family, Miss, Pinned, Place, PublicRead, Signed

pytestmark = pytest.mark.canary


@clause("attic.cache-info", "Attic answers for its cache on {surface}", proves="S010~ S011~ S021~ S024~")
def test_attic_cache_info(attic_cache_info: CacheInfo) -> None:
    """Runners reach Attic by its API, operators by HTTPS; that it answers proves nothing of its bodies."""
    assert attic_cache_info.holds


@clause("attic.promised-place", "{surface} is the contract's address and cache", proves="S010~ S011~ S021~")
def test_attic_promised_place(attic_place: Place) -> None:
    """Clients are told one address for each surface, and the cache main."""
    assert attic_place.holds


@clause("attic.public-read", "{surface} is read without a token", proves="S022")
def test_attic_public_read(attic_public_read: PublicRead) -> None:
    """The cache main is public-read."""
    assert attic_public_read.holds


@clause("attic.same-family", "the surfaces are one cache: one key, the same narinfos", proves="S011~")
def test_attic_same_family(attic_family: Family) -> None:
    """The HTTPS surface is of the same Attic service family as the API."""
    assert attic_family.holds


@clause("attic.key-pinned", "{surface} publishes the pinned key", proves="S021~")
def test_attic_key_pinned(attic_pinned: Pinned) -> None:
    """Clients trust one key; another one makes everything they fetch untrusted."""
    assert attic_pinned.holds


@clause("attic.narinfo-signed", "{surface} signs the narinfo of {nar} by the pinned key", proves="S021~")
def test_attic_narinfo_signed(attic_signed: Signed) -> None:
    """Name and key of a signature match the pinned key, and it covers path, hash, size and references."""
    assert attic_signed.holds


@clause("attic.miss-is-clean", "a miss on {surface} is a clean miss", proves="S124~")
def test_attic_miss_is_clean(attic_miss: Miss) -> None:
    """A cache miss slows work and fails nothing."""
    assert attic_miss.holds


@clause("attic.anonymous-write-refused", "{surface} refuses a push without a token", proves="S023~")
def test_attic_anonymous_write_refused(attic_anonymous_push: AnonymousPush) -> None:
    """Nobody writes without a credential that allows it."""
    assert attic_anonymous_push.holds
