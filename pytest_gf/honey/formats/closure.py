"""A closure to publish: store paths with their archives, as ``nix path-info -r --json`` and ``nix-store --dump`` give them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from pytest_gf.honey.formats import narinfo, nixbase32
from pytest_gf.honey.formats.contentaddress import ContentAddress
from pytest_gf.honey.formats.nar import Regular, write

STORE = "/nix/store"
MOST = 1_000
"""Paths of one closure."""
STORE_HASH = 20
"""Bytes."""
LARGE = 80_000
"""Bytes of a file whose archive Attic cuts into chunks. An archive below 64 KiB is one object."""

_PATH = re.compile(rf"{STORE}/[{nixbase32.ALPHABET}]{{32}}-[0-9A-Za-z+.?=_-]{{1,211}}")


class Malformed(ValueError):
    """No closure. The message is one line."""


class _Info(msgspec.Struct, rename="camel"):
    """What Nix prints of a store path, as far as it is read."""

    nar_size: Annotated[int, msgspec.Meta(gt=0)]
    nar_hash: Any = None
    references: list[Annotated[str, msgspec.Meta(pattern=rf"^{_PATH.pattern}\Z")]] = []
    ca: str | None = None


@dataclass(frozen=True)
class Member:
    """One store path: its references as base names, the SHA-256 of its archive, its content address where it has one."""

    store_path: str
    references: tuple[str, ...]
    nar_hash: bytes
    nar_size: int
    ca: str | None = None

    @classmethod
    def of(cls, info: narinfo.NarInfo) -> Member:
        """Return the member that a narinfo tells of."""
        ca = str(info.ca) if info.ca is not None else None
        return cls(info.store_path, info.references, info.nar_hash, info.nar_size, ca)

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.store_path.removeprefix(f"{STORE}/")

    @property
    def hash(self) -> str:
        """The 32 characters by which caches know it."""
        return self.name[:32]

    def is_of(self, nar: bytes) -> bool:
        """Tell whether this is its archive."""
        return len(nar) == self.nar_size and hashlib.sha256(nar).digest() == self.nar_hash


def read(data: bytes) -> tuple[Member, ...]:
    """Return the members of a closure as ``nix path-info -r --json`` prints it, a list or (since 2.19) an object. Raises Malformed."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("expected the JSON of `nix path-info -r --json`") from None
    if isinstance(document, list) and all(isinstance(info, dict) for info in document):
        document = [(info.get("path"), info) for info in document]
    else:
        document = document.items() if isinstance(document, dict) else ()
    return whole([_member(path, info) for path, info in document])


def whole(members: Sequence[Member]) -> tuple[Member, ...]:
    """Return the members where they are a closure. Raises Malformed."""
    if not 0 < len(members) <= MOST:
        raise Malformed(f"expected 1 to {MOST} store paths")
    names = {member.name for member in members}
    for member in members:
        outside = set(member.references) - names
        if outside:
            raise Malformed(f"{member.store_path} refers to {min(outside)}, which is not in the closure: was -r given?")
    return tuple(members)


def _member(path: Any, document: Any) -> Member:
    if not isinstance(path, str) or not _PATH.fullmatch(path) or not isinstance(document, dict):
        raise Malformed(f"{str(path)[:80]!r} is no store path")
    try:
        info = msgspec.convert(document, _Info)
        digest = narinfo.nar_hash(str(info.nar_hash))
    except msgspec.ValidationError:
        raise Malformed(f"{path}: expected narSize and references") from None
    except narinfo.Malformed:
        raise Malformed(f"{path}: expected narHash, a SHA-256") from None
    references = tuple(reference.removeprefix(f"{STORE}/") for reference in info.references)
    return Member(path, references, digest, info.nar_size, info.ca or None)


def fresh_pair(salt: bytes) -> Iterator[tuple[Member, bytes]]:
    """Yield two paths that nobody has, with their archives: a short one by its contents, a long one by its inputs."""
    short = archive(b"pytest_gf " + salt.hex().encode() + b"\n")
    digest = hashlib.sha256(short).digest()
    path = ContentAddress("fixed:r", "sha256", digest).path(STORE, "gf-publication-short", (), itself=False)
    yield Member(path, (), digest, len(short), f"fixed:r:sha256:{digest.hex()}"), short
    yield _by_inputs("gf-publication-long", salt, archive(_stream(salt, LARGE)), ())


def synthetic(count: int, salt: bytes) -> Iterator[tuple[Member, bytes]]:
    """Yield a closure of so many paths that nobody has: each refers to the two before it, the later first."""
    names: list[str] = []
    for at in range(count):
        own = salt + at.to_bytes(2, "big")
        size = LARGE if at % 5 == 0 else 900
        member, nar = _by_inputs(f"gf-publication-{at}", own, archive(_stream(own, size)), tuple(reversed(names[-2:])))
        names.append(member.name)
        yield member, nar


def archive(contents: bytes) -> bytes:
    """Return the archive of a file."""
    return b"".join(write(Regular(contents)))


def _by_inputs(name: str, salt: bytes, nar: bytes, references: tuple[str, ...]) -> tuple[Member, bytes]:
    store_hash = nixbase32.encode(hashlib.sha256(b"path " + salt).digest()[:STORE_HASH])
    return Member(f"{STORE}/{store_hash}-{name}", references, hashlib.sha256(nar).digest(), len(nar)), nar


def _stream(salt: bytes, size: int) -> bytes:
    return hashlib.shake_256(salt).digest(size)
