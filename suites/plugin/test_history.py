"""The history: what is kept of a run, what a folder of files holds, and what runs are compared, row by row."""

from __future__ import annotations

import itertools
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_gf.engine.redaction import redactor
from pytest_gf.engine.reports import changes, history
from pytest_gf.engine.reports.history import SCHEMA, History, Past, Stood
from pytest_gf.engine.reports.history_text import lines
from pytest_gf.engine.reports.lines import wrapped_all
from pytest_gf.engine.verdict import Verdict

WELL, RED, DARK = Verdict.HOLDS, Verdict.VIOLATED, Verdict.UNPROVEN
BROKEN, KNOWN, MENDED = Verdict.ERROR, Verdict.INTERIM, Verdict.FIXED
LOSS = Stood("index-loss", "x", ("a",), ("TIN-1",))


def at(minute: int) -> str:
    return f"2026-05-25T{minute // 60:02}:{minute % 60:02}:00.000Z"


def past(minute: int, *incidents: Stood, run: str = "", **rows: Verdict) -> Past:
    bad = {WELL: 0, RED: 1, MENDED: 1, BROKEN: 10, DARK: 0, KNOWN: 0}
    code = max((bad[verdict] for verdict in rows.values()), default=0)
    name = run or f"run{minute:04}"
    return Past(SCHEMA, name, "honey", "C", "runner", "canary", at(minute), at(minute), code, rows, incidents)


def compared(*runs: Past) -> changes.Changes:
    *earlier, now = runs
    return changes.changes(now, History(tuple(earlier)))


def row(verdicts: str) -> changes.Changes:
    """Compare runs of one row, a letter each: . holds, V violated, E error, u unproven, i interim, - not selected."""
    known = {".": WELL, "V": RED, "E": BROKEN, "u": DARK, "i": KNOWN, "F": MENDED}
    return compared(
        *(past(at, **({} if verdict == "-" else {"a": known[verdict]})) for at, verdict in enumerate(verdicts))
    )


@pytest.mark.parametrize(
    ("verdicts", "is_new", "of_green", "is_mended"),
    [
        *((".V", 1, 1, 0), ("V.", 0, 0, 1), ("VV", 0, 0, 0), ("..", 0, 0, 0), ("V", 0, 0, 0), (".", 0, 0, 0)),
        *((".VV", 0, 1, 0), (".uV", 1, 1, 0), (".-V", 1, 1, 0), (".iV", 1, 1, 0), ("Vu.", 0, 0, 1), ("V-.", 0, 0, 1)),
        *(("-V", 0, 0, 0), ("uV", 0, 0, 0), ("iV", 0, 0, 0), ("u.", 0, 0, 0), ("-.", 0, 0, 0), ("i.", 0, 0, 0)),
        *(("Vu", 0, 0, 0), ("Vi", 0, 0, 0), ("V-", 0, 0, 0), (".u", 0, 0, 0), (".-", 0, 0, 0), (".E", 1, 1, 0)),
        *(("EV", 0, 0, 0), ("E.", 0, 0, 1), (".F", 1, 1, 0), ("F.", 0, 0, 1), ("V.V", 1, 1, 0), ("VuV", 0, 0, 0)),
    ],
)
def test_a_row_is_new_or_mended_where_both_looks_say_so(
    verdicts: str, is_new: int, of_green: int, is_mended: int
) -> None:
    told = row(verdicts)
    assert (len(told.new), len(told.new_since_green), len(told.mended)) == (is_new, of_green, is_mended)


@pytest.mark.parametrize(
    ("verdicts", "minute"),
    [("V", 0), (".V", 1), ("VV", 0), ("VuV", 0), ("V-EV", 0), ("V.V", 2), (".u-V", 3), ("iV", 1)],
)
def test_a_red_row_is_red_since_the_first_run_of_its_streak(verdicts: str, minute: int) -> None:
    assert row(verdicts).since == {"a": at(minute)}


@pytest.mark.parametrize(
    ("verdicts", "flaps"),
    [
        *((".V.", None), ("VVV", None), (".VVV", None), ("V..", None), ("u-.", None), (".V", None), ("V.V.u", None)),
        *(("V.V", (2, 3)), (".V.V.", (2, 5)), ("V.V-u.", (2, 4)), ("VV.E", (3, 4))),
        *((f"V.V{'.' * 8}", None), (f".V.V{'.' * 6}", (2, 10)), (f".V.V{'.' * 8}", None)),
    ],
)
def test_a_row_flaps_that_went_red_twice_among_its_last_looks(verdicts: str, flaps: Any) -> None:
    assert [(flap.red, flap.of) for flap in row(verdicts).flaps] == ([flaps] if flaps else [])


def stands(minute: int, **more: Verdict) -> Past:
    return past(minute, LOSS, **({"a": RED} | more))


def test_an_incident_stands_since_nobody_saw_it_gone() -> None:
    now = stands(9)
    assert changes.since(LOSS, now, []) == at(9)
    assert changes.since(LOSS, now, [past(1, a=WELL)]) == at(9)
    assert changes.since(LOSS, now, [stands(1), past(2, a=DARK), past(3, b=WELL), stands(4)]) == at(1)
    assert changes.since(LOSS, now, [stands(1), past(2, a=WELL), past(3, a=DARK)]) == at(9)
    assert changes.since(LOSS, now, [stands(1), past(2, a=RED), past(3, a=WELL), stands(4)]) == at(4)
    assert changes.since(LOSS, now, [past(2, a=RED)]) == at(9), "the row was red of something else"


def test_an_incident_is_gone_where_a_row_that_showed_it_holds() -> None:
    def gone(*runs: Past) -> list[tuple[str, str, bool]]:
        return [(incident.since, incident.last, incident.fresh) for incident in compared(*runs).gone]

    assert gone(stands(1), stands(2), past(3, a=WELL)) == [(at(1), at(2), True)]
    assert gone(stands(1), past(2, a=WELL), past(3, a=WELL)) == [(at(1), at(1), False)]
    assert gone(stands(1), past(2, a=DARK)) == gone(stands(1), past(2)) == gone(stands(1), stands(2)) == []
    assert gone(stands(1), past(2, a=RED)) == [], "of another cause, and still not as promised"
    (incident,) = compared(stands(1), past(2, a=WELL)).gone
    assert (incident.kind, incident.subject, incident.tickets) == ("index-loss", "x", ["TIN-1"])


def test_what_was_marked_tells_a_restart() -> None:
    def marked(run: Past, **marks: str) -> Past:
        return msgspec.structs.replace(run, marks=marks)

    (gone,) = compared(marked(stands(1), started="1"), marked(stands(2)), marked(past(3, a=WELL), started="3")).gone
    assert [(mark.name, mark.was, mark.now) for mark in gone.marks] == [("started", "1", "3")]
    assert compared(marked(stands(1), started="1"), marked(past(3, a=WELL), started="1")).gone[0].marks == []
    assert compared(stands(1), marked(past(3, a=WELL), started="3")).gone[0].marks == [], "nobody knows what was before"


def test_runs_of_another_target_contract_or_vantage_are_not_compared(tmp_path: Path) -> None:
    mine = past(5, a=WELL)
    for name, other in (("target", "lab"), ("contract", "D"), ("vantage", "operator")):
        history.store(tmp_path, msgspec.structs.replace(past(1, a=RED, run=name), **{name: other}))
    history.store(tmp_path, mine)
    assert history.read(tmp_path).like(mine).runs == (), "nor is it compared with itself"
    history.store(tmp_path, past(2, a=RED))
    assert [past.run for past in history.read(tmp_path).like(mine).runs] == ["run0002"]


PASTS = st.builds(
    lambda minute, rows, loss: past(minute, *([LOSS] if loss else []), **rows),
    st.integers(0, 600),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(list(Verdict))),
    st.booleans(),
)
RUNS = st.lists(PASTS, max_size=12, unique_by=lambda past: past.run)
JUNK = st.one_of(st.binary(max_size=60), st.just(b"{}"), st.just(b"[]"), st.just(b'{"schema": "pytest_gf.history/9"}'))


@settings(max_examples=40)
@given(RUNS, PASTS, st.lists(JUNK, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_files_copies_and_broken_ones_change_nothing(
    runs: list[Past], now: Past, junk: list[bytes], chance: random.Random
) -> None:
    wanted = changes.changes(now, History(history.joined(runs)).like(now))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        names = [f"{chance.random()}-{number}.json" for number in range(2 * len(runs) + len(junk))]
        written = [msgspec.json.encode(past) for past in [*runs, *chance.sample(runs, len(runs) // 2)]]
        for name, data in zip(names, [*written, *junk], strict=False):
            (folder / name).write_bytes(data)
        known = history.read(folder).like(now)
    assert len(known.broken) == len(junk)
    told = changes.changes(now, known)
    assert msgspec.structs.replace(told, unreadable=[]) == wanted


@given(st.lists(PASTS, min_size=1, max_size=8), st.integers(-300, 300))
def test_a_clock_that_is_set_back_changes_no_row_of_this_run_and_is_said(runs: list[Past], shift: int) -> None:
    """What is known to be earlier is earlier, whatever this run's clock says."""
    *earlier, now = runs
    base = changes.changes(now, History(tuple(earlier)))
    later = msgspec.structs.replace(now, started=at(max(0, 300 + shift)))
    moved = changes.changes(later, History(tuple(earlier)))
    assert (moved.new, moved.new_since_green, moved.mended, moved.flaps) == (
        *(base.new, base.new_since_green, base.mended, base.flaps),
    )
    assert moved.later == sum(run.started > later.started for run in earlier)
    assert any("clock" in line for line in lines(msgspec.to_builtins(moved))) == (moved.later > 0)


@given(RUNS, PASTS)
def test_each_row_of_a_run_is_in_one_place(runs: list[Past], now: Past) -> None:
    told = changes.changes(now, History(tuple(runs)))
    bad = {row for row, verdict in now.rows.items() if verdict in {RED, BROKEN, MENDED}}
    assert set(told.since) == bad
    assert set(told.new) | set(told.new_since_green) <= bad
    assert set(told.mended) <= {row for row, verdict in now.rows.items() if verdict is WELL}
    assert max(map(len, wrapped_all(lines(msgspec.to_builtins(told)))), default=0) <= 100
    for before, after in itertools.pairwise([*runs, now]):
        parts = itertools.chain(*changes.step(before, after).values())
        assert sorted(parts) == sorted({*before.rows, *after.rows})


BROKEN_FILES = {
    "empty": b"",
    "half": b'{"schema": "pytest_gf.history/1", "run": "x"',
    "null": b"null",
    "zeros": b"\0" * 50,
    "no verdict": msgspec.json.encode(past(1, a=WELL)).replace(b"holds", b"well"),
    "no time": msgspec.json.encode(past(1, a=WELL)).replace(b"2026-05-25T", b"yesterday"),
    "no such day": msgspec.json.encode(past(1, a=WELL)).replace(b"2026-05-25T", b"2026-02-30T"),
    "no exit": msgspec.json.encode(past(1, a=WELL)).replace(b'"exit":0', b'"exit":1e99'),
    "another": msgspec.json.encode(past(1, a=WELL)).replace(b"history/1", b"history/2"),
    "large": b" " * (history.LARGEST + 1),
    "utf16": '{"schema": 1}'.encode("utf-16"),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_file_that_cant_be_read_is_counted_and_hides_no_other(name: str, tmp_path: Path) -> None:
    history.store(tmp_path, past(2, a=RED))
    (tmp_path / f"{name}.json").write_bytes(BROKEN_FILES[name])
    known = history.read(tmp_path)
    assert [run.run for run in known.runs] == ["run0002"]
    (why,) = known.broken
    assert why.startswith(f"{name}.json: ")
    (told,) = (line for line in lines(msgspec.to_builtins(changes.changes(past(3, a=WELL), known))) if "can't" in line)
    assert told.startswith(f"history: 1 file can't be read and left out: {name}.json: ")


def test_what_is_no_file_of_the_history_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".x.json").write_text("hidden")
    (tmp_path / "notes.txt").write_text("mine")
    known = history.read(tmp_path)
    assert (known.runs, len(known.broken)) == ((), 3)
    assert history.read(tmp_path / "nowhere") == History()
    with pytest.raises(OSError, match="Not a directory"):
        history.read(tmp_path / "notes.txt")


def test_only_so_many_files_are_read_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_RUNS", 2)
    for minute in range(5):
        history.store(tmp_path, past(minute, a=RED))
    known = history.read(tmp_path)
    assert ([run.run for run in known.runs], known.left_out) == (["run0003", "run0004"], 3)
    assert "history: 3 older files not looked at" in lines(msgspec.to_builtins(changes.changes(past(9), known)))


def test_a_run_has_one_file_whole_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history.store(tmp_path, past(1, a=RED))
    history.store(tmp_path, past(1, a=WELL))
    assert history.read(tmp_path).runs == (past(1, a=WELL),)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        history.store(tmp_path, past(1, a=RED))
    assert history.read(tmp_path).runs == (past(1, a=WELL),)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("asked", "part", "said"),
    [
        *((("canary", ""), None, "canary"), (("canary", "scratch"), None, "canary -k scratch"), (("", ""), None, "")),
        *((("", "attic"), None, "-k attic"), (("audit", ""), "3/8", "audit 3/8")),
    ],
)
def test_a_selection_is_said_as_a_person_would(asked: tuple[str, str], part: str | None, said: str) -> None:
    record = {"selection": {"markers": asked[0], "keywords": asked[1], "paths": []}, "part": part}
    assert history.selection_of(record) == said


def test_no_reason_and_no_secret_is_kept() -> None:
    redactor().learn(["hunter2-is-secret"])
    incident = {
        "kind": "k",
        "subject": "bucket hunter2-is-secret\x1b[2J",
        "rows": ["a"],
        "headline": "hunter2-is-secret",
    }
    record = {"target": "t", "contract": "c", "vantage": "v", "started": at(1), "finished": at(2), "exit": 1}
    verdict = {"clause": "a", "params": {}, "verdict": "violated", "reason": "hunter2-is-secret said it"}
    record |= {"incidents": [incident], "verdicts": [verdict], "selection": {"markers": "canary", "keywords": "x"}}
    kept = history.past_of(record, "run", {"mark": "hunter2-is-secret"})
    text = msgspec.json.encode(kept).decode()
    assert "hunter2" not in text
    assert "said it" not in text
    assert (kept.selection, kept.rows, kept.incidents[0].subject) == (
        "canary -k x",
        {"a": RED},
        "bucket [redacted]\\x1b[2J",
    )
    assert json.loads(text)["marks"] == {"mark": "[redacted]"}
