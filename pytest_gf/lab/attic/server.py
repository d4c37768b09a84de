"""The Attic server: one cache on HTTP and on HTTPS, and on both again with redirects that name S3 as the cluster does."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import zstandard
from aiohttp import web

from pytest_gf.lab.attic import cache, content, tokens
from pytest_gf.lab.attic.bending import act, narinfo_of
from pytest_gf.lab.attic.cache import Database, Kept, Key
from pytest_gf.lab.bends import Undo
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange, Journal
from pytest_gf.lab.rustfs.servant import Servant, Unavailable
from pytest_gf.lab.wire import LONGEST_WAIT, LOOPBACK, Port

CHUNK = 256 * 1024
"""Bytes of an archive that one object holds."""
ONE_CHUNK = 64 * 1024
"""Bytes. A shorter archive is one object, and its body is S3's business: 307."""
LONGEST_BODY = 64 * 1024 * 1024
SURFACES = ("api", "https", "inside", "inside-https")
"""Those inside redirect to S3 by its name in the cluster, as a client beyond a port-forward meets it."""


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


Handler = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


class AtticServer:
    """The emulated Attic. ``addresses`` are known by surface once it is started; ``address`` is the API's."""

    name = "attic"

    def __init__(  # noqa: PLR0917  # Called once, when the lab starts.
        self,
        folder: Path,
        chunks: Servant,
        secret: str,
        journal: Journal,
        tls: ssl.SSLContext,
        s3: Callable[[str], str],
    ) -> None:
        self.address = ""
        self.addresses: dict[str, str] = {}
        self.database = Database(folder / "attic.json")
        self.key = Key(cache.NAME, hashlib.sha256(f"signing key {secret}".encode()).digest())
        self.chunks, self.bends = chunks, chunks.bends
        self._secret, self._journal, self._s3 = secret, journal, s3
        self._runners = {surface: self._runner(surface) for surface in SURFACES}
        self._ports = {
            surface: Port(runner, tls=tls if surface.endswith("https") else None)
            for surface, runner in self._runners.items()
        }

    def _runner(self, surface: str) -> web.AppRunner:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, surface)

        app = web.Application(client_max_size=LONGEST_BODY)
        app.router.add_route("*", "/{tail:(?s:.*)}", serve)
        return web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)

    async def start(self) -> None:
        """Listen on ports that the kernel chooses."""
        for surface, port in self._ports.items():
            await self._runners[surface].setup()
            await port.open()
            scheme = "https" if surface.endswith("https") else "http"
            self.addresses[surface] = f"{scheme}://{LOOPBACK}:{port.number}"
        self.address = self.addresses["api"]

    def seed(self) -> None:
        """Put the seeded paths in the cache."""
        for name in content.SIZES:
            path, data = content.seeded(name)
            self._keep(path, data, (), self.chunks.keep)

    async def stop(self) -> None:
        """Close the ports and every connection."""
        for surface, port in self._ports.items():
            port.close()
            await self._runners[surface].cleanup()

    async def bend(self, bend: Bend) -> Undo:
        """Make what the fault changes at once. Raises ValueError where there is nothing to bend."""
        undo = act(self, bend.name)
        if self.chunks.shut_by(bend):
            for port in self._ports.values():
                port.close()
        return undo

    async def mended(self) -> None:
        """Listen again where no fault forbids it any more. Raises OSError where another has taken a port."""
        for port in self._ports.values():
            if not port.is_open and not any(self.chunks.shut_by(each) for each in self.bends):
                await port.open()

    def _keep(self, path: str, data: bytes, references: tuple[str, ...], store: Callable[[str, bytes], None]) -> None:
        keys = []
        for at in range(0, len(data), CHUNK if len(data) >= ONE_CHUNK else ONE_CHUNK):
            piece = data[at : at + (CHUNK if len(data) >= ONE_CHUNK else ONE_CHUNK)]
            keys.append(f"{secrets.token_hex(16)}.chunk")
            store(keys[-1], zstandard.ZstdCompressor().compress(piece))
        digest = hashlib.sha256(data).hexdigest()
        self.database.keep(
            Kept(store_path=path, nar_hash=digest, nar_size=len(data), references=references, chunks=tuple(keys))
        )

    async def _serve(self, request: web.Request, surface: str) -> web.StreamResponse:
        operation, handler, tail = self._route(request)
        exchange = self._journal.begin(Exchange(self.name, operation, cache.NAME, tail))
        try:
            response = await self._answer(request, surface, handler, tail)
        except (ConnectionError, asyncio.CancelledError):
            exchange.finish(None, "")
            raise
        except Refused as refused:
            response = refused.response
        exchange.finish(response.status, "")
        return response

    async def _answer(self, request: web.Request, surface: str, handler: Handler, tail: str) -> web.StreamResponse:
        if self.bends.on("attic-silent"):
            await asyncio.sleep(LONGEST_WAIT)
        if self.bends.on("attic-html"):
            return web.Response(text="<!DOCTYPE html><html><body>Welcome</body></html>\n", content_type="text/html")
        request["surface"] = surface
        return await handler(request, tail)

    def _route(self, request: web.Request) -> tuple[str, Handler, str]:
        path, prefix = request.path, f"/{cache.NAME}/"
        exact: Mapping[tuple[str, str], tuple[str, Handler]] = {
            ("GET", "/"): ("Home", self._home),
            ("GET", f"{prefix}nix-cache-info"): ("CacheInfo", self._cache_info),
            ("GET", f"/_api/v1/cache-config/{cache.NAME}"): ("CacheConfig", self._cache_config),
            ("POST", "/_api/v1/get-missing-paths"): ("GetMissingPaths", self._missing_paths),
            ("PUT", "/_api/v1/upload-path"): ("UploadPath", self._upload),
        }
        method = "GET" if request.method == "HEAD" else request.method
        if (method, path) in exact:
            return (*exact[method, path], "")
        if method == "GET" and path.startswith(prefix) and path.endswith(".narinfo"):
            return "NarInfo", self._narinfo, path.removeprefix(prefix).removesuffix(".narinfo")
        if method == "GET" and path.startswith(f"{prefix}nar/") and path.endswith(".nar"):
            return "Nar", self._nar, path.removeprefix(f"{prefix}nar/").removesuffix(".nar")
        return "Unknown", self._unknown, ""

    async def _home(self, _: web.Request, __: str) -> web.StreamResponse:
        return web.Response(text="<html><body>Attic Binary Cache</body></html>", content_type="text/html")

    async def _unknown(self, request: web.Request, _: str) -> web.StreamResponse:
        refuse(404 if not request.path.startswith("/_api/v1/cache-config/") else 401, "NoSuchEndpoint")

    async def _cache_info(self, request: web.Request, _: str) -> web.StreamResponse:
        self._readable(request)
        text = f"WantMassQuery: 1\nStoreDir: {content.STORE}\nPriority: 41\n"
        visibility = {"x-attic-cache-visibility": "private" if self.bends.on("attic-private") else "public"}
        return web.Response(body=text.encode(), headers={"Content-Type": "text/x-nix-cache-info"} | visibility)

    async def _cache_config(self, request: web.Request, _: str) -> web.StreamResponse:
        self._readable(request)
        said = {
            "substituter_endpoint": f"{self.addresses[request['surface']]}/{cache.NAME}",
            "api_endpoint": f"{self.addresses[request['surface']]}/",
            "public_key": self.key_on(request["surface"]).public,
            "is_public": not self.bends.on("attic-private"),
            "store_dir": content.STORE,
            "priority": 41,
            "upstream_cache_key_names": ["cache.nixos.org-1"],
            "retention_period": {"Period": 7_776_000},
        }
        return web.Response(body=msgspec.json.encode(said), content_type="application/json")

    async def _narinfo(self, request: web.Request, tail: str) -> web.StreamResponse:
        self._readable(request)
        path = self.database.paths.get(tail)
        if self.bends.on("attic-miss-found") and path is None:
            path = next(iter(self.database.paths.values()))
        if path is None and self.bends.on("attic-miss-error"):
            refuse(500, "InternalServerError")
        if len(tail) != 32 or set(tail) - set(content.DIGITS):  # noqa: PLR2004  # A store hash.
            refuse(500, "InvalidStorePathHash")
        if path is None or self.bends.on("attic-path-missing"):
            refuse(404, "NoSuchObject")
        text = narinfo_of(path, self.key_on(request["surface"]), self.bends)
        return web.Response(body=text.encode(), headers={"Content-Type": "text/x-nix-narinfo"})

    async def _nar(self, request: web.Request, tail: str) -> web.StreamResponse:
        self._readable(request)
        path = self.database.paths.get(tail)
        if path is None:
            refuse(404, "NoSuchObject")
        if self.bends.on("attic-nar-error"):
            refuse(500, "InternalServerError")
        if self.bends.on("attic-chunk-unreferenced"):
            refuse(503, "IncompleteNar")
        if len(path.chunks) == 1:
            url = self.chunks.url(self._s3(request["surface"]), path.chunks[0])
            if self.bends.on("attic-redirect-elsewhere"):
                url = f"http://cdn.invalid/{url.partition('://')[2].partition('/')[2]}"
            return web.Response(status=307, headers={"Location": url})
        return await self._stream(request, path)

    async def _stream(self, request: web.Request, path: Kept) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-nix-nar"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        cut = self.bends.argument("attic-body-cut")
        left = LONGEST_BODY if cut is None else int(cut)
        for key in path.chunks:
            try:
                piece = self.chunks.read(key)
            except Unavailable:
                left = 0
                piece = b""
            if left:
                await response.write(piece[:left])
            left -= min(left, len(piece))
            if not left:
                await asyncio.sleep(0)  # What was written leaves first.
                if request.transport is not None:
                    request.transport.close()
                return response
        await response.write_eof()
        return response

    async def _missing_paths(self, request: web.Request, _: str) -> web.StreamResponse:
        self._writable(request)
        asked = msgspec.json.decode(await request.read(), type=dict[str, Any])
        missing = [each for each in asked.get("store_path_hashes", ()) if each not in self.database.paths]
        return web.Response(body=msgspec.json.encode({"missing_paths": missing}), content_type="application/json")

    async def _upload(self, request: web.Request, _: str) -> web.StreamResponse:
        self._writable(request)
        body = await request.read()
        try:
            said = msgspec.json.decode(request.headers.get("X-Attic-Nar-Info", ""), type=dict[str, Any])
            path, hashed, size = str(said["store_path"]), str(said["nar_hash"]), int(said["nar_size"])
        except (ValueError, KeyError, TypeError):
            refuse(400, "RequestError")
        if hashlib.sha256(body).hexdigest() != hashed.removeprefix("sha256:") or len(body) != size:
            refuse(400, "NarHashMismatch")
        if path.removeprefix(f"{content.STORE}/")[:32] in self.database.paths:
            return web.Response(body=msgspec.json.encode({"kind": "Deduplicated"}), content_type="application/json")
        try:
            self._keep(path, body, tuple(said.get("references", ())), self.chunks.write)
        except Unavailable:
            refuse(500, "InternalServerError")
        return web.Response(body=msgspec.json.encode({"kind": "Uploaded"}), content_type="application/json")

    def key_on(self, surface: str) -> Key:
        """Return the key by which a surface signs and which it publishes."""
        other = self.bends.on("attic-key-rotated") or (
            surface.endswith("https") and self.bends.on("attic-family-other")
        )
        return self.key.other() if other else self.key

    def _readable(self, request: web.Request) -> None:
        if self.bends.on("attic-private") and not tokens.may(self._authorization(request), self._secret, "r"):
            refuse(401, "Unauthorized")

    def _writable(self, request: web.Request) -> None:
        if self.bends.on("attic-anonymous-write") or tokens.may(self._authorization(request), self._secret, "w"):
            return
        refuse(*((401, "Unauthorized") if self.bends.on("attic-private") else (403, "AccessError")))

    def _authorization(self, request: web.Request) -> str:
        return request.headers.get("Authorization", "")


def refuse(status: int, error: str) -> NoReturn:
    """Answer as Attic refuses: JSON with code, error and message."""
    made = web.Response(
        status=status,
        body=msgspec.json.encode({"code": status, "error": error, "message": f"the lab answers {error}"}),
        content_type="application/json",
    )
    raise Refused(made)
