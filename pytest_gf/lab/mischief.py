"""A proxy on loopback that spoils some exchanges by a seeded die, in front of any server of HTTP/1.1 or gRPC. For tests.

An exchange begins where the client speaks after the server (HTTP/1.1), or opens a stream (gRPC). One die is thrown for each.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pytest_gf.lab.wire import LOOPBACK

CHUNK = 64 * 1024
PREFACE = b"PRI * HTTP/2.0"
SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)
SLOW = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nRetry-After: 0\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(SLOW_DOWN)
)
DRAINED_WITHIN = 5.0
"""Seconds. After a refusal, whatever the client still sends is read for so long: to close at once would reset the connection."""


@dataclass(frozen=True)
class Rates:
    """How often each happens, as a share of all exchanges; together at most 1."""

    slow: float = 0.0
    """503 SlowDown; to gRPC a stream that is answered with 503."""
    reset: float = 0.0
    """A reset (RST) instead of an answer; the server never heard of it."""
    close: float = 0.0
    """The connection is closed before the status line."""
    cut: float = 0.0
    """The server's answer, cut somewhere in the first piece of it."""
    late: float = 0.0
    """The answer, after 0 to `latency` seconds."""
    latency: float = 0.3


@dataclass
class Mischief:
    """A running proxy. Everything here may be changed while it runs."""

    upstream: tuple[str, int]
    rates: Rates
    die: random.Random
    rotten: set[str] = field(default_factory=set)
    """Texts. A GET whose target contains one is always closed before its status line, as RustFS does for a rotten object."""
    done: collections.Counter[str] = field(default_factory=collections.Counter)
    """How often each was done, ``well`` among them."""
    port: int = 0

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://{self.address}"

    def deed(self, first: bytes) -> str:
        """Return what is done to an exchange that begins with these bytes, and count it."""
        target = first.split(b"\r\n", 1)[0].decode("latin-1")
        if target.startswith("GET ") and any(text in target for text in self.rotten):
            deed = "rot"
        else:
            rates = self.rates
            shares = (("slow", rates.slow), ("reset", rates.reset), ("close", rates.close), ("cut", rates.cut))
            thrown, deed = self.die.random(), "well"
            for name, share in (*shares, ("late", rates.late)):
                if thrown < share:
                    deed = name
                    break
                thrown -= share
        self.done[deed] += 1
        return deed


@contextlib.contextmanager
def mischief(upstream: str, rates: Rates = Rates(), *, seed: int = 0) -> Iterator[Mischief]:
    """Run a proxy before ``upstream`` (``host:port``, or a URL) in a thread of its own."""
    parts = urlsplit(upstream if "//" in upstream else f"//{upstream}")
    assert parts.hostname is not None
    proxy = Mischief((parts.hostname, parts.port or 80), rates, random.Random(seed))  # noqa: S311  # A die, no secret.
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(_serve(proxy, ready, stop))

    thread = threading.Thread(target=run, daemon=True, name="mischief")
    thread.start()
    assert ready.wait(60)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


async def _serve(proxy: Mischief, ready: threading.Event, stop: asyncio.Event) -> None:
    """Carry connections until ``stop`` is set; ``ready`` is, once somebody may connect."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await _Connection(proxy, reader, writer).serve()
        finally:
            await _aborted(writer)

    server = await asyncio.start_server(connected, LOOPBACK, 0, backlog=512)
    proxy.port = server.sockets[0].getsockname()[1]
    ready.set()
    await stop.wait()
    server.close()
    await asyncio.sleep(0)  # What was accepted just now enters itself among the connections.
    for task in tuple(connections):
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


async def _aborted(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class _Connection:
    """One client's connection, with one of its own to the server."""

    def __init__(self, proxy: Mischief, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy, self._reader, self._writer = proxy, reader, writer
        self._streams: _Streams | None = None
        self._answered, self._cuts = True, False
        self._pause = 0.0

    async def serve(self) -> None:
        """Carry both ways until either side ends, or a deed ends both."""
        up_reader, up_writer = await asyncio.open_connection(*self._proxy.upstream)
        back = asyncio.ensure_future(self._answers(up_reader))
        forth = asyncio.ensure_future(self._requests(up_writer))
        try:
            await asyncio.wait({back, forth}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.transport.abort()  # At once: this task may be cancelled while it waits for the other two.
            for task in (back, forth):
                task.cancel()
            await asyncio.gather(back, forth, return_exceptions=True)
            await _aborted(up_writer)

    async def _requests(self, up: asyncio.StreamWriter) -> None:
        while chunk := await self._reader.read(CHUNK):
            if self._streams is None and self._answered and chunk.startswith(PREFACE):
                self._streams = _Streams()
            if self._streams is not None:
                begins = self._streams.opened(chunk)
            else:
                begins, self._answered = self._answered, False
            deed = self._proxy.deed(chunk) if begins else "well"
            if deed in {"slow", "reset", "close", "rot"}:
                await self._end(deed)
                return
            self._cuts = self._cuts or deed == "cut"
            if deed == "late":
                self._pause = self._proxy.die.uniform(0, self._proxy.rates.latency)
            up.write(chunk)
            await up.drain()

    async def _answers(self, up: asyncio.StreamReader) -> None:
        while chunk := await up.read(CHUNK):
            pause, self._pause = self._pause, 0.0
            if pause:
                await asyncio.sleep(pause)
            self._answered = True
            if self._cuts:
                self._writer.write(chunk[: self._proxy.die.randrange(len(chunk))])
                await self._finish()
                return
            self._writer.write(chunk)
            await self._writer.drain()
        await self._finish()

    async def _end(self, deed: str) -> None:
        if deed == "reset":
            connection: socket.socket = self._writer.get_extra_info("socket")
            # Lingering for zero seconds makes the kernel send RST.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
            return
        if deed == "slow":
            self._writer.write(SLOW + SLOW_DOWN if self._streams is None else self._streams.refusal())
        await self._finish()

    async def _finish(self) -> None:
        """Close in order: what was written arrives, and what the client still sends is read."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAINED_WITHIN):
                while await self._reader.read(CHUNK):
                    pass


class _Streams:
    """The frames that a client of HTTP/2 sends, as far as it matters which stream each HEADERS opens (RFC 9113, 4.1)."""

    HEADERS, GOAWAY = 1, 7

    def __init__(self) -> None:
        self._held = b""
        self._skip = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self._last = 0

    def opened(self, chunk: bytes) -> bool:
        """Return whether the client opens a stream with these bytes."""
        self._held += chunk
        before = self._last
        while len(self._held) >= self._skip + 9:
            self._held = self._held[self._skip :]
            self._skip = 9 + int.from_bytes(self._held[:3], "big")
            if self._held[3] == self.HEADERS:
                self._last = int.from_bytes(self._held[5:9], "big") & 0x7FFFFFFF
        if len(self._held) >= self._skip:
            self._held, self._skip = self._held[self._skip :], 0
        return self._last != before

    def refusal(self) -> bytes:
        """Return frames that answer the last stream with ``:status: 503``, and say that the connection ends."""
        headers = b"\x08\x03503"  # RFC 7541, 6.2.2: the name of index 8 (:status), not indexed.
        settings = _frame(4, 0, 0, b"") if self._last == 1 else b""
        away = struct.pack(">II", self._last, 0)
        return settings + _frame(self.HEADERS, 0x5, self._last, headers) + _frame(self.GOAWAY, 0, 0, away)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
