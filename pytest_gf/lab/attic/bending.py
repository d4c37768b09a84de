"""The faults of Attic that change something when they are made, and what others make of a narinfo."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import zstandard

from pytest_gf.lab.attic.cache import Kept, Key
from pytest_gf.lab.bends import Bends, Undo, nothing

if TYPE_CHECKING:
    from pytest_gf.lab.attic.server import AtticServer


def act(server: AtticServer, name: str) -> Undo:
    """Make what the fault changes at once; nothing for most. Raises ValueError where there is nothing to bend."""
    change = _ACTS.get(name)
    if change is None:
        return nothing
    undone = [change(server, path) for path in list(server.database.paths.values())]

    def undo() -> None:
        for each in undone:
            each()

    return undo


def narinfo_of(path: Kept, key: Key, bends: Bends) -> str:
    """Return a path's narinfo, as Attic writes it: no FileHash, no FileSize."""
    if bends.on("attic-nar-size-lies"):
        path = msgspec.structs.replace(path, nar_size=path.nar_size + 8)
    if bends.on("attic-nar-hash-lies"):
        path = msgspec.structs.replace(path, nar_hash="0" * 64)
    lines = [
        f"StorePath: {path.store_path}",
        f"URL: {'http://cdn.invalid/' if bends.on('attic-url-elsewhere') else ''}nar/{path.hash}.nar",
        "Compression: zstd",
        f"NarHash: sha256:{path.nar_hash}",
        f"NarSize: {path.nar_size}",
        f"References: {' '.join(path.references)}",
    ]
    if bends.on("attic-wrong-key"):
        key = key.other()
    if bends.on("attic-key-renamed"):
        key = Key("elsewhere", key.seed)
    if not bends.on("attic-unsigned"):
        lines.append(f"Sig: {key.sign(path)}")
    return "\n".join((*lines, ""))


def _delete(server: AtticServer, path: Kept) -> Undo:
    key = path.chunks[-1]
    before = server.chunks.peek(key)
    server.chunks.drop(key)
    return partial(server.chunks.keep, key, before)


def _flip(server: AtticServer, path: Kept) -> Undo:
    """Store other content of the same length: whoever reads it sees a good frame."""
    key = path.chunks[-1]
    before = server.chunks.peek(key)
    plain = bytearray(zstandard.ZstdDecompressor().decompress(before))
    plain[len(plain) // 4] ^= 1
    server.chunks.keep(key, zstandard.ZstdCompressor().compress(bytes(plain)))
    return partial(server.chunks.keep, key, before)


def _garble(server: AtticServer, path: Kept) -> Undo:
    """Make the path one whose archive is no archive, hash and size being those of its bytes: Attic accepts it so."""
    body = b"this is no archive\n" * (max(path.nar_size // 19, 1))
    chunks = [body[at : at + (256 * 1024)] for at in range(0, len(body), 256 * 1024)]
    keys = tuple(f"{path.hash}-{at}.chunk" for at in range(len(chunks)))
    for key, piece in zip(keys, chunks, strict=True):
        server.chunks.keep(key, zstandard.ZstdCompressor().compress(piece))
    digest = hashlib.sha256(body).hexdigest()
    server.database.keep(msgspec.structs.replace(path, nar_hash=digest, nar_size=len(body), chunks=keys))
    return partial(server.database.keep, path)


_ACTS: Mapping[str, Callable[[AtticServer, Kept], Undo]] = {
    "attic-chunk-deleted": _delete,
    "attic-flipped": _flip,
    "attic-no-nar": _garble,
}
