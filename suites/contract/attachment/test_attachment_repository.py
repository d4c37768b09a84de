"""Contract section "Developer-machine attachment": what the checkout gives a developer and a third party."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.repository


@clause("attachment.envrc-attic", ".envrc derives the HTTPS address and main", proves="S062")
def test_envrc_attic_derived(envrc_attic: Findings) -> None:
    """A developer's machine reads by https://nix-cache.<domain> and main."""
    assert envrc_attic.holds


@clause("attachment.envrc-bazel", ".envrc leaves BAZEL_REMOTE_CACHE empty", proves="S063")
def test_envrc_bazel_empty(envrc_bazel: Findings) -> None:
    """Only an operator provides a routable endpoint."""
    assert envrc_bazel.holds


@clause("attachment.explicit", "attachment searches for nothing", proves="S067~")
def test_explicit(envrc_explicit: Findings) -> None:
    """Attachment is explicit, never automatic discovery."""
    assert envrc_explicit.holds


@clause("attachment.info-recipe", "just info knows compatibility-local-only", proves="S065~")
def test_info_knows(info_recipe: Findings) -> None:
    """An empty BAZEL_REMOTE_CACHE is reported, and is no failure."""
    assert info_recipe.holds


@clause("attachment.info-reports", "just info reports compatibility-local-only", proves="S065")
def test_info_says(info_report: Findings) -> None:
    """The guardrail against stale or invented endpoints, as it runs."""
    assert info_report.holds


@clause("attachment.public-topology", "what third parties read names no private topology", proves="S049~ S064~")
def test_public(public_topology: Findings) -> None:
    """Third parties use documented variables and public documents only."""
    assert public_topology.holds
