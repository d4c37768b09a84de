"""The audit's own S3 client: what it signs, what it believes, what it asks again, and when it gives up."""

from __future__ import annotations

import itertools
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.errors import DeadlineExceeded, IdentityRejected, NotUnderstood, ProbeError, Unanswered
from pytest_gf.honey.formats import casblob, pieces
from pytest_gf.honey.probes.deadline import LEAST_RATE
from pytest_gf.honey.probes.http_bulk import BUFFER, TICK, Cut, Place
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.probes.s3_bulk import AHEAD, PAGE, Reader
from pytest_gf.honey.target import S3Section
from pytest_gf.lab.kube import tls

Serve = Callable[[socket.socket, int], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
LISTING = "<ListBucketResult><IsTruncated>{}</IsTruncated>{}</ListBucketResult>"


def entry(key: str) -> str:
    return f"<Contents><Key>{key}</Key><Size>5</Size></Contents>"


def answer(body: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())


class Scripted:
    """A server that plays a part: ``serve`` gets each connection, and its number from 0."""

    def __init__(self, serve: Serve, context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._serve, self._context = serve, context
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
            except OSError:
                continue
            number = self.connections
            self.connections += 1
            threading.Thread(target=self._play, args=(connection, number), daemon=True).start()

    def _play(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                self._serve(connection, number)
            except OSError:
                return


def each(*answers: bytes) -> Serve:
    """Answer the requests of a connection in this order, then end it."""

    def serve(connection: socket.socket, _: int) -> None:
        for data in answers:
            connection.recv(65_536)
            connection.sendall(data)

    return serve


@pytest.fixture
def reader() -> Iterator[Callable[..., Reader]]:
    """What makes a client of a scripted server."""
    made: list[Reader] = []

    def make(
        server: Scripted,
        *,
        deadline: float = 5.0,
        scheme: str = "http",
        ca_file: str | None = None,
        ahead: int | None = None,
    ) -> Reader:
        section = S3Section(f"{scheme}://127.0.0.1:{server.port}", ca_file=ca_file)
        place = Place(Access(section, ("KEY", "SECRET-OF-THE-TEST")), "b", deadline)
        made.append(Reader(place, ahead))
        return made[-1]

    yield make
    for made_one in made:
        made_one.close()


def whole(reader: Reader, key: str = "k") -> bytes:
    answered, body = reader.get(key)
    assert answered.ok
    return b"".join(map(bytes, pieces.each(body)))


def test_one_connection_carries_many_answers(reader: Any) -> None:
    server = Scripted(each(*[OK] * 3))
    client = reader(server)
    assert [whole(client) for _ in range(3)] == [b"hello"] * 3
    assert server.connections == 1


def test_a_stale_connection_is_made_anew_and_the_request_asked_again(reader: Any) -> None:
    server = Scripted(each(OK))
    client = reader(server)
    assert [whole(client), whole(client)] == [b"hello"] * 2
    assert server.connections == 2


def test_what_was_never_answered_is_asked_twice_and_no_more(reader: Any) -> None:
    server = Scripted(each(b""))
    with pytest.raises(Unanswered, match="the connection was closed"):
        reader(server).get("k")
    assert server.connections == 2


def test_objects_are_asked_for_before_their_turn_and_judged_in_it(reader: Any) -> None:
    """The server answers none before it was asked for `AHEAD` objects."""
    asked_for = threading.Barrier(AHEAD[0], timeout=60)

    def serve(connection: socket.socket, _: int) -> None:
        while request := connection.recv(65_536):
            key = request.split(b" ", 2)[1].rpartition(b"/")[2]
            asked_for.wait()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(key), key))

    keys = [f"k{at}" for at in range(3 * AHEAD[0])]
    server = Scripted(serve)
    client = reader(server, deadline=60.0, ahead=AHEAD[0])
    assert [whole(client, key) for key, _ in client.in_turn((key, 1) for key in keys)] == [key.encode() for key in keys]
    assert server.connections == AHEAD[0]


def test_a_cut_body_is_no_probe_error_and_is_not_asked_again(reader: Any) -> None:
    server = Scripted(each(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"))
    with pytest.raises(Cut, match="the body was cut"):
        whole(reader(server))
    assert server.connections == 1


def test_a_body_that_nobody_reads_to_its_end_spoils_no_later_answer(reader: Any) -> None:
    client = reader(Scripted(each(OK)))
    _, body = client.get("k")
    del body
    assert whole(client) == b"hello"


BODY = random.Random(3).randbytes(4 * BUFFER)  # noqa: S311  # Test data.


def in_chunks(body: bytes) -> bytes:
    """Return an answer whose chunks fit neither a buffer nor what is asked for."""
    sizes, chunks, at = itertools.cycle((1, 70_000, BUFFER + 3)), [], 0
    while part := body[at : at + next(sizes)]:
        chunks.append(b"%x\r\n%s\r\n" % (len(part), part))
        at += len(part)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_comes_in_any_amounts(chunked: bool, reader: Any) -> None:
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    client = reader(Scripted(each(in_chunks(BODY) if chunked else sized, OK)))
    _, body = client.get("k")
    asked = [1, 29, casblob.HELD, 7, BUFFER, BUFFER - 1, 5_000]
    parts = [bytes(body.up_to(count)) for count in asked]
    assert [len(part) for part in parts] == asked
    assert b"".join(parts) + b"".join(map(bytes, pieces.each(body))) == BODY
    assert (bytes(body.some(1)), bytes(body.up_to(1))) == (b"", b"")
    assert whole(client) == b"hello"


def test_a_chunk_that_is_held_fits_the_buffer() -> None:
    """Else it would be put together from parts, which costs more than decoding it."""
    assert casblob.HELD <= BUFFER


def drips(connection: socket.socket, _: int) -> None:
    """A byte now and then: no socket timeout ever passes."""
    connection.recv(65_536)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000):
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def silent(connection: socket.socket, _: int) -> None:
    connection.recv(65_536)
    time.sleep(120)


@pytest.mark.parametrize("serve", [drips, silent])
def test_the_deadline_holds_against_what_drips_or_is_silent(serve: Serve, reader: Any) -> None:
    client = reader(Scripted(serve), deadline=0.5)
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        whole(client)
    assert time.monotonic() - begun < 60


def test_what_its_reader_does_with_a_body_is_not_the_servers_time(reader: Any) -> None:
    """The files of a tree are looked for while it is read; only waiting for it counts."""
    body = bytes(320_000)
    server = Scripted(each(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)))
    _, source = reader(server, deadline=0.3).get("k")
    begun, taken = time.monotonic(), 0
    while part := source.some(70_000):
        taken += len(part)
        time.sleep(0.5)
    assert taken == len(body)
    assert time.monotonic() - begun > 0.3 + len(body) / LEAST_RATE + 2 * TICK, "it was no test"


def test_what_comes_earns_its_time_and_a_promised_length_none(reader: Any) -> None:
    """A hostile length would else be waited for without end, and a long body in chunks for no longer than a short one."""

    def endless(connection: socket.socket, _: int) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n")
        while True:
            time.sleep(0.1)
            connection.sendall(b"x")

    def steady(connection: socket.socket, _: int) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for size in (100_000,) * 5 + (0,):
            time.sleep(0.2)
            connection.sendall(b"%x\r\n%s\r\n" % (size, bytes(size)))

    _, body = reader(Scripted(endless), deadline=0.5).get("k")
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        body.up_to(10_000)
    assert time.monotonic() - begun < 60
    assert len(whole(reader(Scripted(steady), deadline=0.5))) == 500_000


EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!"


def test_what_nobody_asked_for_is_no_answer(reader: Any) -> None:
    """Neither what came right behind an answer, nor what came later: each later answer would be taken for the one before it."""
    spoke = threading.Event()

    def talkative(connection: socket.socket, number: int) -> None:
        each(OK)(connection, number)
        time.sleep(0.1)  # So that it does not come with the answer.
        connection.sendall(EVIL)
        spoke.set()

    client = reader(Scripted(each(OK + EVIL)))
    assert [whole(client) for _ in range(3)] == [b"hello"] * 3
    client = reader(Scripted(talkative))
    assert whole(client) == b"hello"
    assert spoke.wait(60)
    assert whole(client) == b"hello"


@pytest.mark.parametrize(
    "body", [b"5\r\nhelloWORLD\r\n0\r\n\r\n", b"1_0\r\nhello", b"-5\r\nhello", b"x\r\n", b"5" * 9_000]
)
def test_what_is_no_body_in_chunks_is_cut(body: bytes, reader: Any) -> None:
    with pytest.raises(Cut):
        whole(reader(Scripted(each(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body))))


@pytest.mark.parametrize("status", [103, 203, 206, 304, 307])
def test_what_is_neither_the_object_nor_a_refusal_is_not_understood(status: int, reader: Any) -> None:
    server = Scripted(each(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status, OK))
    with pytest.raises(NotUnderstood, match=f"{status}, neither"):
        reader(server).get("k")
    with pytest.raises(NotUnderstood, match=f"{status}, neither"):
        reader(server).head("k")


def test_a_servers_own_order_is_no_disorder(reader: Any) -> None:
    """SeaweedFS lists x/1 before x-1."""
    page = reader(Scripted(each(answer(LISTING.format("false", entry("p/x/1") + entry("p/x-1")))))).list("p/")
    assert [key for key, _ in page.objects] == ["p/x/1", "p/x-1"]


def test_folders_are_listed_and_counted(reader: Any) -> None:
    folders = "".join(f"<CommonPrefixes><Prefix>p/{name}/</Prefix></CommonPrefixes>" for name in ("a&amp;b", "zz"))
    body = LISTING.format("false", "<KeyCount>3</KeyCount>" + entry("p/k") + folders)
    page = reader(Scripted(each(answer(body)))).list("p/", delimiter="/")
    assert (page.objects, page.folders) == ((("p/k", 5),), ("p/a&b/", "p/zz/"))


def test_the_first_bytes_are_a_part_or_the_beginning_of_all(reader: Any) -> None:
    part = b"HTTP/1.1 206 Part\r\nContent-Length: 3\r\nContent-Range: bytes 0-2/9\r\n\r\nabc"
    for sent in (part, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi"):
        client = reader(Scripted(each(sent, OK)))
        answer_, first = client.first("k", 3)
        assert (answer_.ok, first) == (True, b"abc")
        assert whole(client) in {b"hello", b"abcdefghi"}, "what was left of it spoils no later answer"
    with pytest.raises(Unanswered, match="the body was cut"):
        reader(Scripted(each(b"HTTP/1.1 206 Part\r\nContent-Length: 3\r\n\r\na"))).first("k", 3)


def test_an_answer_to_head_may_lack_a_length(reader: Any) -> None:
    client = reader(Scripted(each(b"HTTP/1.1 404 No\r\n\r\n", OK)))
    assert client.head("k")[0].status == 404
    assert whole(client) == b"hello"


def test_a_long_head_spoils_no_later_answer(reader: Any) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        each(STRANGE["long head"] if not number else OK)(connection, number)

    client = reader(Scripted(serve))
    with pytest.raises(NotUnderstood):
        client.get("k")
    assert whole(client) == b"hello"


def test_a_listing_in_chunks_is_read(reader: Any) -> None:
    body = LISTING.format("false", entry("p/a") + entry("p/b&amp;c")).encode()
    chunked = b"".join(b"%x;x=y\r\n%s\r\n" % (len(part), part) for part in (body[:70], body[70:]))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = reader(Scripted(each(head + chunked + b"0\r\nTrailer: x\r\n\r\n", OK)))
    page = client.list("p/")
    assert (page.objects, page.truncated) == ((("p/a", 5), ("p/b&c", 5)), False)
    assert whole(client) == b"hello"


STRANGE = {
    "html": answer("<html>a proxy</html>"),
    "elsewhere": answer(LISTING.format("false", entry("q/a"))),
    "disorder": answer(LISTING.format("false", entry("p/b") + entry("p/a"))),
    "repeats": answer(LISTING.format("true", entry("p/a"))),
    "ends early": answer("<ListBucketResult>" + entry("p/b") + "<Contents><Key>p/c</K"),
    "an error in it": answer("<ListBucketResult>" + entry("p/b") + "<Error><Code>InternalError</Code></Error>"),
    "another's names": answer("<s3:ListBucketResult><s3:IsTruncated>true</s3:IsTruncated></s3:ListBucketResult>"),
    "miscounted": answer(LISTING.format("false", "<KeyCount>3</KeyCount>" + entry("p/b"))),
    "too many": answer(LISTING.format("false", "".join(entry(f"p/b{at:04}") for at in range(PAGE + 1)))),
    "whole or not": answer(f"<ListBucketResult>{entry('p/b')}</ListBucketResult>"),
    "endless": answer(LISTING.format("true", "")),
    "no size": answer(LISTING.format("false", "<Contents><Key>p/z</Key></Contents>")),
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<ListBucketResult>",
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n",
    "redirect": b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\n\r\n",
    "long head": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_listing_is_not_understood(name: str, reader: Any) -> None:
    with pytest.raises(Unanswered if name == "cut" else NotUnderstood):  # A cut one is asked again.
        reader(Scripted(each(STRANGE[name]))).list("p/", after="p/a")


@pytest.mark.parametrize(("code", "expected"), [("NoSuchKey", None), ("SignatureDoesNotMatch", IdentityRejected)])
def test_a_refusal_is_an_answer_and_a_rejected_identity_an_error(
    code: str, expected: type[ProbeError] | None, reader: Any
) -> None:
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    client = reader(Scripted(each(b"HTTP/1.1 404 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))))
    if expected is None:
        assert str(client.get("k")[0]) == f"404 {code}"
        return
    with pytest.raises(expected):
        client.get("k")


def test_tls_is_trusted_by_the_ca_file_alone(reader: Any, tmp_path: Path) -> None:
    server, ca_file = Scripted(each(*[OK] * 3), tls.context(tmp_path)), tmp_path / tls.CA
    trusting = reader(server, scheme="https", ca_file=str(ca_file))
    assert [whole(trusting) for _ in range(3)] == [b"hello"] * 3
    assert server.connections == 1
    with pytest.raises(Unanswered, match="CERTIFICATE_VERIFY_FAILED"):
        reader(server, scheme="https").get("k")
