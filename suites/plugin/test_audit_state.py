"""What an audit goes on from: a mark is the last that was kept, whenever its process was killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey.audit.state import Mark, State
from pytest_gf.honey.observed.audit import Finding, Tally

KEY = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)


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


class Killed(Exception):
    """The process ended here."""


class Dying:
    """A mark's map, of a process that is killed once it stored so many bytes."""

    def __init__(self, held: Any, left: int) -> None:
        self._held, self._left = held, left

    def __setitem__(self, at: slice | int, data: bytes | int) -> None:
        stored = bytes([data]) if isinstance(data, int) else data
        start = at if isinstance(at, int) else at.start
        for place, byte in enumerate(stored[: self._left], start):
            self._held[place] = byte
        self._left -= min(self._left, len(stored))
        if not self._left:
            raise Killed


def test_a_kill_after_any_stored_byte_leaves_the_old_mark_or_the_new(tmp_path: Path) -> None:
    marks = set()
    for left in range(1, 60):
        path, mark = tmp_path / f"{left}", Mark(tmp_path / f"{left}")
        for mark.objects, mark.after in ((7, "short"), (88, "longer than the first"), (999, "between")):
            if mark.objects == 999:
                held, mark._map = mark._map, Dying(mark._map, left)  # type: ignore[assignment]  # A kill.
            with contextlib.suppress(Killed):
                mark.keep()
        mark._map = held  # What the next process finds.
        mark.close()
        again = Mark(path)
        marks.add((again.objects, again.after))
        again.close()
    assert marks == {(88, "longer than the first"), (999, "between")}


@pytest.mark.parametrize("begun", [b'{"key": "b", "ki', b'{"key":"b","kind":"gone while reading","stored":2}\n'])
def test_a_finding_counts_once_the_mark_was_kept(tmp_path: Path, begun: bytes) -> None:
    """What a kill left behind it, whole or cut, is judged again, and may come out otherwise."""
    first, second = Finding("a", "unreadable", 1), Finding("b", "digest mismatch", 2)
    mark = Mark(tmp_path / "cas-00")
    mark.add(first)
    mark.keep()
    mark.close()
    with (tmp_path / "cas-00.findings.jsonl").open("ab") as file:
        file.write(begun)
    mark = Mark(tmp_path / "cas-00")
    assert list(mark.findings()) == [first]
    mark.add(second)
    assert list(mark.findings()) == [first, second]
    mark.close()


def test_a_key_that_no_s3_has_is_one_line(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "cas-00")
    mark.after = "k" * 9_000
    with pytest.raises(ProbeError, match="a key of 9000 characters"):
        mark.keep()
    mark.close()


FULL = """
import resource, sys
from pathlib import Path
from pytest_gf.honey.audit.state import Mark
from pytest_gf.engine.errors import ProbeError
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
try:
    Mark(Path(sys.argv[1]))
except ProbeError as wrong:
    print(wrong)
"""


def test_a_full_disk_is_said_and_is_no_crash(tmp_path: Path) -> None:
    """A limit on the size of files stands in for it."""
    path = tmp_path / "cas-00"
    full = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "No space left on device" in full.stdout
    mark = Mark(path)
    assert mark.tally == Tally(), "there is room again"
    mark.close()


@pytest.mark.parametrize(
    "content", [b"0 12 0 99 0 0 - cas/00/ab\n", b"\x03" + bytes(16_384), b"\x01" + b"no mark\n" + bytes(16_376)]
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


def finished(state: State, shards: dict[str, bool]) -> bool:
    """Tell whether a state is finished of which these shards are done, and told (or not)."""
    for shard, told in shards.items():
        mark = state.open(shard)
        mark.done, mark.told = True, told
        mark.keep()
        mark.close()
    return state.finished()


def test_a_state_is_finished_once_all_that_was_begun_is_read_and_told(tmp_path: Path) -> None:
    assert not State(tmp_path / "new", {}).finished()
    assert finished(State(tmp_path / "one", {}), {"cas.v2/00": True, "ac/ff": True})
    assert not finished(State(tmp_path / "killed", {}), {"cas.v2/00": False, "cas/01": True})
    begun = State(tmp_path / "begun", {})
    begun.open("cas.v2/02").close()
    assert not finished(begun, {"cas/01": True})


def test_what_is_left_unread_is_kept(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "cas.v2-00")
    assert mark.unread() == []
    mark.leave([("cas.v2/00/a", 5), ("cas.v2/00/b", 6)])
    mark.close()
    mark = Mark(tmp_path / "cas.v2-00")
    assert mark.unread() == [("cas.v2/00/a", 5), ("cas.v2/00/b", 6)]
    (tmp_path / "cas.v2-00.unread.json").write_text("[")
    with pytest.raises(ProbeError, match=r"unread\.json"):
        mark.unread()
    mark.close()
