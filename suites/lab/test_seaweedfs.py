"""The same clauses, unchanged, on a real S3 server: green, and red for what was done to it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import contract

pytestmark = [pytest.mark.real, pytest.mark.slow]

STACKS = contract.load().stacks
OF_THE_CLUSTER = (
    *("attic.", "bazel.", "ha.", "cluster.", "rustfs.workload-ready", "rustfs.node-ready", "rustfs.pod-on-bumble"),
    *("rustfs.volume-", "rustfs.ready-endpoint", "rustfs.not-exposed"),
)
OF_HONEY = (*OF_THE_CLUSTER, "rustfs.disk-markers", "rustfs.api-disk-coherent", "rustfs.scratch-markers-")
"""What a cluster, Attic or RustFS itself must show: unproven on SeaweedFS, which is none of them."""


def state(serial: int = 7) -> bytes:
    """A state body as OpenTofu writes it: one line of JSON."""
    resource = {
        "mode": "managed",
        "type": "null_resource",
        "name": "lab",
        "provider": 'provider["registry.opentofu.org/hashicorp/kubernetes"]',
        "instances": [{"attributes": {"id": "1"}}],
    }
    tables = {
        "version": 4, "terraform_version": "1.12.6", "serial": serial, "lineage": str(uuid.uuid4()), "outputs": {},
        "resources": [resource], "check_results": None,
    }  # fmt: skip
    return json.dumps(tables).encode() + b"\n"


@pytest.fixture
def honey(seaweedfs: Any) -> Iterator[Any]:
    """The contract's buckets and state objects on SeaweedFS, fresh for each test."""
    client = seaweedfs.client()
    for bucket in contract.load().buckets:
        client.create_bucket(Bucket=bucket)
    for stack in STACKS.values():
        client.put_object(Bucket=stack.bucket, Key=stack.key, Body=state())
    yield client
    for bucket in client.list_buckets()["Buckets"]:
        for entry in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            client.delete_object(Bucket=bucket["Name"], Key=entry["Key"])
        client.delete_bucket(Bucket=bucket["Name"])


def test_the_canary_is_green(honey: Any, seaweedfs: Any, run_pytest: Any, tmp_path: Path) -> None:
    outcome = run_pytest("-m", "canary", f"--gf-target={seaweedfs.target(tmp_path)}", environment=seaweedfs.environment)
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("unproven") == {row for row in outcome.verdicts() if row.startswith(OF_HONEY)}
    assert outcome.rows("holds") == set(outcome.verdicts()) - outcome.rows("unproven")
    assert outcome.verdicts()["rustfs.ready-endpoint"]["reason"].startswith("/health does not identify RustFS")
    assert "LAB" not in outcome.text
    assert {bucket["Name"] for bucket in honey.list_buckets()["Buckets"]} == set(contract.load().buckets), (
        "the scratch bucket is gone"
    )


SHAPE = {"state.body-shape"}
COMPARED = {"state.baseline", "state.resources"}
UNREADABLE = {"state.baseline", "state.resources", "state.own"}
"""Unproven beside a body that is no state."""
BODIES: dict[str, tuple[Callable[[dict[str, Any]], bytes], set[str], set[str]]] = {
    "cut": (lambda state: _encoded(state)[:100], SHAPE, UNREADABLE),
    "emptied": (lambda _: b"", SHAPE | {"state.body-whole"}, UNREADABLE),
    "html": (lambda _: b"<html>502</html>", SHAPE, UNREADABLE),
    "version-3": (lambda state: _encoded(state | {"version": 3}), SHAPE | COMPARED, set()),
    "no-resources": (
        lambda state: _encoded({name: state[name] for name in state if name != "resources"}),
        SHAPE | COMPARED,
        set(),
    ),
    "trailing": (lambda state: _encoded(state) + b"{}", SHAPE, UNREADABLE),
    "twice": (lambda state: b'{"serial": 1, ' + _encoded(state)[1:], {"state.baseline"}, set()),
    "older": (lambda state: _encoded(state | {"serial": 6}), {"state.baseline"}, set()),
    "other-lineage": (lambda state: _encoded(state | {"lineage": str(uuid.uuid4())}), {"state.baseline"}, set()),
    "all-gone": (lambda state: _encoded(state | {"serial": 8, "resources": []}), SHAPE | {"state.resources"}, set()),
}
"""Ten bodies, what each violates, and what is unproven then."""


@pytest.mark.parametrize("name", BODIES)
def test_the_guard_is_red_for_an_altered_body(
    name: str, honey: Any, seaweedfs: Any, run_pytest: Any, tmp_path: Path
) -> None:
    where, stack = STACKS["arc-runners"], "arc-runners"
    target = seaweedfs.target(tmp_path, allow='"state-proof"')
    arguments = ["-m", "guard", f"--gf-stack={stack}", f"--gf-baseline={tmp_path / 'b.json'}", f"--gf-target={target}"]
    green = run_pytest(*arguments, "--gf-update-baseline", environment=seaweedfs.environment, lean=True)
    assert green.exit == 0, green.text
    was = json.loads(honey.get_object(Bucket=where.bucket, Key=where.key)["Body"].read())
    alter, violated, unproven = BODIES[name]
    honey.put_object(Bucket=where.bucket, Key=where.key, Body=alter(was))
    red = run_pytest(*arguments, environment=seaweedfs.environment, lean=True)
    assert red.exit == 1, red.text
    assert red.rows("violated") == {f"{row}[{stack}]" for row in violated}
    of_a_checkout = ("stack.", "state.errored-absent", "state.locking-on")
    elsewhere = {row for row in red.verdicts() if row.startswith((*OF_HONEY, *of_a_checkout))}
    assert red.rows("unproven") == elsewhere | {f"{row}[{stack}]" for row in unproven}
    assert red.rows("error") == set()


def _encoded(state: dict[str, Any]) -> bytes:
    return json.dumps(state).encode()


def test_a_deleted_bucket_is_violated_and_nothing_is_made(
    honey: Any, seaweedfs: Any, run_pytest: Any, tmp_path: Path
) -> None:
    honey.delete_bucket(Bucket="attic")
    outcome = run_pytest("-m", "canary", f"--gf-target={seaweedfs.target(tmp_path)}", environment=seaweedfs.environment)
    assert outcome.exit == 1, outcome.text
    assert outcome.rows("violated") == {
        f"rustfs.{name}[attic]" for name in ("list-buckets", "head-bucket", "get-agrees")
    }
    assert outcome.rows("unproven") == {
        row for row in outcome.verdicts() if row.startswith((*OF_HONEY, "rustfs.scratch-", "rustfs.list-after-delete"))
    }
    assert "markers not observed" in outcome.text
    assert {bucket["Name"] for bucket in honey.list_buckets()["Buckets"]} == {"tofu-state", "bazel-cache"}


def test_a_wrong_secret_is_error(honey: Any, seaweedfs: Any, run_pytest: Any, tmp_path: Path) -> None:
    environment = seaweedfs.environment | {"GF_REAL_SECRET": hashlib.sha256(b"wrong").hexdigest()}
    outcome = run_pytest("-m", "canary", f"--gf-target={seaweedfs.target(tmp_path)}", environment=environment)
    assert outcome.exit == 10, outcome.text
    of_honey = {row for row in outcome.verdicts() if row.startswith((*OF_THE_CLUSTER, "rustfs.disk-markers"))}
    assert outcome.rows("unproven") == of_honey - {"bazel.write-through"}, "which would ask S3 first"
    assert outcome.rows("error") == set(outcome.verdicts()) - outcome.rows("unproven") - {"rustfs.anonymous-refused"}
    assert "SignatureDoesNotMatch" in outcome.text
    assert honey.list_buckets()["Buckets"]


def test_the_guard_is_green_and_leaves_nothing(honey: Any, seaweedfs: Any, run_pytest: Any, tmp_path: Path) -> None:
    """Conditional writes on a real server: the proof holds, and no key stays."""
    target = seaweedfs.target(tmp_path, allow='"state-proof"')
    baseline = f"--gf-baseline={tmp_path / 'baseline.json'}"
    first = run_pytest(
        "-m", "guard", baseline, "--gf-update-baseline", f"--gf-target={target}", environment=seaweedfs.environment
    )
    assert first.exit == 0, first.text
    assert first.text.count("was none; is serial 7, lineage ") == len(STACKS)
    again = run_pytest("-m", "guard", baseline, f"--gf-target={target}", environment=seaweedfs.environment)
    assert again.exit == 0, again.text
    of_a_checkout = ("stack.", "state.errored-absent", "state.locking-on")
    assert again.rows("unproven") == {row for row in again.verdicts() if row.startswith((*OF_HONEY, *of_a_checkout))}
    keys = {entry["Key"] for entry in honey.list_objects_v2(Bucket="tofu-state")["Contents"]}
    assert keys == {stack.key for stack in STACKS.values()}


def test_a_state_put_back_and_a_lock_left_behind_are_violated(
    honey: Any, seaweedfs: Any, run_pytest: Any, tmp_path: Path
) -> None:
    where = STACKS["arc-runners"]
    target = seaweedfs.target(tmp_path, allow='"state-proof"')
    arguments = [
        "-m",
        "guard",
        "--gf-stack=arc-runners",
        f"--gf-baseline={tmp_path / 'b.json'}",
        f"--gf-target={target}",
    ]
    assert run_pytest(*arguments, "--gf-update-baseline", environment=seaweedfs.environment).exit == 0
    honey.put_object(Bucket=where.bucket, Key=where.key, Body=state(serial=6))
    lock = {"ID": str(uuid.uuid4()), "Operation": "OperationTypePlan", "Who": "a@b", "Created": "2026-01-01T00:00:00Z"}
    honey.put_object(Bucket=where.bucket, Key=f"{where.key}.tflock", Body=json.dumps(lock).encode())
    outcome = run_pytest(*arguments, environment=seaweedfs.environment)
    assert outcome.exit == 1
    assert outcome.rows("violated") == {f"state.{name}[arc-runners]" for name in ("baseline", "lock-free")}
    assert f"tofu force-unlock {lock['ID']}" in outcome.text
