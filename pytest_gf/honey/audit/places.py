"""Where bazel-remote looks for an object, listings of a bucket, and what lies where it never looks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from pytest_gf.engine.errors import NotUnderstood, Unanswered
from pytest_gf.honey.audit.options import AREAS, SHARDS
from pytest_gf.honey.audit.patience import failing
from pytest_gf.honey.audit.refusals import Refused, check
from pytest_gf.honey.observed.audit import Outside
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes.again import settled
from pytest_gf.honey.probes.s3_bulk import PAGE, Page, Reader

MOST_COUNTED = 100_000
"""Objects of one foreign folder that are counted; of more it is said that there are more."""
MOST_FOLDERS = 10_000
_LAST = "\U0010ffff"
_KEY = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})")


def in_place(key: str, area: str) -> bool:
    """Tell whether bazel-remote looks for a key below ``area/`` (its prefix before it): a digest in the folder of its first digits."""
    return _KEY.fullmatch(key, len(area) + 1) is not None


def listed(reader: Reader, below: str, after: str = "", most: int = PAGE, delimiter: str = "") -> Page:
    """Return one page of a listing, asked again while S3 fails. Raises Unproven, Refused, and what a probe raises."""

    def ask(_: float) -> Page:
        return reader.list(below, after=after, most=most, delimiter=delimiter)

    with contextlib.suppress(Unanswered):  # Mostly it is given at once, which `settled` makes dearer.
        page = ask(reader.deadline)
        if page.answer.ok:
            return page
    page = settled(
        f"S3 ListObjectsV2 {below}", ask, seconds=reader.deadline, not_now=lambda page: failing(page.answer, reader)
    )
    if not page.answer.ok:
        check(page.answer, below)
        raise Refused(page.answer)
    return page


def outside(reader: Reader, prefix: str, bucket: BucketListed) -> Outside:
    """Return what lies outside of the folders that the shards are."""
    seen = Outside(bucket)
    areas = {f"{prefix}{area}/" for area in AREAS}
    shards = {f"{prefix}{shard}/" for shard in SHARDS}
    keys, folders = _level(reader, prefix)
    seen.stray(keys)
    for folder in folders:
        if folder not in areas:
            seen.foreign(folder, *_count(reader, folder))
    for area in sorted(areas & set(folders)):
        keys, folders = _level(reader, area)
        seen.misplace(keys)
        for folder in folders:
            if folder not in shards:
                seen.misplace(_first(reader, folder), *_count(reader, folder))
    return seen


def _level(reader: Reader, below: str) -> tuple[list[str], list[str]]:
    """Return the keys and the folders right below a prefix. Folder markers are no keys."""
    keys: list[str] = []
    folders: list[str] = []
    for page in _pages(reader, below, delimiter="/"):
        keys += [key for key, _ in page.objects if not key.endswith("/")]
        folders += page.folders
        if len(keys) > MOST_COUNTED or len(folders) > MOST_FOLDERS:
            raise NotUnderstood(
                f"S3 ListObjectsV2 {below}", "more names than any cache has", "is this bazel-remote's bucket?"
            )
    return keys, folders


def _first(reader: Reader, below: str) -> list[str]:
    return [key for key, _ in listed(reader, below, most=1).objects]


def _count(reader: Reader, below: str) -> tuple[int, bool]:
    """Return how many objects lie below a folder, and whether there are more than were counted."""
    count = 0
    for page in _pages(reader, below):
        count += sum(not key.endswith("/") for key, _ in page.objects)
        if count >= MOST_COUNTED:
            return count, page.truncated
    return count, False


def _pages(reader: Reader, below: str, delimiter: str = "") -> Iterator[Page]:
    after, more = "", True
    while more:
        page = listed(reader, below, after, delimiter=delimiter)
        yield page
        more = page.truncated
        # Past a folder is past all that lies in it.
        after = max(
            [*(key for key, _ in page.objects), *(f"{folder}{_LAST}" for folder in page.folders)], default=after
        )
