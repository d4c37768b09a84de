"""The emulated FlakeHub: the page of the published flake, and what ails it under faults."""

from __future__ import annotations

import asyncio

from aiohttp import web

from pytest_gf.lab.bends import Bends, Undo, nothing
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange, Journal
from pytest_gf.lab.wire import Port

PATH = "/f/tinyland-inc/GloriousFlywheel/*"
DRIP = 0.05
"""Seconds between two bytes of an answer that drips."""


class FlakeHub:
    """One page. ``address`` is known once it is started; ``page`` is the page's URL."""

    name = "flakehub"

    def __init__(self, bends: Bends, journal: Journal) -> None:
        self._bends, self._journal = bends, journal
        self._seen = False
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._serve)
        self._port = Port(app)

    @property
    def page(self) -> str:
        """The URL of the published flake's page."""
        return f"{self.address}{PATH}"

    @property
    def address(self) -> str:
        """Where it listens, "" before it is started."""
        return self._port.address

    async def start(self) -> None:
        """Listen on a port that the kernel chooses."""
        await self._port.open()

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._port.stop()

    async def bend(self, _: Bend) -> Undo:
        """Begin anew: the next question is the first."""
        self._seen = False
        return nothing

    async def mended(self) -> None:
        """Nothing was closed."""

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        exchange = self._journal.begin(Exchange(self.name, "Page"))
        first, self._seen = not self._seen, True
        await self._bends.late()
        if self._bends.on("flakehub-drips") and request.transport is not None:
            while True:  # A status line that never ends.
                request.transport.write(b"HTTP/1.1 200 OK\r\nX-Drip: " if first else b".")
                first = False
                await asyncio.sleep(DRIP)
        status = 200 if request.path == PATH and not self._bends.on("flakehub-unpublished") else 404
        headers = {}
        if self._bends.on("flakehub-broken"):
            status = 500
        elif self._bends.on("flakehub-throttled") and first:
            status, headers = 429, {"Retry-After": "0"}
        exchange.finish(status, "")
        return web.Response(status=status, text="<!DOCTYPE html>\n", content_type="text/html", headers=headers)
