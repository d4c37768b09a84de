"""A run's incidents as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_gf.engine.reports.webpage.timeline import instant, link
from pytest_gf.engine.trouble import Severity
from pytest_gf.engine.verdict import Verdict


def incidents(record: Mapping[str, Any], rows: Sequence[dict[str, Any]], folder: Path | None) -> list[dict[str, Any]]:
    """Return the incidents, each with places of its rows in the page. Give each of those rows its incident."""
    named = {row["name"]: row for row in rows}
    all_shown = []
    for index, incident in enumerate(record["incidents"]):
        shown = _shown(incident, f"i{index}", named, folder)
        for name in (*incident["rows"], *incident["consequences"]):
            if name in named:
                named[name]["incident"] = shown
        all_shown.append(shown)
    return all_shown


def _shown(
    incident: Mapping[str, Any], place: str, named: Mapping[str, Mapping[str, Any]], folder: Path | None
) -> dict[str, Any]:
    red = [named[name]["verdict"] for name in incident["rows"] if name in named]
    known = {name: incident[name] for name in ("kind", "subject", "title", "severity", "headline", "avoid")}
    return known | {
        "id": place,
        "minor": incident["severity"] == Severity.MINOR,
        "broke": bool(red) and set(red) <= {Verdict.ERROR},
        "since": instant(incident["since"] or ""),
        "told": _further(incident),
        "steps": incident["next_steps"],
        "rows": _placed(incident["rows"], named),
        "consequences": _placed(incident["consequences"], named),
        "evidence": [link(path, folder) for path in incident["evidence"]],
    }


def _further(incident: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what else is known of an incident: its tickets, and the page of the docs that tells more."""
    known = [("Tickets", "; ".join(incident["tickets"])), ("More", incident["page"])]
    return [(word, text) for word, text in known if text]


def _placed(names: Iterable[str], named: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"name": name, "id": named[name]["id"] if name in named else ""} for name in names]
