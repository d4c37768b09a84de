"""A port of a lab's server: chosen by the kernel once, closed and opened again by faults; connections that end badly."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import Any, cast

from aiohttp import web

LOOPBACK = "127.0.0.1"
LONGEST_WAIT = 3_600
"""Seconds that an exchange under a fault lasts at most: as long as a lab does by default."""


class Port:
    """Where an application listens. ``number`` is known from the first `open` on, and stays."""

    def __init__(self, app: web.Application, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.number = 0
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0, **options)
        self._tls = tls
        self._listener: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody may connect."""
        return self._listener is not None

    @property
    def address(self) -> str:
        """``http://127.0.0.1:PORT`` or ``https://…``, "" before the first `open`."""
        return f"http{'s' if self._tls else ''}://{LOOPBACK}:{self.number}" if self.number else ""

    async def open(self) -> None:
        """Listen. Raises OSError where another has taken the port meanwhile."""
        if self._runner.server is None:
            await self._runner.setup()
        server, loop = self._runner.server, asyncio.get_running_loop()
        assert server is not None
        self._listener = await loop.create_server(server, LOOPBACK, self.number, ssl=self._tls, backlog=512)
        self.number = cast("tuple[str, int]", self._listener.sockets[0].getsockname())[1]

    def close(self) -> None:
        """Close the port and abort every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def stop(self) -> None:
        """Close it for good."""
        self.close()
        await self._runner.cleanup()


def reset(request: web.Request) -> None:
    """End the connection by a reset, without an answer."""
    if request.transport is not None:
        connection: socket.socket | None = request.transport.get_extra_info("socket")
        if connection is not None:
            # Lingering for zero seconds makes the kernel send RST.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
