"""The bazel-remote server: gRPC on one loopback port, HTTP on another."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pytest_gf.honey.formats import reapi
from pytest_gf.lab.bazel import bending
from pytest_gf.lab.bazel.blobs import Blobs, Failed
from pytest_gf.lab.bazel.methods import Methods
from pytest_gf.lab.bazel.stored import Died
from pytest_gf.lab.bends import Undo
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange, Journal
from pytest_gf.lab.wire import LONGEST_WAIT, LOOPBACK, Port

if TYPE_CHECKING:
    import grpc.aio

OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_concurrent_streams", 100))
"""One port, one lab: another process that binds it is an error there."""
USER, PASSWORD = "bazel", "a-password-of-the-lab"
"""Whom the server lets in where it asks for passwords."""
BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
STATUS = {"NOT_FOUND": 404, "INVALID_ARGUMENT": 400}


class BazelServer:
    """The emulated bazel-remote."""

    name = "bazel"

    def __init__(self, blobs: Blobs, journal: Journal) -> None:
        self.blobs, self._bends, self._journal = blobs, blobs.bends, journal
        self._methods = Methods(blobs).by_name
        self._grpc: grpc.aio.Server | None = None
        self._number = 0
        self._closing: set[asyncio.Task[None]] = set()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/status", self._status)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/cas/{digest:[0-9a-f]{64}}", self._get)
        app.router.add_put("/cas/{digest:[0-9a-f]{64}}", self._put)
        self._port = Port(app)

    @property
    def address(self) -> str:
        """Where it listens by gRPC, "" before it is started."""
        return f"grpc://{LOOPBACK}:{self._number}" if self._number else ""

    @property
    def http(self) -> str:
        """Where it listens by HTTP."""
        return self._port.address

    async def start(self) -> None:
        """Listen on ports that the kernel chooses."""
        await self._open()

    async def stop(self) -> None:
        """Close the ports and every connection."""
        await self._close()
        await self._port.stop()

    async def bend(self, bend: Bend) -> Undo:
        """Make what the fault changes at once. Raises ValueError where there is nothing to bend."""
        undo = bending.act(self.blobs, bend)
        if self.blobs.bucket.shut_by(bend):
            await self._close()
        return undo

    async def mended(self) -> None:
        """Listen again where no fault forbids it any more. Raises OSError where another has taken a port."""
        if self._grpc is None and not any(self.blobs.bucket.shut_by(bend) for bend in self._bends):
            await self._open()

    async def _open(self) -> None:
        import grpc.aio

        server = grpc.aio.server(options=OPTIONS)
        server.add_generic_rpc_handlers(tuple(self._handlers()))
        try:
            self._number = server.add_insecure_port(f"{LOOPBACK}:{self._number}")
        except RuntimeError as taken:
            raise OSError(f"port {self._number} of bazel: {taken}") from None
        await server.start()
        self._grpc = server
        await self._port.open()

    async def _close(self) -> None:
        self._port.close()
        if self._grpc is not None:
            await self._grpc.stop(None)
            self._grpc = None

    def _handlers(self) -> Iterator[Any]:
        import grpc

        services: dict[str, dict[str, Any]] = {}
        for name, method in reapi.METHODS.items():
            if name in self._methods:
                _, service, _ = method.path.split("/")
                services.setdefault(service, {})[name] = self._handler(name, method)
        return (grpc.method_handlers_generic_handler(service, handlers) for service, handlers in services.items())

    def _handler(self, name: str, method: reapi.Method) -> Any:
        import grpc

        made = self._methods[name]

        async def one(request: Any, context: Any) -> Any:
            exchange = await self._begin(name)
            await self._admit(name, context, exchange)
            try:
                answer = made(request)
                response = await answer if method.client_streams else answer
            except Failed as failed:
                exchange.finish(200, failed.code)
                await context.abort(grpc.StatusCode[failed.code], failed.details)
            except Died:
                await self._die(exchange)
            exchange.finish(200, "OK")
            return response

        async def many(request: Any, context: Any) -> AsyncIterator[Any]:
            exchange = await self._begin(name)
            await self._admit(name, context, exchange)
            try:
                for response in made(request):
                    yield response
            except Failed as failed:
                exchange.finish(200, failed.code)
                await context.abort(grpc.StatusCode[failed.code], failed.details)
            except Died:
                await self._die(exchange)
            exchange.finish(200, "OK")

        wires = {
            "request_deserializer": reapi.message(method.request).FromString,
            "response_serializer": reapi.message(method.response).SerializeToString,
        }
        if method.server_streams:
            return grpc.unary_stream_rpc_method_handler(many, **wires)
        kind = grpc.stream_unary_rpc_method_handler if method.client_streams else grpc.unary_unary_rpc_method_handler
        return kind(one, **wires)

    async def _begin(self, name: str) -> Exchange:
        exchange = self._journal.begin(Exchange(self.name, name))
        await self._bends.late()
        if self._bends.on("bazel-silent"):
            await asyncio.sleep(LONGEST_WAIT)
        return exchange

    async def _admit(self, name: str, context: Any, exchange: Exchange) -> None:
        """Refuse clients without a password if passwords are asked for, and every client while the server starts."""
        import grpc

        if self._bends.on("bazel-not-ready"):
            exchange.finish(200, "UNAVAILABLE")
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the lab's server is not ready yet")
        if not self._bends.on("bazel-htpasswd") or name == "Check":
            return
        given = dict(context.invocation_metadata() or ()).get("authorization")
        if given != BASIC:
            exchange.finish(200, "UNAUTHENTICATED")
            said = "no authentication metadata found" if given is None else "access denied"
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, said)

    async def _die(self, exchange: Exchange) -> None:
        """End as a server does that panicked: without an answer on any connection, and with its ports closed."""
        exchange.finish(0, "panic")
        closing = asyncio.create_task(self._close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.sleep(LONGEST_WAIT)

    async def _status(self, _: web.Request) -> web.Response:
        (await self._begin("Status")).finish(200, "OK")
        said = {"NumFiles": sum(1 for path in self.blobs.hot("").rglob("*") if path.is_file()), "ServerTime": 0}
        return web.Response(text=json.dumps(said), content_type="application/json")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text="# TYPE bazel_remote_incoming_requests_total counter\n")

    async def _get(self, request: web.Request) -> web.Response:
        await self._begin("HttpGet")
        digest = request.match_info["digest"]
        try:
            return web.Response(body=b"".join(self.blobs.read(digest, None)))
        except Failed as failed:
            return web.Response(status=STATUS.get(failed.code, 500), text=failed.details)

    async def _put(self, request: web.Request) -> web.Response:
        await self._begin("HttpPut")
        try:
            self.blobs.write(request.match_info["digest"], await request.read())
        except Failed as failed:
            return web.Response(status=STATUS.get(failed.code, 500), text=failed.details)
        return web.Response()
