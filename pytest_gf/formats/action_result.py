"""The result of an action as bazel-remote stores it (``ac/``): protobuf whose key is no hash of it, and the blobs that it names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_gf.formats import reapi

LARGEST = 4 * 1024 * 1024
"""Bytes. A result is one message of gRPC, which holds so many (`reapi.MOST_BATCH`)."""
EMPTY = hashlib.sha256(b"").hexdigest()
"""The blob that is always there and never stored."""
_HASH = re.compile(r"[0-9a-f]{64}")


class Malformed(ValueError):
    """No result of an action."""


@dataclass(frozen=True)
class Reference:
    """A blob that a result names: its digest, and what it is of the result."""

    digest: str
    size: int
    what: str


def references(stored: bytes) -> tuple[Reference, ...]:
    """Return the blobs that must be there for the result to be of use; empty ones are never stored. Raises Malformed."""
    from google.protobuf.message import DecodeError

    result = reapi.message("v2.ActionResult")()
    try:
        result.ParseFromString(stored)
    except DecodeError:
        raise Malformed("no ActionResult: it can't be parsed") from None
    return tuple(
        _read(digest, what) for digest, what in _named(result) if digest.size_bytes or digest.hash not in {"", EMPTY}
    )


def _named(result: Any) -> Iterator[tuple[Any, str]]:
    """Yield each digest and what it is of: by number, since the paths are what was built."""
    for at, file in enumerate(result.output_files):
        yield file.digest, f"output file {at}"
    for at, folder in enumerate(result.output_directories):
        yield folder.tree_digest, f"tree of output directory {at}"
        yield folder.root_directory_digest, f"root of output directory {at}"
    yield result.stdout_digest, "stdout"
    yield result.stderr_digest, "stderr"


def _read(digest: Any, what: str) -> Reference:
    if not _HASH.fullmatch(digest.hash) or digest.size_bytes < 0:
        raise Malformed(f"the digest of its {what} is no SHA-256 and size")
    return Reference(digest.hash, digest.size_bytes, what)
