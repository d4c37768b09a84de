"""Incidents: rows of one cause are one, what followed from it stands below it, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine.reports.incidents import UNKNOWN, WIDTH, block, incidents, section

RED, DARK, BROKEN, GREEN, KNOWN = "violated", "unproven", "error", "holds", "interim"
LOST, OFFLINE = ("index-loss", "tofu-state"), ("disk-offline", "")


def row(name: str, verdict: str, cause: Any = None, *because: tuple[str, str]) -> dict[str, Any]:
    kinds = [{"kind": kind, "subject": subject} for kind, subject in because]
    named = {"kind": cause[0], "subject": cause[1]} if cause else None
    texts = {"title": "t", "reason": f"why {name}\nmore", "next_step": f"mend {name}", "evidence": [f"e/{name}"]}
    return {"clause": name, "params": {}, "verdict": verdict, "cause": named, "because": kinds, **texts}


def told(*rows: dict[str, Any]) -> list[tuple[tuple[str, str], list[str], list[str]]]:
    found = incidents(rows, {"index-loss": "a title"})
    return [((each["kind"], each["subject"]), each["rows"], each["consequences"]) for each in found]


def test_rows_of_one_cause_are_one_incident() -> None:
    assert told(row("a", RED, LOST), row("b", GREEN), row("c", RED, LOST)) == [(LOST, ["a", "c"], [])]


def test_two_causes_stay_two_and_a_red_without_one_is_its_own() -> None:
    assert told(row("a", RED, LOST), row("b", RED, OFFLINE), row("c", RED), row("d", RED)) == [
        (LOST, ["a"], []),
        (OFFLINE, ["b"], []),
        ((UNKNOWN, "c"), ["c"], []),
        ((UNKNOWN, "d"), ["d"], []),
    ]


def test_what_a_seen_cause_explains_is_its_consequence_and_an_unseen_one_explains_nothing() -> None:
    lost, offline, gone = row("a", RED, LOST), row("b", RED, OFFLINE), row("s", RED, ("gone", "x"), LOST, OFFLINE)
    assert told(lost, gone) == [(LOST, ["a"], ["s"])]
    assert told(offline, gone) == [(OFFLINE, ["b"], ["s"])]
    assert told(gone) == [(("gone", "x"), ["s"], [])]


def test_an_unproven_row_follows_from_a_seen_cause_or_is_in_no_incident() -> None:
    assert told(row("a", RED, LOST), row("b", DARK, None, LOST), row("c", DARK)) == [(LOST, ["a"], ["b"])]
    assert told(row("b", DARK, None, LOST), row("k", KNOWN, LOST)) == []


def test_a_chain_ends_at_its_first_cause_and_a_circle_stays_apart() -> None:
    chain = row("a", RED, LOST), row("b", RED, ("b", ""), LOST), row("c", RED, ("c", ""), ("b", ""))
    assert told(*chain) == [(LOST, ["a"], ["b", "c"])]
    circle = row("a", RED, ("a", ""), ("b", "")), row("b", RED, ("b", ""), ("a", ""))
    assert {cause for cause, _, _ in told(*circle)} == {("a", ""), ("b", "")}


def test_broken_probes_of_one_system_are_one_incident() -> None:
    down = ("unreachable", "s3")
    assert told(row("a", BROKEN, down), row("b", BROKEN, down), row("c", BROKEN, ("unreachable", "kube"))) == [
        (down, ["a", "b"], []),
        (("unreachable", "kube"), ["c"], []),
    ]


CAUSES = st.sampled_from([("a", ""), ("b", ""), ("c", "x"), ("d", "")])


@given(
    st.lists(st.tuples(st.sampled_from([RED, DARK, BROKEN, GREEN]), st.none() | CAUSES, st.lists(CAUSES, max_size=3)))
)
def test_each_red_row_is_in_exactly_one_incident(drawn: list[Any]) -> None:
    rows = [row(f"r{at}", verdict, cause, *because) for at, (verdict, cause, because) in enumerate(drawn)]
    named = [name for _, heads, after in told(*rows) for name in (*heads, *after)]
    red = [each["clause"] for each in rows if each["verdict"] in {RED, BROKEN}]
    assert len(named) == len(set(named))
    assert set(red) <= set(named) <= {each["clause"] for each in rows if each["verdict"] != GREEN}


@pytest.mark.parametrize("length", [1, 40, 4000])
def test_a_block_fits_and_wraps_on_words(length: int) -> None:
    long = row("a", RED, LOST) | {"reason": "word " * length, "next_step": "step " * length}
    (incident,) = incidents([long], {"index-loss": "a title"})
    lines = list(block(1, incident, "reports/x"))
    assert lines[0] == "1. index-loss tofu-state: a title"
    assert max(map(len, lines)) <= WIDTH
    assert "reports/x/evidence/ (1 files)" in lines[-1]


def test_the_page_has_a_heading_an_incident() -> None:
    record = {"incidents": incidents([row("a", RED, LOST), row("b", DARK, None, LOST)], {})}
    lines = section(record, str.upper)
    assert lines[:3] == ["## Incidents (1)", "", "### INDEX-LOSS TOFU-STATE"]
    assert "- because of it (1): B" in lines
    assert "- evidence (1): E/A" in lines
    assert section({"incidents": []}, str) == []
