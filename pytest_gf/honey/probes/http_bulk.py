"""HTTP/1.1 for thousands of small answers: one kept connection, one buffer that is used again, a deadline that holds."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, ProbeError, Unanswered
from pytest_gf.honey.formats.pieces import PIECE, Pieces, Source, joined
from pytest_gf.honey.probes.deadline import LEAST_RATE
from pytest_gf.honey.probes.s3_client import CONNECT

if TYPE_CHECKING:
    import ssl

BUFFER = 2 * 1024 * 1024
"""Bytes of a body that can be had in one: a chunk of a casblob that is held to be decoded at once."""
MOST_HEAD = 64 * 1024
TICK = 0.2
"""Seconds between two looks at who is past its deadline."""
IDLE = 1.0
"""Seconds after which a connection is looked at before it is used again: an idle one may have been told to end."""
ATTEMPTS = 2
"""A request that was never answered is made once more: its connection may have been stale."""

_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
_LONGEST_LINE = 4_096
_NEVER = float("inf")


class Cut(Exception):  # It is no error of the probe: what was cut is a finding.
    """An answer that began and did not come to its end."""


class _Lost(Exception):
    """The connection ended."""


def _no_route() -> str:
    return ""


@dataclass(frozen=True)
class Address:
    """Where connections go: ``host`` and ``port`` to dial, ``tls`` and the name its certificate must have ("" for plain).

    ``broken`` says why the route there broke, "" while it stands: what comes through a broken one is no answer of the system.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str = ""
    broken: Callable[[], str] = _no_route


class Watchdog:
    """Cuts connections past their deadline: socket timeouts are none against an answer that drips. `close` it."""

    def __init__(self) -> None:
        self._connections: list[Connection] = []
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def guard(self, connection: Connection) -> None:
        """Watch this one from now on."""
        self._connections.append(connection)

    def close(self) -> None:
        """Watch no more."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(TICK):
            now = time.monotonic()
            for connection in tuple(self._connections):
                connection.expire(now)


class Connection:
    """One connection, made when it is first needed and again when it broke. For one thread at a time.

    ``send`` sends a request; ``answer`` reads the head of its answer, whose time begins then. After that ``body`` must be
    read to its end, or the connection is made anew. They raise `Unanswered`, `DeadlineExceeded`, `NotUnderstood`; a body that
    breaks raises `Cut`. Connections of one thread may share a ``buffer`` if one answer is read after the other.
    """

    def __init__(self, address: Address, deadline: float, watchdog: Watchdog, buffer: bytearray | None = None) -> None:
        self._address, self._deadline = address, deadline
        self._socket: socket.socket | None = None
        self._lever: socket.socket | None = None
        self._buffer = buffer if buffer is not None else bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._at = self._end = 0
        self._left = 0
        self._answered = self._request = b""
        self._lost: _Lost | None = None
        self.tried = ""
        # Seconds for which this answer may still be waited for: what its reader does with it meanwhile is not its time.
        self._spare = 0.0
        self._ends = _NEVER
        self._used = 0.0
        self._expired: socket.socket | None = None
        self._closes = self._chunked = False
        self.length: int | None = None
        """The Content-Length of the last answer, None where it has none."""
        watchdog.guard(self)

    def send(self, request: bytes, tried: str) -> None:
        """Send a request, whose answer is for later. ``tried`` names it to people. What fails here `answer` tells."""
        self._request, self.tried = request, tried
        if self._left or self._at != self._end or self._closes or self._stale():
            self.close()
        try:
            self._send(time.monotonic() + self._deadline)
        except _Lost as lost:
            self._lost = lost

    def answer(self) -> int:
        """Return the status of the answer to what was sent; what was never answered is sent once more."""
        self._spare, begun = self._deadline, time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._head(begun)
            except _Lost as lost:
                trouble = self._trouble()
                if trouble is not None:
                    raise trouble from None
                if attempt == ATTEMPTS:
                    step = "is the pod up (rustfs.workload-ready)? is the address right, and reachable from here?"
                    raise Unanswered(self.tried, str(lost), step) from None
        raise AssertionError("unreachable: there is at least one attempt")

    @property
    def retry_after(self) -> float | None:
        """The seconds of the last answer's Retry-After, None where it has none, or names a date."""
        return _number(self._field(b"\r\nretry-after:"), 5)

    def _field(self, name: bytes) -> bytes:
        """Return a field of the last answer's head, "" where it has none. ``name`` stands in small letters as on the wire."""
        begins = self._answered.find(name)
        if begins < 0:
            return b""
        return self._answered[begins + len(name) : self._answered.index(b"\r\n", begins + 2)].strip(b" \t")

    def _stale(self) -> bool:
        """Tell whether the connection was cut, or, having been idle, ended or sent what nobody asked for."""
        if self._lever is None or self._expired is not None:
            return self._expired is not None
        busy = time.monotonic() - self._used < IDLE
        if busy or self._address.tls is not None:  # TLS sends tickets of its own accord.
            return False
        try:
            self._lever.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def body(self) -> Source:
        """Return the answer's body."""
        return Pieces(self._chunks()) if self._chunked else self

    def some(self, most: int) -> memoryview:
        """Return so many bytes of a body that isn't in chunks, fewer where it ends or the buffer does."""
        return self.up_to(min(most, BUFFER))

    def up_to(self, count: int) -> memoryview:
        """Return so many bytes of a body that isn't in chunks, in one, fewer where it ends."""
        if count > BUFFER:
            return joined(self, count)
        try:
            taken = self._take(min(count, self._left))
        except _Lost as lost:
            raise self._cut(lost) from None
        self._left -= len(taken)
        return taken

    def skip_body(self) -> None:
        """Expect no body: the answer was one to HEAD."""
        self._left, self._chunked = 0, False

    def close(self) -> None:
        """End the connection. Safe to call twice."""
        for each in (self._socket, self._lever):
            if each is not None:
                each.close()
        self._socket = self._lever = None
        self._at = self._end = self._left = 0
        self._ends = _NEVER
        self._expired, self._closes = None, False

    def expire(self, now: float) -> None:
        """Cut what is past its deadline; called by the watchdog, in a thread of its own."""
        lever = self._lever
        if now > self._ends and lever is not None:
            self._expired = lever
            with contextlib.suppress(OSError):  # It was closed meanwhile.
                lever.shutdown(socket.SHUT_RDWR)

    def _trouble(self) -> ProbeError | None:
        """End the connection, and return what broke it where it was not the system that did."""
        late, broken = self._expired is not None and self._expired is self._lever, self._address.broken()
        self.close()
        if late:
            came_back = f"no whole answer within {self._deadline:.3g} s and the time that its length allows"
            return DeadlineExceeded(self.tried, came_back, "is the system overloaded? --gf-deadline sets the limit")
        if broken:
            return Unanswered(self.tried, f"the route broke: {broken}", "ask again; see the cluster's nodes")
        return None

    def _cut(self, why: Exception) -> Exception:
        return self._trouble() or Cut(f"the body was cut: {why}")

    def _send(self, ends: float) -> None:
        self._ends = ends
        connected = self._connected()
        self._at = self._end = 0
        try:
            connected.sendall(self._request)
        except OSError as wrong:
            raise _Lost(f"the request could not be sent: {wrong}") from None
        finally:
            self._ends = _NEVER

    def _head(self, begun: float) -> int:
        lost, self._lost, end = self._lost, None, -1
        if lost is not None:
            raise lost
        if self._socket is None:
            self._send(begun + self._spare)
        self._ends = begun + self._spare
        while end < 0:
            if self._end >= MOST_HEAD:
                self.close()
                raise NotUnderstood(self.tried, f"a head of more than {MOST_HEAD} bytes", "is this an S3 server?")
            self._receive(MOST_HEAD)
            end = self._buffer.find(b"\r\n\r\n", 0, self._end)
        self._at, self._answered = end + 4, bytes(self._view[: end + 2]).lower()
        status, self.length = self._answered[9:13], _number(self._field(b"\r\ncontent-length:"), 18)
        self._chunked = self._field(b"\r\ntransfer-encoding:") == b"chunked"
        self._closes = self._field(b"\r\nconnection:") == b"close"
        spoken = (
            self._answered.startswith((b"http/1.1 ", b"http/1.0 ")) and status[:3].isdigit() and status[3:] in b" \r"
        )
        bodiless = self._request.startswith(b"HEAD ")  # Such an answer may lack a length (RFC 9110, 9.3.2).
        if not spoken or (self.length is None and not self._chunked and not bodiless):
            said = bytes(self._view[: min(end, 60)])
            self.close()
            raise NotUnderstood(self.tried, f"no answer of HTTP/1.1 with a length: {said!r}", "is this an S3 server?")
        self._left = -1 if self._chunked else self.length or 0
        self._waited(begun, 0)
        return int(status[:3])

    def _connected(self) -> socket.socket:
        if self._socket is None:
            where = (self._address.host, self._address.port)
            try:
                made = socket.create_connection(where, timeout=min(CONNECT, self._deadline))
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.settimeout(None)  # The watchdog has the deadline; a timeout would cost a poll for each read.
                self._socket, self._lever = made, made.dup()
                if self._address.tls is not None:
                    self._socket = self._address.tls.wrap_socket(made, server_hostname=self._address.name)
            except OSError as wrong:
                raise _Lost(f"{type(wrong).__name__}: {wrong}") from None
        return self._socket

    def _receive(self, most: int, *, all_of_it: bool = False) -> None:
        """Read into the buffer behind what is there; at least a byte."""
        view = self._view[self._end : self._end + most]
        flags = socket.MSG_WAITALL if all_of_it and self._address.tls is None else 0
        try:
            got = self._socket.recv_into(view, len(view), flags) if self._socket is not None else 0
        except OSError as wrong:
            raise _Lost(f"{type(wrong).__name__}: {wrong}") from None
        if not got:
            raise _Lost("the connection was closed")
        self._end += got

    def _more(self, most: int, *, all_of_it: bool = False) -> None:
        """Receive a part of a body."""
        begun, had = time.monotonic(), self._end
        self._ends = begun + self._spare + most / LEAST_RATE
        self._receive(most, all_of_it=all_of_it)
        self._waited(begun, self._end - had)

    def _waited(self, begun: float, got: int) -> None:
        """Take what was waited from what may be, and add what the bytes that came have earned."""
        self._used = time.monotonic()
        self._spare += got / LEAST_RATE - (self._used - begun)
        self._ends = _NEVER

    def _take(self, count: int) -> memoryview:
        """Return so many bytes that come next."""
        if self._at == self._end:
            self._at = self._end = 0
        elif self._at + count > BUFFER:
            self._compact()
        while self._end - self._at < count:
            self._more(count - (self._end - self._at), all_of_it=True)
        self._at += count
        return self._view[self._at - count : self._at]

    def _compact(self) -> None:
        """Move what was received and not taken to the buffer's beginning."""
        held = bytes(self._view[self._at : self._end])
        self._buffer[: len(held)] = held
        self._at, self._end = 0, len(held)

    def _chunks(self) -> Iterator[memoryview]:
        """Yield a body in chunks (RFC 9112, 7.1)."""
        try:
            size = -1
            while size:
                begins = _CHUNK_SIZE.fullmatch(self._line())
                if begins is None:
                    raise ValueError("no chunk begins where one should")  # noqa: TRY301  # The same cut as of a long line.
                size = left = int(begins[1], 16)
                while left:
                    taken = self._take(min(left, PIECE))
                    left -= len(taken)
                    yield taken
                while self._line():  # Trailers, which nobody asked for.
                    if size:
                        raise ValueError("a chunk is longer than it says")  # noqa: TRY301  # As above.
        except (_Lost, ValueError) as lost:
            raise self._cut(lost) from None
        self._left = 0

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._at, self._end)) < 0:
            if self._end - self._at > _LONGEST_LINE:
                raise ValueError("a line of a body in chunks does not end")
            self._compact()
            self._more(MOST_HEAD)
        line = bytes(self._view[self._at : end])
        self._at = end + 2
        return line


def _number(digits: bytes, most: int) -> int | None:
    return int(digits) if digits.isdigit() and len(digits) <= most else None
