"""`pytest -m guard`: state authority before an apply. Its table of faults, baselines, and what it writes and leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import contract
from pytest_gf.lab import Lab, model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["guard"]
STACK = "arc-runners"
GUARD = ("-m", "guard", f"--gf-stack={STACK}")
STEPS = (
    *("object-listed", "body-whole", "body-shape", "lock-free", "errored-absent"),
    *("baseline", "resources", "own", "write-proof"),
)
FILES_READ = 6
"""The checkout, the machine, the stack's backend, what `tofu init` left, its lock, and where an errored.tfstate would lie."""
AFTER = ("list-after-delete", "unchanged")
OF_THE_BUCKET = ("list-buckets", "head-bucket", "get-agrees", "disk-markers", "api-disk-coherent")
OF_THE_CHECKOUT = ("backend-s3", "materialized")
COLUMN = {
    "rustfs.workload-ready",
    *(f"rustfs.{name}[tofu-state]" for name in OF_THE_BUCKET),
    *(f"stack.{name}[{STACK}]" for name in OF_THE_CHECKOUT),
    f"state.locking-on[{STACK}]",
    *(f"state.{name}[{STACK}]" for name in (*STEPS, *AFTER)),
}
"""One stack is one full column."""


@pytest.fixture
def recorded(lab: Lab, run_pytest: Any) -> Path:
    """A baseline of the sound lab, recorded by the first run that wants it."""
    file = lab.folder.parent / "baseline.json"
    if not file.exists():
        outcome = guard(lab, run_pytest, f"--gf-baseline={file}", "--gf-update-baseline")
        assert outcome.exit == 0, outcome.text
        assert f"baseline of {STACK}: was none; is serial 61, lineage " in outcome.text
    return file


def guard(lab: Lab, run_pytest: Any, *arguments: str, lean: bool = False) -> Any:
    """Run the guard of one stack, from the lab's model of a checkout; its fault is bent where the run asks for one."""
    return run_pytest(
        *GUARD,
        f"--gf-repository={checkout(lab.folder.parent)}",
        f"--gf-target={lab.target_file}",
        *arguments,
        lean=lean,
        environment=dict(lab.environment),
    )


def checkout(folder: Path, fault: str = "") -> Path:
    """Return the lab's model of a checkout, laid once for each fault."""
    laid = folder / f"model-{fault.partition(':')[0]}"
    if not laid.exists():
        model.lay(laid, [fault])
    return laid / "repository"


def keys(s3: Any) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket="tofu-state")["Contents"]}


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_turns_exactly_its_rows(  # noqa: PLR0917  # pytest's fixtures.
    fault: str, lab: Lab, recorded: Path, drill: Any, tmp_path: Path, told_as: Any
) -> None:
    before = recorded.read_bytes()
    bent = checkout(lab.folder.parent, fault if fault.startswith("errored-") else "")
    selected = drill(*GUARD, f"--gf-repository={bent}", f"--gf-baseline={recorded}", "--gf-update-baseline")
    outcome = selected.judge(tmp_path, fault, lab=lab)
    row, recording = TABLE[fault], recorded.read_bytes()
    recorded.write_bytes(before)
    for verdict in ("violated", "unproven", "error"):
        names = {name if "[" in name else f"{name}[{STACK}]" for name in row.get(verdict, [])}
        assert outcome.rows(verdict) == names, (verdict, outcome.text)
    assert set(outcome.verdicts()) == COLUMN
    told_as(row.get("incident", []), outcome.verdicts())
    said = [f"{account['reason']} {account['next_step']}" for account in outcome.verdicts().values()]
    assert "says" not in row or any(row["says"] in text for text in said), said
    others = {*row.get("violated", []), *row.get("unproven", [])}
    assert (f"baseline of {STACK}: not recorded: " in outcome.text) == bool(others)
    assert recording == before or not others, "a baseline is recorded only where all else holds"


@pytest.mark.upholds("S102")
def test_one_stack_is_one_full_column_and_leaves_nothing(lab: Lab, s3: Any, recorded: Path, run_pytest: Any) -> None:
    before = keys(s3)
    lab.reset()
    outcome = guard(lab, run_pytest, f"--gf-baseline={recorded}")
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("holds") == COLUMN
    counts = lab.counts()
    assert sum(count for name, count in counts.items() if name.startswith("s3 ")) == 38, counts
    facts = {
        (fact["fact"], *fact["params"].values()): fact["exchanges"]
        for row in outcome.verdicts().values()
        for fact in row["facts"]
    }
    assert sum(facts.values()) == sum(counts.values()) + FILES_READ, "the record counts what was asked"
    made = [exchange for exchange in lab.exchanges() if str(exchange["operation"]) in {"PutObject", "DeleteObject"}]
    assert made
    assert all(str(exchange["key"]).startswith(f"gf-proof/{STACK}-") for exchange in made), "no state's key is written"
    assert keys(s3) == before
    ledger = [json.loads(line) for line in (outcome.folder / "ledger.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in ledger] == ["run", "made", "gone"]


def test_all_stacks_are_four_columns(lab: Lab, run_pytest: Any) -> None:
    outcome = run_pytest("-m", "guard", f"--gf-target={lab.target_file}", environment=dict(lab.environment))
    stacks = contract.load().stacks
    of_stacks = {f"state.{name}[{stack}]" for name in (*STEPS, *AFTER) for stack in stacks}
    unseen = {f"stack.{name}[{stack}]" for name in OF_THE_CHECKOUT for stack in stacks}
    unseen |= {f"state.{name}[{stack}]" for name in ("errored-absent", "locking-on") for stack in stacks}
    assert set(outcome.verdicts()) == of_stacks | unseen | {row for row in COLUMN if row.startswith("rustfs.")}
    assert outcome.rows("unproven") == unseen | {
        f"state.{name}[{stack}]" for name in ("baseline", "resources") for stack in stacks
    }


def test_the_next_stacks_proof_does_not_bury_what_the_first_one_lost(lab: Lab, run_pytest: Any) -> None:
    lab.bend("object-delete-empties-list")
    outcome = run_pytest("-m", "guard", f"--gf-target={lab.target_file}", environment=dict(lab.environment))
    proofs = {name: row for name, row in outcome.verdicts().items() if name.startswith("state.write-proof")}
    assert [row["verdict"] for row in proofs.values()].count("violated") == 1
    assert [row["verdict"] for row in proofs.values()].count("unproven") == 3
    assert any("by now. Nothing more is changed, so that evidence is kept." in row["reason"] for row in proofs.values())


def test_a_destroy_on_purpose_is_said_with_its_number(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    recording = (f"--gf-baseline={file}", "--gf-update-baseline")
    assert guard(lab, run_pytest, *recording).exit == 0
    first = json.loads(file.read_text())["stacks"][STACK]
    lab.bend(f"state-one-left:{STACK}")
    for said in ((), (f"--gf-baseline-allow-destroyed={STACK}:1",)):
        outcome = guard(lab, run_pytest, *recording, *said, lean=True)
        assert outcome.rows("violated") == {f"state.resources[{STACK}]"}
        assert f"baseline of {STACK}: not recorded: state.resources violated" in outcome.text
        assert json.loads(file.read_text())["stacks"][STACK] == first
    outcome = guard(lab, run_pytest, *recording, f"--gf-baseline-allow-destroyed={STACK}:2", lean=True)
    assert outcome.exit == 0, outcome.text
    assert f"was serial {first['serial']}, lineage {first['lineage']}, 3 managed instances" in outcome.text
    assert f"is serial {first['serial'] + 1}, lineage {first['lineage']}, 1 managed instances" in outcome.text


def test_a_rollback_on_purpose_is_accepted_by_its_serial(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    recording = (f"--gf-baseline={file}", "--gf-update-baseline")
    assert guard(lab, run_pytest, *recording).exit == 0
    lab.bend(f"state-older-serial:{STACK}")
    refused = guard(lab, run_pytest, *recording, "--gf-accept-baseline=59", lean=True)
    assert refused.rows("violated") == {f"state.baseline[{STACK}]"}
    assert "not recorded: state.baseline violated" in refused.text
    assert guard(lab, run_pytest, *recording, "--gf-accept-baseline=58", lean=True).exit == 0
    assert json.loads(file.read_text())["stacks"][STACK]["serial"] == 58


def test_a_baseline_of_the_old_form_is_read_and_recorded_anew(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    recording = (f"--gf-baseline={file}", "--gf-update-baseline")
    assert guard(lab, run_pytest, *recording).exit == 0
    written = json.loads(file.read_text())
    old = {name: value for name, value in written["stacks"][STACK].items() if name != "addresses"}
    file.write_text(json.dumps({"format": 1, "stacks": {STACK: old}}))
    outcome = guard(lab, run_pytest, *recording, lean=True)
    assert outcome.rows("unproven") == {f"state.resources[{STACK}]"}
    again = json.loads(file.read_text())
    assert (again["format"], again["stacks"][STACK]["addresses"]) == (2, written["stacks"][STACK]["addresses"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gf-baseline-allow-destroyed=nobody:1",), "expected STACK:N, a selected stack"),
        ((f"--gf-baseline-allow-destroyed={STACK}:0",), "expected STACK:N, a selected stack"),
        (("--gf-accept-baseline=x", "--gf-baseline=b.json"), "expected the serial of the state as it is now"),
        (("--gf-accept-baseline=5",), "--gf-stack=NAME and --gf-baseline=FILE say which one"),
    ],
)
def test_what_is_on_purpose_is_said_exactly(arguments: tuple[str, ...], says: str, refused: Any) -> None:
    outcome = refused(*GUARD, *arguments)
    assert outcome.exit == 4
    assert says in outcome.text


def test_a_long_name_never_stops_a_run(run_pytest: Any, tmp_path: Path) -> None:
    name = "a-stack-with-a-name-" + "x" * 90
    (tmp_path / "c.toml").write_text(
        f'extends = "gloriousflywheel"\nname = "fork"\n[stacks.{name}]\nbucket = "tofu-state"\nkey = "{name}/s.tfstate"\n'
    )
    outcome = run_pytest("-m", "guard", f"--gf-stack={name}", f"--gf-contract={tmp_path / 'c.toml'}", "--collect-only")
    assert outcome.exit == 0, outcome.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json", "no baseline: "),
        ('{"format": 3, "stacks": {}}', "format 3; this version reads 1 and 2"),
        ('{"format": 1}', "missing required field `stacks`"),
        ('{"format": 1, "stacks": {"a": {"serial": "x"}}}', "no baseline: "),
    ],
)
def test_a_bad_baseline_is_one_line(text: str, says: str, refused: Any, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(text)
    outcome = refused(*GUARD, f"--gf-baseline={tmp_path / 'b.json'}")
    assert outcome.exit == 4
    assert says in outcome.text
    assert "Traceback" not in outcome.text


def test_where_to_write_must_be_said(refused: Any) -> None:
    outcome = refused(*GUARD, "--gf-update-baseline")
    assert outcome.exit == 4
    assert "--gf-baseline=FILE says what to write" in outcome.text


def test_a_baseline_that_cant_be_written_is_one_line_beforehand(refused: Any, tmp_path: Path) -> None:
    outcome = refused(*GUARD, f"--gf-baseline={tmp_path / 'none' / 'b.json'}", "--gf-update-baseline")
    assert outcome.exit == 4
    assert "can't be written: does its folder exist" in outcome.text


@pytest.mark.parametrize("step", range(7))
def test_a_run_killed_in_the_proof_leaves_nothing_after_a_clean(
    step: int, run_pytest: Any, s3_of: Any, tmp_path: Path
) -> None:
    with Lab.start(tmp_path / "lab", ["latency:100"]) as lab:
        before = keys(s3_of(lab))
        arguments = [
            *GUARD,
            "-k",
            "write-proof",
            f"--gf-reports={tmp_path / 'reports'}",
            f"--gf-target={lab.target_file}",
        ]
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=ROOT,
            env={**os.environ, **lab.environment, "PYTHONPATH": str(ROOT / "suites" / "without")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ends = time.monotonic() + 100
        while time.monotonic() < ends and run.poll() is None:
            proof = [exchange for exchange in lab.exchanges() if str(exchange["key"]).startswith("gf-proof/")]
            if len(proof) > step:
                break
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(60)
        time.sleep(0.3)  # What was on the wire lands within the lab's latency.
        lab.mend()
        cleaned = run_pytest(
            "--gf-clean",
            f"--gf-reports={tmp_path / 'reports'}",
            f"--gf-target={lab.target_file}",
            environment=dict(lab.environment),
        )
        assert cleaned.exit == 0, cleaned.text
        assert keys(s3_of(lab)) == before


@pytest.mark.parametrize(
    ("ahead", "lineage", "says"),
    [
        (2, "", "A push would be accepted: the same lineage, serial 63 over 61"),
        (1, "", "A push would be accepted, and orphan what somebody made since: serial 62 is 1 ahead of 61"),
        (0, "", "A push would be refused: both are serial 61, and they differ"),
        (-1, "", "A push would be refused: the remote is newer, serial 61 over 60, and differs"),
        (2, "00000000-0000-4000-8000-000000000000", "one of both is another stack's"),
    ],
)
@pytest.mark.upholds("S098~")
def test_an_errored_state_says_what_a_push_would_do(  # noqa: PLR0917  # pytest's fixtures.
    ahead: int, lineage: str, says: str, lab: Lab, s3: Any, run_pytest: Any, tmp_path: Path
) -> None:
    state = json.loads(s3.get_object(Bucket="tofu-state", Key=f"{STACK}/terraform.tfstate")["Body"].read())
    state |= {"serial": state["serial"] + ahead, "lineage": lineage or state["lineage"], "outputs": {}}
    (tmp_path / "left.tfstate").write_text(json.dumps(state))
    outcome = guard(lab, run_pytest, "-k", "errored", f"--gf-errored={tmp_path / 'left.tfstate'}")
    (row,) = outcome.verdicts().values()
    assert row["verdict"] == "violated"
    assert says in row["reason"]
    assert "keep the file (copy it away), and do not rerun apply first" in row["next_step"]
    assert ("then a plan that changes nothing" in row["next_step"]) == (ahead == 2 and not lineage)


def test_an_errored_state_that_is_pushed_cut_or_beside_an_unread_remote(
    lab: Lab, s3: Any, run_pytest: Any, tmp_path: Path
) -> None:
    body = s3.get_object(Bucket="tofu-state", Key=f"{STACK}/terraform.tfstate")["Body"].read()
    left = tmp_path / "left.tfstate"
    for data, fault, says in (
        (body, "", "Nothing is lost: the remote has the same resources and outputs, with the same serial"),
        (body[:-9], "", "It is no state that could be pushed: "),
        (body, f"state-missing:{STACK}", "Whether a push would be accepted is not known: "),
    ):
        left.write_bytes(data)
        if fault:
            lab.bend(fault)
        outcome = guard(lab, run_pytest, "-k", "errored", f"--gf-errored={left}")
        (row,) = outcome.verdicts().values()
        assert row["verdict"] == "violated"
        assert says in row["reason"]


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (-1, "It is already pushed: the remote has the same resources and outputs, with serial 1 higher"),
        (1, "Nothing is lost: "),
    ],
)
@pytest.mark.upholds("S098~")
def test_an_errored_state_that_is_stored_is_done_where_a_person_says_so(  # noqa: PLR0917  # pytest's fixtures.
    ahead: int, says: str, lab: Lab, s3: Any, run_pytest: Any, tmp_path: Path
) -> None:
    state = json.loads(s3.get_object(Bucket="tofu-state", Key=f"{STACK}/terraform.tfstate")["Body"].read())
    left = tmp_path / "left.tfstate"
    left.write_text(json.dumps(state | {"serial": state["serial"] + ahead, "terraform_version": "1.12.5"}, indent=1))
    arguments = ("-k", "errored", f"--gf-errored={left}")
    (row,) = guard(lab, run_pytest, *arguments, lean=True).verdicts().values()
    assert (row["verdict"], says in row["reason"], "--gf-errored-done" in row["next_step"]) == ("violated", True, True)
    (row,) = guard(lab, run_pytest, *arguments, "--gf-errored-done", lean=True).verdicts().values()
    assert row["verdict"] == "holds"
    left.write_text(json.dumps(state | {"serial": state["serial"] + ahead, "resources": []}))
    (row,) = guard(lab, run_pytest, *arguments, "--gf-errored-done", lean=True).verdicts().values()
    assert row["verdict"] == "violated"
    assert "--gf-errored-done is not accepted: the comparison does not show it" in row["reason"]


def test_an_errored_state_that_is_no_file_is_named_at_once(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    link, fifo = tmp_path / "link.tfstate", tmp_path / "fifo.tfstate"
    link.symlink_to(tmp_path / "nowhere")
    os.mkfifo(fifo)
    for left, says in ((link, "it is a link that leads nowhere"), (fifo, "it is no file, it is a FIFO")):
        (row,) = guard(lab, run_pytest, "-k", "errored", f"--gf-errored={left}", lean=True).verdicts().values()
        assert row["verdict"] == "violated"
        assert says in row["reason"]


def test_a_lock_and_an_errored_state_of_one_apply_name_each_other(
    lab: Lab, s3: Any, run_pytest: Any, tmp_path: Path
) -> None:
    state = json.loads(s3.get_object(Bucket="tofu-state", Key=f"{STACK}/terraform.tfstate")["Body"].read())
    left = tmp_path / "left.tfstate"
    left.write_text(json.dumps(state | {"serial": state["serial"] + 2, "outputs": {}}))
    lab.bend(f"lock-word:{STACK}")
    rows = guard(lab, run_pytest, "-k", "errored or lock", f"--gf-errored={left}", lean=True).verdicts()
    errored, lock = (rows[f"state.{name}[{STACK}]"] for name in ("errored-absent", "lock-free"))
    assert "held by runner@arc-runner-7 for OperationTypeApply, created " in errored["reason"]
    assert "unlock first, then push" in errored["reason"]
    assert "tofu force-unlock my-ci-lock-17, then tofu state push left.tfstate" in errored["next_step"]
    assert f"{left} waits beside it" in lock["reason"]
    assert f"after that push {left}" in lock["next_step"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gf-errored=left.tfstate",), "--gf-stack=NAME says of which one stack it is"),
        (("--gf-stack=attic", "--gf-errored=nowhere.tfstate"), "no such file"),
    ],
)
def test_an_errored_state_is_named_with_its_stack(arguments: tuple[str, ...], says: str, refused: Any) -> None:
    outcome = refused("-m", "guard", *arguments)
    assert outcome.exit == 4
    assert says in outcome.text
