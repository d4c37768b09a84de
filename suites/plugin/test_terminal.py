"""What the terminal shows: short blocks, words that wrap at any width, one last line, and one line that lives while a run waits."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine.reports import lines
from pytest_gf.engine.reports.live import EVERY, Live
from pytest_gf.engine.reports.terminal import MOST_LINES, ended, folded

REPEAT = (
    "pytest -m \"clause(id='rustfs.list-buckets')\" --gf-bucket=tofu-state '--gf-fault=bucket-index-lost:tofu-state'"
)
BLOCK = f"""requirement  S3 list-buckets shows tofu-state
S077         The listing shows the bucket.
expected     ListBuckets shows it
observed     ListBuckets shows attic
             and HeadBucket 404
diagnosis    bucket-index loss: {"S3 does not know the bucket; " * 20}
next step    preserve logs
asserted     assert bucket_listed.holds
repeat       {REPEAT}
evidence     reports/x/evidence/a.json
evidence     reports/x/evidence/b.json"""
WORDS = st.text("ab :;", max_size=300)


@pytest.mark.parametrize("width", [30, 60, 80, 100, 250])
def test_a_red_rows_block_is_short_at_any_width(width: int) -> None:
    block = folded(BLOCK, width)
    assert len(block) <= MOST_LINES
    assert max(map(len, block)) <= max(width, 13 + max(map(len, REPEAT.split())) + 2)
    labels = [line[:12].strip() for line in block if line[:12].strip()]
    assert "diagnosis" in labels
    assert not {"expected", "evidence", "S077", "asserted"} & set(labels)


def test_the_command_that_repeats_a_row_can_be_copied() -> None:
    block = folded(BLOCK, 100)
    command = "\n".join(block[next(at for at, line in enumerate(block) if line.startswith("repeat")) :])
    assert "\\\n" in command
    assert shlex.split(command.removeprefix("repeat").replace("\\\n", "")) == shlex.split(REPEAT)
    long = BLOCK.replace("--gf-bucket=tofu-state", " ".join(f"--gf-bucket=b{number}" for number in range(99)))
    assert len(folded(long, 100)) <= MOST_LINES
    assert folded(long, 100)[-1].endswith("-v shows it)")


LABELS = ["requirement", "observed", "tried", "came back", "diagnosis", "next step", "repeat", "S001"]


@given(st.lists(st.text("ab '\"$\\;=", min_size=1, max_size=30), min_size=1, max_size=12), st.integers(30, 120))
def test_a_command_stays_the_same_in_lines(words: list[str], width: int) -> None:
    text = shlex.join(words)
    made = lines.command(text, width, "      ")
    assert all(line.endswith(" \\") for line in made[:-1])
    assert shlex.split("".join(line.removesuffix("\\") for line in made)) == words


@given(st.dictionaries(st.sampled_from(LABELS), WORDS), st.integers(40, 200))
def test_whatever_it_says_it_is_short(said: dict[str, str], width: int) -> None:
    block = folded("\n".join(f"{label:<12} {text}" for label, text in said.items()), width)
    assert len(block) <= MOST_LINES
    assert all(len(line) <= width for line in block if not line.startswith(("repeat", "   ")))


def test_an_error_says_what_was_tried_and_what_came_back() -> None:
    block = folded("requirement  r\ntried        t\ncame back    c\nnext step    n\nrepeat       pytest", 80)
    assert [line.split()[0] for line in block] == ["requirement", "tried", "came", "next", "repeat"]


@given(st.text("abc :\t", max_size=400), st.integers(30, 120))
def test_wrapping_keeps_every_word(text: str, width: int) -> None:
    made = lines.wrapped(text, width, "  ")
    assert "".join("".join(made).split()).replace("\\x3a:", "::") == "".join(text.split())
    assert all(len(line) <= width + 3 * line.count("\\x3a") for line in made)


def test_no_wrapped_line_begins_as_a_workflow_command() -> None:
    for width in range(30, 60):
        made = lines.wrapped(f"{'word ' * 6}::error title=x::{'y' * 70}::warning::z", width, "  ")
        assert not [line for line in made if line.lstrip().startswith("::")]


def test_the_last_line_counts_and_says_where_and_that_it_was_a_lab() -> None:
    record = {"verdicts": [{"verdict": "violated"}, {"verdict": "holds"}, {"verdict": "holds"}]}
    assert ended(record, "reports/x", "", 100) == ["1 violated, 2 holds; reports/x/record.json"]
    lab = "LAB - honey was not observed"
    assert ended(record, "reports/x", lab, 100) == [f"1 violated, 2 holds; reports/x/record.json; {lab}"]
    assert ended(record, "reports/x", lab, 50)[-1] == lab
    assert ended(record, "/long" * 40, lab, 100)[-1].endswith(lab)


def test_a_terminal_has_one_line_that_is_written_over() -> None:
    told: list[str] = []
    live = Live(told.append, 40, now=lambda: 0.0)
    live.waits("")
    assert told == []
    live.waits("1 of 3 facts observed; " * 3)
    live.waits("2 of 3")
    live.news("audit: 3 of 256 shards\x1b[2J")
    live.waits("2 of 3")
    live.waits("")
    live.waits("")
    assert all(text.startswith("\r") and len(text) in {40, 41} and "\n" not in text for text in told)
    assert [text.strip() for text in told] == [
        "1 of 3 facts observed; 1 of 3 facts ob…", "2 of 3", "audit: 3 of 256 shards\\x1b[2J", "",
    ]  # fmt: skip


def test_a_log_has_a_line_now_and_then() -> None:
    told: list[str] = []
    clock = [0.0]
    live = Live(told.append, None, now=lambda: clock[0])
    for second in range(200):
        clock[0] = float(second)
        live.waits(f"waiting, {second} s")
    assert told == [f"waiting, {EVERY:.0f} s\n", f"waiting, {2 * EVERY:.0f} s\n", f"waiting, {3 * EVERY:.0f} s\n"]
    live.waits("")
    live.news("audit: early")
    clock[0] += EVERY
    live.news("audit: late")
    assert told[3:] == ["audit: late\n"]


def test_a_run_at_a_terminal_says_what_it_waits_for(built: Any, tmp_path: Path) -> None:
    built({"slow": "return 1"}, "--collect-only")
    facts = tmp_path / "fixtures" / "facts.py"
    facts.write_text(facts.read_text().replace("return 1", "time.sleep(3); return 1"))
    said = at_a_terminal(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", f"--gf-target={tmp_path / 'target.toml'}"],
        tmp_path,
    )
    waiting = re.search(r"\r(\d+ of \d+ facts observed; waiting for slow, [12] s) *\r", said)
    assert waiting is not None, said
    assert re.search(r"\r +\r(\x1b\[[0-9;]*m)*holds", said), "the line is gone before the row's line is written"
    assert said.rstrip().endswith("record.json\x1b[0m") or said.rstrip().endswith("record.json"), said


def at_a_terminal(command: list[str], folder: Path) -> str:
    """Run a command at a terminal of its own, for a minute at most, and return what stood there."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GF_", "PYTEST_", "CI"))}
    run = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment | {"COLUMNS": "100"}
    )
    os.close(theirs)
    said, ends = b"", time.monotonic() + 60
    try:
        while time.monotonic() < ends:
            if select.select([ours], [], [], 1)[0]:
                try:
                    said += os.read(ours, 65536)
                except OSError:  # The other side is closed: the run is over.
                    break
        run.wait(timeout=60)
    finally:
        run.kill()
        os.close(ours)
    return said.decode()
