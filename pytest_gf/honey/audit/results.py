"""Results of actions (``ac/``): each blob that one names must lie in the bucket, or Bazel meets a hit that it can't use."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pytest_gf.honey.audit.patience import steadily
from pytest_gf.honey.audit.refusals import Unread
from pytest_gf.honey.formats import action_result, casblob
from pytest_gf.honey.formats.action_result import Reference
from pytest_gf.honey.formats.pieces import Source
from pytest_gf.honey.observed.audit import DANGLING, GONE, MALFORMED, NO_RESULT, WRONG_SIZE, Finding
from pytest_gf.honey.observed.blobs import StoredBlob, decoded
from pytest_gf.honey.probes.http_bulk import Cut
from pytest_gf.honey.probes.s3_bulk import Reader

MOST_KNOWN = 200_000
"""Digests that are known to be there and not asked for again: about 25 MiB."""
_CASBLOBS, _RAW = "cas.v2", "cas"
_NOT_FOUND, _NOT_SATISFIABLE = 404, 416
_UNKNOWN = -1
"""The size of a blob that is there, and does not say it: what it is, its own shard tells."""


@dataclass
class _Lacks:
    """What a result names and can't have: absent blobs, blobs of another size, and the first of each in words."""

    count: int = 0
    absent: int = 0
    other: int = 0
    first: str = ""

    def __str__(self) -> str:
        if self.absent:
            return f"{self.absent} of {self.count} blobs are absent: {self.first}"
        return f"{self.other} of {self.count} blobs have another size than the result says: {self.first}"


class Results:
    """Judges results by what lies below ``prefix`` in ``areas``. Safe to share between threads: what is known only grows stale."""

    def __init__(self, prefix: str, areas: Sequence[str]) -> None:
        self._prefix = prefix
        self._areas = [area for area in (_CASBLOBS, _RAW) if area in areas] or [_CASBLOBS, _RAW]
        self._known: dict[bytes, int] = {}
        self._parsing = threading.Lock()  # 4 MiB of empty messages take 140 MiB once parsed: one at a time.

    def judged(self, reader: Reader, key: str, stored: int, body: Source) -> StoredBlob | Finding:
        """Return what a result is: whole, or a finding. Raises Unread, Unproven, Refused, Cut, and what the reader raises."""
        whole = bytes(body.up_to(action_result.LARGEST + 1))
        if not whole:
            return Finding(key, NO_RESULT, stored, 0)
        if len(whole) > action_result.LARGEST:
            return Finding(key, f"{MALFORMED}:too-long", stored, detail=f"more than {action_result.LARGEST} bytes")
        try:
            with self._parsing:
                named = action_result.references(whole)
            lacks = self._lacks(reader, named)
        except action_result.Malformed as wrong:
            return Finding(key, f"{MALFORMED}:action-result", stored, len(whole), detail=str(wrong))
        if not lacks.first:
            return StoredBlob(key, key.rpartition("/")[2], "whole", len(whole))
        if steadily(key, reader, lambda: reader.head(key))[0].status == _NOT_FOUND:
            return Finding(key, GONE, stored)
        kind = DANGLING if lacks.absent else WRONG_SIZE
        return Finding(key, kind, stored, len(whole), detail=str(lacks))

    def _lacks(self, reader: Reader, named: Iterable[Reference]) -> _Lacks:
        """Look for each blob as it is named: those of a tree while it is read, which may name millions."""
        lacks = _Lacks()
        for reference in named:
            if not self._compare(reader, reference, lacks) and reference.tree:
                for inside in self._in_tree(reader, reference):
                    self._compare(reader, inside, lacks)
        return lacks

    def _compare(self, reader: Reader, reference: Reference, lacks: _Lacks) -> str:
        """Note whether a blob is there, with the size that it is named by; return what is wrong, "" for nothing."""
        size = None if reference.absent else self._size(reader, reference)
        lacks.count += 1
        if size in {reference.size, _UNKNOWN}:
            return ""
        said = f"{reference.what}, {reference.digest}/{reference.size}" + (
            f": {size} bytes" if size is not None else ""
        )
        if size is None:
            lacks.first = said if not lacks.absent else lacks.first
            lacks.absent += 1
        else:
            lacks.first = lacks.first or said
            lacks.other += 1
        return said

    def _in_tree(self, reader: Reader, tree: Reference) -> Iterator[Reference]:
        """Yield the files of a tree. Raises Malformed, and Unread where the tree is there and is not given."""
        for area in self._areas:
            key, beside = self._key(area, tree.digest), reader.beside
            answer, body = steadily(key, beside, partial(beside.get, key))
            if answer.ok:
                try:
                    yield from action_result.in_tree(_bounded(decoded(key, body), tree), tree.what)
                except casblob.Malformed as wrong:
                    raise action_result.Malformed(f"the {tree.what} is no casblob: {wrong}") from None
                except Cut as cut:
                    raise Unread(key, f"{tree.what}: {cut}") from None
                return
            if answer.status != _NOT_FOUND:
                raise Unread(key, f"{tree.what}: {answer}")
        raise Unread(self._key(self._areas[0], tree.digest), f"{tree.what}: it was found, and GET answers {_NOT_FOUND}")

    def _size(self, reader: Reader, reference: Reference) -> int | None:
        """Return the size of a blob's payload, `_UNKNOWN` where it does not say it, None where it is not there."""
        digest = bytes.fromhex(reference.digest)
        if self._known.get(digest) == reference.size:
            return reference.size
        another = None
        sizes = (self._in(reader, area, reference.digest) for area in self._areas)
        for size in sizes:
            if size in {reference.size, _UNKNOWN}:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[digest] = reference.size
                return size
            another = size if size is not None else another
        return another

    def _in(self, reader: Reader, area: str, digest: str) -> int | None:
        """Return a blob's size by what one area holds. One that HEAD finds and nobody can read is there."""
        key = self._key(area, digest)
        if area == _CASBLOBS:
            try:
                answer, head = steadily(key, reader, lambda: reader.first(key, casblob.HEAD))
            except Unread:
                answer, head = steadily(key, reader, lambda: (reader.head(key)[0], b""))
            if answer.status == _NOT_SATISFIABLE:  # It has no byte at all.
                return 0
            size = casblob.payload_size(head)
        else:
            answer, size = steadily(key, reader, lambda: reader.head(key))
            if answer.status == _NOT_FOUND:  # A HEAD does not tell a lost key from a lost bucket.
                steadily(key, reader, lambda: reader.first(key, 1))
        if answer.status == _NOT_FOUND:
            return None
        if not answer.ok:
            raise Unread(key, str(answer))
        return _UNKNOWN if size is None else size

    def _key(self, area: str, digest: str) -> str:
        return f"{self._prefix}{area}/{digest[:2]}/{digest}"


def _bounded(pieces: Iterable[bytes | memoryview], tree: Reference) -> Iterator[bytes | memoryview]:
    """Yield a tree's bytes, no more than its digest says. Raises Malformed."""
    left = tree.size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise action_result.Malformed(f"the {tree.what} is longer than the {tree.size} bytes that its digest says")
        yield piece
