"""The guard against moto, an S3 server that says NoSuchBucket in its own way and checks no credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pytest_gf.engine.errors import NotUnderstood, Unanswered, Unproven
from pytest_gf.honey import contract
from pytest_gf.honey.probes import dynamodb
from pytest_gf.honey.target import DynamoDBSection
from pytest_gf.lab import Lab

pytestmark = [pytest.mark.real, pytest.mark.slow]

STACKS = contract.load().stacks


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a moto without a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    vars(server._server)["daemon_threads"] = False  # So that stop waits for them, and each closes its own socket.
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_bucket_that_is_not_there_is_violated_and_nothing_is_written(
    moto: str, run_pytest: Any, tmp_path: Path
) -> None:
    target = tmp_path / "moto.toml"
    target.write_text(
        f'name = "moto"\nvantage = "operator"\nallow = ["state-proof", "scratch"]\n[s3]\nendpoint = "{moto}"\n'
        'access_key_env = "GF_REAL_ACCESS"\nsecret_key_env = "GF_REAL_SECRET"\n'
    )
    environment = {"GF_REAL_ACCESS": "any", "GF_REAL_SECRET": "any-secret"}
    outcome = run_pytest("-m", "guard", f"--gf-target={target}", environment=environment)
    assert outcome.exit == 1, outcome.text
    of_bucket = {f"rustfs.{name}[tofu-state]" for name in ("list-buckets", "head-bucket", "get-agrees")}
    of_stacks = {f"state.{name}[{stack}]" for name in ("object-listed", "body-whole") for stack in STACKS}
    assert outcome.rows("violated") == of_bucket | of_stacks
    assert outcome.rows("error") == set()
    assert "NoSuchBucket" in outcome.text
    assert {f"state.write-proof[{stack}]" for stack in STACKS} <= outcome.rows("unproven")
    assert not (outcome.folder / "ledger.jsonl").exists(), "nothing was about to be made"


@pytest.fixture
def table(moto: str) -> Any:
    """A table of locks, as OpenTofu's backend wants it, and its client."""
    client = boto3.client(
        "dynamodb", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.delete_table(TableName="locks")
    client.close()


def section(moto: str, name: str = "locks") -> DynamoDBSection:
    return DynamoDBSection(endpoint=moto, table=name)


def test_the_lock_of_a_table_is_read(moto: str, table: Any) -> None:
    lock_id = "tofu-state/attic/terraform.tfstate"
    assert dynamodb.lock_of(section(moto), ("any", "any"), lock_id, deadline=20) is None
    table.put_item(TableName="locks", Item={"LockID": {"S": f"{lock_id}-md5"}, "Digest": {"S": "0" * 32}})
    assert dynamodb.lock_of(section(moto), ("any", "any"), lock_id, deadline=20) is None, "a digest is no lock"
    table.put_item(TableName="locks", Item={"LockID": {"S": lock_id}, "Info": {"S": '{"ID": "x"}'}})
    assert dynamodb.lock_of(section(moto), ("any", "any"), lock_id, deadline=20) == '{"ID": "x"}'
    table.put_item(TableName="locks", Item={"LockID": {"S": lock_id}})
    with pytest.raises(NotUnderstood, match="an item without a text in Info"):
        dynamodb.lock_of(section(moto), ("any", "any"), lock_id, deadline=20)


def test_a_table_that_is_not_there_proves_nothing(moto: str) -> None:
    with pytest.raises(Unproven, match="ResourceNotFoundException"):
        dynamodb.lock_of(section(moto, "absent"), ("any", "any"), "b/k", deadline=20)


def test_nobody_there_is_unanswered() -> None:
    with pytest.raises(Unanswered):
        dynamodb.lock_of(section("http://127.0.0.1:9"), ("any", "any"), "b/k", deadline=5)


def test_a_stale_lock_in_the_table_is_a_lock(moto: str, table: Any, run_pytest: Any, tmp_path: Path) -> None:
    """The state itself is whole on the lab's S3; its lock lies in a real table."""
    lock = {"ID": "x", "Operation": "OperationTypeApply", "Info": "", "Who": "a@b", "Version": "1.12.6"}
    lock |= {"Created": "2026-01-01T00:00:00Z", "Path": "tofu-state/attic/terraform.tfstate"}
    table.put_item(TableName="locks", Item={"LockID": {"S": lock["Path"]}, "Info": {"S": json.dumps(lock)}})
    with Lab.start(tmp_path / "lab") as lab:
        target = tmp_path / "lab" / "with-table.toml"
        names = 'access_key_env = "GF_LAB_S3_ACCESS_KEY"\nsecret_key_env = "GF_LAB_S3_SECRET_KEY"\n'
        target.write_text(f'{lab.target_file.read_text()}\n[dynamodb]\nendpoint = "{moto}"\ntable = "locks"\n{names}')
        arguments = ("-m", "guard", "-k", "lock-free", f"--gf-target={target}")
        outcome = run_pytest(*arguments, environment=dict(lab.environment))
    assert outcome.rows("violated") == {"state.lock-free[attic]"}, outcome.text
    reason = outcome.verdicts()["state.lock-free[attic]"]["reason"]
    assert "tofu-state/attic/terraform.tfstate in DynamoDB table locks" in reason
    assert "a@b" in reason
