"""The algebra of verdicts: which is worse, and what a run's exit code is."""

from __future__ import annotations

import itertools

import pytest

from pytest_gf.engine.verdict import Exit, Verdict, exit_code, worst

WORST_FIRST = (
    Verdict.VIOLATED,
    Verdict.FIXED,
    Verdict.ERROR,
    Verdict.UNPROVEN,
    Verdict.INTERIM,
    Verdict.HOLDS,
)


def test_the_worst_verdict_wins_in_any_order() -> None:
    for worse, better in itertools.combinations(WORST_FIRST, 2):
        assert worst([worse, better]) is worse
        assert worst([better, worse]) is worse
    with pytest.raises(ValueError, match="empty"):
        worst([])


@pytest.mark.parametrize(
    ("verdicts", "code", "strictly"),
    [
        ({Verdict.HOLDS}, Exit.GREEN, Exit.GREEN),
        ({Verdict.HOLDS, Verdict.INTERIM}, Exit.GREEN, Exit.GREEN),
        ({Verdict.HOLDS, Verdict.UNPROVEN}, Exit.GREEN, Exit.UNPROVEN),
        ({Verdict.INTERIM, Verdict.UNPROVEN}, Exit.GREEN, Exit.UNPROVEN),
        ({Verdict.UNPROVEN}, Exit.UNPROVEN, Exit.UNPROVEN),
        ({Verdict.ERROR}, Exit.ERROR, Exit.ERROR),
        ({Verdict.ERROR, Verdict.UNPROVEN, Verdict.HOLDS}, Exit.ERROR, Exit.ERROR),
        ({Verdict.FIXED, Verdict.ERROR}, Exit.RED, Exit.RED),
        ({Verdict.FIXED}, Exit.RED, Exit.RED),
        ({Verdict.VIOLATED}, Exit.RED, Exit.RED),
        (set(Verdict), Exit.RED, Exit.RED),
    ],
)
def test_what_a_run_ends_with(verdicts: set[Verdict], code: Exit, strictly: Exit) -> None:
    assert exit_code(iter(verdicts), strict=False) is code
    assert exit_code(iter(verdicts), strict=True) is strictly


def test_exit_codes_are_not_pytests_own() -> None:
    assert {code.name: int(code) for code in Exit} == {"GREEN": 0, "RED": 1, "ERROR": 10, "UNPROVEN": 11}
