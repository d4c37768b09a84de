"""Caches that answer what no lab does: the probes and facts of Attic and REAPI say a verdict of it, and no traceback."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import zstandard

from pytest_gf import Unproven
from pytest_gf.engine.errors import NotUnderstood, Unanswered
from pytest_gf.engine.facts import read_folder
from pytest_gf.honey.formats import reapi
from pytest_gf.honey.formats.nar import Regular, write
from pytest_gf.honey.formats.narbody import NarBody
from pytest_gf.honey.observed.archive import Archive
from pytest_gf.honey.observed.attic import Family, Said
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes import reapi_wire
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.attic import Attic
from pytest_gf.honey.probes.attic_answers import AtticReply, S3Endpoint
from pytest_gf.honey.probes.reapi import Cache

FACTS = read_folder(Path(__file__).parents[2] / "fixtures")
NAR = b"".join(write(Regular(os.urandom(3_000_000))))
BASE = f"{'c' * 32}-c"
INFO = f"""StorePath: /nix/store/{BASE}
URL: nar/x.nar
Compression: none
NarHash: sha256:{hashlib.sha256(NAR).hexdigest()}
NarSize: {len(NAR)}
"""
Answers = dict[str, tuple[int, dict[str, str], bytes]]


@pytest.fixture
def served(serve: Callable[..., str]) -> tuple[Answers, Attic]:
    """What a web server answers by path, and our client of it."""
    answers: Answers = {}
    address = serve(lambda _, path: answers.get(path, (404, {}, b"")))
    return answers, Attic(address, "main", ca_file=None, deadline=5.0)


def judged(answers: Answers, attic: Attic, info: str = INFO, way: S3Endpoint | None = None) -> Archive:
    answers[f"/main/{'c' * 32}.narinfo"] = (200, {}, info.encode())
    archive: Archive = FACTS["attic_store_hash"].function(attic, way, BucketListed("attic"), "api", "c" * 32)
    return archive


@pytest.mark.parametrize("headers", [{}, {"Location": "http://h:x/?X-Amz-Signature=abcdefgh"}])
@pytest.mark.parametrize("status", [300, 302, 304, 307])
def test_a_redirect_to_nowhere_is_violated(status: int, headers: dict[str, str], served: tuple[Answers, Attic]) -> None:
    answers, attic = served
    answers["/main/nar/x.nar"] = (status, headers, b"")
    archive = judged(answers, attic, way=S3Endpoint("http://127.0.0.1:9"))
    assert not archive.holds
    assert str(status) in archive.seen
    assert "Signature" not in archive.seen + archive.diagnosis
    answers[f"/main/{'d' * 32}.narinfo"] = (status, headers, b"")
    assert attic.narinfo("d" * 32).status == status


@pytest.mark.parametrize("location", ["/real", "../real2"])
def test_a_redirect_to_the_same_server_is_followed(location: str, served: tuple[Answers, Attic]) -> None:
    answers, attic = served
    answers["/real"] = answers["/main/real2"] = (200, {}, NAR)
    answers["/main/nar/x.nar"] = (302, {"Location": location}, b"")
    assert judged(answers, attic).holds
    answers["/real"] = answers["/main/real2"] = (302, {"Location": location}, b"")
    assert not judged(answers, attic, way=S3Endpoint("http://127.0.0.1:9")).holds


def test_a_redirect_is_unproven_where_no_s3_is_named(served: tuple[Answers, Attic]) -> None:
    answers, attic = served
    answers["/main/nar/x.nar"] = (307, {"Location": "http://s3.invalid/x?X-Amz-Signature=abcdefgh"}, b"")
    with pytest.raises(Unproven, match=r"s3\.invalid:80.*no \[s3\]"):
        judged(answers, attic)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f"NarSize: {len(NAR)}", f"NarSize: {'9' * 18}", "size mismatch"),
        ("nar/x.nar", "nar/\x01x.nar", "curl asks for no such URL"),
        ("nar/x.nar", "nar/" + "x" * 70_000, "no URL"),
        ("/nix/store/", "/gnu/store/", "another store"),
    ],
)
def test_a_narinfo_that_lies_is_violated(old: str, new: str, says: str, served: tuple[Answers, Attic]) -> None:
    answers, attic = served
    answers["/main/nar/x.nar"] = (200, {}, NAR)
    assert judged(answers, attic).holds
    archive = judged(answers, attic, INFO.replace(old, new))
    assert not archive.holds
    assert says in archive.diagnosis


@pytest.mark.slow
def test_the_strongest_level_of_zstd_is_read() -> None:
    stream = zstandard.ZstdCompressor(level=22).compressobj()
    body = NarBody("zstd", len(NAR))
    body.feed(stream.compress(NAR) + stream.flush())
    body.finish()
    assert (body.trouble, body.sha256) == ("", hashlib.sha256(NAR).digest())


def test_a_surface_that_fails_is_no_other_family() -> None:
    family: Callable[..., Family] = FACTS["attic_family"].function
    config = {surface: Said(surface, 200, fields={"public_key": "main:x"}) for surface in ("api", "https")}
    infos = {surface: {"small": AtticReply(200, b"x")} for surface in config}
    assert family(config, infos).holds
    for failing in (
        (config | {"https": Said("https", 502)}, infos),
        (config, infos | {"https": {"small": AtticReply(503)}}),
    ):
        with pytest.raises(Unproven, match="https 50"):
            family(*failing)
    other = config | {"https": Said("https", 200, fields={"public_key": "main:y"})}
    assert not family(other, infos | {"https": {"small": AtticReply(503)}}).holds


@pytest.fixture
def remote() -> Iterator[tuple[dict[str, list[bytes]], Cache]]:
    """What a gRPC server streams by method, as bytes of messages, and our client of it."""
    streams: dict[str, list[bytes]] = {}

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types.
        def service(self, details: Any) -> Any:
            name = details.method.rpartition("/")[2]
            return grpc.unary_stream_rpc_method_handler(lambda _request, _context: iter(streams[name]))

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    cache = Cache(f"grpc://127.0.0.1:{port}", ca_file=None, deadline=3.0)
    yield streams, cache
    cache.close()
    server.stop(None)


def test_an_executor_that_answers_is_one(remote: tuple[dict[str, list[bytes]], Cache]) -> None:
    streams, cache = remote
    streams["Execute"] = [b"\x0a\x02op"] * 2  # An Operation, its name "op".
    assert cache.execute().ok


def test_a_size_that_nobody_can_have_is_a_cut(remote: tuple[dict[str, list[bytes]], Cache]) -> None:
    streams, cache = remote
    message = reapi.message("google.bytestream.ReadResponse")
    streams["Read"] = [message(data=piece).SerializeToString() for piece in (b"", b"abc")]
    got = cache.read("a" * 64, 2**63 - 1)
    assert (got.size, got.status.ok) == (3, True)
    assert "ends after 3 bytes" in got.cut


@pytest.mark.parametrize("method", ["BatchReadBlobs", "BatchUpdateBlobs"])
def test_a_batch_that_is_busy_with_the_blob_is_asked_again(
    method: str, remote: tuple[dict[str, list[bytes]], Cache]
) -> None:
    streams, cache = remote
    payload = b"abc"
    digest = hashlib.sha256(payload).hexdigest()

    def ask() -> reapi_wire.Status:
        return cache.batch_read(digest, 3).status if method == "BatchReadBlobs" else cache.batch_write(payload)

    def batch(code: int) -> bytes:
        made = reapi.message(reapi.METHODS[method].response)()
        answer = made.responses.add()
        answer.digest.hash, answer.status.code = digest, code
        if method == "BatchReadBlobs":
            answer.data = payload
        return bytes(made.SerializeToString())

    class InTurn(list[bytes]):
        """What gives each call the next message, and the last one again and again."""

        def __iter__(self) -> Iterator[bytes]:
            return iter([self.pop(0) if len(self) > 1 else self[0]])

    streams[method] = InTurn([batch(14), batch(0)])
    assert ask().ok
    streams[method] = InTurn([batch(5)])
    assert ask().code == "NOT_FOUND"
    streams[method] = InTurn([batch(14)])
    with pytest.raises(Throttled):
        ask()


@pytest.mark.parametrize("message", [b"\xff" * 9, bytes(reapi_wire.MOST_MESSAGE + 1)], ids=["no-message", "too-long"])
def test_what_grpc_can_not_read_is_no_status_of_the_cache(
    message: bytes, remote: tuple[dict[str, list[bytes]], Cache]
) -> None:
    streams, cache = remote
    streams["FindMissingBlobs"] = streams["Read"] = streams["Execute"] = [message]
    for ask in (lambda: cache.missing("a" * 64, 1), cache.execute):
        with pytest.raises(NotUnderstood):
            ask()
    if len(message) > reapi_wire.MOST_MESSAGE:  # The request says how long the blob is: this is another one.
        assert "larger than max" in cache.read("a" * 64, 1).status.details
    else:
        with pytest.raises(NotUnderstood):
            cache.read("a" * 64, 1)


PREFACE, HEADERS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1


@pytest.mark.parametrize("code", [1, 2, 8, 11])
def test_a_stream_that_is_reset_is_no_answer(code: int) -> None:
    """RST_STREAM (RFC 9113, 6.4) says no gRPC status: it is no verdict of the cache's."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                side, _ = listener.accept()
                sides.append(side)
                threads.append(threading.Thread(target=reset, args=(side,)))
                threads[-1].start()

    def reset(side: socket.socket) -> None:
        """Reset every stream that is opened: a frame's head has its length, its type and its stream."""
        with contextlib.suppress(OSError), side.makefile("rb") as frames:
            side.sendall(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
            frames.read(len(PREFACE))
            while head := frames.read(9):
                frames.read(int.from_bytes(head[:3], "big"))
                if head[3] == HEADERS:
                    side.sendall(bytes((0, 0, 4, 3, 0)) + head[5:9] + bytes((0, 0, 0, code)))

    sides: list[socket.socket] = []
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        serving = threading.Thread(target=serve)
        serving.start()
        stack.callback(lambda: _end(sides, threads))
        stack.callback(serving.join)
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        cache = Cache(f"grpc://127.0.0.1:{listener.getsockname()[1]}", ca_file=None, deadline=5.0)
        stack.callback(cache.close)
        with pytest.raises(Unanswered, match="RST_STREAM"):
            cache.missing("a" * 64, 10)


def _end(sides: list[socket.socket], threads: list[threading.Thread]) -> None:
    """Wake and wait for each thread before its socket is closed: no thread ever reads a number that is another's by now."""
    for side, thread in zip(sides, threads, strict=True):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        thread.join()
        side.close()
