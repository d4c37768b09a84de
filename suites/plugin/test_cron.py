"""Schedules of GitHub Actions: which hours of each day they reach, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats.cron import daily_hours

DAY = frozenset(range(24))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("17 * * * *", DAY),
        ("*/15 0-23 1-31 1-12 0-6", DAY),
        ("20/15 * * JAN-DEC sun-sat", DAY),
        ("0 */6 * * *", frozenset({0, 6, 12, 18})),
        ("0 2,4-5 * * *", frozenset({2, 4, 5})),
        ("0 20/2 * * *", frozenset({20, 22})),
        ("0 * 1 * *", frozenset()),
        ("0 * * 1-11 *", frozenset()),
        ("0 * * * SUN", frozenset()),
    ],
)
def test_the_hours_of_each_day(text: str, hours: frozenset[int]) -> None:
    assert daily_hours(text) == hours


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "0 24 * * *",
            "0 5-3 * * *",
            "0 * 0 * *",
            "0 * * 13 *",
            "0 * * * 7",
        ),
        *("@hourly", "*/0 * * * *", "*/00 * * * *", "0 , * * *", "0 -1 * * *", "0 1- * * *", "0 x * * *"),
        *("0 MON * * *", "0 * * * FOO", "0 * * * SUN-SAT-MON", "0 ٣ * * *"),
    ],
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|fields"):
        daily_hours(text)


@given(st.lists(st.text("0123456789*,-/ SUNMOJA", max_size=6), min_size=5, max_size=5).map(" ".join))
def test_any_text_is_a_schedule_or_none(text: str) -> None:
    try:
        assert daily_hours(text) <= DAY
    except ValueError as wrong:
        assert str(wrong)  # Either is right, and nothing else is raised.
