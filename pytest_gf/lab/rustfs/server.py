"""The S3 server: aiohttp on a loopback port around the service, and the faults of the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

from aiohttp import web

from pytest_gf.lab.bends import Undo, nothing
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange, Journal
from pytest_gf.lab.rustfs import bending, checksums, markup
from pytest_gf.lab.rustfs.call import XML, Call, Refusal, Reply
from pytest_gf.lab.rustfs.operations import operation
from pytest_gf.lab.rustfs.service import BUSY, Service
from pytest_gf.lab.rustfs.store import CHUNK, Version
from pytest_gf.lab.wire import LONGEST_WAIT, Port, reset

LONGEST_BODY = 128 * 1024 * 1024
"""Bytes of one request."""

_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_CUT = -10


class S3Server:
    """The emulated RustFS on its port."""

    name = "s3"

    def __init__(self, service: Service, journal: Journal) -> None:
        self.service = service
        self._journal = journal
        self._bends = service.bends
        app = web.Application()
        app.router.add_route("*", "/{tail:(?s:.*)}", self._serve)
        app.on_response_prepare.append(_without_server)
        self._port = Port(app, auto_decompress=False)

    @property
    def port(self) -> int:
        """The port that the kernel chose."""
        return self._port.number

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._port.is_open

    @property
    def address(self) -> str:
        """Where it listens, "" before it is started."""
        return self._port.address

    async def start(self) -> None:
        """Listen on a port that the kernel chooses."""
        await self._port.open()

    def seed(self, bodies: dict[tuple[str, str], bytes]) -> None:
        """Make the contract's buckets and put these bodies, (bucket, key) → bytes; what is there already stays."""
        disk, store = self.service.disk, self.service.store
        for bucket in self.service.contract.buckets:
            if disk.presence(bucket) == "gone":
                disk.create(bucket)
        for (bucket, key), body in bodies.items():
            sums = {"sha256": checksums.sha256(body)}
            headers = {"content-type": "application/json"}
            if store.find(bucket, key) is None:
                store.put(
                    bucket,
                    key,
                    body,
                    Version(size=len(body), etag=checksums.md5(body), headers=headers, checksums=sums),
                )

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._port.stop()

    async def bend(self, bend: Bend) -> Undo:
        """Make what the fault changes at once. Raises ValueError where there is nothing to bend."""
        if self._shut(bend):
            self._port.close()
            return nothing
        return bending.act(self.service, bend.name, bend.argument)

    async def mended(self) -> None:
        """Listen again where no fault forbids it any more. Raises OSError where another has taken the port."""
        if not self._port.is_open and not any(self._shut(bend) for bend in self._bends):
            await self._port.open()

    def _shut(self, bend: Bend) -> bool:
        """Tell whether nobody answers under a fault: the port is closed, there is no pod, or its node is down."""
        workload = self.service.contract.rustfs
        gone = [] if workload is None else [Bend(fault, workload.node) for fault in ("node-down", "node-gone")]
        return bend.name in {"unreachable", "pod-pending", "pod-broken"} or bend in gone

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = _call(request)
        operation_name = operation(call)
        bucket, key = call.resource if operation_name != "Unknown" else ("", "")
        exchange = self._journal.begin(Exchange(self.name, operation_name, bucket, key))
        try:
            try:
                call = _with_body(call, await _body(request))
            except Refusal as refused:
                error = markup.error(refused.code, refused.message)
                return await self._send(request, Reply.of(error, status=refused.status, code=refused.code), exchange)
            return await self._answer(request, call, exchange)
        except (ConnectionError, asyncio.CancelledError):
            exchange.finish(None, "")
            raise

    async def _answer(self, request: web.Request, call: Call, exchange: Exchange) -> web.StreamResponse:
        bends = self._bends
        await bends.late()
        if bends.on("half-open"):
            await asyncio.sleep(LONGEST_WAIT)
        if bends.on("slow-headers"):
            await _drip(request)
        if bends.on("connection-reset"):
            return _reset(request, exchange)
        reply = self._instead() or self.service.answer(call, exchange)
        if reply.status == 0:
            exchange.finish(None, "")
            return _closed(request, web.Response())
        if bends.on("reply-cut-after-put") and exchange.operation == "PutObject" and not reply.code:
            return _reset(request, exchange)
        if bends.on("malformed-xml") and reply.headers.get("Content-Type") == XML:
            cut = b"".join(reply.chunks)[:_CUT]
            reply = Reply(reply.status, reply.headers, (cut,), len(cut), reply.code)
        if bends.on("endless-body") and call.method == "GET" and not reply.code:
            reply = Reply(reply.status, reply.headers, _endless(reply), -1)
        return await self._send(request, reply, exchange)

    def _instead(self) -> Reply | None:
        """Return what a fault answers instead of the service, or None."""
        bends = self._bends
        if bends.on("server-error"):
            message = bends.argument("server-error") or ""
            return Reply.of(markup.error("InternalError", message), status=500, code="InternalError")
        if bends.on("slow-down"):
            return BUSY
        if bends.on("bad-gateway"):
            page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
            return Reply.of(page, "text/html", status=502, code="502")
        if bends.on("redirect"):
            return Reply(307, {"Location": bends.argument("redirect") or ""}, code="TemporaryRedirect")
        if bends.on("html-everywhere"):
            return Reply.of(b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>\n", "text/html")
        return None

    async def _send(self, request: web.Request, reply: Reply, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
        if reply.length >= 0 and reply.status not in {204, 304}:
            response.content_length = reply.length
        await response.prepare(request)
        left = reply.length // 2 if reply.short else reply.length
        for chunk in reply.chunks if request.method != "HEAD" else ():
            await response.write(chunk[:left] if reply.short else chunk)
            left -= len(chunk)
            if reply.length < 0:
                await asyncio.sleep(0.01)  # So that an endless body does not eat the machine.
            if reply.short and left <= 0:
                exchange.finish(reply.status, reply.code)
                return _closed(request, response)
        exchange.finish(reply.status, reply.code)
        await response.write_eof()
        return response


def _call(request: web.Request) -> Call:
    # aiohttp gives the target's bytes as surrogates; from here on all of it is ASCII, percent-encoded once.
    target = quote(request.raw_path.encode("utf-8", "surrogateescape"), safe=_ASCII)
    path, _, query = target.partition("?")
    headers = tuple((name.lower(), value) for name, value in request.headers.items())
    return Call(request.method, path, query, headers)


def _with_body(call: Call, body: bytes) -> Call:
    return Call(call.method, call.path, call.query, call.headers, body)


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise Refusal(400, "EntityTooLarge", f"The lab takes at most {LONGEST_BODY} bytes in one request.")
    return bytes(body)


async def _without_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)


async def _drip(request: web.Request) -> None:
    """Send the head of an answer, a byte a second, and never its end."""
    head = b"HTTP/1.1 200 OK\r\nX-Slow: "
    for second in range(LONGEST_WAIT):
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        request.transport.write(head[second : second + 1] or b"a")
        await asyncio.sleep(1)


def _reset(request: web.Request, exchange: Exchange) -> web.StreamResponse:
    exchange.finish(None, "")
    reset(request)
    return web.Response()


def _closed(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """End the connection in the middle of a body, in order: what was written arrives."""
    if request.transport is not None:
        request.transport.close()
    return response


def _endless(reply: Reply) -> Iterator[bytes]:
    """Yield the body without its end, then for ever more of it; an XML document never closes its root."""
    body = b"".join(reply.chunks)
    yield body[: body.rfind(b"</")] if reply.headers.get("Content-Type") == XML else body
    for _ in range(LONGEST_WAIT * 100):
        yield b" " * CHUNK
