"""HTTP/1.1 for thousands of small answers: one kept connection, one buffer that is used again, a deadline that holds.

Nearly every answer is plain: a head that says a length, and a body that came whole. One match reads such a head, and nothing
else is done with it. Any other answer is http.client's to read, from the bytes that came.
"""

from __future__ import annotations

import functools
import http.client
import io
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, ProbeError, Unanswered
from pytest_gf.honey.formats.pieces import joined
from pytest_gf.honey.probes.deadline import LEAST_RATE
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.probes.s3_client import CONNECT

if TYPE_CHECKING:
    import ssl

    from _typeshed import WriteableBuffer

BUFFER, MOST_HEAD = 2 * 1024 * 1024, 64 * 1024
"""Bytes of a body that can be had in one, which a chunk of a casblob is that is decoded at once; and of a head."""
TICK, IDLE = 0.2, 1.0
"""Seconds: so late may a deadline be, since the kernel is seldom told another; and so old a connection that is used again."""
ATTEMPTS = 2
"""A request that was never answered is made once more: its connection may have been stale."""
_NEVER, _LEAST = float("inf"), 0.01  # Seconds: to the kernel, a limit of 0 is none.
_PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT  # Made once: flags are put together for more than a read costs.
_PORTS = {"http": 80, "https": 443}
_LINE = rb"(?:(?!content-length:|transfer-encoding:|connection: *close)[^\r]+\r\n)*+"
_PLAIN = re.compile(rb"HTTP/1\.1 (20[06]) %bcontent-length: *(\d{1,8})\r\n%b\r\n" % (_LINE, _LINE), re.IGNORECASE)
"""A head that says once how long the body is, and nothing that changes how it is read."""


class Cut(Exception):  # It is no error of the probe: what was cut is a finding.
    """An answer that began and did not come to its end."""


@dataclass(frozen=True)
class Place:
    """A bucket of a server, as one identity sees it. No proxy is asked. An exchange ends by ``deadline`` seconds."""

    access: Access
    bucket: str
    deadline: float

    @functools.cached_property
    def tls(self) -> ssl.SSLContext | None:
        """What a certificate is checked by, None for plain HTTP. Raises Unanswered."""
        if self.access.section.endpoint.startswith("http:"):
            return None
        import ssl

        try:
            return ssl.create_default_context(cafile=self.access.section.ca_file)
        except OSError as wrong:
            step = "ca_file of [s3] names the certificate authority"
            raise Unanswered(f"reading {self.access.section.ca_file}", str(wrong), step) from None

    def dialled(self) -> socket.socket:
        """Return a new connection to the endpoint, or to where a route to it listens. Raises OSError, Unanswered."""
        tls, parts, route = self.tls, urlsplit(self.access.section.endpoint), self.access.route
        host, port = parts.hostname or "", str(parts.port or _PORTS[parts.scheme])
        if route is not None:
            host, _, port = route.address.rpartition(":")
        made = socket.create_connection((host, int(port)), timeout=min(CONNECT, self.deadline))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            return tls.wrap_socket(made, server_hostname=parts.hostname)
        made.settimeout(None)  # The kernel is given the limit: Python's costs a poll for each read.
        return made


class _Wire(io.RawIOBase):
    """What http.client reads one answer from: the bytes ``held``, which came already, then what ``receive`` gives."""

    def __init__(self, held: bytes, receive: Callable[[memoryview], int]) -> None:
        self.held, self._receive = held, receive
        self.most: float = MOST_HEAD
        """Bytes of lines that may still be read."""

    def makefile(self, _: str) -> _Wire:
        return self

    def readline(self, _: int | None = -1) -> bytes:
        while (end := self.held.find(b"\n") + 1) == 0 and len(self.held) <= MOST_HEAD:
            piece = memoryview(bytearray(8_192))
            self.held += piece[: self._receive(piece)]
        self.most -= end or len(self.held)
        if self.most < 0:
            raise http.client.HTTPException(f"a head of more than {MOST_HEAD} bytes")
        line, self.held = self.held[:end], self.held[end:]
        return line

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        begins, self.held = self.held[: len(view)], self.held[len(view) :]
        view[: len(begins)], left = begins, view[len(begins) :]
        while left:
            left = left[self._receive(left) :]
        return len(view)

    def close(self) -> None:
        """Do nothing: the connection is kept."""


class Connection:
    """One connection, made when it is first needed and again when it broke. For one thread at a time.

    ``send`` sends a request; ``plain`` or ``answer`` reads what it was answered, whose time begins then. A body that is not
    read to its end ends the connection. They raise `Unanswered`, `DeadlineExceeded`, `NotUnderstood`; a body that breaks
    raises `Cut`. Connections of one thread may share a ``buffer`` if one answer is read after the other.
    """

    def __init__(self, place: Place, buffer: bytearray) -> None:
        self._place, self._buffer, self._view = place, buffer, memoryview(buffer)
        self._first = self._view[:MOST_HEAD]
        self._socket: socket.socket | None = None
        self._wire = _Wire(b"", self._receive)
        self._response: http.client.HTTPResponse | None = None
        self._request, self._named, self._tries = b"", tuple[str, ...](), 0
        self.free = True
        """Whether what was asked is answered, and that was read to its end. Who is done with a `plain` body says so."""
        self._came = 0
        """Bytes of the answer that `plain` received to the buffer's beginning."""
        # Seconds for which this answer may still be waited for: what its reader does with it meanwhile is not its time.
        self._spare = self._used = self._limit = 0.0

    @property
    def tried(self) -> str:
        """What was asked for last, for people."""
        return f"S3 {' '.join(self._named)} at {self._place.access.section.endpoint}"

    def send(self, request: bytes, *named: str) -> None:
        """Send a request, whose answer is for later. It is ``named`` to people. What fails here `answer` tells."""
        if not self.free or monotonic() - self._used > IDLE or self._has_more():
            self.close()
        self._request, self._named, self._spare = request, named, self._place.deadline
        self.free, self._tries, self._came = False, 0, 0
        try:
            self._send()
        except OSError:
            self.close()

    def plain(self, status: bytes = b"200") -> memoryview | None:
        """Return the body of an answer with this status that came whole and alone, and fits the buffer. Else None: `answer` tells.

        `answer` gives it once more, unless the connection is `free`.
        """
        try:
            self._came = self._came or self._receive(self._first)
            head = _PLAIN.match(self._buffer, 0, self._came)
            if head is None or head[1] != status:
                return None
            whole = head.end() + int(head[2])
            while self._came < whole <= BUFFER:
                self._came += self._receive(self._view[self._came : whole])
        except OSError:  # It fails again where `answer` reads it.
            return None
        return self._view[head.end() : whole] if self._came == whole else None

    def answer(self) -> int:
        """Return the status of the answer to what was sent; what was never answered is sent once more."""
        while True:
            try:
                if self._socket is None:
                    self._send()
                return self._head()
            except OSError as lost:
                if (trouble := self._trouble()) is not None:
                    raise trouble from None
                if self._tries >= ATTEMPTS:
                    step = "is the pod up (rustfs.workload-ready)? is the address right, and reachable from here?"
                    raise Unanswered(self.tried, f"{type(lost).__name__}: {lost}", step) from None

    def number(self, field: str, most: int) -> int | None:
        """Return a number of so many digits at most in the last answer's head, None where it has none there."""
        digits = self._response.getheader(field, "") if self._response is not None else ""
        return int(digits) if digits.isdecimal() and len(digits) <= most else None

    def some(self, most: int) -> memoryview:
        """Return so many bytes of the answer's body, fewer where it ends or the buffer does."""
        return self.up_to(min(most, BUFFER))

    def up_to(self, count: int) -> memoryview:
        """Return so many bytes of the answer's body in one, fewer where it ends."""
        if count > BUFFER:
            return joined(self, count)
        try:
            got = self._response.readinto(self._view[:count]) if self._response is not None else 0
        except (OSError, ValueError, http.client.HTTPException) as wrong:
            raise self._trouble() or Cut(f"the body was cut: {wrong}") from None
        self.free = self._over()
        return self._view[:got]

    def close(self) -> None:
        """End the connection. Safe to call twice."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._came = None, 0

    def strange(self, came_back: str) -> NotUnderstood:
        """End the connection, and return what to raise for an answer that is none of S3's."""
        self.close()
        return NotUnderstood(self.tried, came_back, "is this an S3 server?")

    def _trouble(self) -> ProbeError | None:
        """End the connection, and return what broke it where it was not the system that did: what a broken route gives is no answer."""
        self.close()
        broken = self._place.access.route.broken if self._place.access.route is not None else ""
        step = "ask again; see the cluster's nodes"
        return Unanswered(self.tried, f"the route broke: {broken}", step) if broken else None

    def _over(self) -> bool:
        """Tell whether an answer was read to its end, and nothing came behind it."""
        read = self._response
        return read is not None and not (read.will_close or self._wire.held) and (read.isclosed() or read.length == 0)

    def _has_more(self) -> bool:
        """Tell whether the idle connection ended, or has bytes that are no answer to what is asked next. TLS sends some of its own accord."""
        if self._socket is None or self._place.tls is not None:
            return False
        try:
            self._socket.recv(1, _PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _send(self) -> None:
        self._tries += 1
        if self._socket is None:
            self._socket, self._limit = self._place.dialled(), _NEVER
        self._socket.sendall(self._request)

    def _head(self) -> int:
        head, came = _PLAIN.match(self._buffer, 0, self._came), bytes(self._view[: self._came])
        self._wire, self._came = _Wire(came[head.end() if head else 0 :], self._receive), 0
        method = self._request.partition(b" ")[0].decode()
        read = self._response = http.client.HTTPResponse(self._wire, method=method)  # type: ignore[arg-type]  # It makes a file of it.
        if head is not None:  # It is read already.
            read.status, read.length, read.headers = int(head[1]), int(head[2]), http.client.HTTPMessage()
            read.chunked = read.will_close = False
        try:
            read.begin()
        except (http.client.HTTPException, ValueError) as wrong:
            raise self.strange(f"no answer of HTTP/1.1: {str(wrong).strip()[:60]!r}") from None
        if read.length is None and not read.chunked:
            raise self.strange(f"no answer of HTTP/1.1 with a length: {read.status} {read.reason}")
        self._wire.most, self.free = _NEVER, self._over()
        return read.status

    def _bound(self, connected: socket.socket) -> None:
        """Let no read wait longer than there is time to spare; one that ends before is made again."""
        self._limit = limit = max(self._spare, _LEAST)
        if self._place.tls is not None:
            return connected.settimeout(limit)
        seconds = struct.pack("ll", int(limit), int(limit % 1 * 1e6))
        return connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)

    def _receive(self, view: memoryview) -> int:
        """Read into a view, and take what was waited from what may be; bytes that come earn time. 0 where none came yet."""
        connected, begun = self._socket, monotonic()
        if connected is None:
            raise ConnectionError("the connection was closed")
        if not self._spare / 8 < self._limit < self._spare + TICK:
            self._bound(connected)
        try:
            got = connected.recv_into(view)
        except (BlockingIOError, TimeoutError):
            got = -1  # Whether the time is up is told below.
        self._used = ended = monotonic()
        self._spare += got / LEAST_RATE + begun - ended
        if self._spare <= 0:
            self.close()
            came_back = f"no whole answer within {self._place.deadline:.3g} s and the time that its length allows"
            raise DeadlineExceeded(self.tried, came_back, "is the system overloaded? --gf-deadline sets the limit")
        if not got:
            raise ConnectionError("the connection was closed")
        return max(got, 0)
