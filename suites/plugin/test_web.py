"""A public page is asked within its deadline, whatever its server does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.honey.probes import web
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.http_client import authorities


def test_an_answer_is_one_whatever_it_says(serve: Callable[..., str]) -> None:
    for status in (200, 301, 404, 500, 503):
        assert web.answers(serve(lambda *_, status=status: (status, {}, b"x")), deadline=10).status == status


def test_authorities_that_are_not_there_are_one_error_and_none_to_this_machine(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    authorities.cache_clear()
    try:
        assert web.answers(serve(lambda *_: (200, {}, b"")), deadline=60).status == 200
        with pytest.raises(Unanswered, match="SSL_CERT_FILE"):
            authorities(None)
        with pytest.raises(Unanswered, match=r"/nowhere\.pem"):
            authorities("/nowhere.pem")
    finally:
        authorities.cache_clear()


def test_a_429_is_asked_again_and_then_no_answer(serve: Callable[..., str]) -> None:
    statuses: Iterator[int] = iter([429, 429, 200])
    assert web.answers(serve(lambda *_: (next(statuses), {"Retry-After": "0"}, b"")), deadline=30).status == 200
    with pytest.raises(Throttled):
        web.answers(serve(lambda *_: (429, {}, b"")), deadline=3)


@contextlib.contextmanager
def raw(talk: Callable[[socket.socket], Any]) -> Iterator[str]:
    """Serve connections with a function each; yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(4096)
            talk(connection)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def test_a_header_that_drips_ends_at_the_deadline() -> None:
    with raw(drip) as address:
        begun = time.monotonic()
        with pytest.raises(ProbeError):
            web.answers(address, deadline=1.0)
        assert time.monotonic() - begun < 60, "a socket's own timeout would never end it"


def test_one_reset_costs_nothing() -> None:
    calls: list[int] = []

    def once(connection: socket.socket) -> None:
        calls.append(1)
        if len(calls) > 1:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw(once) as address:
        assert web.answers(address, deadline=20).status == 200
    assert len(calls) == 2


def test_nothing_there_is_unanswered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unanswered):
        web.answers(f"http://127.0.0.1:{port}/", deadline=5)
