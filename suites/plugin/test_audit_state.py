"""What an audit goes on from: a mark is the last that was kept, whenever its process was killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.audit.state import Mark, State
from pytest_gf.errors import ProbeError
from pytest_gf.observed.audit import Finding, Tally

KEY = st.text(st.characters(codec="utf-8", exclude_characters="\n "), min_size=1, max_size=200)


@given(st.lists(st.tuples(KEY, st.integers(0, 2**40), st.booleans()), max_size=8))
def test_the_last_mark_counts(tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[str, int, bool]]) -> None:
    path = tmp_path_factory.mktemp("mark") / "cas-00"
    for at, (key, size, done) in enumerate(kept):
        mark = Mark(path)
        assert (mark.objects, mark.after) == (at, kept[at - 1][0] if at else "")
        mark.objects, mark.bytes, mark.done, mark.after, mark.good = at + 1, size, done, key, (key, size)
        mark.keep()
        mark.close()
    mark = Mark(path)
    if kept:
        key, size, done = kept[-1]
        assert (mark.after, mark.done, mark.good, mark.tally) == (key, done, (key, size), Tally(len(kept), 0, size, 0))
    else:
        assert (mark.after, mark.done, mark.good, mark.tally) == ("", False, None, Tally())
    mark.close()


KEEPS = """
import sys
from pathlib import Path
from pytest_gf.audit.state import Mark
mark = Mark(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    mark.objects += 1
    mark.after = f"{mark.objects} " * (1 + mark.objects % 97)
    mark.keep()
"""


def test_a_kill_leaves_a_whole_mark(tmp_path: Path) -> None:
    source, path, before = random.Random(9), tmp_path / "cas-00", 0  # noqa: S311  # Moments to kill at.
    for _ in range(12):
        keeps = subprocess.Popen([sys.executable, "-c", KEEPS, str(path)], stdout=subprocess.PIPE, text=True)
        assert keeps.stdout is not None
        assert keeps.stdout.readline() == "ready\n"
        time.sleep(source.uniform(0.0, 0.05))
        keeps.send_signal(signal.SIGKILL)
        keeps.communicate(timeout=10)
        mark = Mark(path)
        assert set(mark.after.split()) <= {str(mark.objects)}, "one mark's key beside another's numbers"
        assert mark.objects >= before
        before = mark.objects
        mark.close()
    assert before, "it never kept anything"


def test_a_finding_that_a_kill_cut_is_told_once_when_its_object_is_judged_again(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "cas-00")
    first, second = Finding("a", "unreadable", 1), Finding("b", "unreadable", 2)
    mark.add(first)
    with (tmp_path / "cas-00.findings.jsonl").open("ab") as file:
        file.write(b'{"key": "b", "ki')
    mark.close()
    mark = Mark(tmp_path / "cas-00")
    assert list(mark.findings()) == [first]
    for again in (second, first):
        mark.add(again)
    assert list(mark.findings()) == [first, second]
    mark.close()


@pytest.mark.parametrize(
    "content", [b"0 12 0 99 0 0 - cas/00/ab\n", b"\x03" + bytes(8_192), b"\x01" + b"no mark\n" + bytes(8_184)]
)
def test_what_is_no_mark_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cas-00").write_bytes(content)
    with pytest.raises(ProbeError, match="no mark of this version"):
        Mark(tmp_path / "cas-00")
    assert (tmp_path / "cas-00").read_bytes() == content, "it is left as it was"


def test_a_shard_is_audited_by_one_at_a_time(tmp_path: Path) -> None:
    state = State(tmp_path / "state", {"bucket": "b"})
    mark = state.open("cas/00")
    with pytest.raises(ProbeError, match="another process audits this shard"):
        state.open("cas/00")
    mark.close()
    state.open("cas/00").close()
