"""The lab's bazel-remote, and our probe against it: every row of docs/systems.md, streams cut at any byte, TLS."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, ProbeError, Unanswered
from pytest_gf.honey.formats import casblob, reapi
from pytest_gf.honey.probes.reapi import Cache
from pytest_gf.lab import Lab, faults
from pytest_gf.lab.bazel import content

BLOB = content.largest()
DIGEST = content.digest(BLOB)
KEY = content.blob_key(DIGEST)


@pytest.fixture
def cache(lab: Lab) -> Iterator[Cache]:
    made = Cache(section(lab)["grpc"], ca_file=None, deadline=3.0)
    yield made
    made.close()


def section(lab: Lab) -> dict[str, Any]:
    bazel: dict[str, Any] = tomllib.loads(lab.target_file.read_text())["bazel"]
    return bazel


def stored(s3: Any, key: str) -> bytes | None:
    """Return the object in the bucket, waiting for it for a minute; None where it does not come."""
    for _ in range(1_200):
        with contextlib.suppress(s3.exceptions.NoSuchKey):
            body: bytes = s3.get_object(Bucket="bazel-cache", Key=key)["Body"].read()
            return body
        time.sleep(0.05)
    return None


def test_a_blob_goes_in_and_comes_out_each_way(lab: Lab, s3: Any, cache: Cache) -> None:
    for compressor in (reapi.IDENTITY, reapi.ZSTD):
        payload = secrets.token_bytes(3_000_000)
        digest = hashlib.sha256(payload).hexdigest()
        status, committed = cache.write(payload, compressor=compressor)
        assert status.ok
        assert committed > 0
        for got in (
            cache.read(digest, len(payload)),
            cache.read(digest, len(payload), compressor=reapi.ZSTD),
            cache.batch_read(digest, len(payload)),
        ):
            assert (got.status.ok, got.size, got.sha256, got.cut) == (True, len(payload), digest, "")
        body = stored(s3, content.blob_key(digest))
        assert body is not None
        assert b"".join(casblob.decode(body)) == payload
        assert not cache.missing(digest, len(payload))[1]


@pytest.mark.parametrize(
    ("fault", "missing", "says"),
    [
        ("bazel-blob:deleted", True, "NOT_FOUND"),
        ("bazel-blob:other", False, "OK"),
        ("bazel-blob:truncated", False, "final offset in chunk table"),
        ("bazel-blob:bad-magic", False, "expected magic number not found"),
        ("bazel-blob:trailing", False, "final offset in chunk table"),
        ("bazel-blob:flipped", False, "CRC check failed"),
        ("bazel-wrong-secret", True, "The request signature we calculated does not match"),
        ("bazel-unknown-key", True, "you provided does not exist in our records."),
        ("bucket-index-lost:bazel-cache", True, "The specified bucket does not exist"),
        ("unreachable", True, "connection refused"),
    ],
)
@pytest.mark.parametrize("compressor", [reapi.IDENTITY, reapi.ZSTD])
def test_the_table_of_faults(  # noqa: PLR0917  # Parameters and fixtures.
    fault: str, missing: bool, says: str, compressor: int, lab: Lab, cache: Cache
) -> None:
    lab.bend(fault)
    status, said = cache.missing(DIGEST, len(BLOB))
    got = cache.read(DIGEST, len(BLOB), compressor=compressor)
    assert (status.ok, said) == (True, missing), "FindMissingBlobs fails under no fault of S3"
    if (fault, compressor) == ("bazel-blob:flipped", reapi.ZSTD):
        says = "no zstd: corrupt"  # It decodes nothing where the casblob is sent as it is stored.
    assert says in f"{got.status} {got.cut}"
    assert got.sha256 != DIGEST or not got.status.ok
    assert cache.health() == "SERVING"
    assert httpx.get(f"{section(lab)['http']}/status", trust_env=False).status_code == 200
    lab.mend()
    shutil.rmtree(lab.folder / "bazel-data", ignore_errors=True)  # It keeps what it read, wrong or not.
    assert cache.read(DIGEST, len(BLOB)).sha256 == DIGEST


def test_a_warm_hot_cache_hides_everything(lab: Lab, cache: Cache) -> None:
    assert cache.read(DIGEST, len(BLOB)).sha256 == DIGEST
    for fault in ("bazel-blob:other", "bazel-blob:deleted", "bucket-index-lost:bazel-cache", "unreachable"):
        lab.bend(fault)
        assert not cache.missing(DIGEST, len(BLOB))[1]
        assert cache.read(DIGEST, len(BLOB)).sha256 == DIGEST
        lab.mend()


def test_a_stream_over_a_corrupt_object_writes_nothing_and_a_batch_does(lab: Lab, s3: Any, cache: Cache) -> None:
    small = content.payload(4)
    key = content.blob_key(content.digest(small))
    before = stored(s3, key)
    s3.put_object(Bucket="bazel-cache", Key=key, Body=b"corrupt")
    assert cache.write(small)[0].ok
    time.sleep(0.3)
    assert stored(s3, key) == b"corrupt"
    assert cache.batch_write(small).ok
    time.sleep(0.3)
    again = stored(s3, key)
    assert again is not None
    assert before is not None
    assert b"".join(casblob.decode(again)) == small


def test_uploads_are_hashed(lab: Lab) -> None:
    address = f"{section(lab)['http']}/cas/"
    assert httpx.put(address + "0" * 64, content=b"x", trust_env=False).status_code == 400
    digest = hashlib.sha256(b"by http").hexdigest()
    assert httpx.put(address + digest, content=b"by http", trust_env=False).status_code == 200
    assert httpx.get(address + digest, trust_env=False).content == b"by http"
    assert httpx.get(address + "1" * 64, trust_env=False).status_code == 404


def test_results_of_actions(lab: Lab, s3: Any, cache: Cache) -> None:
    assert cache.action_result(content.digest(b"action 0"), 8).ok
    assert cache.action_result("0" * 64, 8).code == "NOT_FOUND"
    blob = content.blob_key(content.digest(content.payload(3)))
    before = stored(s3, blob)
    s3.delete_object(Bucket="bazel-cache", Key=blob)
    assert cache.action_result(content.digest(b"action 0"), 8).code == "NOT_FOUND", "a dangling one is a miss"
    s3.put_object(Bucket="bazel-cache", Key=blob, Body=before)


def test_a_server_that_never_answers_is_an_error(lab: Lab) -> None:
    lab.bend("bazel-silent")
    quick = Cache(section(lab)["grpc"], ca_file=None, deadline=0.5)
    for call in (quick.capabilities, lambda: quick.read(DIGEST, 1), lambda: quick.write(b"x")):
        with pytest.raises(DeadlineExceeded, match=r"no whole answer within 0\.5 s"):
            call()
    quick.close()


def test_a_server_that_ends_in_a_call_leaves_stderr_alone(tmp_path: Path) -> None:
    """Grpc's core tells its troubles to stderr unless it is told otherwise before it is imported."""
    with Lab.start(tmp_path, ["bazel-silent"]) as lab:
        script = (
            "import threading, sys; from pytest_gf.honey.probes.reapi import Cache; "
            f"cache = Cache({section(lab)['grpc']!r}, ca_file=None, deadline=20.0); "
            "threading.Timer(0.5, lambda: (print('asked', flush=True))).start(); cache.capabilities()"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
        asking = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert asking.stdout is not None
        assert asking.stdout.readline() == "asked\n"
    _, told = asking.communicate(timeout=60)
    assert "Unanswered" in told.splitlines()[-1]
    assert "chttp2" not in told


def test_nobody_there_and_back_again(lab: Lab) -> None:
    lab.bend("bazel-unreachable")
    away = Cache(section(lab)["grpc"], ca_file=None, deadline=3.0)
    with pytest.raises(Unanswered, match="Connection refused"):
        away.read(DIGEST, len(BLOB))
    away.close()
    lab.mend()
    back = Cache(section(lab)["grpc"], ca_file=None, deadline=3.0)
    assert back.capabilities().status.ok
    back.close()


def test_a_web_server_is_no_cache(lab: Lab) -> None:
    strange = Cache(section(lab)["http"].replace("http://", "grpc://"), ca_file=None, deadline=3.0)
    with pytest.raises((Unanswered, NotUnderstood)):
        strange.capabilities()
    strange.close()


class Proxy:
    """A TCP proxy. The answer begins ``late`` seconds after the connection, and ends with it after ``most`` bytes."""

    def __init__(self, port: int, most: int | None, late: float = 0.0) -> None:
        self._late = late
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._upstream, self._most = port, most
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                side, _ = self._listener.accept()
                time.sleep(self._late)
                other = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [side, other]
                threading.Thread(target=self._pump, args=(side, other, None), daemon=True).start()
                threading.Thread(target=self._pump, args=(other, side, self._most), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, most: int | None) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(65_536 if most is None else min(65_536, most))) and (most is None or most > 0):
                sink.sendall(data)
                most = None if most is None else most - len(data)
                if most == 0:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close everything; shutdown wakes the thread that waits for a connection."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_a_connection_may_take_its_time(lab: Lab) -> None:
    proxy = Proxy(int(section(lab)["grpc"].rpartition(":")[2]), None, late=0.3)
    through = Cache(f"grpc://127.0.0.1:{proxy.port}", ca_file=None, deadline=60.0)
    assert reapi.SHA256 in through.capabilities().digest_functions
    through.close()
    proxy.close()


@pytest.mark.parametrize("compressor", [reapi.IDENTITY, reapi.ZSTD])
@pytest.mark.parametrize("most", [400, 1_000, 5_000, 70_000, 300_000, 800_000])
def test_a_stream_cut_at_any_byte_is_cut(most: int, compressor: int, lab: Lab) -> None:
    proxy = Proxy(int(section(lab)["grpc"].rpartition(":")[2]), most)
    through = Cache(f"grpc://127.0.0.1:{proxy.port}", ca_file=None, deadline=60.0)
    got = through.read(DIGEST, len(BLOB), compressor=compressor)
    assert got.status.ok
    assert got.cut.startswith("the stream ends early: ")
    assert got.size < len(BLOB)
    through.close()
    proxy.close()


@pytest.mark.parametrize("most", [0, 1, 20])
def test_a_connection_cut_before_any_answer_is_an_error(most: int, lab: Lab) -> None:
    proxy = Proxy(int(section(lab)["grpc"].rpartition(":")[2]), most)
    through = Cache(f"grpc://127.0.0.1:{proxy.port}", ca_file=None, deadline=2.0)
    with pytest.raises(ProbeError):
        through.read(DIGEST, len(BLOB))
    through.close()
    proxy.close()


@pytest.mark.parametrize("name", ["grpcs", "stranger"])
def test_tls(name: str, lab: Lab, tmp_path: Path) -> None:
    """grpcs:// trusts ca_file alone: a certificate of another authority is refused before anything is asked."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    from pytest_gf.lab.kube import tls

    tls.context(tmp_path)
    key, chain = (tmp_path / "tls.key").read_bytes(), (tmp_path / "tls.pem").read_bytes()
    method = reapi.METHODS["GetCapabilities"]
    empty = reapi.message(method.response)().SerializeToString()
    handler = grpc.method_handlers_generic_handler(
        method.path.split("/")[1], {"GetCapabilities": grpc.unary_unary_rpc_method_handler(lambda _, __: empty)}
    )
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    authority = tmp_path / tls.CA if name == "grpcs" else lab.folder / tls.CA
    cache = Cache(f"grpcs://127.0.0.1:{port}", ca_file=str(authority), deadline=5.0)
    if name == "grpcs":
        assert cache.capabilities().status.ok
    else:
        with pytest.raises(Unanswered):
            cache.capabilities()
    cache.close()
    server.stop(None)


def test_an_authority_that_is_gone_is_an_error_of_the_probe() -> None:
    cache = Cache("grpcs://127.0.0.1:9", ca_file="/nowhere/ca.pem", deadline=1.0)
    for call in (cache.capabilities, lambda: cache.read(DIGEST, 1)):
        with pytest.raises(Unanswered, match=r"reading /nowhere/ca\.pem"):
            call()


def test_proxies_in_the_environment_are_ignored_for_loopback(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:9")
    near = Cache(section(lab)["grpc"], ca_file=None, deadline=3.0)
    assert near.capabilities().status.ok
    near.close()


def test_every_defect_of_the_faults_exists_and_is_told_apart() -> None:
    made = content.defects(content.largest())
    assert {"deleted", *made} == set(faults.DEFECTS)
    kinds: dict[str, str] = {}
    for name, body in made.items():
        try:
            digest = content.digest(b"".join(casblob.decode(body)))
        except casblob.Malformed as wrong:
            kinds[name] = wrong.kind
        else:
            kinds[name] = "mismatch" if digest != DIGEST else "none"
    same_name = {name for name in made if kinds[name] == name}
    assert same_name == set(made) - {"other", "truncated", "bad-magic", "flipped"}
    assert {name: kinds[name] for name in set(made) - same_name} == {
        "other": "mismatch",
        "truncated": "cut",
        "bad-magic": "magic",
        "flipped": "frame",
    }


def test_the_server_is_gone_with_its_lab(tmp_path: Path) -> None:
    lab = Lab.start(tmp_path)
    port = int(section(lab)["grpc"].rpartition(":")[2])
    lab.stop()
    with pytest.raises(OSError, match=os.strerror(111)):
        socket.create_connection(("127.0.0.1", port), timeout=60)


def test_every_method_is_asked(lab: Lab, cache: Cache) -> None:
    """The probe's calls reach the lab under their own names."""
    lab.reset()
    calls: list[Callable[[], object]] = [cache.capabilities, cache.health, lambda: cache.missing(DIGEST, 1)]
    for call in calls:
        call()
    assert lab.counts() == {"bazel GetCapabilities": 1, "bazel Check": 1, "bazel FindMissingBlobs": 1}
