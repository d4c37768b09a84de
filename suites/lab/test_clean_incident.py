"""What is deleted, and told gone, while RustFS lost its buckets: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.ledger import Ledger, Thing
from pytest_gf.lab import Lab

pytestmark = pytest.mark.slow

OURS = "gf-rca-20261129000000-0badf00d"


@pytest.fixture
def reports(tmp_path: Path, lab: Lab, s3: Any) -> Path:
    """The reports of a run that was killed: a bucket with an object, both in its ledger."""
    s3.create_bucket(Bucket=OURS)
    s3.put_object(Bucket=OURS, Key="proof", Body=b"x")
    where = {"target": "lab", "endpoint": lab.addresses["s3"]}
    ledger = Ledger(tmp_path / "reports" / "20261129T000000Z-0badf00d" / "ledger.jsonl", where)
    ledger.enter(Thing("bucket", OURS))
    ledger.enter(Thing("object", f"{OURS}/proof"))
    ledger.close()
    return tmp_path / "reports"


def clean(lab: Lab, run_pytest: Any, reports: Path) -> Any:
    arguments = ("--gf-clean", f"--gf-target={lab.target_file}", "--gf-deadline=3")
    return run_pytest(*arguments, environment=dict(lab.environment), reports=reports)


@pytest.mark.parametrize(
    "fault",
    [
        "disk-offline",
        "bucket-index-lost:attic",
        "bucket-unreadable:tofu-state",
        "data-mounted-over",
        "server-error",
        "slow-down",
        "starting",
        "bucket-file:attic",
    ],
)
def test_nothing_is_deleted_while_a_protected_bucket_is_incoherent(
    fault: str, lab: Lab, run_pytest: Any, reports: Path
) -> None:
    lab.bend(fault)
    lab.reset()
    cleaned = clean(lab, run_pytest, reports)
    assert cleaned.exit == 1, cleaned.text
    assert "is gone" not in cleaned.text
    assert not {"DeleteObject", "DeleteBucket"} & {str(exchange["operation"]) for exchange in lab.exchanges()}
    lab.mend()
    again = clean(lab, run_pytest, reports)
    assert again.exit == 0, again.text
    assert f"bucket {OURS} is gone" in again.text
    assert not (lab.folder / "data" / OURS).exists()


@pytest.mark.parametrize("fault", ["delete-empties-list", "temporary-missing", "listing-fails-after-delete"])
def test_a_bucket_is_gone_only_when_a_healthy_listing_says_so(
    fault: str, lab: Lab, run_pytest: Any, reports: Path
) -> None:
    lab.bend(fault)
    cleaned = clean(lab, run_pytest, reports)
    assert cleaned.exit == 1, cleaned.text
    assert f"bucket {OURS} is left" in cleaned.text
    assert f"bucket {OURS} is gone" not in cleaned.text
    lab.mend()
    again = clean(lab, run_pytest, reports)
    assert again.exit == 0, again.text
    assert f"bucket {OURS} is gone" in again.text
