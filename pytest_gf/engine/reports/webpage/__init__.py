"""index.html: a record as one page that needs no network. No text of a server can be more than text in it."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports import history_text
from pytest_gf.engine.reports.summary import MEANING, counts, interim, not_looked_at, tally
from pytest_gf.engine.reports.webpage import contract as contracts
from pytest_gf.engine.reports.webpage import history as histories
from pytest_gf.engine.reports.webpage import incidents, rows, timeline
from pytest_gf.engine.verdict import Verdict
from pytest_gf.engine.visible import visible_lines

if TYPE_CHECKING:
    import jinja2

    from pytest_gf.engine.contract import Contract

NAME = "index.html"
_HERE = Path(__file__).parent


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
    shown_rows = rows.rows(record, facts, contract, folder)
    places = {row["name"]: row["id"] for row in shown_rows}
    here = {"run": "", "finished": record["finished"], "rows": {row["name"]: row["verdict"] for row in shown_rows}}
    claims = record.get("claims")
    view: dict[str, Any] = {
        "record": record,
        "headline": headline(record),
        "lab": next(iter(record["does_not_prove"]), "LAB") if record["target"] == "lab" else "",
        "counts": tally(record["verdicts"]),
        "share": list(_share(record)),
        "when": f"{timeline.instant(record['started'])} to {timeline.instant(record['finished'] or 'no end')}, vantage {record['vantage']}",
        "notes": [*filter(None, (interim(record), not_looked_at(record), (claims or {}).get("gate")))],
        "changes": history_text.lines(record.get("history")),
        "about": list(_about(record)),
        "incidents": incidents.incidents(record, shown_rows, folder),
        "groups": rows.groups(shown_rows, contract),
        "total": len(shown_rows),
        "contract": contracts.page(contract, claims, shown_rows) if contract is not None else None,
        "timeline": line,
        "history": histories.grid(history, here, places),
        "reminders": (claims or {}).get("reminders", ()),
        "tickets": list((claims or {}).get("tickets", {}).items()),
        "shown": list((shown or {}).items()),
    }
    return _template().render(**view, **_own(), parts=list(_parts(view)))


def headline(record: Mapping[str, Any]) -> str:
    """Return what the run found, in a line."""
    count = len(record["incidents"])
    if count:
        return f"{count} incident{'s' * (count > 1)} on {record['target']}"
    unproven = record["exit"] != 0 or any(row["verdict"] != Verdict.HOLDS for row in record["verdicts"])
    return f"{'Nothing is red' if unproven else 'All holds'} on {record['target']}: {counts(record)}"


def _share(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each verdict's part of a bar: where it begins and how wide it is, in percent."""
    counted = tally(record["verdicts"])
    total, begin = sum(count for _, count in counted) or 1, 0.0
    for verdict, count in counted:
        width = 100 * count / total
        yield verdict, f"{begin:.2f}", f"{width:.2f}"
        begin += width


def _about(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Exit", f"{record['exit']}, {MEANING.get(record['exit'], 'see pytest')}"
    for name, value in (("Part", record.get("part")), ("Merged from", ", ".join(record.get("merged", ())))):
        if value:
            yield name, str(value)
    for name in ("missing", "unfinished"):
        if record.get(name):
            yield name.capitalize(), ", ".join(map(str, record[name]))
    yield "Command", str(record["command"])


def _parts(view: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the parts that the page has, with their names."""
    yield "incidents", "Incidents"
    yield "run", "The run"
    yield "rows", "Rows"
    for id_, name in (("contract", "Contract"), ("timeline", "Timeline"), ("history", "History")):
        if view[id_]:
            yield id_, name
    yield "not-proved", "What green does not prove"


@functools.cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("index.html.jinja")


def _harmless(value: Any) -> Any:
    """Return a text without what could turn it around or hide in it; Jinja makes what is left no markup."""
    return value if not isinstance(value, str) or hasattr(value, "__html__") else visible_lines(value)


@functools.cache
def _own() -> Mapping[str, Any]:
    """Return our own style and script, and the policy under which a browser takes these and nothing else."""
    import markupsafe

    own = {name: (_HERE / f"page.{ending}").read_text("utf-8") for name, ending in (("style", "css"), ("script", "js"))}
    sources = "; ".join(f"{name}-src '{_digest(text)}'" for name, text in own.items())
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    return {name: markupsafe.Markup(text) for name, text in own.items()} | {"policy": policy}  # noqa: S704  # Our own files.


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
