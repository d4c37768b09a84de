"""A checkout that nobody trusts: nothing of it is loaded, its texts take linear time, and its names can't speak to a terminal or a runner."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf import Unproven
from pytest_gf.engine.reports import github
from pytest_gf.honey import contract as contracts
from pytest_gf.honey.contract import repository as rules
from pytest_gf.honey.formats import markdown
from pytest_gf.honey.formats.linear import Refused, linear
from pytest_gf.honey.observed.repository import (
    FileFinding,
    acceleration,
    attachment,
    effect,
    executor,
    quarantine_documents,
    visible,
)
from pytest_gf.honey.observed.repository.searching import Lines, hits
from pytest_gf.honey.probes import repository

ONE = ("--gf", "-m", "quarantine", "-k", "actions-quiet")
MEGABYTE = 1_000_000
ALPHABETS = ("0123456789abcdef", "a", "a.", "-", " ", "10.", "attic ", "é", "rotate ", "[", '"', "a=", "\t", "backend ")
CONTRACT = [pattern for _, pattern in rules.patterns(contracts.load().repository)]
OURS = [
    pattern
    for module in (acceleration, attachment, effect, executor, quarantine_documents)
    for pattern in vars(module).values()
    if hasattr(pattern, "finditer") and hasattr(pattern, "programsize")
]


@pytest.mark.parametrize("pattern", [*map(linear, CONTRACT), *OURS], ids=lambda pattern: str(pattern.pattern)[:40])
def test_every_pattern_takes_linear_time(pattern: Any) -> None:
    begun = time.monotonic()
    for alphabet in ALPHABETS:
        with contextlib.suppress(Unproven):  # More matches than are looked at.
            list(hits(Lines(alphabet * (MEGABYTE // len(alphabet))), pattern))
    assert time.monotonic() - begun < 120


def test_there_are_patterns_of_both_kinds() -> None:
    assert len(CONTRACT) >= 20
    assert len(OURS) >= 10


def test_long_documents_take_linear_time() -> None:
    begun = time.monotonic()
    for alphabet in ("abcdef ", "| a ", "a\n", "> ", "- a\n", "`", "*a "):
        text = alphabet * (MEGABYTE // 5 // len(alphabet))
        list(markdown.prose(text))
        list(markdown.fences(text))
        list(markdown.blocks(text))
    assert time.monotonic() - begun < 120


@pytest.mark.parametrize("pattern", ["(?<!x)y", "(a)\\1", "(", "x(?=y)"])
def test_a_forks_pattern_that_is_refused_is_one_line(pattern: str, refused: Any, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        linear(pattern)
    fork = tmp_path / "fork.toml"
    base = Path(contracts.__file__).parent / "gloriousflywheel.toml"
    fork.write_text(f"extends = '{base}'\n[repository.topology.private]\nx = '{pattern}'\n")
    outcome = refused("-m", "quarantine", f"--gf-contract={fork}")
    assert outcome.exit == 4
    assert "repository.topology.private.x" in outcome.text
    assert "look-around" in outcome.text
    assert "Traceback" not in outcome.text


def hostile(folder: Path) -> Path:
    """Make a checkout whose conftest leaves a mark where it is loaded."""
    folder.mkdir()
    (folder / "conftest.py").write_text(f"open({str(folder / 'executed')!r}, 'w')\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


@pytest.mark.parametrize("how", ["rootdir", "path", "target"])
def test_a_run_that_would_load_the_judged_checkout_is_refused(how: str, run_pytest: Any, tmp_path: Path) -> None:
    checkout = hostile(tmp_path / "checkout")
    target = tmp_path / "target.toml"
    target.write_text('name = "outside"\nvantage = "pull-request"\n[repository]\npath = "checkout"\n')
    args = {
        "rootdir": (f"--rootdir={checkout}", f"--gf-repository={checkout}"),
        "path": (str(checkout), f"--gf-repository={checkout}"),
        "target": (f"--rootdir={checkout}", f"--gf-target={target}"),
    }[how]
    outcome = run_pytest(*ONE, *args)
    assert outcome.exit == 4
    assert "the checkout that this run judges" in outcome.text
    assert "--gf-trust-checkout" in outcome.text
    assert "Traceback" not in outcome.text
    assert not (checkout / "executed").exists()


def test_a_house_of_the_judged_checkout_is_not_loaded(run_pytest: Any, tmp_path: Path) -> None:
    checkout = hostile(tmp_path / "checkout")
    (checkout / "evil.py").write_text(f"open({str(checkout / 'executed')!r}, 'w')\n")
    (checkout / "pytest.ini").write_text("[pytest]\ngf_house = evil.py:HOUSE\n")
    outcome = run_pytest("-m", "quarantine", f"--gf-repository={checkout}", cwd=checkout)
    assert outcome.exit == 4
    assert "the checkout that this run judges" in outcome.text
    assert not (checkout / "executed").exists()


def test_a_checkout_that_is_trusted_is_judged_from_inside(run_pytest: Any, tmp_path: Path) -> None:
    checkout = hostile(tmp_path / "checkout")
    outcome = run_pytest(
        "-m",
        "quarantine",
        "-k",
        "actions-quiet",
        f"--rootdir={checkout}",
        f"--gf-repository={checkout}",
        "--gf-trust-checkout",
    )
    assert outcome.rows("holds") == {"quarantine.actions-quiet"}


@given(st.text(max_size=80))
def test_what_is_shown_is_one_printable_line_without_commands(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert "##[" not in shown
    assert not shown.lstrip().startswith("::")


def test_names_and_words_of_a_checkout_speak_to_nobody() -> None:
    finding = FileFinding("::error::a\x1b[2J\nb.yml", 3, "a-rule", "x ##[error] \u202e y", "mend")
    text = str(finding)
    assert "\x1b" not in text
    assert text == "\\::error::a\\x1b[2J\\nb.yml:3: [a-rule] x ##\\[error] \\u202e y; mend"
    reason = str(FileFinding("a,b%.yml", 3, "r", "50%", "m"))
    row = {"clause": "c", "params": {}, "verdict": "unproven", "reason": reason}
    (line,) = github.lines({"verdicts": [row], "incidents": []})
    assert line == "::warning file=a%2Cb%25.yml,line=3,title=c::[r] 50%25; m"


def test_a_line_says_how_far_reading_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "REPORT_EVERY", 3)
    for number in range(7):
        (tmp_path / f"{number}").write_text("x")
    said: list[str] = []
    repository.read(tmp_path, said.append)
    assert [line.split(" in ")[0] for line in said] == ["repository: 3 files read", "repository: 6 files read"]
