"""A loss, a restart and a second loss over one history: what each run of the lab says of the ones before."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROWS = ["-m", "canary", "-k", "list-buckets or workload-ready"]
LOST = "--gf-fault=bucket-index-lost:attic"


@pytest.mark.slow
def test_a_loss_that_a_restart_ends_is_gone_and_known_to_have_been_restarted(run_pytest: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    def run(*faults: str) -> Any:
        return run_pytest(*ROWS, f"--gf-history={kept}", *faults, lean=True).record

    before, during, again, after = run(), run(LOST), run(LOST), run("--gf-fault=pod-restarted")
    assert (before["exit"], during["exit"], again["exit"], after["exit"]) == (0, 1, 1, 0)
    assert (during["history"]["new"], again["history"]["new"]) == (["rustfs.list-buckets[attic]"], [])
    (incident,) = again["incidents"]
    assert (incident["kind"], incident["subject"], incident["since"]) == (
        "bucket-index-loss",
        "attic",
        during["started"],
    )
    gone, earlier, later = (run["history"]["gone"] for run in (after, before, again))
    (gone,) = gone
    assert (gone["kind"], gone["subject"], gone["last"], gone["fresh"]) == (
        *("bucket-index-loss", "attic", again["started"], True),
    )
    assert [mark["name"] for mark in gone["marks"]] == ["rustfs-started"]
    assert not earlier
    assert not later
    shown = [sys.executable, "-m", "pytest_gf.reports", "history", str(kept)]
    done = subprocess.run(shown, capture_output=True, text=True, timeout=60, check=True)
    assert re.search(r"^rustfs\.list-buckets\[attic\] +\.VV\.$", done.stdout, re.MULTILINE)
