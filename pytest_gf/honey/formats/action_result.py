"""The result of an action as bazel-remote stores it (``ac/``): protobuf whose key is no hash of it, and the blobs that it names.

The files of an output directory are named by a blob of their own, a Tree. Source: build.bazel.remote.execution.v2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_gf.honey.formats import reapi

LARGEST = 4 * 1024 * 1024
"""Bytes. A result is one message of gRPC, which holds so many (`reapi.MOST_BATCH`)."""
MOST_DIRECTORIES = 1_000_000
"""A Tree may name and hold so many: their digests are held until it ends."""
EMPTY = hashlib.sha256(b"").hexdigest()
"""The blob that is always there and never stored."""
_DIRECTORIES = {0x0A, 0x12}
"""The tags of a Tree's two fields, root and children: both Directories, length-delimited."""
_LONGEST_VARINT = 28
"""Bits below which a length of at most `LARGEST` ends."""
_HASH = re.compile(r"[0-9a-f]{64}")


class Malformed(ValueError):
    """No result of an action."""


@dataclass(frozen=True)
class Reference:
    """A blob that a result names: its digest, and what it is of the result."""

    digest: str
    size: int
    what: str
    tree: bool = False
    """Whether it is a Tree, which names blobs in turn."""
    absent: bool = False
    """Whether it should lie in the Tree that names it, and does not. It is no blob of its own."""


def references(stored: bytes) -> tuple[Reference, ...]:
    """Return the blobs that must be there for the result to be of use; empty ones are never stored. Raises Malformed."""
    return tuple(_stored(_named(_parsed("v2.ActionResult", stored))))


def in_tree(pieces: Iterable[bytes | memoryview], what: str) -> Iterator[Reference]:
    """Yield the files of a Tree that comes in pieces, one Directory of it held at a time, and the directories that it lacks.

    ``what`` says whose. Raises Malformed.
    """
    held, files = bytearray(), 0
    named: dict[bytes, int] = {}
    present: set[bytes] = set()
    for piece in pieces:
        held += piece
        while (taken := _directory(held)) is not None:
            present.add(hashlib.sha256(taken[1]).digest())
            directory = taken[0]
            for node in directory.files:
                yield from _stored([(node.digest, f"file {files} in the {what}", False)])
                files += 1
            for node in directory.directories:
                below = _read(node.digest, f"directory in the {what}", tree=False)
                named.setdefault(bytes.fromhex(below.digest), below.size)
            if len(named) + len(present) > MOST_DIRECTORIES:
                raise Malformed(f"the {what} has more than {MOST_DIRECTORIES} directories")
    if held:
        raise Malformed(f"the {what} is no Tree: its bytes end inside of a directory")
    for at, (digest, size) in enumerate(named.items()):
        if digest not in present and digest.hex() != EMPTY:
            yield Reference(digest.hex(), size, f"directory {at} in the {what}", absent=True)


def _directory(held: bytearray) -> tuple[Any, bytes] | None:
    """Take the first Directory from the bytes, and return it with its own bytes; None where it is not whole yet.

    A Tree is nothing but its directories.
    """
    size, at, shift = 0, 1, 0
    while True:
        if at >= len(held):
            return None
        size |= (held[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not held[at - 1] & 0x80:
            break
        if shift > _LONGEST_VARINT:
            raise Malformed("no Tree: a length that never ends")
    if held[0] not in _DIRECTORIES or size > LARGEST:
        raise Malformed(f"no Tree: a field 0x{held[0]:02x} of {size} bytes")
    if at + size > len(held):
        return None
    stored = bytes(held[at : at + size])
    directory = _parsed("v2.Directory", stored)
    del held[: at + size]
    return directory, stored


def _parsed(name: str, stored: bytes) -> Any:
    from google.protobuf.message import DecodeError

    made = reapi.message(name)()
    try:
        made.ParseFromString(stored)
    except DecodeError:
        raise Malformed(f"no {name.rpartition('.')[2]}: it can't be parsed") from None
    return made


def _stored(named: Iterable[tuple[Any, str, bool]]) -> Iterator[Reference]:
    for digest, what, tree in named:
        if digest.size_bytes or digest.hash not in {"", EMPTY}:
            yield _read(digest, what, tree=tree)


def _named(result: Any) -> Iterator[tuple[Any, str, bool]]:
    """Yield each digest, what it is of, and whether that is a Tree: by number, since the paths are what was built."""
    for at, file in enumerate(result.output_files):
        if not file.contents:  # Else it came with the result.
            yield file.digest, f"output file {at}", False
    for at, folder in enumerate(result.output_directories):
        if not folder.HasField("tree_digest"):
            raise Malformed(f"output directory {at} has no tree, and bazel-remote refuses the result")
        yield folder.tree_digest, f"tree of output directory {at}", True
        yield folder.root_directory_digest, f"root of output directory {at}", False
    yield result.stdout_digest, "stdout", False
    yield result.stderr_digest, "stderr", False


def _read(digest: Any, what: str, *, tree: bool) -> Reference:
    if not _HASH.fullmatch(digest.hash) or digest.size_bytes < 0:
        raise Malformed(f"the digest of its {what} is no SHA-256 and size")
    return Reference(digest.hash, digest.size_bytes, what, tree)
