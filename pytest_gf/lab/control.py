"""The control socket: how a test bends the lab, mends it and asks what it served. Loopback, and a token."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec
from aiohttp import web

from pytest_gf.honey.contract import Contract
from pytest_gf.lab import faults
from pytest_gf.lab.bends import Bends, Undo
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Journal
from pytest_gf.lab.wire import Port

TOKEN = "X-Lab-Token"  # noqa: S105  # The header's name, not its value.

Command = Callable[[str], Awaitable[object]]


class Server(Protocol):
    """One emulated service."""

    @property
    def address(self) -> str:
        """Where it listens, once it is started."""

    @property
    def name(self) -> str:
        """The service's name in addresses and exchanges."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Close everything."""

    async def bend(self, bend: Bend) -> Undo:
        """Make what the fault changes at once (nothing for most, and for other services' faults)."""

    async def mended(self) -> None:
        """Take note that faults were mended."""


class Control:
    """The control server over all services. ``port`` and ``token`` are for whoever started the lab."""

    def __init__(self, servers: tuple[Server, ...], bends: Bends, journal: Journal, contract: Contract) -> None:
        self.token = secrets.token_urlsafe(24)
        self._servers = servers
        self._bends = bends
        self._journal = journal
        self._contract = contract
        self._commands: Mapping[str, Command] = {
            "bend": self.bend,
            "mend": self._mend,
            "exchanges": self._exchanges,
            "counts": self._counts,
            "reset": self._reset,
        }
        app = web.Application()
        app.router.add_post("/{command}", self._serve)
        self._port = Port(app)

    @property
    def port(self) -> int:
        """The port that the kernel chose."""
        return self._port.number

    async def start(self) -> None:
        """Listen on a port that the kernel chooses."""
        await self._port.open()

    async def stop(self) -> None:
        """Close the port."""
        await self._port.stop()

    async def bend(self, text: str) -> None:
        """Turn a fault on. Raises ValueError for an unknown one, or where there is nothing to bend."""
        bend = faults.parse(text, self._contract)
        undone: list[Undo] = []
        if bend not in self._bends:
            undone = [await server.bend(bend) for server in self._servers]

        def undo() -> None:
            for step in undone:
                step()

        self._bends.add(bend, undo)

    async def _mend(self, text: str) -> None:
        self._bends.mend(text or None)
        for server in self._servers:
            await server.mended()

    async def _exchanges(self, _: str) -> object:
        return self._journal.exchanges()

    async def _counts(self, _: str) -> object:
        return self._journal.counts()

    async def _reset(self, _: str) -> None:
        self._journal.reset()

    async def _serve(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(TOKEN, "").encode(), self.token.encode()):
            return web.Response(status=403, text="the token is missing or wrong")
        command = self._commands.get(request.match_info["command"])
        if command is None:
            return web.Response(status=404, text=f"unknown command {request.match_info['command']!r}")
        try:
            answer = await command(await request.text())
        except (ValueError, OSError) as wrong:
            return web.Response(status=400, text=str(wrong))
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
