"""The committed sample run is what a fire drill makes today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pytest_gf.engine.reports import webpage
from pytest_gf.honey import contract
from pytest_gf.pages.sample import timed

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
DRILL = ["-m", "canary", "--gf-fault=bucket-index-lost:tofu-state"]


def normal(folder: Path) -> dict[str, str]:
    """Return the run's record and its pages with times that are the same each time."""
    record: dict[str, Any] = timed(json.loads((folder / "record.json").read_text()))
    record["command"] = "pytest " + " ".join(DRILL)
    summary = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "2026-01-01T00:00:00.000Z", (folder / "summary.md").read_text())
    shown = {path.stem: path.read_text() for path in sorted((folder / "shown").glob("*.txt"))}
    page = webpage.page(record, contract.load(), shown=shown)
    return {"record.json": json.dumps(record, indent=1) + "\n", "summary.md": summary, webpage.NAME: page}


def test_the_sample_is_what_the_drill_makes(run_pytest: Any, tmp_path: Path) -> None:
    outcome = run_pytest(*DRILL)
    assert outcome.exit == 1
    made = normal(outcome.folder)
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    stale = [name for name, text in made.items() if text != (SAMPLE / name).read_text()]
    assert not stale, (
        f"the sample is stale: look at it, then cp {tmp_path}/{{record.json,summary.md,index.html}} {SAMPLE}"
    )
