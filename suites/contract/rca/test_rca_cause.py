"""Contract section "RustFS bucket-index guardrail": root cause analysis. `pytest -m rca [--gf-bucket=NAME] [--gf-since=30m]`."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.rca import Rca, RcaEvidence

pytestmark = pytest.mark.rca


@clause("rca.cause", "root cause analysis finds no loss", proves="S077~ S099~")
def test_cause(rca: Rca) -> None:
    """The evidence lies in the run's folder, rca/README.md first; preserve it before anything restarts."""
    assert rca.holds


@clause("rca.evidence", "the evidence is whole, and no restart came before it", proves="S091~ S099~")
def test_evidence(rca_evidence: RcaEvidence) -> None:
    """Logs, events, jobs, layout, workload and health were all collected, before anybody restarted anything."""
    assert rca_evidence.holds
