"""What stands between a client and Attic, where a fault says so: a proxy that throttles, resets, redirects, strips, refuses."""

from __future__ import annotations

import asyncio

from aiohttp import web

from pytest_gf.lab.bends import Bends
from pytest_gf.lab.wire import LONGEST_WAIT, reset

MOVED = "/moved-by-a-gateway"
"""Where everything is redirected to; Attic itself knows no such path."""
PAGE = "<!DOCTYPE html><html><body>Welcome</body></html>\n"

_WRITES = ("/_api/v1/get-missing-paths", "/_api/v1/upload-path")


class Gateway:
    """The way to Attic's surfaces. It counts requests, because some faults affect only the first of its kind."""

    def __init__(self, bends: Bends) -> None:
        self._bends = bends
        self._seen: set[tuple[str, str, str]] = set()

    def forget(self) -> None:
        """Begin to count anew, because a fault was turned on."""
        self._seen.clear()

    async def answer(self, request: web.Request, surface: str) -> web.StreamResponse | None:
        """Return the gateway's own answer to a request, None where it passes it on. Raises ConnectionResetError."""
        on = self._bends.on
        if on("attic-silent"):
            await asyncio.sleep(LONGEST_WAIT)
        if on("attic-html"):
            return web.Response(text=PAGE, content_type="text/html")
        first = self._is_first(request, surface)
        if on("attic-overloaded") or (on("attic-throttled") and first):
            return web.Response(status=429, headers={"Retry-After": "0"})
        if on("attic-resets") and first and not request.path.endswith(".nar"):
            reset(request)
            raise ConnectionResetError
        return self._refusal(request)

    def _refusal(self, request: web.Request) -> web.Response | None:
        on = self._bends.on
        if on("attic-moved") and not request.path.startswith(MOVED):
            return web.Response(status=308, headers={"Location": f"{MOVED}{request.path_qs}"})
        if on("attic-gateway-503") and request.path.endswith(".nar"):
            return web.Response(status=503, text=PAGE, content_type="text/html", headers={"Server": "nginx"})
        if request.path in _WRITES and on("attic-push-html"):
            return web.Response(status=403, text=PAGE, content_type="text/html")
        if request.path in _WRITES and on("attic-push-redirect"):
            return web.Response(status=302, headers={"Location": "https://login.invalid/"})
        return None

    def cuts(self, request: web.Request, surface: str) -> bool:
        """Tell whether this archive's connection is reset after a part of it; TLS shows a reset as any other end."""
        plain = not surface.endswith("https")
        return self._bends.on("attic-resets") and plain and self._is_first(request, surface, "archive")

    def _is_first(self, request: web.Request, surface: str, what: str = "") -> bool:
        request_key = (surface, request.method, request.path + what)
        first = request_key not in self._seen
        self._seen.add(request_key)
        return first
