"""Results of actions (``ac/``): each blob that one names must lie in the bucket, or Bazel meets a hit that it can't use."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from pytest_gf.honey.audit.refusals import check
from pytest_gf.honey.formats import action_result, casblob
from pytest_gf.honey.formats.action_result import Reference
from pytest_gf.honey.formats.pieces import Source
from pytest_gf.honey.observed.audit import DANGLING, GONE, MALFORMED, UNREADABLE, Finding
from pytest_gf.honey.observed.blobs import StoredBlob, decoded
from pytest_gf.honey.probes.s3_bulk import Reader

MOST_KNOWN = 200_000
"""Digests that are known to be there and not asked for again: about 20 MiB."""
_BLOBS = ("cas.v2", "cas")
_NOT_FOUND = 404
_ABSENT = "absent"


class _Unread(Exception):  # It is no error of the probe: it becomes a finding.
    """A tree that is there was not given, so that its files are not known."""


class Results:
    """Judges results by what lies below ``prefix`` in ``areas``. Safe to share between threads: what is known only grows stale."""

    def __init__(self, prefix: str, areas: Sequence[str]) -> None:
        self._prefix = prefix
        self._areas = [area for area in _BLOBS if area in areas] or list(_BLOBS)
        self._known: set[bytes] = set()
        self._parsing = threading.Lock()  # 4 MiB of empty messages take 140 MiB once parsed: one at a time.

    def judged(self, reader: Reader, key: str, stored: int, body: Source) -> StoredBlob | Finding:
        """Return what a result is: whole, or a finding. Raises Unproven, Refused, and what the reader raises."""
        whole = bytes(body.up_to(action_result.LARGEST + 1))
        if len(whole) > action_result.LARGEST:
            return Finding(key, f"{MALFORMED}:too-long", stored, detail=f"more than {action_result.LARGEST} bytes")
        try:
            with self._parsing:
                named = action_result.references(whole)
            return self._compared(
                reader, Finding(key, DANGLING, stored, len(whole)), chain(named, self._in_trees(reader, named))
            )
        except _Unread as wrong:
            return Finding(key, UNREADABLE, stored, len(whole), detail=str(wrong))
        except action_result.Malformed as wrong:
            return Finding(key, f"{MALFORMED}:action-result", stored, len(whole), detail=str(wrong))

    def _compared(self, reader: Reader, finding: Finding, named: Iterable[Reference]) -> StoredBlob | Finding:
        """Look for each blob as it is named, and return the finding with what was found, or that the result is whole."""
        count = absent = 0
        first = ""
        for each in named:
            count += 1
            why = "" if bytes.fromhex(each.digest) in self._known else self._lacks(reader, each.digest)
            if why and why != _ABSENT:
                return replace(finding, kind=UNREADABLE, detail=f"{each.what}: {why}")
            if why:
                absent += 1
                first = first or f"{each.what}, {each.digest}/{each.size}"
        if not absent:
            return StoredBlob(finding.key, finding.key.rpartition("/")[2], "whole", finding.size)
        if reader.head(finding.key).status == _NOT_FOUND:
            return Finding(finding.key, GONE, finding.stored)
        return replace(finding, detail=f"{absent} of {count} blobs are absent: {first}")

    def _in_trees(self, reader: Reader, named: Iterable[Reference]) -> Iterator[Reference]:
        """Yield the files of all trees, while ``reader`` is asked for them: a tree may name millions."""
        for each in named:
            if each.tree:
                yield from self._in_tree(reader, each)

    def _in_tree(self, reader: Reader, tree: Reference) -> Iterator[Reference]:
        """Yield the files of a tree, none where it is not there: that is looked for as for any blob. Raises Malformed."""
        for key in self._keys(tree.digest):
            answer, body = reader.beside().get(key)
            check(answer, key)
            if answer.ok:
                try:
                    yield from action_result.in_tree(_bounded(decoded(key, body), tree), tree.what)
                except casblob.Malformed as wrong:
                    raise action_result.Malformed(f"the {tree.what} is no casblob: {wrong}") from None
                return
            if answer.status != _NOT_FOUND:
                raise _Unread(f"{tree.what}: {answer}")
        if self._lacks(reader, tree.digest) != _ABSENT:
            raise _Unread(f"{tree.what}: HEAD finds it, and GET answers {_NOT_FOUND}")

    def _lacks(self, reader: Reader, digest: str) -> str:
        """Return "" where a blob is there, `_ABSENT`, or S3's answer where it can't be told."""
        keys = self._keys(digest)
        for key in keys:
            answer = reader.head(key)
            if answer.ok:
                self._know(digest)
                return ""
            if answer.status != _NOT_FOUND:
                check(answer, key)
                return str(answer)
        answer, _ = reader.get(keys[0])  # A HEAD does not tell a lost key from a lost bucket.
        check(answer, keys[0])
        return "" if answer.ok else _ABSENT

    def _keys(self, digest: str) -> list[str]:
        return [f"{self._prefix}{area}/{digest[:2]}/{digest}" for area in self._areas]

    def _know(self, digest: str) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(bytes.fromhex(digest))


def _bounded(pieces: Iterable[bytes | memoryview], tree: Reference) -> Iterator[bytes | memoryview]:
    """Yield a tree's bytes, no more than its digest says. Raises Malformed."""
    left = tree.size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise action_result.Malformed(f"the {tree.what} is longer than the {tree.size} bytes that its digest says")
        yield piece
