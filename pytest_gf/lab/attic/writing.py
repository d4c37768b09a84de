"""How Attic serves clients that write: rights by token, get-missing-paths, upload-path (docs/systems.md)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from pytest_gf.lab.attic import cache, content
from pytest_gf.lab.attic.refusals import refuse
from pytest_gf.lab.attic.tokens import CARELESS, Issuer
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.rustfs.bucket_client import Unavailable
from pytest_gf.lab.wire import LONGEST_WAIT

if TYPE_CHECKING:
    from pytest_gf.lab.attic.server import AtticServer


PREAMBLE = "X-Attic-Nar-Info-Preamble-Size"
LONGEST_INFO = 1024 * 1024
"""Bytes of an upload's description: atticd's default."""


class Rights:
    """Who may do what with a cache: the rights of a request's token, and those of everybody."""

    def __init__(self, issuer: Issuer, bends: Bends) -> None:
        self._issuer, self._bends = issuer, bends

    def of(self, request: web.Request, name: str) -> frozenset[str]:
        """Return the rights on a cache that a request's token gives, without those of everybody."""
        careless = [fault for fault in CARELESS if self._bends.on(f"attic-accepts-{fault}")]
        held = self._issuer.rights(request.headers.get("Authorization", ""), name, careless)
        through = self._bends.on("attic-proxy-token") and request.get("surface", "").endswith("https")
        return held | {"r", "w"} if through else held

    def knows(self, request: web.Request) -> bool:
        """Tell whether a request carries a token of this Attic's, good or not."""
        return self._issuer.issued(request.headers.get("Authorization", ""))

    def check(self, request: web.Request, name: str, right: str) -> None:
        """Refuse a client without the right: 403 if it may know of the cache, else 401, as if there were no such cache."""
        held = self.of(request, name)
        known = name == cache.NAME
        public = known and not self._bends.on("attic-private")
        if not known:
            refuse(*((404, "NoSuchCache") if held else (401, "Unauthorized")))
        if right == "w" and self._bends.on("attic-push-error"):
            refuse(500, "InternalServerError")
        if right == "w" and self._bends.on("attic-refuses-push"):
            refuse(403, "AccessError")
        if right in held or (right == "r" and public) or (right == "w" and self._bends.on("attic-anonymous-write")):
            return
        refuse(*((403, "AccessError") if held or public else (401, "Unauthorized")))


class Writing:
    """The endpoints that need the right to push."""

    def __init__(self, server: AtticServer, rights: Rights) -> None:
        self._server, self._rights = server, rights

    async def missing_paths(self, request: web.Request, _: str) -> web.StreamResponse:
        """Answer which of the asked paths are missing."""
        try:
            request_body = msgspec.json.decode(await request.read(), type=dict[str, Any])
            name, hashes = (
                str(request_body["cache"]),
                [str(store_hash) for store_hash in request_body["store_path_hashes"]],
            )
        except (msgspec.DecodeError, KeyError, TypeError) as wrong:
            return web.Response(status=422, text=f"Failed to deserialize the JSON body into the target type: {wrong}")
        strange = [
            store_hash
            for store_hash in hashes
            if len(store_hash) != 32 or set(store_hash) - set(content.DIGITS)  # noqa: PLR2004  # A store hash.
        ]
        if strange:
            return web.Response(
                status=422, text="Failed to deserialize the JSON body: Hash of the store path is invalid"
            )
        self._rights.check(request, name, "w")
        missing = [store_hash for store_hash in dict.fromkeys(hashes) if store_hash not in self._server.database.paths]
        return _json({"missing_paths": missing})

    async def upload(self, request: web.Request, _: str) -> web.StreamResponse:
        """Accept a path that has the announced hash and size. Nothing else is checked."""
        info, body = _info_and_body(request.headers, await request.read())
        try:
            said = msgspec.json.decode(info, type=dict[str, Any])
            path, hashed, size = str(said["store_path"]), str(said["nar_hash"]), int(said["nar_size"])
            name, digest = str(said["cache"]), hashed.removeprefix("sha256:")
        except (ValueError, KeyError, TypeError):
            refuse(400, "RequestError", "X-Attic-Nar-Info must be set")
        self._rights.check(request, name, "w")
        if self._server.bends.on("attic-upload-stalls"):
            await asyncio.sleep(LONGEST_WAIT)
        if self._server.bends.on("attic-upload-error"):
            refuse(500, "InternalServerError", "The server encountered an internal error or misconfiguration.")
        database, references = self._server.database, tuple(map(str, said.get("references", ())))
        known = next((path for path in database.paths.values() if path.nar_hash == digest), None)
        if known is not None and not self._server.bends.on("attic-chunk-unreferenced"):
            database.keep(
                msgspec.structs.replace(known, store_path=path, references=references, ca=str(said.get("ca") or ""))
            )
            return _json({"kind": "Deduplicated", "file_size": None, "frac_deduplicated": None})
        if hashlib.sha256(body).hexdigest() != digest or len(body) != size:
            refuse(400, "RequestError", "Bad chunk hash or size")
        try:
            self._server.take(path, body, references, str(said.get("ca") or ""))
        except Unavailable:
            refuse(500, "InternalServerError")
        if self._server.bends.on("attic-push-gone"):
            return _json({"kind": "Deduplicated", "file_size": None, "frac_deduplicated": None})
        return _json({"kind": "Uploaded", "file_size": len(body), "frac_deduplicated": 0.0})


def _info_and_body(headers: Mapping[str, str], body: bytes) -> tuple[bytes, bytes]:
    """Return an upload's description, and its archive. The description is a header, or stands before the archive if it is long."""
    before = headers.get(PREAMBLE)
    if before is None:
        return headers.get("X-Attic-Nar-Info", "").encode("utf-8", "surrogateescape"), body
    if not before.isascii() or not before.isdigit() or len(before) > len(str(LONGEST_INFO)):
        refuse(400, "RequestError", f"{PREAMBLE} must be a valid unsigned integer")
    size = int(before)
    if size > LONGEST_INFO:
        refuse(400, "RequestError", "Upload info is too large")
    if size > len(body):
        refuse(400, "RequestError", "Upload info doesn't match specified size")
    return body[:size], body[size:]


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
