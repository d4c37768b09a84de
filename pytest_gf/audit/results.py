"""Results of actions (``ac/``): each blob that one names must lie in the bucket, or Bazel meets a hit that it can't use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_gf.audit.refusals import check
from pytest_gf.formats import action_result, casblob
from pytest_gf.formats.action_result import Reference
from pytest_gf.formats.pieces import Source
from pytest_gf.observed.audit import DANGLING, GONE, MALFORMED, UNREADABLE, Finding
from pytest_gf.observed.blobs import StoredBlob, decoded
from pytest_gf.probes.s3_bulk import Reader

MOST_KNOWN = 200_000
"""Digests that are known to be there and not asked for again: about 20 MiB."""
_BLOBS = ("cas.v2", "cas")
_NOT_FOUND = 404


class Results:
    """Judges results by what lies below ``prefix`` in ``areas``. Safe to share between threads: what is known only grows stale."""

    def __init__(self, prefix: str, areas: Sequence[str]) -> None:
        self._prefix = prefix
        self._areas = [area for area in _BLOBS if area in areas] or list(_BLOBS)
        self._known: set[bytes] = set()

    def judged(self, reader: Reader, key: str, stored: int, body: Source) -> StoredBlob | Finding:
        """Return what a result is: whole, or a finding. Raises Unproven, Refused, and what the reader raises."""
        whole = bytes(body.up_to(action_result.LARGEST + 1))
        if len(whole) > action_result.LARGEST:
            return Finding(key, f"{MALFORMED}:too-long", stored, detail=f"more than {action_result.LARGEST} bytes")
        try:
            named = list(action_result.references(whole))
            for each in [each for each in named if each.tree]:
                named += self._in_tree(reader, each)
        except action_result.Malformed as wrong:
            return Finding(key, f"{MALFORMED}:action-result", stored, len(whole), detail=str(wrong))
        missing = []
        for each in named:
            why = "" if bytes.fromhex(each.digest) in self._known else self._lacks(reader, each.digest)
            if why != "absent" and why:
                return Finding(key, UNREADABLE, stored, len(whole), detail=f"{each.what}: {why}")
            missing += [each] if why else []
        if not missing:
            return StoredBlob(key, key.rpartition("/")[2], "whole", len(whole))
        if reader.head(key).status == _NOT_FOUND:
            return Finding(key, GONE, stored)
        first = missing[0]
        detail = f"{len(missing)} of {len(named)} blobs are absent: {first.what}, {first.digest}/{first.size}"
        return Finding(key, DANGLING, stored, len(whole), detail=detail)

    def _in_tree(self, reader: Reader, tree: Reference) -> Iterator[Reference]:
        """Yield the files of a tree, none where it is not there: that is looked for as for any blob. Raises Malformed."""
        for key in self._keys(tree.digest):
            answer, body = reader.get(key)
            check(answer, key)
            if answer.ok:
                try:
                    yield from action_result.in_tree(decoded(key, body), tree.what)
                except casblob.Malformed as wrong:
                    raise action_result.Malformed(f"the {tree.what} is no casblob: {wrong}") from None
                return

    def _lacks(self, reader: Reader, digest: str) -> str:
        """Return "" where a blob is there, "absent", or S3's answer where it can't be told."""
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
        return "" if answer.ok else "absent"

    def _keys(self, digest: str) -> list[str]:
        return [f"{self._prefix}{area}/{digest[:2]}/{digest}" for area in self._areas]

    def _know(self, digest: str) -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known.add(bytes.fromhex(digest))
