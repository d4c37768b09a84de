"""Findings become GitHub annotations: at file and line, the worst first, within GitHub's limits, the rest counted."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.engine.reports import github


def row(verdict: str, reason: str) -> dict[str, str]:
    return {"clause": "stack.backend-s3", "verdict": verdict, "reason": reason}


def test_the_worst_come_first_at_their_lines() -> None:
    record = {
        "verdicts": [
            row("unproven", "a.yml:3: [rule-a] a what; a mend"),
            row(
                "violated",
                "b.tf:7: [rule-b] 100%, said: x; mend\nc d.md:1: [rule-c] y; z\nobserved: b.tf: 2 finding(s)",
            ),
            row("holds", "d.md:1: [rule-d] no finding; of a row that holds"),
        ]
    }
    assert github.lines(record) == [
        "::error file=b.tf,line=7,title=stack.backend-s3::[rule-b] 100%25, said: x; mend",
        "::error file=c d.md,line=1,title=stack.backend-s3::[rule-c] y; z",
        "::warning file=a.yml,line=3,title=stack.backend-s3::[rule-a] a what; a mend",
    ]


def test_more_than_github_shows_is_counted() -> None:
    reason = "\n".join(f"a,b:c.yml:{line}: [r] w; m" for line in range(1, 31)).replace("a,b:c", "a,b")
    lines = github.lines({"verdicts": [row("violated", reason), row("unproven", reason)]})
    for level in ("error", "warning"):
        of_level = [each for each in lines if each.startswith(f"::{level} ")]
        assert len(of_level) == github.MOST
        assert of_level[0] == f"::{level} file=a%2Cb.yml,line=1,title=stack.backend-s3::[r] w; m"
        assert "and 21 more" in of_level[-1]


@pytest.mark.parametrize("actions", ["true", ""])
def test_only_in_github_actions(actions: str, run_pytest: Any) -> None:
    environment = {"GITHUB_ACTIONS": actions}
    outcome = run_pytest("-m", "quarantine", "--gf-fault=action-pushes", environment=environment)
    assert outcome.exit == 1
    command = "::error file=.github/actions/nix-job/action.yml,line=7,title=quarantine.actions-quiet::[action-pushes-by-default]"
    assert any(line.startswith(command) for line in outcome.text.splitlines()) is bool(actions)
