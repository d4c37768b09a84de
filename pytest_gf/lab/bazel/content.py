"""What the lab's bazel-cache holds from the start: blobs of all sizes, and actions that refer to some of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_gf.honey.formats import casblob, reapi

EMPTY = hashlib.sha256(b"").hexdigest()
"""The blob that is always there and never stored."""
SIZES = (1, 2, 17, 100, 255, 4_096, 65_536, 300_000, 1_048_576, 2_500_000, *(700 + 31 * at for at in range(14)))
"""Bytes of each blob: one fills its chunk exactly, the largest has three."""
ACTIONS = 3

WORDS = [word.encode() for word in ("error", "warning", "src/main", ".o", "//lib:core", "\n", " ", "0", "rule", "//")]


def digest(payload: bytes) -> str:
    """Return the key of a blob."""
    return hashlib.sha256(payload).hexdigest()


def payload(at: int) -> bytes:
    """Return a seeded blob: the same bytes in every lab, which compress to about a third."""
    source = random.Random(f"blob {at}")  # noqa: S311  # No secret: the same bytes each time is what is wanted.
    size = SIZES[at]
    text = b"".join(source.choices(WORDS, k=400))[:1_000]
    pieces = [source.randbytes(500) + text for _ in range(size // 1_000 + 1)]
    return b"".join(pieces)[:size]


def largest() -> bytes:
    """Return the seeded blob that has several chunks."""
    return payload(SIZES.index(max(SIZES)))


def objects() -> Iterator[tuple[str, bytes]]:
    """Yield the seeded objects: keys below the prefix, and bodies. Every fifth is stored as it is."""
    blobs = [payload(at) for at in range(len(SIZES))]
    for at, blob in enumerate(blobs):
        compression = casblob.IDENTITY if at % 5 == 4 else casblob.ZSTD  # noqa: PLR2004
        yield blob_key(digest(blob)), casblob.encode(blob, compression=compression)
    for at in range(ACTIONS):
        result = reapi.message("v2.ActionResult")()
        result.output_files.add(path=f"bazel-out/{at}.o").digest.MergeFrom(digest_of(named_by_action(at)))
        yield action_key(action(at)), result.SerializeToString(deterministic=True)


def action(at: int) -> str:
    """Return the digest of a seeded action, by which its result is kept."""
    return digest(f"action {at}".encode())


def named_by_action(at: int) -> bytes:
    """Return the blob that a seeded action's result names."""
    return payload(at + 3)


def blob_key(name: str) -> str:
    """Return the key of a casblob."""
    return f"cas.v2/{name[:2]}/{name}"


def raw_key(name: str) -> str:
    """Return the key of a blob that lies as it is (storage mode uncompressed)."""
    return f"cas/{name[:2]}/{name}"


def action_key(name: str) -> str:
    """Return the key of an action's result."""
    return f"ac/{name[:2]}/{name}"


def tree_with_a_file_that_is_gone() -> bytes:
    """Return a Tree of two files, in the root and in a directory below it: one of them nobody ever wrote."""
    tree = reapi.message("v2.Tree")()
    tree.root.files.add(name="a").digest.MergeFrom(digest_of(named_by_action(0)))
    tree.children.add().files.add(name="b").digest.MergeFrom(digest_of(b"a file that nobody ever wrote"))
    made: bytes = tree.SerializeToString(deterministic=True)
    return made


def tree_without_a_directory() -> bytes:
    """Return a Tree whose root names a directory that it does not hold."""
    tree, child = reapi.message("v2.Tree")(), reapi.message("v2.Directory")()
    child.files.add(name="b").digest.MergeFrom(digest_of(named_by_action(1)))
    tree.root.files.add(name="a").digest.MergeFrom(digest_of(named_by_action(0)))
    tree.root.directories.add(name="below").digest.MergeFrom(digest_of(child.SerializeToString()))
    made: bytes = tree.SerializeToString(deterministic=True)
    return made


TREES = {"dangling-in-tree": tree_with_a_file_that_is_gone, "child-missing": tree_without_a_directory}
"""Defects of a result whose tree lies in the bucket, and what that tree is."""


def action_defects() -> Mapping[str, bytes]:
    """Return what can stand in the place of an action's result, by the name of the defect."""
    absent = b"a blob that nobody ever wrote"
    stdout, tree, strange, size, root = (reapi.message("v2.ActionResult")() for _ in range(5))
    stdout.stdout_digest.MergeFrom(digest_of(absent))
    tree.output_directories.add(path="out").tree_digest.MergeFrom(digest_of(absent))
    strange.output_files.add(path="a.o").digest.hash = "no hash"
    size.output_files.add(path="a.o").digest.MergeFrom(digest_of(named_by_action(0)))
    size.output_files[0].digest.size_bytes += 1
    root.output_directories.add(path="out").root_directory_digest.MergeFrom(digest_of(named_by_action(0)))
    trees = {name: reapi.message("v2.ActionResult")() for name in TREES}
    for name, result in trees.items():
        result.output_directories.add(path="out").tree_digest.MergeFrom(digest_of(TREES[name]()))
    return {
        "dangling-stdout": stdout.SerializeToString(),
        "dangling-tree": tree.SerializeToString(),
        **{name: result.SerializeToString() for name, result in trees.items()},
        "strange-digest": strange.SerializeToString(),
        "wrong-size": size.SerializeToString(),
        "root-without-tree": root.SerializeToString(),
        "garbage": b"\xff<html>",
        "too-long": bytes(5 * 1024 * 1024),
        "empty": b"",
    }


def strays() -> Mapping[str, str]:
    """Return keys below the prefix where bazel-remote finds nothing, or keeps nothing of ours, by the name of the kind."""
    name = digest(b"a blob out of place")
    return {
        "upper-case": f"cas.v2/{name[:2].upper()}/{name.upper()}",
        "no-folder": f"cas.v2/{name}",
        "other-folder": f"cas.v2/zz/{name}",
        "neighbour": f"cas.v2/e0/{name}",
        "deeper": f"cas.v2/e0/more/{name}",
        "short": f"ac/d7/{name[:20]}",
        "raw": f"raw/{name[:2]}/{name}",
        "rubbish": "notes/read me.txt",
    }


def defects(blob: bytes) -> Mapping[str, bytes]:
    """Return what can stand in the place of a blob's object, by the name of the defect."""
    good = casblob.encode(blob)
    count = -(-len(blob) // casblob.CHUNK) + 1
    first = 29 + 8 * count
    size = int.from_bytes(good[37:45], "little") - first

    def put(at: int, value: int, width: int) -> bytes:
        return good[:at] + value.to_bytes(width, "little") + good[at + width :]

    def chunk(made: bytes) -> bytes:
        """Return the object with another first chunk of any length, all offsets moved."""
        offsets = [int.from_bytes(good[29 + 8 * at : 37 + 8 * at], "little") for at in range(count)]
        moved = [first, *(offset + len(made) - size for offset in offsets[1:])]
        table = b"".join(offset.to_bytes(8, "little") for offset in moved)
        return good[:29] + table + made + good[first + size :]

    def frame(text: bytes) -> bytes:
        return casblob.encode(text, chunk_size=max(len(text), 1))[45:]

    head = blob[: casblob.CHUNK]
    flipped = bytearray(good)
    flipped[first + size // 2] ^= 0x10
    return {
        "other": casblob.encode(bytes([blob[0] ^ 1]) + blob[1:]),
        "truncated": good[: len(good) - len(good) // 3],
        "bad-magic": put(0, 0x184D2A51, 4),
        "frame-size": put(4, 22 + 8 * count, 4),
        "logical-size": put(8, 0, 8),
        "compression": put(16, 7, 1),
        "chunk-size": put(17, 0, 4),
        "offset-count": put(21, 1, 8),
        "offsets": put(37, first, 8),
        "trailing": good + b"trailing",
        "flipped": bytes(flipped),
        "extra-frame": chunk(frame(head) + frame(b"more")),
        "bomb": chunk(frame(bytes(64 * 1024 * 1024))),
        "short-chunk": chunk(frame(head[:-1])),
    }


def digest_of(blob: bytes) -> Any:
    """Return a blob's digest as REAPI writes it."""
    return reapi.message("v2.Digest")(hash=digest(blob), size_bytes=len(blob))
