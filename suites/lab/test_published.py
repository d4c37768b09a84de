"""`pytest -m publication` by profiles: the delta, reading back, the buckets after it; what keeps it from sending anything."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab

pytestmark = pytest.mark.slow  # Each push is looked at again after an idle gap.

ALL: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["publication"]
TABLE = {fault: rows for fault, rows in ALL.items() if "profile" in rows}
WORDS = {
    "one-path": "probe-attic-publication",
    "small-check": "probe-attic-publication-small-check",
    "medium-check": "probe-attic-publication-medium-check",
}
NARROW = "not stores-in-bucket"


def said(profile: str) -> tuple[str, ...]:
    return "-m", "publication", f"--gf-profile={profile}", f"--gf-confirm={WORDS[profile]}"


def on(lab: Lab, run_pytest: Any, *arguments: str, target: Path | None = None) -> Any:
    file = target or lab.target_file
    return run_pytest(*arguments, f"--gf-target={file}", lean=True, environment=dict(lab.environment))


def uploads(lab: Lab) -> int:
    return lab.counts().get("attic UploadPath", 0)


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(fault: str, lab: Lab, run_pytest: Any, told_as: Any) -> None:
    lab.bend(fault)
    expected = TABLE[fault]
    outcome = on(lab, run_pytest, *said(expected["profile"]), "-k", NARROW, "--gf-deadline=5")
    for verdict in ("violated", "unproven", "error"):
        assert outcome.rows(verdict) == {f"{clause}[{expected['profile']}]" for clause in expected.get(verdict, ())}, (
            outcome.text
        )
    told_as(expected.get("incident", []), outcome.verdicts())
    assert expected["says"] in " ".join(f"{row['reason']} {row['next_step']}" for row in outcome.verdicts().values())


@pytest.mark.upholds("S035")
@pytest.mark.upholds("S038")
def test_one_path_is_clean_and_medium_loses_both_buckets(lab: Lab, run_pytest: Any) -> None:
    lab.bend("attic-push-loses-buckets:20")
    clean = on(lab, run_pytest, *said("one-path"), "-k", NARROW)
    assert clean.exit == 0, clean.text
    assert "clean one-path evidence does not override the known failures" in clean.text
    asked = [exchange["operation"] for exchange in lab.exchanges() if exchange["service"] in {"s3", "attic"}]
    assert asked[-2:] == ["ListBuckets", "ListBuckets"], "the gap is idle: everything was read back before it"
    lost = on(lab, run_pytest, *said("medium-check"), "-k", NARROW)
    assert lost.exit == 1
    row = lost.verdicts()["publication.buckets-listed[medium-check]"]
    assert "(bucket-index recurrence)" in lost.verdicts()["publication.pushed[medium-check]"]["reason"]
    for word in ("bucket-index loss after a push", "tofu-state", "attic", "pushed 22 paths"):
        assert word in row["reason"], row["reason"]
    assert "no restore path for default workflow writes (S037)" in lost.text
    kept = {path.name: path.read_text() for path in (lost.folder / "publication").iterdir()}
    assert set(kept) == {"closure.txt", "delta.txt", "push.stdout.txt", "push.stderr.txt", "index.txt"}
    assert len(kept["closure.txt"].splitlines()) == len(kept["delta.txt"].splitlines()) == 22
    assert kept["push.stderr.txt"].count("500 InternalServerError") >= 1
    entries = [json.loads(line) for line in (lost.folder / "ledger.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["run", *["left"] * 22]


@pytest.mark.upholds("S037")
def test_the_known_loss_is_interim_where_it_is_asked_for_and_nothing_else_is(
    lab: Lab, run_pytest: Any, tmp_path: Path
) -> None:
    lab.bend("attic-push-loses-buckets:20")
    known = on(lab, run_pytest, *said("medium-check"), "--gf-expect-interim")
    lost = {f"publication.{clause}[medium-check]" for clause in ("pushed", "reads-back", "buckets-listed")}
    assert known.rows("interim") == lost, known.text
    assert known.rows("violated") == set()
    for row in lost:
        assert "TIN-1046" in known.verdicts()[row]["reason"]
        assert "reviewed at 2027-03-31T12:00:00+00:00" in known.verdicts()[row]["reason"]
    assert "no restore path for default workflow writes (S037)" in known.text
    lab.mend()
    lab.bend("attic-push-half:1")
    other = on(lab, run_pytest, *said("small-check"), "-k", NARROW, "--gf-expect-interim")
    assert other.rows("violated") == {"publication.reads-back[small-check]"}
    assert other.rows("fixed") == {"publication.buckets-listed[small-check]"}, "nothing was lost: the waiver must go"
    assert other.exit == 1


def test_what_is_there_is_not_pushed_again_unless_it_is_gone(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    from pytest_gf.honey.formats import closure

    members = []
    for member, nar in closure.synthetic(3, b"a closure of a test"):
        (tmp_path / f"{member.name}.nar").write_bytes(nar)
        references = [f"{closure.STORE}/{base}" for base in member.references]
        info = {"narHash": f"sha256:{member.nar_hash.hex()}", "narSize": member.nar_size, "references": references}
        members.append({"path": member.store_path, **info})
    (tmp_path / "closure.json").write_text(json.dumps(members))
    narrow = (*said("small-check"), f"--gf-closure={tmp_path / 'closure.json'}", "-k", "publication.pushed")
    deltas = []
    for fault in ("", "", "attic-chunk-deleted"):
        if fault:
            lab.bend(fault)
        outcome = on(lab, run_pytest, *narrow)
        assert outcome.exit == 0, outcome.text
        deltas.append(len((outcome.folder / "publication" / "delta.txt").read_text().splitlines()))
    assert deltas == [3, 0, 3]


@pytest.mark.upholds("S031")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-m", "publication"), "--gf-profile=one-path|small-check|medium-check says what is pushed; nothing was sent"),
        (
            ("-m", "publication", "--gf-profile=one-path"),
            "--gf-confirm=probe-attic-publication says that one-path is meant",
        ),
        (
            ("-m", "publication", "--gf-profile=medium-check", "--gf-confirm=probe-attic-publication"),
            "--gf-confirm=probe-attic-publication-medium-check says that medium-check is meant",
        ),
        (("-m", "publication", "--gf-profile=all"), "--gf-profile=all: expected one-path, small-check, medium-check"),
        (
            (*said("one-path"), "--gf-vantage=pull-request"),
            "the vantage pull-request changes nothing; nothing was sent",
        ),
        ((*said("small-check"), "--gf-closure=absent.json"), "--gf-closure=absent.json: can't be read"),
    ],
    ids=range(6),
)
def test_without_its_word_nothing_is_sent(arguments: tuple[str, ...], says: str, lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, *arguments)
    assert outcome.exit == 4
    assert says in outcome.text
    assert uploads(lab) == 0


def test_a_target_that_allows_no_publication_gets_nothing(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    text = lab.target_file.read_text().replace(', "publication"', "")
    text = text.replace('ca_file = "', f'ca_file = "{lab.folder}/').replace(
        '"kubeconfig"', f'"{lab.folder}/kubeconfig"'
    )
    (tmp_path / "t.toml").write_text(text)
    outcome = on(lab, run_pytest, *said("one-path"), target=tmp_path / "t.toml")
    assert (outcome.exit, uploads(lab)) == (4, 0)
    assert "does not allow 'publication'; nothing was sent" in outcome.text


def test_nothing_is_pushed_beside_an_incoherent_bucket(lab: Lab, run_pytest: Any) -> None:
    lab.bend("bucket-index-lost:tofu-state")
    outcome = on(lab, run_pytest, *said("one-path"))
    assert outcome.rows("unproven") == set(outcome.verdicts())
    assert all("so that evidence is kept" in row["reason"] for row in outcome.verdicts().values())
    assert uploads(lab) == 0


def test_a_row_that_is_asked_for_by_its_id_alone_sends_nothing(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "-m", "clause(id='attic.stores-in-bucket')")
    assert outcome.rows("unproven") == {"attic.stores-in-bucket"}
    assert uploads(lab) == 0
