"""Reading an object of S3 to its end, by the rule of `unreadable`."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_gf.engine.errors import Unanswered
from pytest_gf.honey.probes.s3 import MOST_BODY, S3, Body, not_now
from pytest_gf.honey.probes.unreadable import Unreadable, Witnesses, read

FAILS = 500
"""The status from which on an answer says that S3 failed (RFC 9110, 15.6)."""
OTHERS = 3
"""Other objects that are read beside one that fails: some of them may be rotten too, so one that is read suffices."""
PATIENCE = 2
"""Deadlines that six tries may take together."""


def read_object(
    s3: S3, bucket: str, key: str, *, most: int = MOST_BODY, others: Callable[[], str] | None = None
) -> Body | Unreadable:
    """Return the object's whole body, the refusal in its place, or a finding that it can't be read.

    ``others`` returns "" where another object is read just now; without it some of the bucket are looked for.
    Raises what `S3` raises, and `unreadable.NotRead` where S3 fails for others too, or too much to tell.
    """
    try:
        first = s3.get_object(bucket, key, most=most)
    except Unanswered:
        first = None
    if first is not None and not _failed(first):
        return first
    return read(
        f"S3 GetObject {bucket} {key} at {s3.endpoint}",
        lambda: s3.anew().get_object(bucket, key, most=most),
        failed=_failed,
        not_now=lambda body: not_now(body.head.answer),
        witnesses=Witnesses(lambda: _head(s3, bucket, key), others or _Others(s3, bucket, key).read),
        seconds=PATIENCE * s3.deadline,
    )


def _failed(body: Body) -> str:
    """Return why a body is none, "" where it is one or was refused: a 404 is an answer."""
    answer = body.head.answer
    if answer.status >= FAILS:
        return f"{answer}: {answer.message}" if answer.message else str(answer)
    return body.cut


def _head(s3: S3, bucket: str, key: str) -> str:
    """Return "" where HEAD tells of the object; a 5xx of this object alone does: its metadata is what is broken."""
    answer = s3.head_object(bucket, key).answer
    return "" if answer.ok or answer.status >= FAILS else str(answer)


class _Others:
    """The other objects of a bucket, the smallest first; where there are none, a key that nobody writes."""

    def __init__(self, s3: S3, bucket: str, key: str) -> None:
        self._s3, self._bucket, self._key = s3, bucket, key
        self._keys: list[str] | None = None

    def read(self) -> str:
        """Return "" where one of them is read whole, else what came instead."""
        if self._keys is None:
            page = self._s3.list_objects(self._bucket)
            if not page.answer.ok:
                return f"ListObjectsV2 {page.answer}"
            sizes = {key: size for key, size in page.sizes.items() if key != self._key and 0 < size <= MOST_BODY}
            self._keys = sorted(sizes, key=sizes.__getitem__)[:OTHERS]
        said = ""
        for key in self._keys or (f"gf-probe/{time.monotonic_ns()}",):
            try:
                body = self._s3.get_object(self._bucket, key)
            except Unanswered as broken:
                said = broken.came_back
                continue
            if body.head.answer.ok and not body.cut:
                return ""
            if not self._keys and body.head.answer.code == "NoSuchKey":
                return ""
            said = _failed(body) or str(body.head.answer)
        return said
