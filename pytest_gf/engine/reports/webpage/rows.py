"""The rows of a record as the page shows them, by section of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.summary import tally
from pytest_gf.engine.reports.webpage.timeline import Fact, key_of, link, took, with_evidence
from pytest_gf.engine.verdict import BADNESS, Verdict
from pytest_gf.engine.visible import visible_lines

if TYPE_CHECKING:
    import markupsafe

    from pytest_gf.engine.contract import Contract

_OBSERVED = "observed"


def rows(
    record: Mapping[str, Any],
    facts: Mapping[tuple[str, str | None], Fact],
    contract: Contract | None,
    folder: Path | None,
) -> list[dict[str, Any]]:
    """Return a record's rows for the page, in the record's order."""
    known = contract.statements if contract is not None else {}
    links = _Links(facts, known, folder)
    shown_rows: list[dict[str, Any]] = []
    for index, row in enumerate(record["verdicts"]):
        names = [str(name) for name in row["statements"]]
        shown_rows.append(
            {
                "id": f"r{index}",
                "name": row_name(row),
                "title": row["title"],
                "verdict": str(Verdict(row["verdict"])),
                "reason": row["reason"],
                "next_step": row["next_step"],
                "names": names,
                "section": next((known[name].section for name in names if name in known), ""),
                "statements": links.statements(names),
                "asked": links.asked(row),
                "time": f"{str(row['started'])[11:19]} UTC, {took(row['seconds'])}" if row.get("started") else "",
                "incident": None,
            }
        )
    return shown_rows


class _Links:
    """Lists of links, each made once, since many rows have the same facts and statements."""

    def __init__(
        self, facts: Mapping[tuple[str, str | None], Fact], known: Mapping[str, Any], folder: Path | None
    ) -> None:
        import markupsafe

        self._markup = markupsafe.Markup
        self._facts = facts
        self._known = known
        self._folder = folder
        self._made: dict[tuple[Any, ...], markupsafe.Markup] = {}

    def statements(self, names: Sequence[str]) -> markupsafe.Markup:
        """Return a list of statements, each with its text where the contract is known."""
        key = ("statements", *names)
        if key not in self._made:
            self._made[key] = self._list("plain", map(self._statement, names))
        return self._made[key]

    def asked(self, row: Mapping[str, Any]) -> markupsafe.Markup:
        """Return a list of what was asked for a row, and of what could not be observed for it."""
        observed = [
            (*key_of(entry), str(entry["outcome"]), int(entry["exchanges"]), link(path, self._folder)["href"])
            for entry, path in with_evidence(row)
            if entry["exchanges"] or entry["outcome"] != _OBSERVED
        ]
        key = ("asked", *observed)
        if key not in self._made:
            self._made[key] = self._list("inline", (self._fact(*fact) for fact in observed))
        return self._made[key]

    def _statement(self, name: str) -> markupsafe.Markup:
        if name not in self._known:
            return self._markup("{}").format(visible_lines(name))
        link = self._markup('<a href="#s-{0}">{0}</a> {1}')
        return link.format(name, visible_lines(self._known[name].text))

    def _fact(self, name: str, started: str | None, outcome: str, count: int, path: str) -> markupsafe.Markup:
        place = self._facts[name, started].id
        shown = visible_lines(name)
        what = self._markup("<code>{}</code>").format(shown)
        if place or path:
            what = self._markup('<a href="{}">{}</a>').format(f"#{place}" if place else path, what)
        said = f" {visible_lines(outcome)}" if outcome != _OBSERVED else f" {count}\N{MULTIPLICATION SIGN}"
        return self._markup('{}<span class="quiet said">{}</span>').format(what, said)

    def _list(self, kind: str, items: Iterable[markupsafe.Markup]) -> markupsafe.Markup:
        inside = self._markup("").join(self._markup("<li>{}</li>").format(item) for item in items)
        return self._markup('<ul class="{}">{}</ul>').format(kind, inside) if inside else inside


def groups(rows: Sequence[Mapping[str, Any]], contract: Contract | None) -> list[dict[str, Any]]:
    """Return the rows by the contract's section of their first statement, or by system; in each, the worst first."""
    by_section: dict[str, list[Mapping[str, Any]]] = {}
    order = (
        dict.fromkeys(statement.section for statement in contract.statements.values()) if contract is not None else {}
    )
    for section in order:
        by_section[section] = []
    for row in rows:
        by_section.setdefault(row["section"] or row["name"].partition(".")[0], []).append(row)
    titles = contract.sections if contract is not None else {}
    return [
        {
            "title": titles.get(name, name),
            "counts": ", ".join(f"{count} {verdict}" for verdict, count in tally(of)),
            "rows": sorted(of, key=_rank),
        }
        for name, of in by_section.items()
        if of
    ]


def _rank(row: Mapping[str, Any]) -> int:
    return BADNESS[row["verdict"]]
