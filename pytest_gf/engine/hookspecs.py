"""The hooks that pytest_gf calls, for a conftest.py or another plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pytest_gf_verdict(verdict: Mapping[str, Any]) -> None:
    """A selected clause has its verdict.

    Called once for each row of a contract run, in the process that reports (xdist's controller under ``-n``), in the order
    in which they fall. ``verdict`` is what stands in ``record.json``: ``clause, params, title, statements, verdict, reason,
    next_step, seconds, facts, evidence``. Don't change it.
    """
