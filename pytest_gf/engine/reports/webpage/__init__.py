"""index.html: a record as one page that needs no network. No text of a server can be more than text in it."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports import history_text
from pytest_gf.engine.reports.lines import number
from pytest_gf.engine.reports.summary import counts, interim, meaning, not_looked_at, tally
from pytest_gf.engine.reports.templates import template
from pytest_gf.engine.reports.webpage import history as histories
from pytest_gf.engine.reports.webpage import rows, timeline
from pytest_gf.engine.verdict import Verdict
from pytest_gf.engine.visible import visible_lines

if TYPE_CHECKING:
    from pytest_gf.engine.contract import Contract

NAME = "index.html"
_PAGE = Path(__file__).with_name("index.html.jinja")


def page(
    record: Mapping[str, Any],
    contract: Contract | None = None,
    *,
    folder: Path | None = None,
    shown: Mapping[str, str] | None = None,
    history: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page of a record.

    ``contract`` gives the texts and sections of the statements; without one, rows stand by system. ``folder`` is the run's, if
    its evidence lies there. ``history`` has earlier runs, the oldest first: ``run, finished, rows``, verdicts by row.
    """
    facts = timeline.facts(record["verdicts"])
    line = None if record.get("merged") else timeline.timeline(facts, folder)
    shown_rows = rows.rows(record, facts, linked=folder is not None)
    verdicts = {row["name"]: row["verdict"] for row in shown_rows}
    claims = record.get("claims") or {}
    view: dict[str, Any] = {
        "record": record,
        "claims": claims,
        "headline": headline(record),
        "meaning": meaning(record),
        "counts": tally(record["verdicts"]),
        "share": list(_share(record)),
        "notes": [*filter(None, (interim(record), not_looked_at(record), claims.get("gate")))],
        "changes": history_text.lines(record.get("history")),
        "places": {row["name"]: f"#{row['id']}" for row in shown_rows},
        "groups": rows.groups(shown_rows, contract),
        "known": contract.statements if contract is not None else {},
        "contract": rows.statements(contract, claims, shown_rows) if contract is not None else None,
        "timeline": line,
        "history": histories.grid(history, {"run": "", "finished": record["finished"], "rows": verdicts}),
        "shown": shown or {},
        "href": timeline.href if folder is not None else lambda _: "",
        "once": functools.cache,  # Many rows have the same facts and statements: what is made of them is made once.
    }
    made = template(_PAGE, timeline.took, timeline.instant, autoescape=True, finalize=_harmless)
    return made.render(**view, **_incidents(record, verdicts), **_own())


def headline(record: Mapping[str, Any]) -> str:
    """Return what the run found, in a line."""
    count = len(record["incidents"])
    if count:
        return f"{number(count, 'incident')} on {record['target']}"
    unproven = record["exit"] != 0 or any(row["verdict"] != Verdict.HOLDS for row in record["verdicts"])
    return f"{'Nothing is red' if unproven else 'All holds'} on {record['target']}: {counts(record['verdicts'])}"


def _incidents(record: Mapping[str, Any], verdicts: Mapping[str, str]) -> dict[str, Any]:
    """Return the incidents, each with whether all of its rows are errors, and the last incident that each row belongs to."""
    broke: list[bool] = []
    incident_of: dict[str, int] = {}
    for index, incident in enumerate(record["incidents"]):
        broke.append({verdicts[name] for name in incident["rows"] if name in verdicts} == {Verdict.ERROR})
        incident_of |= dict.fromkeys((*incident["rows"], *incident["consequences"]), index)
    return {"incidents": list(zip(record["incidents"], broke, strict=True)), "incident_of": incident_of}


def _share(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each verdict's part of a bar: where it begins and how wide it is, in percent."""
    total, begin = len(record["verdicts"]), 0.0
    for verdict, count in tally(record["verdicts"]):
        width = 100 * count / total
        yield verdict, f"{begin:.2f}", f"{width:.2f}"
        begin += width


def _harmless(value: Any) -> Any:
    """Return a text without what could turn it around or hide in it; Jinja makes what is left no markup."""
    return value if not isinstance(value, str) or hasattr(value, "__html__") else visible_lines(value)


@functools.cache
def _own() -> Mapping[str, Any]:
    """Return our own style and script, and the policy under which a browser takes these and nothing else."""
    import markupsafe

    own = {
        name: _PAGE.with_name(f"page.{ending}").read_text("utf-8")
        for name, ending in (("style", "css"), ("script", "js"))
    }
    sources = "; ".join(f"{name}-src '{_digest(text)}'" for name, text in own.items())
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    return {name: markupsafe.Markup(text) for name, text in own.items()} | {"policy": policy}  # noqa: S704  # Our own files.


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
