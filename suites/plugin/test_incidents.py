"""Incidents: rows of one cause are one, what followed from it stands below it, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine.reports.incidents import block, incidents
from pytest_gf.engine.reports.lines import WIDTH
from pytest_gf.engine.reports.summary import page
from pytest_gf.honey import contract

RED, DARK, BROKEN, GREEN, KNOWN, MENDED = "violated", "unproven", "error", "holds", "interim", "fixed"
LOST, OFFLINE = ("index-loss", "tofu-state"), ("disk-offline", "")


def row(name: str, verdict: str, cause: Any = None, *because: tuple[str, str]) -> dict[str, Any]:
    kinds = [{"kind": kind, "subject": subject} for kind, subject in because]
    named = {"kind": cause[0], "subject": cause[1]} if cause else None
    texts = {"title": "t", "reason": f"why {name}\nmore", "next_step": f"mend {name}", "evidence": [f"e/{name}"]}
    return {"clause": name, "params": {}, "verdict": verdict, "cause": named, "because": kinds, **texts}


class Kinds(dict[str, Any]):
    """What each kind is, made up where nobody said it."""

    def __missing__(self, name: str) -> dict[str, Any]:
        lists = {"first": [f"first {name}"], "avoid": [f"avoid {name}"], "tickets": ["TIN-1"]}
        return {"title": f"what {name} is", "severity": "major", "page": f"docs/x.md#{name}", **lists}


KINDS = Kinds()
CONTRACT = contract.load()


def told(*rows: dict[str, Any]) -> list[tuple[tuple[str, str], list[str], list[str]]]:
    made = incidents(rows, KINDS)
    return [((incident["kind"], incident["subject"]), incident["rows"], incident["consequences"]) for incident in made]


def test_rows_of_one_cause_are_one_incident() -> None:
    assert told(row("a", RED, LOST), row("b", GREEN), row("c", RED, LOST)) == [(LOST, ["a", "c"], [])]


def test_two_causes_stay_two_and_a_red_without_one_is_its_own() -> None:
    assert told(row("a", RED, LOST), row("b", RED, OFFLINE), row("c", RED), row("d", RED)) == [
        (LOST, ["a"], []),
        (OFFLINE, ["b"], []),
        (("not-as-promised", "c"), ["c"], []),
        (("not-as-promised", "d"), ["d"], []),
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


def test_a_cause_follows_from_another_only_where_each_of_its_rows_does() -> None:
    lost, down = row("a", RED, LOST), ("unreachable", "Attic")
    explained, own = row("n", BROKEN, down, LOST), row("m", BROKEN, down)
    assert told(lost, explained) == [(LOST, ["a"], ["n"])]
    assert {cause for cause, _, _ in told(lost, explained, own)} == {LOST, down}
    assert {cause for cause, _, _ in told(lost, own, explained)} == {LOST, down}


def test_broken_probes_of_one_system_are_one_incident() -> None:
    down = ("unreachable", "s3")
    assert told(row("a", BROKEN, down), row("b", BROKEN, down), row("c", BROKEN, ("unreachable", "kube"))) == [
        (down, ["a", "b"], []),
        (("unreachable", "kube"), ["c"], []),
    ]


def test_what_was_not_judged_and_what_holds_too_early_are_told_as_such() -> None:
    made = incidents([row("a", BROKEN), row("b", MENDED), row("c", RED)], KINDS)
    assert [(incident["kind"], incident["subject"], bool(incident["title"])) for incident in made] == [
        ("not-judged", "a", True),
        ("still-waived", "b", True),
        ("not-as-promised", "c", True),
    ]


def test_an_incident_says_what_its_kind_is_and_the_worst_comes_first() -> None:
    kinds = Kinds({name: KINDS[name] | {"severity": name} for name in ("minor", "unknown", "major", "critical")})
    rows = [row(f"{name}{at}", RED, (name, "x")) for at in (1, 2) for name in kinds]
    made = incidents(rows, kinds)
    assert [incident["severity"] for incident in made] == ["critical", "major", "unknown", "minor"]
    assert made[0] == {
        "kind": "critical",
        "subject": "x",
        "severity": "critical",
        "title": "what critical is",
        "since": None,
        "headline": "why critical1",
        "rows": ["critical1", "critical2"],
        "consequences": [],
        "next_steps": ["first critical", "mend critical1", "mend critical2"],
        "avoid": ["avoid critical"],
        "tickets": ["TIN-1"],
        "page": "docs/x.md#critical",
        "evidence": ["e/critical1", "e/critical2"],
    }


CAUSES = st.sampled_from([("a", ""), ("b", ""), ("c", "x"), ("d", "")])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([RED, DARK, BROKEN, GREEN, KNOWN, MENDED]), st.none() | CAUSES, st.lists(CAUSES, max_size=3)
        )
    )
)
def test_each_red_row_is_in_exactly_one_incident(drawn: list[Any]) -> None:
    rows = [row(f"r{at}", verdict, cause, *because) for at, (verdict, cause, because) in enumerate(drawn)]
    named = [name for _, heads, after in told(*rows) for name in (*heads, *after)]
    red = [row["clause"] for row in rows if row["verdict"] in {RED, BROKEN, MENDED}]
    assert len(named) == len(set(named))
    assert set(red) <= set(named) <= {row["clause"] for row in rows if row["verdict"] not in {GREEN, KNOWN}}


@pytest.mark.parametrize("length", [1, 40, 4000])
def test_a_block_fits_and_wraps_on_words(length: int) -> None:
    long = row("a", RED, LOST) | {"reason": "word " * length, "next_step": "step " * length}
    (incident,) = incidents([long], KINDS)
    lines = list(block(1, incident, "reports/x"))
    assert lines[0] == "1. index-loss tofu-state (major): what index-loss is"
    assert max(map(len, lines)) <= WIDTH
    assert all(text in "\n".join(lines) for text in ("do first: first index-loss", "avoid index-loss", "docs/x.md#"))
    narrow = list(block(1, incident, "reports/x", 40))
    assert max(map(len, narrow)) <= 40
    assert " ".join(" ".join(narrow).split()) == " ".join(" ".join(lines).split()), "the same words"
    assert "reports/x/evidence/ (1 file)" in lines[-1]


def summary(*rows: dict[str, Any]) -> list[str]:
    """Return the lines of the summary that tell its incidents."""
    claims: dict[str, Any] = {name: [] for name in ("gate", "whole", "part", "held_back", "reminders")} | {
        "expected": {},
        "tickets": {},
    }
    of_the_run = {"target": "honey", "vantage": "runner", "started": "", "finished": "", "exit": 1, "history": None}
    rest = {"claims": claims, "does_not_prove": [], "verdicts": rows, "incidents": incidents(rows, KINDS)}
    text = page(of_the_run | rest, "LAB", CONTRACT, {})
    return text[text.index("## Incidents") : text.index("## violated")].splitlines()


def test_the_page_has_a_heading_an_incident() -> None:
    lines = summary(row("a", RED, ("_loss_", "<tofu>")), row("b", DARK, None, ("_loss_", "<tofu>")))
    assert lines[:3] == ["## Incidents (1)", "", r"### \_loss\_ &lt;tofu&gt; (major): what \_loss\_ is"]
    assert "- because of it (1): b" in lines
    assert "- evidence (1): e/a" in lines
    assert r"- do first: first \_loss\_" in lines
    assert r"- avoid \_loss\_" in lines


@pytest.mark.parametrize("line", ["# a heading", "---", "1. first", "    code", "+ more", "=====", "> said"])
def test_a_line_that_a_server_said_is_no_markdown(line: str) -> None:
    lines = summary(row("a", RED, LOST) | {"reason": f"{line}\nmore"})
    assert not [line for line in lines if line.strip() and not line.startswith(("#", "- "))]
    assert [line for line in lines if line.startswith("#")] == lines[:1] + lines[2:3]


def test_hundreds_of_values_and_an_endless_line_are_cut_in_a_block() -> None:
    rows = [row("a", RED, LOST) | {"params": {"shard": f"{at:04}"}, "reason": "x" * 20_000} for at in range(400)]
    (incident,) = incidents(rows, KINDS)
    lines = list(block(1, incident, "reports/x"))
    assert len(lines) < 15
    assert max(map(len, lines)) <= WIDTH
    assert "and 394 more" in " ".join(lines)
