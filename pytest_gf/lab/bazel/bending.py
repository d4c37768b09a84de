"""The faults of bazel-remote that change an object, or the hot cache, when they are made."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gf.honey.formats import casblob
from pytest_gf.lab.bazel import content
from pytest_gf.lab.bends import Undo, nothing
from pytest_gf.lab.faults import Bend

if TYPE_CHECKING:
    from pytest_gf.lab.bazel.blobs import Blobs


def act(blobs: Blobs, bend: Bend) -> Undo:
    """Make the changes that the fault needs at once. Most faults need none. Raises ValueError where there is nothing to bend."""
    if bend.name == "bazel-blob":
        return _blob(blobs, bend.argument)
    if bend.name == "bazel-action":
        return _action(blobs, bend.argument)
    if bend.name == "bazel-hot-warm":
        seeded = [content.payload(at) for at in range(len(content.SIZES))]
        return _warm(blobs, {content.digest(data): data for data in seeded})
    if bend.name == "bazel-hot-other":
        blob = content.largest()
        return _warm(blobs, {content.digest(blob): bytes([blob[0] ^ 1]) + blob[1:]})
    if bend.name == "bazel-stray":
        key = blobs.key(content.strays()[bend.argument])
        blobs.bucket.keep(key, casblob.encode(b"a blob out of place"))
        return partial(blobs.bucket.drop, key)
    return nothing


def _blob(blobs: Blobs, defect: str) -> Undo:
    key = blobs.key(content.blob_key(content.digest(content.largest())))
    return _replaced(blobs, key, None if defect == "deleted" else content.defects(content.largest())[defect])


def _action(blobs: Blobs, defect: str) -> Undo:
    if defect == "dangling":
        return _replaced(blobs, blobs.key(content.blob_key(content.digest(content.named_by_action(0)))), None)
    result = _replaced(blobs, blobs.key(content.action_key(content.action(0))), content.action_defects()[defect])
    if defect not in content.TREES:
        return result
    tree = content.TREES[defect]()
    key = blobs.key(content.blob_key(content.digest(tree)))
    blobs.bucket.keep(key, casblob.encode(tree))

    def undo() -> None:
        blobs.bucket.drop(key)
        result()

    return undo


def _replaced(blobs: Blobs, key: str, body: bytes | None) -> Undo:
    """Put another body in an object's place, or none. When it is mended, the hot cache forgets what it has read meanwhile."""
    before = blobs.bucket.peek(key)
    if body is None:
        blobs.bucket.drop(key)
    else:
        blobs.bucket.keep(key, body)

    def undo() -> None:
        blobs.bucket.keep(key, before)
        hot = blobs.hot(key.removeprefix(blobs.key("")))
        if hot.exists() and hot.read_bytes() == body:
            hot.unlink()

    return undo


def _warm(blobs: Blobs, payloads: dict[str, bytes]) -> Undo:
    paths: list[Path] = []
    for digest, payload in payloads.items():
        blobs.warm(digest, payload)
        paths.append(blobs.hot(blobs.place(digest)))

    def undo() -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    return undo
