"""Contract section "State Backend": what the checkout declares of each stack."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.repository


@pytest.mark.guard
@clause("stack.backend-s3", "stack {stack} declares backend s3 with its key", proves="S074~")
def test_backend_s3(stack_backend: Findings) -> None:
    """All four active stacks use backend s3; an interpolated key proves nothing."""
    assert stack_backend.holds


@pytest.mark.guard
@clause("stack.materialized", "the materialized backend of {stack} is the contract's", proves="S005~ S075~ {stack}")
def test_materialized(stack_materialized: Findings) -> None:
    """A -backend-config file overrides the block: what init takes is what counts."""
    assert stack_materialized.holds


@pytest.mark.guard
@clause("state.locking-on", "OpenTofu locks the state of {stack}", proves="S095~")
def test_locking_on(stack_locking: Findings) -> None:
    """Without a lock two applies at once both end well, and what one of them wrote is lost."""
    assert stack_locking.holds


@clause("stack.no-http-state", "no active stack keeps its state in GitLab", proves="S006~ S130")
def test_no_http_state(http_state: Findings) -> None:
    """GitLab-managed HTTP state is compatibility-only."""
    assert http_state.holds


@clause("stack.http-variables", "TF_HTTP_* stands only in archived or repair paths", proves="S006~ S076~")
def test_http_variables_kept(http_variables: Findings) -> None:
    """TF_HTTP_* remains compatibility-only."""
    assert http_variables.holds
