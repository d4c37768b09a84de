"""The faults of Attic that change something when they are made, and what others make of a narinfo."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import zstandard

from pytest_gf.lab.attic.cache import Kept, Key
from pytest_gf.lab.attic.content import STORE
from pytest_gf.lab.bends import Bends, Undo, nothing
from pytest_gf.lab.faults import Bend

if TYPE_CHECKING:
    from pytest_gf.lab.attic.server import AtticServer


def act(server: AtticServer, bend: Bend) -> Undo:
    """Make the changes that the fault needs at once. Most faults need none. Raises ValueError where there is nothing to bend.

    A path whose object is gone stays as it is: a push whose chunk another fault lost leaves such a one for good.
    """
    change = _ACTS.get(bend.name)
    if change is None:
        return nothing
    paths = [path for path in server.database.paths.values() if all(map(server.chunks.holds, path.chunks))]
    if not paths:
        raise ValueError("the bucket attic has no path's objects any more, so there is nothing to bend")
    undone = [change(server, path, bend.argument or "") for path in paths]

    def undo() -> None:
        for step in undone:
            step()

    return undo


def narinfo_of(path: Kept, key: Key, bends: Bends, *, other: bool = False) -> str:
    """Return a path's narinfo, as Attic writes it: no FileHash, no FileSize. ``other``: as another cache would."""
    if bends.on("attic-nar-size-lies"):
        path = msgspec.structs.replace(path, nar_size=path.nar_size + 8)
    if bends.on("attic-nar-hash-lies"):
        path = msgspec.structs.replace(path, nar_hash="0" * 64)
    lines = [
        f"StorePath: {path.store_path}",
        f"URL: {'http://cdn.invalid/' if bends.on('attic-url-elsewhere') else ''}nar/{path.hash}.nar",
        f"Compression: {path.compression}",
        f"NarHash: sha256:{path.nar_hash}",
        f"NarSize: {path.nar_size}",
        f"References:{'' if bends.on('attic-references-unpadded') else ' '}{' '.join(path.references)}",
    ]
    if bends.on("attic-deriver-path"):
        lines.append(f"Deriver: {STORE}/{'d' * 32}-x.drv")
    if bends.on("attic-ca-wrong") or path.ca:
        lines.append(f"CA: {path.ca if not bends.on('attic-ca-wrong') else 'fixed:r:sha256:' + '0' * 52}")
    if other:
        lines.append(f"Deriver: {'d' * 32}-other.drv")
    if bends.on("attic-wrong-key"):
        key = key.other()
    if bends.on("attic-key-renamed"):
        key = Key("elsewhere", key.seed)
    if not bends.on("attic-unsigned"):
        lines.append(f"Sig: {key.sign(path)}")
    return "\n".join((*lines, ""))


def _delete(server: AtticServer, path: Kept, _: str) -> Undo:
    key = path.chunks[-1]
    before = server.chunks.peek(key)
    server.chunks.drop(key)
    return partial(server.chunks.keep, key, before)


def _flip(server: AtticServer, path: Kept, _: str) -> Undo:
    """Store other content of the same length: whoever reads it sees a good frame."""
    key = path.chunks[-1]
    before = server.chunks.peek(key)
    plain = bytearray(zstandard.ZstdDecompressor().decompress(before))
    plain[len(plain) // 4] ^= 1
    server.chunks.keep(key, zstandard.ZstdCompressor().compress(bytes(plain)))
    return partial(server.chunks.keep, key, before)


def _garble(server: AtticServer, path: Kept, _: str) -> Undo:
    """Put bytes that are no archive in the place of a path's archive, with their own hash and size. Attic accepts such a path."""
    body = b"this is no archive\n" * (max(path.nar_size // 19, 1))
    chunks = [body[at : at + (256 * 1024)] for at in range(0, len(body), 256 * 1024)]
    keys = tuple(f"{path.hash}-{at}.chunk" for at in range(len(chunks)))
    for key, piece in zip(keys, chunks, strict=True):
        server.chunks.keep(key, zstandard.ZstdCompressor().compress(piece))
    digest = hashlib.sha256(body).hexdigest()
    server.database.keep(msgspec.structs.replace(path, nar_hash=digest, nar_size=len(body), chunks=keys))
    return partial(server.database.keep, path)


def _encode(server: AtticServer, path: Kept, encoding: str) -> Undo:
    """Store the object of a short archive again, with a Content-Encoding that is a lie."""
    if len(path.chunks) > 1:
        return nothing
    before = server.chunks.peek(path.chunks[0])
    server.chunks.keep(path.chunks[0], before, {"Content-Encoding": encoding})
    return partial(server.chunks.keep, path.chunks[0], before)


def _brotli(server: AtticServer, path: Kept, _: str) -> Undo:
    """Store each chunk compressed by brotli."""
    import brotli

    before = {key: server.chunks.peek(key) for key in path.chunks}
    for key, piece in before.items():
        plain = zstandard.ZstdDecompressor().decompress(piece)
        server.chunks.keep(key, brotli.compress(plain, quality=1))
    server.database.keep(msgspec.structs.replace(path, compression="br"))

    def undo() -> None:
        server.database.keep(path)
        for key, piece in before.items():
            server.chunks.keep(key, piece)

    return undo


_ACTS: Mapping[str, Callable[[AtticServer, Kept, str], Undo]] = {
    "attic-encoded": _encode,
    "attic-brotli": _brotli,
    "attic-chunk-deleted": _delete,
    "attic-flipped": _flip,
    "attic-no-nar": _garble,
}
