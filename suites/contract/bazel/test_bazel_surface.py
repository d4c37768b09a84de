"""Contract sections "Cache Surfaces" and "Bazel contract": where the cache is found, what it keeps, who comes to it."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.bazel import HotCache
from pytest_gf.honey.observed.exposure import Endpoint, Exposure

pytestmark = pytest.mark.canary


@clause("bazel.endpoint", "the cache is found where runners are promised it", proves="S013~ S040~")
def test_endpoint(bazel_endpoint: Endpoint) -> None:
    """The cluster-internal runner path is the only stable default; its Service offers that port."""
    assert bazel_endpoint.holds


@clause("bazel.hot-cache", "what the cache's pod holds is only a hot cache of its bucket", proves="S042~ S014~ S123~")
def test_hot_cache(hot_cache: HotCache) -> None:
    """/data goes with the pod, and the contract's bucket on RustFS stands behind it."""
    assert hot_cache.holds


@clause("bazel.not-exposed", "nothing leads to the Bazel cache from outside", proves="S048~")
def test_not_exposed(bazel_exposure: Exposure) -> None:
    """No external Bazel endpoint is promised."""
    assert bazel_exposure.holds
