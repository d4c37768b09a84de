"""The lab that a module's tests share, and a real SeaweedFS beside it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab import mischief as spoiling
from pytest_gf.lab import seaweedfs as weed
from pytest_gf.lab.mischief import Mischief, Rates
from pytest_gf.lab.seaweedfs import Server, client_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab that the tests of a module share."""
    with Lab.start(tmp_path_factory.mktemp("running") / "lab") as started:
        yield started


@pytest.fixture
def lab(running: Lab) -> Iterator[Lab]:
    """The module's lab, with an empty journal and a cold hot cache; mended after each test."""
    shutil.rmtree(running.folder / "bazel-data", ignore_errors=True)
    running.reset()
    yield running
    running.mend()


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


@pytest.fixture
def mischief() -> Iterator[Callable[..., Mischief]]:
    """What puts a proxy before a server: ``mischief(address, Rates(slow=0.05), seed=7)``. They end with the test."""
    with contextlib.ExitStack() as stack:

        def before(upstream: str, rates: Rates | None = None, *, seed: int = 0) -> Mischief:
            return stack.enter_context(spoiling.mischief(upstream, rates or Rates(), seed=seed))

        yield before
