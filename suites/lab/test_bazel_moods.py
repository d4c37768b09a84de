"""The lab's bazel-remote in the moods of a real one, and our probe against them: passwords, modes, its death, a way that breaks."""

from __future__ import annotations

import socket
import struct
import threading
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_gf.engine.errors import IdentityRejected, Unanswered
from pytest_gf.honey.formats import reapi
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.reapi import Cache
from pytest_gf.honey.probes.reapi_wire import Identity
from pytest_gf.lab import Lab
from pytest_gf.lab.bazel import content
from pytest_gf.lab.bazel.server import PASSWORD, USER
from pytest_gf.lab.mischief import Mischief, Rates

BLOB = content.largest()
DIGEST = content.digest(BLOB)


def address(lab: Lab) -> str:
    address: str = tomllib.loads(lab.target_file.read_text())["bazel"]["grpc"]
    return address


@pytest.fixture
def client() -> Iterator[Callable[..., Cache]]:
    """What makes a client of a lab, or of an address."""
    made: list[Cache] = []

    def make(at: str, **more: Any) -> Cache:
        made.append(Cache(at, ca_file=None, **{"deadline": 60.0} | more))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_who_asks_is_let_in_by_a_password(lab: Lab, client: Callable[..., Cache]) -> None:
    lab.bend("bazel-htpasswd")
    for identity, says in (
        (Identity(), "no authentication metadata found"),
        (Identity((USER, "another-password")), "access denied"),
    ):
        stranger = client(address(lab), identity=identity)
        assert stranger.health() == "SERVING", "health is for everybody"
        for call in (stranger.capabilities, lambda: stranger.read(DIGEST, len(BLOB))):  # noqa: B023  # Called at once.
            with pytest.raises(IdentityRejected, match=says) as refused:
                call()
            assert "username_env and password_env of [bazel]" in refused.value.next_step
    known = client(address(lab), identity=Identity((USER, PASSWORD)))
    assert known.capabilities().status.ok
    assert known.read(DIGEST, len(BLOB)).sha256 == DIGEST
    assert PASSWORD not in repr(Identity((USER, PASSWORD)))


def test_a_server_that_is_not_ready_is_asked_again_and_is_an_error_then(lab: Lab, client: Callable[..., Cache]) -> None:
    lab.bend("bazel-not-ready")
    with pytest.raises(Throttled, match="not ready yet"):
        client(address(lab), deadline=1.0).capabilities()
    assert lab.counts()["bazel GetCapabilities"] > 2


def test_a_server_that_was_switched_finds_the_other_mode_no_more(
    lab: Lab, s3: Any, client: Callable[..., Cache]
) -> None:
    lab.bend("bazel-uncompressed")
    cache = client(address(lab))
    assert cache.read(DIGEST, len(BLOB)).status.code == "NOT_FOUND"
    payload = b"written uncompressed " * 100
    digest = content.digest(payload)
    assert cache.batch_write(payload).ok
    for compressor in (reapi.IDENTITY, reapi.ZSTD):
        assert cache.read(digest, len(payload), compressor=compressor).sha256 == digest
        assert cache.batch_read(digest, len(payload), compressor=compressor).sha256 == digest
    assert cache.read(content.digest(b"another"), 7).status.code == "NOT_FOUND"
    for _ in range(100):
        objects = s3.list_objects_v2(Bucket="bazel-cache", Prefix=content.raw_key(digest)).get("Contents", ())
        if objects:
            break
    s3.delete_object(Bucket="bazel-cache", Key=content.raw_key(digest))
    lab.mend()
    assert cache.read(DIGEST, len(BLOB)).sha256 == DIGEST


def test_a_chunk_size_of_nothing_ends_the_server_where_it_is_decoded(lab: Lab, client: Callable[..., Cache]) -> None:
    """A compressed read sends what is stored, and divides by nothing."""
    lab.bend("bazel-blob:chunk-size")
    cache = client(address(lab), deadline=3.0)
    assert cache.read(DIGEST, len(BLOB), compressor=reapi.ZSTD).sha256 == DIGEST
    with pytest.raises(Unanswered):
        cache.batch_read(DIGEST, len(BLOB))
    with pytest.raises(Unanswered):
        client(address(lab)).capabilities()
    lab.mend()
    assert client(address(lab)).read(DIGEST, len(BLOB)).sha256 == DIGEST


def test_a_reset_at_connect_costs_no_answer(lab: Lab, client: Callable[..., Cache]) -> None:
    """The first connection is reset at once; the second is passed on."""
    upstream = address(lab).rpartition("/")[2]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        cache = client(f"grpc://127.0.0.1:{port}", deadline=5.0)

        def serve() -> None:
            first, _ = listener.accept()
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            first.close()
            second, _ = listener.accept()
            host, _, number = upstream.rpartition(":")
            other = socket.create_connection((host, int(number)))
            for source, sink in ((second, other), (other, second)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        assert cache.capabilities().status.ok


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        source.close()
        sink.close()


def test_noise_on_the_way_costs_no_answer(
    lab: Lab, client: Callable[..., Cache], mischief: Callable[..., Mischief]
) -> None:
    proxy = mischief(address(lab).rpartition("/")[2], Rates(slow=0.05, reset=0.05), seed=3)
    cache = client(f"grpc://{proxy.address}", deadline=20.0)
    for _ in range(60):
        assert cache.capabilities().status.ok
        assert cache.missing("0" * 64, 5)[1]
    assert proxy.done["slow"] + proxy.done["reset"], "it was no test"


def test_mended_a_blob_is_read_as_it_was(lab: Lab, client: Callable[..., Cache]) -> None:
    """What the hot cache read of the defect is forgotten with it."""
    cache = client(address(lab))
    lab.bend("bazel-blob:other")
    assert cache.read(DIGEST, len(BLOB)).sha256 != DIGEST
    lab.mend()
    assert cache.read(DIGEST, len(BLOB)).sha256 == DIGEST
