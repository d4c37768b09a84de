"""The ledger's lines, one by one: what is written before what is made, and what is read of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_gf.engine import ledger as ledgers
from pytest_gf.engine.ledger import NAME, RECORD, Ledger, Left, Thing, settle, unfinished

A, B, C = Thing("bucket", "a"), Thing("object", "a/b"), Thing("bucket", "c")
WHERE = {"target": "honey", "endpoint": "http://s3"}


def mine(_: Thing, __: str) -> str:
    return ""


def entry(event: str, **fields: object) -> str:
    return json.dumps({"event": event, **fields}) + "\n"


def made(thing: Thing, event: str = "made") -> str:
    return entry(event, kind=thing.kind, name=thing.name)


def read(text: str, reports: Path, run: str = "run") -> Left:
    (reports / run).mkdir(parents=True, exist_ok=True)
    (reports / run / NAME).write_text(text)
    (left,) = unfinished(reports, mine)
    assert isinstance(left, Left)
    return left


def test_each_line_is_on_disk_before_what_it_names_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reports" / "run" / NAME
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_text()))
    ledger = Ledger(path, WHERE)
    assert not path.exists(), "nothing was made, and no file"
    ledger.enter(A)
    ledger.left(B)
    ledger.left(B)
    ledger.left(A)
    ledger.gone(A)
    ledger.close()
    ledger.close()
    lines = [entry("run", **WHERE), made(A), made(B, "left"), made(A, "gone")]
    assert synced == ["".join(lines[:end]) for end in (1, 2, 3, 4)]
    assert path.read_text() == "".join(lines)


def test_what_is_open_comes_the_latest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "er" / NAME, {})
    assert ledger.open_things() == []
    assert not ledger.names(A)
    for thing in (A, B, C):
        ledger.enter(thing)
    assert ledger.open_things() == [C, B, A]
    ledger.gone(B)
    ledger.gone(B)
    assert ledger.open_things() == [C, A]
    assert ledger.names(B), "whatever became of it"
    ledger.left(Thing("path", "p"))
    assert ledger.names(Thing("path", "p"))
    assert ledger.open_things() == [C, A]
    ledger.close()


def test_a_name_in_any_script_comes_back(tmp_path: Path) -> None:
    strange = Thing("object", "a/\xe9\ud83d\n\u2028x")
    ledger = Ledger(tmp_path / "run" / NAME, {})
    ledger.enter(strange)
    ledger.close()
    (left,) = unfinished(tmp_path, mine)
    assert isinstance(left, Left)
    assert left.things == (strange,)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / NAME, {}), Ledger(tmp_path / NAME, {})
    first.enter(A)
    with pytest.raises(BlockingIOError):
        second.enter(B)
    for ledger in (first, second):
        ledger.close()


def test_a_ledger_that_can_not_be_written_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ledger = Ledger(tmp_path / "file" / NAME, {})
    with pytest.raises(OSError, match="file"):
        ledger.enter(A)
    assert ledger.open_things() == []
    assert not ledger.names(A)


def test_every_ledger_is_looked_at_in_the_order_of_its_run(tmp_path: Path) -> None:
    live = Ledger(tmp_path / "2" / NAME, {})
    live.enter(A)
    for run, text in {"1": made(A), "3": "", "4": made(B, "left"), "5": "strange\n", "6": made(C)}.items():
        (tmp_path / run).mkdir()
        (tmp_path / run / NAME).write_text(text)
    (tmp_path / "latest").symlink_to(tmp_path / "1")
    (tmp_path / "0").mkdir()
    left = list(unfinished(tmp_path, lambda thing, run: f"{run} is not its run" if thing == C else ""))
    live.close()
    assert [entry if isinstance(entry, Path) else entry.run for entry in left] == [
        "1",
        tmp_path / "2" / NAME,
        "4",
        "5",
        "6",
    ]
    last = left[-1]
    assert isinstance(last, Left)
    assert (last.things, last.foreign, last.path) == ((), ((C, "6 is not its run"),), tmp_path / "6" / NAME)
    assert list(last.problems) == ["bucket c is left: 6 is not its run"]


def test_what_became_of_each_thing(tmp_path: Path) -> None:
    text = made(A) + made(B) + entry("run", **WHERE) + made(A, "gone") + made(C) + made(A)
    left = read(text + made(Thing("path", "p"), "left") + made(Thing("path", "q"), "left"), tmp_path)
    assert (left.things, left.where) == ((A, C, B), WHERE)
    assert left.stays == (Thing("path", "p"), Thing("path", "q"))
    assert (left.foreign, left.corrupt) == ((), ())
    again = read(made(A) + made(A, "gone") + made(B, "left") + made(B, "gone") + made(C), tmp_path)
    assert (again.things, again.stays, again.where) == ((C,), (), {})
    never = read(made(A, "gone") + made(B), tmp_path)
    assert never.things == (B,)


def test_what_a_run_with_a_record_left_on_purpose_is_in_its_record(tmp_path: Path) -> None:
    text = made(A) + made(B, "left")
    assert read(text, tmp_path).stays == (B,)
    (tmp_path / "run" / RECORD).touch()
    assert (read(text, tmp_path).things, read(text, tmp_path).stays) == ((A,), ())


def test_the_lines_that_say_nothing_are_counted_from_one(tmp_path: Path) -> None:
    left = read("x\n" + made(A) + "y\n" + made(B) + "z", tmp_path)
    assert (left.corrupt, left.things) == ((1, 3), (B, A))
    path = tmp_path / "run" / NAME
    assert list(left.problems) == [
        f"line 1 of its ledger is corrupt, and was skipped: {path}",
        f"line 3 of its ledger is corrupt, and was skipped: {path}",
    ]


def test_no_more_than_the_longest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LONGEST", len(made(A)) + 5)
    left = read(made(A) + made(B), tmp_path)
    assert (left.things, left.corrupt) == ((A,), ())


@pytest.mark.parametrize(
    ("line", "entry_"),
    [
        (made(A), ("made", A)),
        (made(A, "gone"), ("gone", A)),
        (made(A, "left"), ("left", A)),
        (made(A, "burnt"), None),
        (entry("run", target="x"), ("run", {"target": "x"})),
        (entry("run"), ("run", {})),
        (entry("run", target=3), None),
        (entry("made", kind="", name="a"), None),
        (entry("made", name="a"), None),
        (entry("made", kind="bucket", name=""), None),
        (entry("made", kind="bucket"), None),
        (entry("made", kind="bucket", name="a", more="b"), None),
        (entry("made", kind="bucket", bucket="a", key=""), ("made", A)),
        (entry("made", kind="object", bucket="a", key="b"), ("made", B)),
        (entry("made", kind="object", bucket="", key="b"), None),
        (entry("made", kind="object", bucket="a"), None),
        (entry("made", kind="object", bucket="a", place="b"), None),
        (entry("made", kind="object", bucket="a", key="b", more="c"), None),
        ('{"kind": "bucket", "name": "a"}', None),
        ('["made"]', None),
        ("null", None),
        ("", None),
    ],
)
def test_what_a_line_says(line: str, entry_: object) -> None:
    assert ledgers._entry(line) == entry_


def test_what_is_settled_later_is_appended(tmp_path: Path) -> None:
    left = read(entry("run", **WHERE) + made(A) + made(B), tmp_path)
    before = left.path.read_text()
    settle(left, A)
    assert left.path.read_text() == before + entry("run", **WHERE) + made(A, "gone")
    (again,) = unfinished(tmp_path, mine)
    assert isinstance(again, Left), "it was released"
    assert again.things == (B,)
