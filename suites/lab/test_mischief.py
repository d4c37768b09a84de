"""The proxy that spoils exchanges: each deed is what it says, to HTTP/1.1 and to gRPC, and a seed makes the same ones again."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_gf.honey.probes.reapi import Cache
from pytest_gf.lab import Lab
from pytest_gf.lab.mischief import Mischief, Rates
from pytest_gf.lab.seaweedfs import client_of

Before = Callable[..., Mischief]
KEY = "mischief"


def through(proxy: Mischief, lab: Lab) -> Any:
    environment = lab.environment
    return client_of(proxy.url, environment["GF_LAB_S3_ACCESS_KEY"], environment["GF_LAB_S3_SECRET_KEY"])


def outcome(client: Any, key: str = KEY) -> str:
    """Return the status of a GET, or the kind of exception that came instead."""
    from botocore.exceptions import ClientError

    try:
        answer = client.get_object(Bucket="attic", Key=key)
        body = answer["Body"].read()
    except ClientError as refused:
        return f"{refused.response['ResponseMetadata']['HTTPStatusCode']} {refused.response['Error']['Code']}"
    except Exception as broken:  # noqa: BLE001  # Its kind is what the test judges.
        return type(broken).__name__
    # A head that ends too early is a whole one to http.client: 200, no length, no body.
    return str(answer["ResponseMetadata"]["HTTPStatusCode"]) if body else "cut"


@pytest.fixture
def kept(s3: Any) -> bytes:
    """An object of the lab."""
    body = b"0123456789" * 1000
    s3.put_object(Bucket="attic", Key=KEY, Body=body)
    return body


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (Rates(), {"200"}),
        (Rates(late=1.0, latency=0.05), {"200"}),
        (Rates(slow=1.0), {"503 SlowDown"}),
        (Rates(reset=1.0), {"ConnectionClosedError", "ConnectionError"}),
        (Rates(close=1.0), {"ConnectionClosedError"}),
        (Rates(cut=1.0), {"cut", "ConnectionClosedError", "ResponseStreamingError", "IncompleteReadError"}),
    ],
)
def test_what_is_done_to_s3(mischief: Before, lab: Lab, rates: Rates, expected: set[str]) -> None:
    proxy = mischief(lab.addresses["s3"], rates)
    client = through(proxy, lab)
    seen = {outcome(client) for _ in range(4)}
    assert seen <= expected
    assert sum(proxy.done.values()) == 4


@pytest.mark.usefixtures("kept")
def test_rot_is_of_one_key_and_of_get_alone(mischief: Before, lab: Lab, s3: Any) -> None:
    s3.put_object(Bucket="attic", Key="sound", Body=b"sound")
    proxy = mischief(lab.addresses["s3"])
    proxy.rotten.add(f"/{KEY}")
    client = through(proxy, lab)
    assert [outcome(client), outcome(client, "sound"), outcome(client)] == [
        "ConnectionClosedError",
        "200",
        "ConnectionClosedError",
    ]
    assert client.head_object(Bucket="attic", Key=KEY)["ContentLength"] == 10_000
    assert proxy.done == {"rot": 2, "well": 2}


@pytest.mark.usefixtures("kept")
def test_a_seed_makes_the_same_mischief_again(mischief: Before, lab: Lab) -> None:
    rates = Rates(slow=0.2, reset=0.2, close=0.2)

    def run(seed: int) -> list[str]:
        client = through(mischief(lab.addresses["s3"], rates, seed=seed), lab)
        return [outcome(client) for _ in range(30)]

    assert run(1) == run(1) != run(2)
    assert len(set(run(1))) == 3


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (Rates(), "OK"),
        (Rates(late=1.0, latency=0.05), "OK"),
        (Rates(slow=1.0), "UNAVAILABLE"),
        (Rates(reset=1.0), ""),
        (Rates(close=1.0), ""),
    ],
)
def test_what_is_done_to_grpc(mischief: Before, lab: Lab, rates: Rates, expected: str) -> None:
    """Resets and closes raise, since nobody answered."""
    from pytest_gf.engine.errors import ProbeError

    address = urlsplit(str(tomllib.loads(lab.target_file.read_text())["bazel"]["grpc"])).netloc
    proxy = mischief(address, rates)
    cache = Cache(f"grpc://{proxy.address}", ca_file=None, deadline=10.0)
    try:
        code = cache.capabilities().status.code
    except ProbeError as broken:
        code = "UNAVAILABLE" if "503" in broken.came_back else ""
    assert code == expected
    assert proxy.done["well"] + proxy.done["late"] == (1 if expected == "OK" else 0)
