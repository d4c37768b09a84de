"""Every report of one drilled run says the same: terminal, summary, page, JUnit, Allure and metrics are read back, and compared with the record."""

from __future__ import annotations

import collections
import datetime
import html.parser
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pytest_gf.engine.verdict import Verdict

DRILL = ("bucket-index-lost:tofu-state", "image-by-tag", "bazel-unreachable")
METRICS = "canary.prom"
Rows = dict[str, str]
Incident = tuple[str, int, int]
"""Kind and subject, how many rows name the cause, how many followed from it."""
_WORDS = "|".join(Verdict)


class Page(html.parser.HTMLParser):
    """What index.html shows, by its marks: rows with their verdicts, incidents with their rows, statements with their states."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: Rows = {}
        self.incidents: list[tuple[str, list[str], list[str]]] = []
        self.states: dict[str, str] = {}
        self._verdict = self._part = ""
        self._in_name = self._in_link = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        kind = of.get("class", "").split()
        if tag == "article":
            self.incidents.append((f"{of['data-kind']} {of['data-subject']}".strip(), [], []))
        elif tag == "dd":
            self._part = kind[0] if kind else ""
        elif tag == "details" and "row" in kind:
            self._verdict = of["data-verdict"]
        elif tag == "li" and "data-state" in of:
            self.states[of["id"].removeprefix("s-")] = of["data-state"]
        self._in_name = tag == "code" and "name" in kind
        self._in_link = tag == "code" and self._part in {"rows", "consequences"}

    def handle_endtag(self, tag: str) -> None:
        self._in_name = self._in_link = False
        if tag == "article":
            self._part = ""

    def handle_data(self, data: str) -> None:
        if self._in_name:
            self.rows[data] = self._verdict
        elif self._in_link:
            _, rows, consequences = self.incidents[-1]
            (rows if self._part == "rows" else consequences).append(data)


def terminal(text: str) -> tuple[Rows, list[Incident]]:
    rows = {name: word.lower() for word, name in re.findall(rf"(?im)^({_WORDS}) +([a-z]+\.\S+)", text)}
    _, _, ending = text.rpartition("incidents: ")
    return rows, _incidents(re.split(r"(?m)^\d+\. ", ending)[1:])


def summary(text: str) -> tuple[Rows, list[Incident]]:
    rows: Rows = {}
    verdict = ""
    for line in text.splitlines():
        if match := re.search(rf"^(?:## |<summary>).*?\b({_WORDS}) \(\d+\)", line):
            verdict = match[1]
        elif match := re.match(r"\| `([^`]+\.[^`]+)` \|", line):
            rows[match[1]] = verdict
    return rows, _incidents(re.split(r"(?m)^### ", text.partition("\n## ")[2].partition("\n## ")[0])[1:])


def _incidents(parts: Iterable[str]) -> list[Incident]:
    """Return what the text of each incident says of its cause and of how many rows it has."""
    incidents = []
    for part in parts:
        counts = [re.search(rf"\b{word} \((\d+)\)", part) for word in ("rows", "because of it")]
        rows, consequences = (int(count[1]) if count else 0 for count in counts)
        named = re.sub(r" \((critical|major|unknown|minor)\)$", "", part.partition(":")[0].replace("\\", "").strip())
        incidents.append((named, rows, consequences))
    return incidents


def junit(path: Path) -> Rows:
    rows: Rows = {}
    for case in ET.parse(path).getroot().iter("testcase"):
        of = {entry.get("name", ""): entry.get("value", "") for entry in case.iter("property")}
        _, bracket, values = case.get("name", "").partition("[")
        rows[of["clause"] + bracket + values] = of["verdict"]
    return rows


def allure(folder: Path) -> Rows:
    results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    verdicts = {
        "passed": {"holds"},
        "failed": {"violated", "fixed"},
        "broken": {"error"},
        "skipped": {"unproven", "interim"},
    }
    rows = {}
    for result in results:
        (verdict,) = [label["value"] for label in result["labels"] if label["name"] == "verdict"]
        assert verdict in verdicts[result["status"]]
        rows[result["name"].partition(": ")[0]] = verdict
    return rows


def metrics(path: Path) -> tuple[Rows, collections.Counter[str]]:
    """Return the rows with their verdicts, and how many incidents of each kind there are."""
    rows: Rows = {}
    kinds: collections.Counter[str] = collections.Counter()
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            if sample.name == "pytest_gf_verdict" and sample.value:
                values = [pair.partition("=")[2] for pair in sample.labels["params"].split(",")]
                values = [value for value in values if value]
                rows[sample.labels["clause"] + (f"[{'-'.join(values)}]" if values else "")] = sample.labels["verdict"]
            elif sample.name == "pytest_gf_incidents":
                kinds[sample.labels["kind"]] = int(sample.value)
    return rows, +kinds


@pytest.fixture
def drilled(run_pytest: Any, tmp_path: Path) -> Any:
    metrics_file = f"--gf-metrics={tmp_path / METRICS}"
    outcome = run_pytest("-m", "canary", "--gf-deadline=5", metrics_file, *(f"--gf-fault={fault}" for fault in DRILL))
    assert outcome.exit == 1, outcome.text
    return outcome


def test_every_report_says_what_the_record_says(drilled: Any, tmp_path: Path) -> None:
    record, folder = drilled.record, drilled.folder
    rows = {name: row["verdict"] for name, row in drilled.verdicts().items()}
    incidents = [(f"{incident['kind']} {incident['subject']}".strip(), incident) for incident in record["incidents"]]
    counted = [(name, len(incident["rows"]), len(incident["consequences"])) for name, incident in incidents]
    assert len(counted) == len(DRILL)
    assert {"holds", "violated", "unproven", "error"} <= set(rows.values())

    assert terminal(drilled.text) == (rows, counted)
    said, told = summary((folder / "summary.md").read_text())
    assert {name: verdict for name, verdict in said.items() if verdict != "holds"} == {
        name: verdict for name, verdict in rows.items() if verdict != "holds"
    }
    assert told == counted
    page = Page((folder / "index.html").read_text())
    assert page.rows == rows
    assert page.incidents == [(name, incident["rows"], incident["consequences"]) for name, incident in incidents]
    assert {name for name, state in page.states.items() if state == "holds"} == set(record["claims"]["whole"])
    assert {name for name, state in page.states.items() if state == "part"} <= set(record["claims"]["part"])
    assert junit(folder / "junit.xml") == rows
    assert allure(folder / "allure-results") == rows
    assert metrics(tmp_path / METRICS) == (
        rows,
        collections.Counter(incident["kind"] for incident in record["incidents"]),
    )
    _evidence_says_when(folder)


def _evidence_says_when(folder: Path) -> None:
    """Each exchange has the instant of its beginning: no probe's own word takes its place."""
    for path in (folder / "evidence").glob("*.json"):
        for exchange in json.loads(path.read_text())["exchanges"]:
            assert datetime.datetime.fromisoformat(exchange["at"]).tzinfo is not None, path
