"""Real servers beside the lab: SeaweedFS, started on loopback and checked before anybody uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab import seaweedfs as weed
from pytest_gf.lab.seaweedfs import Server, client_of


@pytest.fixture
def s3_of() -> Callable[[Lab], Any]:
    """What makes a plain boto3 client of a lab's S3."""

    def client(lab: Lab) -> Any:
        environment = lab.environment
        return client_of(lab.addresses["s3"], environment["GF_LAB_S3_ACCESS_KEY"], environment["GF_LAB_S3_SECRET_KEY"])

    return client


@pytest.fixture
def s3(lab: Lab, s3_of: Callable[[Lab], Any]) -> Any:
    """A plain boto3 client of this module's lab."""
    return s3_of(lab)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A `weed mini` that creates no bucket by itself."""
    with weed.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server
