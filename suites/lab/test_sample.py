"""The committed sample run is what the lab makes of the incident of 2026-05-25 today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import incidents
from pytest_gf.pages import sample

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"


def told(text: str) -> dict[str, Any]:
    """Return what a record says of rows and incidents."""
    record = json.loads(text)
    rows = {
        f"{row['clause']}[{'-'.join(row['params'].values())}]": (
            row["verdict"],
            row["reason"],
            row["next_step"],
            row["cause"],
        )
        for row in record["verdicts"]
    }
    incidents = [
        (incident["kind"], incident["subject"], incident["rows"], incident["consequences"])
        for incident in record["incidents"]
    ]
    return {"rows": rows, "incidents": incidents, "exit": record["exit"], "keys": sorted(record)}


@pytest.mark.slow
def test_the_sample_is_what_the_lab_makes(tmp_path: Path) -> None:
    made = sample.made()
    assert made.keys() == {*sample.FILES, "index.html"}
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    kept = {name: (SAMPLE / name).read_text() for name in made}
    again = "the sample is stale: look at it, then python -m pytest_gf.pages.sample reports/sample"
    assert told(made["record.json"]) == told(kept["record.json"]), again
    assert made["summary.md"] == kept["summary.md"], again
    assert kept["index.html"] == sample.page(json.loads(kept["record.json"])), again
    phase = incidents.read(sample.DATE).phase(sample.PHASE)
    assert phase is not None
    assert {
        f"{incident['kind']} {incident['subject']}".strip() for incident in json.loads(kept["record.json"])["incidents"]
    } == set(phase.incidents)


def test_what_differs_from_run_to_run_is_not_in_it() -> None:
    hashes = ["ab" * 32, "cd" * 32]
    text = (
        f"20261129T230000Z-1a2b3c4d at http://127.0.0.1:4711 since 2026-11-29T23:00:00.123Z: cas.v2/ab/{hashes[0]}, {hashes[1]};"
        f" {hashes[0]} again; gf-rca-20261129230000-1a2b3c4d; no answer within 10.25 s; 2026-05-25 stays"
    )
    record = {
        "started": "2026-11-29T23:00:00Z",
        "command": "python x",
        "facts": [{"seconds": 3.5, "digest": hashes[1]}],
    }
    normal = sample.normal({"summary.md": text, "record.json": json.dumps(record)})
    first, second = "0" * 64, f"{1:064x}"
    assert normal["summary.md"] == (
        f"20260525T000000Z-00000000 at http://127.0.0.1:9000 since {sample.INSTANT}: cas.v2/00/{first}, {second};"
        f" {first} again; gf-rca-20260525000000-00000000; no answer within 1 s; 2026-05-25 stays"
    )
    plain = json.loads(normal["record.json"])
    assert plain["facts"] == [{"seconds": 0.0, "digest": second}]
    assert plain["command"].startswith("pytest -m 'canary or cache_delete' --gf-confirm=")
