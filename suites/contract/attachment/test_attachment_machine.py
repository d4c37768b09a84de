"""Contract section "Developer-machine attachment": the machine that runs."""

from __future__ import annotations

import pytest

from pytest_gf import clause
from pytest_gf.honey.observed.repository import Findings

pytestmark = pytest.mark.environment


@clause("machine.attic-server", "a runner's ATTIC_SERVER is the cluster's address", proves="S020~ S060~")
def test_attic_server(runner_attic_server: Findings) -> None:
    """Set-up gives it where the cache is reachable."""
    assert runner_attic_server.holds


@clause("machine.attic-cache", "a runner's ATTIC_CACHE is main", proves="S060~")
def test_attic_cache(runner_attic_cache: Findings) -> None:
    """The default shared cache is main."""
    assert runner_attic_cache.holds


@clause("machine.no-attic-token", "a pull request's job holds no token of Attic's", proves="S027~")
def test_no_attic_token(pull_request_tokens: Findings) -> None:
    """Pull requests remain read-only for Attic publication: what a job does not hold it can't send."""
    assert pull_request_tokens.holds


@clause("machine.bazel-cache", "a runner's BAZEL_REMOTE_CACHE is the cluster's", proves="S061~")
def test_bazel_cache(runner_bazel_cache: Findings) -> None:
    """Set-up gives it where the cache is reachable; empty is no failure."""
    assert runner_bazel_cache.holds


@clause("machine.substituters", "FlakeHub substitutes nothing on this machine", proves="S004~ S066~")
def test_substituters(machine_substituters: Findings) -> None:
    """The shared cache may be trusted locally; FlakeHub publishes only."""
    assert machine_substituters.holds


@clause("machine.executor-apart", "BAZEL_REMOTE_EXECUTOR is set apart from the cache", proves="S050~")
def test_executor_apart(machine_executor: Findings) -> None:
    """Executor mode is asked for by itself."""
    assert machine_executor.holds


@clause("machine.no-tf-http", "no TF_HTTP_* is set on this machine", proves="S076~")
def test_no_tf_http(machine_http: Findings) -> None:
    """TF_HTTP_* is compatibility-only."""
    assert machine_http.holds


@clause("machine.state-path", "the state is reached by TOFU_BACKEND_S3_* or a file", proves="S075~")
def test_state_path(machine_state_path: Findings) -> None:
    """Just tofu-init reads these families and no other."""
    assert machine_state_path.holds
