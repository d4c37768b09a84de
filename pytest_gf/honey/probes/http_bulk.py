"""HTTP/1.1 for thousands of small answers: one kept connection, one buffer that is used again, a deadline that holds."""

from __future__ import annotations

import re
import socket
import struct
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
"""Seconds by which a deadline may be overrun: so seldom is the kernel told another limit."""
IDLE = 1.0
"""Seconds after which a connection is looked at before it is used again: an idle one may have been told to end."""
ATTEMPTS = 2
"""A request that was never answered is made once more: its connection may have been stale."""

_OK = 200
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
_LONGEST_LINE = 4_096
_NEVER = float("inf")
_LEAST = 0.01
"""Seconds: to the kernel, a limit of 0 is none."""


class Cut(Exception):  # It is no error of the probe: what was cut is a finding.
    """An answer that began and did not come to its end."""


class _Lost(Exception):
    """The connection ended."""


@dataclass(frozen=True)
class Address:
    """Where connections go: ``host`` and ``port`` to dial, ``tls`` and the name its certificate must have ("" for plain).

    ``broken`` says why the route there broke, "" while it stands: what comes through a broken one is no answer of the system.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str = ""
    broken: Callable[[], str] = str


class Connection:
    """One connection, made when it is first needed and again when it broke. For one thread at a time.

    ``send`` sends a request; ``answer`` reads the head of its answer, whose time begins then. After that ``body`` must be
    read to its end, or the connection is made anew. They raise `Unanswered`, `DeadlineExceeded`, `NotUnderstood`; a body that
    breaks raises `Cut`. Connections of one thread may share a ``buffer`` if one answer is read after the other.
    """

    def __init__(self, address: Address, deadline: float, buffer: bytearray | None = None) -> None:
        self._address, self._deadline = address, deadline
        self._socket: socket.socket | None = None
        self._buffer = buffer if buffer is not None else bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._at = self._end = self._left = self._status = 0
        self._answered = self._request = b""
        self._lost: _Lost | None = None
        self.tried = ""
        # Seconds for which this answer may still be waited for: what its reader does with it meanwhile is not its time.
        self._spare = self._used = self._limit = 0.0
        self._closes = self._chunked = False
        self.length: int | None = None
        """The Content-Length of the last answer, None where it has none."""

    def send(self, request: bytes, tried: str) -> None:
        """Send a request, whose answer is for later. ``tried`` names it to people. What fails here `answer` tells."""
        idle = time.monotonic() - self._used > IDLE
        if self._left or self._at != self._end or self._closes or (idle and self._stale()):
            self.close()
        self._request, self.tried, self._status, self._spare = request, tried, 0, self._deadline
        try:
            self._send()
        except _Lost as lost:
            self._lost = lost

    def answer(self) -> int:
        """Return the status of the answer to what was sent; what was never answered is sent once more."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._status or self._head()
            except _Lost as lost:
                trouble = self._trouble()
                if trouble is None and attempt == ATTEMPTS:
                    step = "is the pod up (rustfs.workload-ready)? is the address right, and reachable from here?"
                    trouble = Unanswered(self.tried, str(lost), step)
                if trouble is not None:
                    raise trouble from None
        raise AssertionError("unreachable: there is at least one attempt")

    def at_once(self) -> memoryview | None:
        """Return the whole body of a plain 200 that fits the buffer, else None; `body` gives it again unless it is `taken`."""
        if self.answer() != _OK or self._chunked or self._at + self._left > BUFFER:
            return None
        try:
            whole = self._take(self._left)
        except _Lost as lost:
            raise self._cut(lost) from None
        self._at -= self._left
        return whole

    def taken(self) -> None:
        """End an answer whose body came `at_once`."""
        self._at, self._left = self._at + self._left, 0

    @property
    def retry_after(self) -> float | None:
        """The seconds of the last answer's Retry-After, None where it has none, or names a date."""
        return self._number(b"\r\nretry-after:", 5)

    def _field(self, name: bytes) -> bytes:
        """Return a field of the last answer's head, "" where it has none. ``name`` stands in small letters as on the wire."""
        return self._answered.partition(name)[2].partition(b"\r\n")[0].strip(b" \t")

    def _number(self, name: bytes, most: int) -> int | None:
        digits = self._field(name)
        return int(digits) if digits.isdigit() and len(digits) <= most else None

    def _stale(self) -> bool:
        """Tell whether a connection that was idle has ended, or sent what nobody asked for."""
        if self._socket is None or self._address.tls is not None:
            return False  # TLS sends tickets of its own accord.
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
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
            piece = self._take(min(count, self._left))
        except _Lost as lost:
            raise self._cut(lost) from None
        self._left -= len(piece)
        return piece

    def skip_body(self) -> None:
        """Expect no body: the answer was one to HEAD."""
        self._left, self._chunked = 0, False

    def close(self) -> None:
        """End the connection. Safe to call twice."""
        if self._socket is not None:
            self._socket.close()
        self._socket = self._lost = None
        self._at = self._end = self._left = 0
        self._closes = False

    def _trouble(self) -> ProbeError | None:
        """End the connection, and return what broke it where it was not the system that did."""
        broken = self._address.broken()
        self.close()
        return (
            Unanswered(self.tried, f"the route broke: {broken}", "ask again; see the cluster's nodes")
            if broken
            else None
        )

    def _cut(self, why: Exception) -> Exception:
        return self._trouble() or Cut(f"the body was cut: {why}")

    def _send(self) -> None:
        begun = time.monotonic()
        connected = self._socket or self._connected()
        self._at = self._end = 0
        try:
            connected.sendall(self._request)
        except OSError as wrong:
            raise _Lost(f"the request could not be sent: {wrong}") from None
        self._used = time.monotonic()
        self._spare -= self._used - begun

    def _head(self) -> int:
        if self._lost is not None:
            raise self._lost
        if self._socket is None:
            self._send()
        while (end := self._buffer.find(b"\r\n\r\n", 0, self._end)) < 0:
            if self._end >= MOST_HEAD:
                raise self.strange(f"a head of more than {MOST_HEAD} bytes")
            self._receive(MOST_HEAD)
        self._at, self._answered = end + 4, bytes(self._view[: end + 2]).lower()
        status, self.length = self._answered[9:13], self._number(b"\r\ncontent-length:", 18)
        self._chunked = b"chunked" in self._answered and self._field(b"\r\ntransfer-encoding:") == b"chunked"
        self._closes = b"close" in self._answered and self._field(b"\r\nconnection:") == b"close"
        spoken = (
            self._answered.startswith((b"http/1.1 ", b"http/1.0 ")) and status[:3].isdigit() and status[3:] in b" \r"
        )
        bodiless = self._request.startswith(b"HEAD ")  # Such an answer may lack a length (RFC 9110, 9.3.2).
        if not spoken or (self.length is None and not self._chunked and not bodiless):
            raise self.strange(f"no answer of HTTP/1.1 with a length: {bytes(self._view[: min(end, 60)])!r}")
        self._left = -1 if self._chunked else self.length or 0
        self._status = int(status[:3])
        return self._status

    def strange(self, came_back: str) -> NotUnderstood:
        """End the connection, and return what to raise for an answer that is none of S3's."""
        self.close()
        return NotUnderstood(self.tried, came_back, "is this an S3 server?")

    def _connected(self) -> socket.socket:
        where, tls = (self._address.host, self._address.port), self._address.tls
        try:
            made = socket.create_connection(where, timeout=min(CONNECT, self._deadline))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is None:
                made.settimeout(None)  # `_bound` gives the kernel the limit: Python's costs a poll for each read.
            self._socket = made if tls is None else tls.wrap_socket(made, server_hostname=self._address.name)
        except OSError as wrong:
            raise _Lost(f"{type(wrong).__name__}: {wrong}") from None
        self._limit = _NEVER
        return self._socket

    def _bound(self, connected: socket.socket) -> None:
        """Let no read wait longer than there is time to spare; one that ends before is made again."""
        self._limit = limit = max(self._spare, _LEAST)
        if self._address.tls is not None:
            connected.settimeout(limit)
        else:
            seconds = struct.pack("ll", int(limit), int(limit % 1 * 1e6))
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)

    def _receive(self, most: int, *, all_of_it: bool = False) -> None:
        """Read into the buffer behind what is there, and take what was waited from what may be; bytes that come earn time."""
        connected, begun = self._socket, time.monotonic()
        if connected is None:
            raise _Lost("the connection was closed")
        if not self._spare / 8 < self._limit < self._spare + TICK:
            self._bound(connected)
        view = self._view[self._end : self._end + most]
        flags = socket.MSG_WAITALL if all_of_it and self._address.tls is None else 0
        try:
            got = connected.recv_into(view, len(view), flags)
            if not got:
                raise _Lost("the connection was closed")
        except (BlockingIOError, TimeoutError):
            got = 0  # Whether the time is up is told below.
        except OSError as wrong:
            raise _Lost(f"{type(wrong).__name__}: {wrong}") from None
        finally:
            self._used = time.monotonic()
            self._spare -= self._used - begun
        self._end += got
        self._spare += got / LEAST_RATE
        if self._spare <= 0:
            self.close()
            came_back = f"no whole answer within {self._deadline:.3g} s and the time that its length allows"
            raise DeadlineExceeded(self.tried, came_back, "is the system overloaded? --gf-deadline sets the limit")

    def _take(self, count: int) -> memoryview:
        """Return so many bytes that come next."""
        if self._at == self._end:
            self._at = self._end = 0
        elif self._at + count > BUFFER:
            self._compact()
        while (missing := count - (self._end - self._at)) > 0:
            self._receive(missing, all_of_it=True)
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
                    piece = self._take(min(left, PIECE))
                    left -= len(piece)
                    yield piece
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
            self._receive(MOST_HEAD)
        line = bytes(self._view[self._at : end])
        self._at = end + 2
        return line
