"""A ledger that anybody may have written: it names a run's own things, or nothing; what it can't say is named and skipped."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_gf.engine.ledger import NAME, Ledger, Left, Thing, settle, unfinished
from pytest_gf.honey import contract, stored
from pytest_gf.honey.stored import stamp

RUN = "20261129T183000Z-1a2b3c4d"
OWN = "gf-rca-20261129183000-1a2b3c4d"
WHY_NOT = partial(stored.why_not, contract.load())
PROOF = f"gf-proof/attic-{RUN}"


def entry(kind: str, name: str, event: str = "made") -> str:
    return json.dumps({"event": event, "kind": kind, "name": name}) + "\n"


def written(reports: Path, text: str, run: str = RUN) -> Path:
    path = reports / run / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def read(reports: Path) -> Left:
    (left,) = unfinished(reports, WHY_NOT)
    assert isinstance(left, Left)
    return left


@pytest.mark.parametrize(
    "thing",
    [Thing("bucket", OWN), Thing("object", f"{OWN}/anything/at all"), Thing("object", f"tofu-state/{PROOF}")],
    ids=str,
)
def test_what_a_run_makes_is_its_own(thing: Thing) -> None:
    assert WHY_NOT(thing, RUN) == ""


@pytest.mark.parametrize(
    "thing",
    [
        Thing("bucket", "tofu-state"),
        Thing("bucket", "attic"),
        Thing("bucket", "gf-rca-20200101000000-0badf00d"),
        Thing("bucket", f"{OWN}-2"),
        Thing("bucket", "gf-rca-"),
        Thing("object", OWN),
        Thing("object", "tofu-state/attic/terraform.tfstate"),
        Thing("object", "tofu-state/gf-proof/attic-20200101T000000Z-0badf00d"),
        Thing("object", f"tofu-state/gf-proof/{RUN}/attic/terraform.tfstate"),
        Thing("object", f"tofu-state/attic/{RUN}/terraform.tfstate"),
        Thing("object", f"tofu-state/x/gf-proof/attic-{RUN}"),
        Thing("object", f"another/{PROOF}"),
        Thing("object", "gf-rca-20200101000000-0badf00d/key"),
    ],
    ids=str,
)
def test_nothing_else_is_deleted_whatever_a_ledger_says(thing: Thing, tmp_path: Path) -> None:
    assert WHY_NOT(thing, RUN)
    written(tmp_path, entry(thing.kind, thing.name) + entry("bucket", OWN))
    left = read(tmp_path)
    assert left.things == (Thing("bucket", OWN),)
    assert [foreign for foreign, _ in left.foreign] == [thing]
    assert any(thing.name in problem and "is left" in problem for problem in left.problems)


def test_a_protected_bucket_is_no_scratch_whatever_its_name() -> None:
    promised = contract.load()
    fork = msgspec.structs.replace(promised, buckets={**promised.buckets, OWN: promised.buckets["attic"]})
    assert stored.why_not(fork, Thing("bucket", OWN), RUN)


def test_a_ledger_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    line = {"event": "made", "kind": "object", "bucket": OWN, "key": "k"}
    written(tmp_path, json.dumps(line) + "\n" + json.dumps(line | {"kind": "bucket", "key": ""}) + "\n")
    assert read(tmp_path).things == (Thing("bucket", OWN), Thing("object", f"{OWN}/k"))


CORRUPT = [
    "no json\n",
    "[]\n",
    "3\n",
    '{"event": "made"}\n',
    '{"event": "made", "kind": "bucket", "bucket": 3, "key": ""}\n',
    '{"event": "made", "kind": "bucket", "name": ""}\n',
    '{"event": "made", "kind": "bucket", "bucket": "x", "key": "", "more": ""}\n',
    '{"event": "burnt", "kind": "bucket", "bucket": "x", "key": ""}\n',
    "\udcff\udcfe\n",
    "[" * 100_000 + "\n",
    "\n",
]


@pytest.mark.parametrize("line", CORRUPT, ids=range(len(CORRUPT)))
def test_a_corrupt_line_is_named_and_skipped(line: str, tmp_path: Path) -> None:
    path = written(tmp_path, entry("bucket", OWN) + line + entry("object", f"{OWN}/k"))
    left = read(tmp_path)
    assert left.things == (Thing("object", f"{OWN}/k"), Thing("bucket", OWN))
    assert left.corrupt == (2,)
    assert list(left.problems) == [f"line 2 of its ledger is corrupt, and was skipped: {path}"]


def test_the_last_line_that_a_kill_cut_is_no_problem(tmp_path: Path) -> None:
    written(tmp_path, entry("bucket", OWN) + entry("object", f"{OWN}/k")[:30])
    assert list(read(tmp_path).problems) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    lines=st.lists(
        st.one_of(st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=8)).map(json.dumps))
    )
)
def test_any_text_can_be_read(lines: list[str], tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    for left in unfinished(tmp_path, WHY_NOT):
        assert isinstance(left, Left)
        assert left.things == ()


def test_links_and_devices_are_no_ledgers(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(entry("bucket", OWN))
    (tmp_path / "reports" / RUN).mkdir(parents=True)
    (tmp_path / "reports" / RUN / NAME).symlink_to(other)
    (tmp_path / "reports" / f"{RUN}0").mkdir()
    os.mkfifo(tmp_path / "reports" / f"{RUN}0" / NAME)
    assert list(unfinished(tmp_path / "reports", WHY_NOT)) == []


def test_what_was_settled_is_open_no_more(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / RUN / NAME, {"target": "honey", "endpoint": "http://s3"})
    things = [Thing("bucket", OWN), Thing("object", f"{OWN}/k")]
    for thing in things:
        ledger.enter(thing)
    ledger.gone(things[1])
    assert list(unfinished(tmp_path, WHY_NOT)) == [ledger.path], "the run lives"
    ledger.close()
    left = read(tmp_path)
    assert (left.things, left.where, left.run) == (
        (things[0],), {"target": "honey", "endpoint": "http://s3"}, RUN,
    )  # fmt: skip
    settle(left, things[0])
    assert list(unfinished(tmp_path, WHY_NOT)) == []


def test_a_stamp_is_a_part_of_a_buckets_name() -> None:
    assert f"gf-rca-{stamp(RUN)}" == OWN


def test_what_a_killed_run_left_on_purpose_is_named(tmp_path: Path) -> None:
    kept = Ledger(tmp_path / RUN / "ledger.jsonl", {"target": "x"})
    refused, pushed = Thing("path", "main//nix/store/a"), Thing("path", "main//nix/store/b")
    for thing in (refused, pushed):
        kept.left(thing)
    kept.gone(refused)
    kept.close()
    left = read(tmp_path)
    assert (left.things, left.stays, list(left.problems)) == ((), (pushed,), [])
    (tmp_path / RUN / "record.json").touch()
    assert list(unfinished(tmp_path, WHY_NOT)) == []


def test_a_ledger_that_another_run_holds_is_not_written_to(tmp_path: Path) -> None:
    where = {"target": "honey", "endpoint": "http://s3"}
    first, second = Ledger(tmp_path / RUN / NAME, where), Ledger(tmp_path / RUN / NAME, where)
    first.enter(Thing("object", f"tofu-state/gf-proof/{RUN}"))
    before = (tmp_path / RUN / NAME).read_text()
    for _ in range(2):
        with pytest.raises(BlockingIOError):
            second.enter(Thing("object", f"tofu-state/gf-proof/{RUN}"))
    assert (tmp_path / RUN / NAME).read_text() == before
    first.close()
