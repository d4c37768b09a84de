"""Text of servers is visible and bounded, whatever they say: errors, answers and evidence take nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.visible import MOST, visible, visible_lines, visible_within
from pytest_gf.honey.answers import Answer

anything = st.text(st.characters(exclude_categories=()), max_size=900)


@given(anything)
def test_a_visible_line_is_printable_bounded_and_stays(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert len(shown) <= MOST
    assert visible(shown) == shown
    assert not shown.lstrip().startswith("::")
    assert "##[" not in shown
    shown.encode()


@given(anything)
def test_visible_lines_hold_nothing_that_acts(text: str) -> None:
    shown = visible_lines(text, 400)
    assert len(shown) <= 400
    assert {unicodedata.category(character)[0] for character in shown if character not in "\n\t"} <= set("LMNPSZ")
    assert not any(line.lstrip().startswith("::") for line in shown.split("\n"))
    assert visible_lines(shown, 400) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: words, Umläute, 日本", "plain: words, Umläute, 日本"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u202eb\ud800\U000e0001", r"a\u202eb\ud800\U000e0001"),
        ("one\r\ntwo", r"one\x0d\x0atwo"),
        ("::error::x", r"\x3a:error::x"),
        ("  ::set-output", r"  \x3a:set-output"),
        ("a ##[group] ##vso[task]", r"a \x23#[group] \x23#vso[task]"),
        ("std::string", "std::string"),
    ],
)
def test_how_it_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_breaks_of_several_lines_stay_and_no_line_is_a_command() -> None:
    assert visible_lines("a\n\t::stop\n##[x]\x00") == "a\n\t\\x3a:stop\n\\x23#[x]\\x00"


def test_a_cut_is_said() -> None:
    assert visible("x" * 1000, 20) == "x" * 14 + " [cut]"
    assert visible("\x00" * 20, 20) == r"\x00\x00\x00\x" + " [cut]"


@given(anything)
@example(":")  # ":" and ": :" are none of a workflow's commands; ":: :" is one.
def test_whatever_a_probe_raises_or_answers_is_visible(text: str) -> None:
    error, unproven, answer = ProbeError(text, text, text), Unproven(text, text), Answer(500, text, text)
    texts = [error.tried, error.came_back, error.next_step, str(error), unproven.reason, unproven.next_step]
    for shown in [*texts, str(unproven), answer.code, answer.message]:
        assert visible_lines(shown, 100_000) == shown
    assert len(answer.code) <= 100


def test_values_keep_their_form() -> None:
    assert visible_within({"a\x00": ["\x1b", 1, None, {"b": ("\ud800",)}]}) == {
        "a\\x00": ["\\x1b", 1, None, {"b": ["\\ud800"]}]
    }
