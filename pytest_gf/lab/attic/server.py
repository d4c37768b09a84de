"""The Attic server: one cache on HTTP and on HTTPS, and on both again with redirects that name S3 as the cluster does."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import zstandard
from aiohttp import web

from pytest_gf.lab.attic import cache, content
from pytest_gf.lab.attic.bending import act, narinfo_of
from pytest_gf.lab.attic.cache import Database, Kept, Key
from pytest_gf.lab.attic.gateway import MOVED, Gateway
from pytest_gf.lab.attic.refusals import Refused, refuse
from pytest_gf.lab.attic.tokens import Issuer
from pytest_gf.lab.attic.writing import Rights, Writing
from pytest_gf.lab.bends import Undo
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange, Journal
from pytest_gf.lab.rustfs.bucket_client import BucketClient, Unavailable
from pytest_gf.lab.wire import Port, reset

CHUNK = 256 * 1024
"""Bytes of an archive that one object holds."""
ONE_CHUNK = 64 * 1024
"""Bytes. A shorter archive is one object, and its body is S3's business: 307."""
LONGEST_BODY = 64 * 1024 * 1024
PART = 100_000
"""Bytes of an archive that come before a reset."""
SURFACES = ("api", "https", "inside", "inside-https")
"""Those inside redirect to S3 by its name in the cluster, as a client beyond a port-forward meets it."""


Handler = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


class AtticServer:
    """The emulated Attic."""

    name = "attic"

    def __init__(  # noqa: PLR0917  # Called once, when the lab starts.
        self,
        folder: Path,
        chunks: BucketClient,
        elsewhere: BucketClient,
        secret: str,
        journal: Journal,
        tls: ssl.SSLContext,
        s3: Callable[[str], str],
    ) -> None:
        self.database = Database(folder / "attic.json")
        self.taken = 0
        """How many paths were pushed since the last bend."""
        self.key = Key(cache.NAME, hashlib.sha256(f"signing key {secret}".encode()).digest())
        self.chunks, self.bends = chunks, chunks.bends
        self._elsewhere = elsewhere
        self._journal, self._s3 = journal, s3
        self.gateway = Gateway(self.bends)
        self._rights = Rights(Issuer(secret, folder), self.bends)
        self._writing = Writing(self, self._rights)
        self._ports = {
            surface: Port(self._app(surface), tls=tls if surface.endswith("https") else None) for surface in SURFACES
        }

    @property
    def addresses(self) -> dict[str, str]:
        """Where it listens, by surface."""
        return {surface: port.address for surface, port in self._ports.items()}

    @property
    def address(self) -> str:
        """Where the API's surface listens."""
        return self.addresses["api"]

    def _app(self, surface: str) -> web.Application:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, surface)

        app = web.Application(client_max_size=LONGEST_BODY)
        app.router.add_route("*", "/{tail:(?s:.*)}", serve)
        return app

    async def start(self) -> None:
        """Listen on ports that the kernel chooses."""
        for port in self._ports.values():
            await port.open()

    def seed(self) -> None:
        """Put the seeded paths in the cache."""
        for name in content.SIZES:
            path, data = content.seeded(name)
            self._keep(path, data, (), self.chunks.keep)

    async def stop(self) -> None:
        """Close the ports and every connection."""
        for port in self._ports.values():
            await port.stop()

    async def bend(self, bend: Bend) -> Undo:
        """Make what the fault changes at once. Raises ValueError where there is nothing to bend."""
        self.gateway.forget()
        self.taken = 0
        undo = self.chunks.losing() if bend.name.startswith("attic-push-loses") else act(self, bend)
        if self.chunks.shut_by(bend):
            for port in self._ports.values():
                port.close()
        return undo

    async def mended(self) -> None:
        """Listen again where no fault forbids it any more. Raises OSError where another has taken a port."""
        for port in self._ports.values():
            if not port.is_open and not any(self.chunks.shut_by(bend) for bend in self.bends):
                await port.open()

    def take(self, path: str, data: bytes, references: tuple[str, ...], ca: str) -> None:
        """Store an uploaded path. Raises Unavailable."""
        self.taken += 1
        half = self.bends.argument("attic-push-half")
        if half is not None and self.taken > int(half):
            return
        if self.bends.on("attic-push-lost") or self.bends.on("attic-push-gone"):
            self._keep(path, data, references, lambda _key, _piece: None, ca=ca)
        elif self.bends.on("attic-other-bucket"):
            self._keep(path, data, references, self._elsewhere.write, elsewhere=True, ca=ca)
        else:
            self._keep(path, data, references, self.chunks.write, ca=ca)
        self._lose()

    def _lose(self) -> None:
        """Lose buckets after a push, where a fault says so: at once, or while everything is idle."""
        after, later = (self.bends.argument(f"attic-push-loses-{what}") for what in ("buckets", "later"))
        if after is not None and self.taken >= int(after):
            self.chunks.lose()
        if later is not None:
            asyncio.get_running_loop().call_later(int(later) / 1000, self.chunks.lose)

    def _keep(
        self,
        path: str,
        data: bytes,
        references: tuple[str, ...],
        store: Callable[[str, bytes], None],
        *,
        elsewhere: bool = False,
        ca: str = "",
    ) -> None:
        keys = []
        for at in range(0, len(data), CHUNK if len(data) >= ONE_CHUNK else ONE_CHUNK):
            piece = data[at : at + (CHUNK if len(data) >= ONE_CHUNK else ONE_CHUNK)]
            keys.append(f"{secrets.token_hex(16)}.chunk")
            store(keys[-1], zstandard.ZstdCompressor().compress(piece))
        digest = hashlib.sha256(data).hexdigest()
        kept = Kept(store_path=path, nar_hash=digest, nar_size=len(data), references=references, chunks=tuple(keys))
        self.database.keep(msgspec.structs.replace(kept, elsewhere=elsewhere, ca=ca))

    async def _serve(self, request: web.Request, surface: str) -> web.StreamResponse:
        operation, handler, tail = self._route(request)
        exchange = self._journal.begin(Exchange(self.name, operation, cache.NAME, tail))
        exchange.authenticated = self._rights.knows(request)
        try:
            await self.bends.late()
            response = await self._answer(request, surface, handler, tail)
        except (ConnectionError, asyncio.CancelledError):
            exchange.finish(None, "")
            raise
        except Refused as refused:
            response = refused.response
        exchange.finish(response.status, "")
        return response

    async def _answer(self, request: web.Request, surface: str, handler: Handler, tail: str) -> web.StreamResponse:
        request["surface"] = surface
        response = await self.gateway.answer(request, surface) or await handler(request, tail)
        if self.bends.on("attic-headers-stripped"):
            for name in [header for header in response.headers if header.lower().startswith("x-attic-")]:
                del response.headers[name]
        return response

    def _route(self, request: web.Request) -> tuple[str, Handler, str]:
        path, prefix = request.path.removeprefix(MOVED), f"/{cache.NAME}/"
        exact: Mapping[tuple[str, str], tuple[str, Handler]] = {
            ("GET", "/"): ("Home", self._home),
            ("GET", f"{prefix}nix-cache-info"): ("CacheInfo", self._cache_info),
            ("GET", f"/_api/v1/cache-config/{cache.NAME}"): ("CacheConfig", self._cache_config),
            ("POST", "/_api/v1/get-missing-paths"): ("GetMissingPaths", self._writing.missing_paths),
            ("PUT", "/_api/v1/upload-path"): ("UploadPath", self._writing.upload),
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
        first, _slash, rest = (
            request.path.removeprefix(MOVED).removeprefix("/_api/v1/cache-config").strip("/").partition("/")
        )
        of_a_cache = request.path.startswith("/_api/v1/cache-config/") or rest.endswith(
            (".narinfo", ".nar", "cache-info")
        )
        if request.method == "GET" and of_a_cache and first != cache.NAME:
            self._rights.check(request, first, "r")  # There is no such cache: it refuses.
        refuse(404, "NotFound")

    async def _cache_info(self, request: web.Request, _: str) -> web.StreamResponse:
        self._rights.check(request, cache.NAME, "r")
        text = f"WantMassQuery: 1\nStoreDir: {content.STORE}\nPriority: 41\n"
        visibility = {"x-attic-cache-visibility": "private" if self.bends.on("attic-private") else "public"}
        return web.Response(body=text.encode(), headers={"Content-Type": "text/x-nix-cache-info"} | visibility)

    async def _cache_config(self, request: web.Request, _: str) -> web.StreamResponse:
        self._rights.check(request, cache.NAME, "r")
        said = {
            "substituter_endpoint": self._substituter(request["surface"]),
            "api_endpoint": f"{self.addresses[request['surface']]}/",
            "public_key": self.key_on(request["surface"]).public,
            "is_public": not self.bends.on("attic-private"),
            "store_dir": content.STORE,
            "priority": 41,
            "upstream_cache_key_names": ["cache.nixos.org-1"],
            "retention_period": {"Period": 7_776_000},
        }
        return web.Response(body=msgspec.json.encode(said), content_type="application/json")

    def _substituter(self, surface: str) -> str:
        name = "other" if self.bends.on("attic-cache-other") else cache.NAME
        return f"{'https://cdn.invalid' if self.bends.on('attic-substituter-elsewhere') else self.addresses[surface]}/{name}"

    async def _narinfo(self, request: web.Request, tail: str) -> web.StreamResponse:
        self._rights.check(request, cache.NAME, "r")
        path = self.database.paths.get(tail)
        if self.bends.on("attic-miss-found") and path is None:
            path = next(iter(self.database.paths.values()))
        if path is None and self.bends.on("attic-miss-error"):
            refuse(500, "InternalServerError")
        if len(tail) != 32 or set(tail) - set(content.DIGITS):  # noqa: PLR2004  # A store hash.
            refuse(500, "InvalidStorePathHash")
        if path is None or self.bends.on("attic-path-missing"):
            refuse(404, "NoSuchObject")
        surface = request["surface"]
        other = surface.endswith("https") and self.bends.on("attic-narinfo-other")
        body, headers = narinfo_of(path, self.key_on(surface), self.bends, other=other).encode(), {}
        if self.bends.on("attic-narinfo-packed"):
            body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
        elif self.bends.on("attic-narinfo-identity"):
            headers = {"Content-Encoding": "identity"}
        return web.Response(body=body, headers={"Content-Type": "text/x-nix-narinfo", **headers})

    async def _nar(self, request: web.Request, tail: str) -> web.StreamResponse:
        self._rights.check(request, cache.NAME, "r")
        path = self.database.paths.get(tail)
        if path is None:
            refuse(404, "NoSuchObject")
        if self.bends.on("attic-nar-error"):
            refuse(500, "InternalServerError")
        if self.bends.on("attic-chunk-unreferenced"):
            refuse(503, "IncompleteNar")
        if len(path.chunks) == 1:
            url = self._bucket_of(path).url(self._s3(request["surface"]), path.chunks[0])
            if self.bends.on("attic-redirect-elsewhere"):
                url = f"http://cdn.invalid/{url.partition('://')[2].partition('/')[2]}"
            return web.Response(status=307, headers={"Location": url})
        return await self._stream(request, path)

    async def _stream(self, request: web.Request, path: Kept) -> web.StreamResponse:
        slow = self.bends.argument("attic-s3-slow")
        await asyncio.sleep(int(slow or 0) / 1000)
        resets = self.gateway.cuts(request, request["surface"])
        response = web.StreamResponse(headers={"Content-Type": "application/x-nix-nar"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        cut = "0" if slow is not None else self.bends.argument("attic-body-cut")
        left = PART if resets else LONGEST_BODY if cut is None else int(cut)
        for key in path.chunks:
            try:
                piece = self._bucket_of(path).read(key)
            except Unavailable:
                left = 0
                piece = b""
            if left:
                await response.write(piece[:left])
            left -= min(left, len(piece))
            if not left:
                await asyncio.sleep(0)  # What was written leaves first.
                _end(request, by_reset=resets)
                return response
        await response.write_eof()
        return response

    def _bucket_of(self, path: Kept) -> BucketClient:
        """Return how a path's chunks are reached: each carries its bucket, whatever the server writes to now."""
        return self._elsewhere if path.elsewhere else self.chunks

    def key_on(self, surface: str) -> Key:
        """Return the key by which a surface signs and which it publishes."""
        other = self.bends.on("attic-key-rotated") or (
            surface.endswith("https") and self.bends.on("attic-family-other")
        )
        return self.key.other() if other else self.key


def _end(request: web.Request, *, by_reset: bool) -> None:
    """End a connection in the middle of its body."""
    if by_reset:
        reset(request)
    elif request.transport is not None:
        request.transport.close()
