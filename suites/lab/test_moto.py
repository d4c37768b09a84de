"""The guard against moto, an S3 server that says NoSuchBucket in its own way and checks no credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from pytest_gf.honey import contract

pytestmark = pytest.mark.real

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
