"""Incidents as GitHub's annotations, at the file and line of their first finding. Those that GitHub would drop are counted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import re2

from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.incidents import named
from pytest_gf.engine.reports.lines import number
from pytest_gf.engine.trouble import Severity
from pytest_gf.engine.verdict import Verdict

MOST = 10
"""Annotations of one level in one step; GitHub drops what comes after them (and 50 of a job)."""
_FINDING = re2.compile(r"(?m)^(?P<path>[^\s:][^:\n]*):(?P<line>[1-9]\d{0,8}): \[(?P<rule>[a-z0-9-]+)\] (?P<what>.+)$")
_QUIET = {Verdict.UNPROVEN, Verdict.INTERIM}
"""Verdicts that make no incident of their own. Their findings are warnings."""


def wanted() -> bool:
    """Return whether this runs in GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def lines(record: Mapping[str, Any]) -> list[str]:
    """Return the workflow commands for a record: one an incident, and one for each row in no incident that has a finding."""
    rows = {row_name(row): row for row in record["verdicts"]}
    reported = {name for incident in record["incidents"] for name in (*incident["rows"], *incident["consequences"])}
    commands_of: dict[str, list[str]] = {"error": [], "warning": []}
    for incident in record["incidents"]:
        level = "warning" if incident["severity"] == Severity.MINOR else "error"
        commands_of[level].append(_of_incident(level, incident, [rows[name] for name in incident["rows"]]))
    for name, row in rows.items():
        findings = _findings([row])
        if row["verdict"] in _QUIET and name not in reported and findings:
            commands_of["warning"].append(_command("warning", findings, row["clause"], _said(findings)))
    return [command for level, commands in commands_of.items() for command in _bounded(level, commands)]


def _of_incident(level: str, incident: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    findings = _findings(rows)
    count = len(incident["rows"]) + len(incident["consequences"])
    message = [_said(findings) or incident["headline"], f"{number(count, 'row')}; {incident['title']}"]
    message += [f"Do first: {step}" for step in incident["next_steps"][:1]]
    return _command(level, findings, named(incident), "\n".join(message))


def _findings(rows: Sequence[Mapping[str, Any]]) -> list[re2._Match[str]]:
    return [finding for row in rows for finding in _FINDING.finditer(row["reason"])]


def _said(findings: Sequence[re2._Match[str]]) -> str:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"[{findings[0]['rule']}] {findings[0]['what']}{more}" if findings else ""


def _command(level: str, findings: Sequence[re2._Match[str]], title: str, message: str) -> str:
    place = f"file={_property(findings[0]['path'])},line={findings[0]['line']}," if findings else ""
    return f"::{level} {place}title={_property(title)}::{_data(message)}"


def _bounded(level: str, commands: list[str]) -> list[str]:
    if len(commands) <= MOST:
        return commands
    return [
        *commands[: MOST - 1],
        f"::{level} title=pytest_gf::and {len(commands) - MOST + 1} more; the job's summary has them all",
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
