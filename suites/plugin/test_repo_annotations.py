"""Incidents become GitHub annotations: at file and line, the worst first, within GitHub's limits, the rest counted."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.engine.reports import github
from pytest_gf.engine.reports.incidents import incidents

KINDS = {
    kind: {
        "title": "t",
        "severity": severity,
        "first": [f"mend {kind}"],
        "avoid": [],
        "tickets": [],
        "page": "",
    }
    for kind, severity in (("pushes", "critical"), ("stale", "minor"), ("not-as-promised", "major"))
}


def row(clause: str, verdict: str, reason: str, kind: str = "", subject: str = "x") -> dict[str, Any]:
    cause = {"kind": kind, "subject": subject} if kind else None
    texts = {"title": "t", "reason": reason, "next_step": "", "evidence": []}
    return {"clause": clause, "params": {}, "verdict": verdict, "cause": cause, "because": [], **texts}


def annotated(*rows: dict[str, Any]) -> list[str]:
    return github.lines({"verdicts": rows, "incidents": incidents(rows, KINDS)})


def test_an_incident_is_one_annotation_at_its_first_finding() -> None:
    finding = "b.tf:7: [rule-b] 100%, said: x; mend\nc d.md:1: [rule-c] y; z\nobserved: b.tf: 2 finding(s)"
    made = annotated(
        row("u", "unproven", "a.yml:3: [rule-a] a what; a mend\na.yml:4: [rule-a] b"),
        row("one", "violated", finding, "pushes", "b,c"),
        row("two", "violated", "other.md:2: [rule-b] again", "pushes", "b,c"),
        row("green", "holds", "d.md:1: [rule-d] no finding; of a row that holds"),
        row("old", "violated", "e.md:5: [rule-e] says", "stale", "page"),
        row("dark", "unproven", "no finding"),
    )
    assert made == [
        "::error file=b.tf,line=7,title=pushes b%2Cc::[rule-b] 100%25, said: x; mend (and 2 more)%0A2 rows; t%0ADo first: mend pushes",
        "::warning file=e.md,line=5,title=stale page::[rule-e] says%0A1 row; t%0ADo first: mend stale",
        "::warning file=a.yml,line=3,title=u::[rule-a] a what; a mend (and 1 more)",
    ]


def test_an_incident_without_a_file_is_told_by_its_headline() -> None:
    (made,) = annotated(row("a", "violated", "the bucket is lost\nmore"))
    assert made == "::error title=not-as-promised a::the bucket is lost%0A1 row; t%0ADo first: mend not-as-promised"


def test_more_than_github_shows_is_counted() -> None:
    many = [row(f"r{at}", "violated", f"a,b.yml:{at}: [r] w; m", "pushes", str(at)) for at in range(1, 31)]
    dark = [row(f"u{at}", "unproven", f"a,b.yml:{at}: [r] w; m") for at in range(1, 31)]
    made = annotated(*many, *dark)
    for level in ("error", "warning"):
        of_level = [line for line in made if line.startswith(f"::{level} ")]
        assert len(of_level) == github.MOST
        assert of_level[0].startswith(f"::{level} file=a%2Cb.yml,line=1,title=")
        assert "and 21 more" in of_level[-1]


@pytest.mark.parametrize("actions", ["true", ""])
def test_only_in_github_actions(actions: str, run_pytest: Any) -> None:
    environment = {"GITHUB_ACTIONS": actions}
    outcome = run_pytest("-m", "quarantine", "--gf-fault=action-pushes", environment=environment)
    assert outcome.exit == 1
    command = "::error file=.github/actions/nix-job/action.yml,line=7,title=workflow-pushes .github/actions/nix-job/action.yml::[action-pushes-by-default]"
    assert any(line.startswith(command) for line in outcome.text.splitlines()) is bool(actions)
