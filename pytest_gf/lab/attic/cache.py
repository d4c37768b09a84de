"""The cache's database, its keys: what a real Attic keeps in PostgreSQL, here one JSON file in the lab's folder."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pytest_gf.lab.attic.content import STORE, base32

NAME = "main"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A store path; ``chunks`` are its objects in the bucket, each one zstd frame, in their order."""

    store_path: str
    nar_hash: str
    nar_size: int
    references: tuple[str, ...] = ()
    chunks: tuple[str, ...] = ()
    ca: str = ""
    compression: str = "zstd"
    elsewhere: bool = False
    """Whether its chunks lie in another bucket than the contract's."""

    @property
    def hash(self) -> str:
        """The 32 characters by which it is asked for."""
        return self.store_path.removeprefix(f"{STORE}/")[:32]


class Database:
    """The paths by their hash, kept in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.paths: dict[str, Kept] = {}
        if file.exists():
            self.paths = msgspec.json.decode(file.read_bytes(), type=dict[str, Kept])

    def keep(self, path: Kept) -> None:
        """Keep a path, also after the lab's end."""
        self.paths[path.hash] = path
        self._file.write_bytes(msgspec.json.encode(self.paths))


@dataclass(frozen=True)
class Key:
    """A cache's signing key, made from 32 bytes of seed."""

    name: str
    seed: bytes

    @property
    def public(self) -> str:
        """``main:<base64>``."""
        raw = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return f"{self.name}:{base64.b64encode(raw).decode()}"

    def sign(self, path: Kept) -> str:
        """Return the signature of a path's fingerprint."""
        digest = base32(bytes.fromhex(path.nar_hash))
        references = ",".join(f"{STORE}/{reference}" for reference in path.references)
        text = f"1;{path.store_path};sha256:{digest};{path.nar_size};{references}"
        made = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return f"{self.name}:{base64.b64encode(made).decode()}"

    def other(self) -> Key:
        """Return another key of the same name."""
        return Key(self.name, hashlib.sha256(self.seed).digest())
