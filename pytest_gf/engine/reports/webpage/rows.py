"""The rows of a record as the page shows them: by section of the contract, and beside each statement that they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.reports.claims import row_name
from pytest_gf.engine.reports.summary import counts
from pytest_gf.engine.reports.webpage.timeline import Fact, href, key_of, with_evidence
from pytest_gf.engine.verdict import BADNESS, Verdict

if TYPE_CHECKING:
    from pytest_gf.engine.contract import Contract

OBSERVED = "observed"


def rows(record: Mapping[str, Any], facts: Mapping[Any, Fact], *, linked: bool) -> list[dict[str, Any]]:
    """Return a record's rows, each with its name, its place in the page, and what was asked for it.

    ``linked`` says whether the evidence lies beside the page.
    """
    return [
        row
        | {"id": f"r{index}", "name": row_name(row), "statements": tuple(row["statements"])}
        | {"asked": tuple(_asked(row, facts, linked=linked))}
        for index, row in enumerate(record["verdicts"])
    ]


def _asked(row: Mapping[str, Any], facts: Mapping[Any, Fact], *, linked: bool) -> Iterable[tuple[str, str, str]]:
    """Yield each fact that asked something or was not observed: its name, where it stands, what is said of it."""
    for entry, path in with_evidence(row):
        outcome, exchanges = str(entry["outcome"]), entry["exchanges"]
        if exchanges or outcome != OBSERVED:
            key = key_of(entry)
            place = f"#{facts[key].id}" if facts[key].id else href(path) if linked else ""
            yield key[0], place, outcome if outcome != OBSERVED else f"{exchanges}\N{MULTIPLICATION SIGN}"


def groups(rows: Iterable[Mapping[str, Any]], contract: Contract | None) -> list[tuple[str, str, list[Any]]]:
    """Return the rows by the contract's section of their first statement, or by system, with a title and their verdicts.

    In each group the worst stands first.
    """
    known = contract.statements if contract is not None else {}
    titles = contract.sections if contract is not None else {}
    by_section: dict[str, list[Mapping[str, Any]]] = {statement.section: [] for statement in known.values()}
    for row in rows:
        section = next((known[name].section for name in row["statements"] if name in known), "")
        by_section.setdefault(section or row["name"].partition(".")[0], []).append(row)
    return [(titles.get(name, name), counts(of), sorted(of, key=_rank)) for name, of in by_section.items() if of]


def _rank(row: Mapping[str, Any]) -> int:
    return BADNESS[row["verdict"]]


def statements(
    contract: Contract, claims: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the contract's sections by title, and what this run says of their statements.

    The state of a statement is a verdict's name, or one of these. ``part``: proved in part. ``expected``: a red shows it.
    ``none``: nobody looked. ``claims`` are those of the record, empty where it has none.
    """
    naming: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=_rank):
        for name in row["statements"]:
            naming.setdefault(name, []).append(row)
    by_section: dict[str, list[dict[str, Any]]] = {}
    for name, statement in contract.statements.items():
        of = naming.get(name, [])
        state, word, note = _state(name, claims, [row["verdict"] for row in of])
        shown = {"id": name, "text": statement.text, "state": state, "word": word, "note": note}
        by_section.setdefault(statement.section, []).append(shown | {"rows": [row["name"] for row in of]})
    return [(contract.sections.get(name, name), shown) for name, shown in by_section.items()]


def _state(name: str, claims: Mapping[str, Any], verdicts: Sequence[str]) -> tuple[str, str, str]:
    """Return a statement's state, the word for it, and a note. The worst of its rows' verdicts stands first."""
    part = name in claims.get("part", ())
    if name in claims.get("expected", {}):
        return "expected", "expected", "The red of these rows is what this statement says."
    if name in claims.get("whole", ()):
        return "holds", "holds", ""
    if verdicts and verdicts[0] != Verdict.HOLDS:
        return verdicts[0], verdicts[0], "In part it holds." if part else ""
    if part:
        return "part", "holds in part", ""
    return ("part", "not proved", "These rows hold, and don't prove it.") if verdicts else ("none", "not looked at", "")
