"""Contract section "Attic contract": who may write to the cache, as the checkout has it."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = [pytest.mark.repository, pytest.mark.quarantine]


@clause("quarantine.pull-requests", "no event of a pull request writes to Attic", proves="S027~ S030~")
def test_pull_requests(pull_request_pushes: Findings) -> None:
    """Pull requests remain read-only for Attic publication."""
    assert pull_request_pushes.holds


@clause("quarantine.proofs-closed", "broad proof workflows keep push-cache: false", proves="S029~ S030~")
def test_proofs_closed(proof_pushes: Findings) -> None:
    """The default write path stays closed while the 2026-05-08 recurrence is unresolved."""
    assert proof_pushes.holds


@clause("quarantine.pilots-gated", "pilots push on the default branch, with ATTIC_TOKEN", proves="S028~ S030~")
def test_pilots_gated(pilot_pushes: Findings) -> None:
    """Pilots may use push-cache behind both gates."""
    assert pilot_pushes.holds


@clause("quarantine.examples-gated", "examples push on the default branch, with ATTIC_TOKEN", proves="S028~")
def test_examples_gated(example_pushes: Findings) -> None:
    """What downstream copies keeps both gates."""
    assert example_pushes.holds


@clause("quarantine.actions-quiet", "composite actions push only when asked to", proves="S027~ S029~")
def test_actions_quiet(action_pushes: Findings) -> None:
    """Whoever leaves the input out must not publish by that."""
    assert action_pushes.holds


@clause("quarantine.confirm-words", "publication demands the word of each profile", proves="S031~")
def test_confirm_words(publication_words: Findings) -> None:
    """The manual publication probe requires profile-specific confirmation."""
    assert publication_words.holds


@clause("quarantine.documents", "no document tells to push past the gate", proves="S030~")
def test_documents_kept(document_pushes: Findings) -> None:
    """The quarantine covers operator-facing documents."""
    assert document_pushes.holds
