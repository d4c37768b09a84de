"""A run's incidents as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_gf.engine.reports.webpage.timeline import instant, link
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
    return {
        "id": place,
        "kind": incident["kind"],
        "subject": incident["subject"],
        "title": incident["title"],
        "severity": incident.get("severity") or "",
        "headline": incident["headline"],
        "minor": incident.get("severity") == "minor",
        "broke": bool(red) and set(red) <= {Verdict.ERROR},
        "since": instant(str(incident.get("since") or "")),
        "told": list(_told(incident)),
        "steps": _list(incident.get("next_steps")),
        "avoid": _list(incident.get("avoid")),
        "rows": _placed(incident["rows"], named),
        "consequences": _placed(incident["consequences"], named),
        "evidence": [link(path, folder) for path in incident["evidence"]],
    }


def _told(incident: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what else is known of an incident: its tickets, and the page of the docs that tells more."""
    for word, name in (("Tickets", "tickets"), ("More", "page")):
        value = incident.get(name)
        if isinstance(value, Mapping):
            value = [f"{key}: {text}" for key, text in value.items()]
        if value:
            yield word, "; ".join(_list(value))


def _list(value: Any) -> list[str]:
    return [] if not value else [value] if isinstance(value, str) else [str(item) for item in value]


def _placed(names: Iterable[str], named: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"name": name, "id": named[name]["id"] if name in named else ""} for name in names]
