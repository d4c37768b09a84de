"""What deletes things of the ledger on S3."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.house import Remove
from pytest_gf.engine.ledger import Thing
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.engine.target import TargetError, Unset
from pytest_gf.honey.stored import Stored

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.target import Target

ABSENT_KEY = "gf-probe/never-written"
"""A key that nobody writes: its GET tells a bucket that is there from one that is not."""


def delete(things: Iterable[Thing], s3: S3, protected: Sequence[str], gone: Callable[[Thing], None]) -> Iterator[str]:
    """Delete things, objects before the buckets that hold them, and yield a line for each that could not be.

    Nothing is deleted while one of the ``protected`` buckets is incoherent, so that evidence is kept. ``gone`` is called for
    each that is confirmed to be gone. A bucket that holds what the ledger doesn't name is left alone.
    """
    things = sorted(things, key=lambda thing: thing.kind == "bucket")
    try:
        incoherent = _incoherent(s3, protected)
    except ProbeError as broken:
        incoherent = str(broken)
    for thing in things:
        stored = Stored(thing.kind, thing.name)
        try:
            left = incoherent or (
                _delete_object(stored, s3, protected)
                if thing.kind == "object"
                else _delete_bucket(stored, s3, protected)
            )
        except ProbeError as broken:
            left = str(broken)
        if left:
            yield redact(f"{thing.kind} {thing.name} is left: {left}")
        else:
            gone(thing)


def _incoherent(s3: S3, protected: Sequence[str]) -> str:
    """Return which protected bucket S3 does not list, find or read, "" where all are well."""
    listing = s3.list_buckets()
    if not listing.answer.ok:
        return f"ListBuckets answered {listing.answer}. Nothing is deleted, so that evidence is kept."
    lost = list(listing.lacks(*protected))
    for bucket in protected:
        read = s3.get_object(bucket, ABSENT_KEY).head.answer
        well = s3.head_bucket(bucket).ok and s3.list_objects(bucket, most=1).answer.ok and read.code == "NoSuchKey"
        lost += [] if well or bucket in lost else [bucket]
    if lost:
        named = " and ".join(lost)
        return (
            f"S3 does not list, find and read {named} as promised. Nothing is deleted, so that evidence is kept. "
            "Preserve logs, run RCA first (pytest -m rca)."
        )
    return ""


def _delete_object(thing: Stored, s3: S3, protected: Sequence[str]) -> str:
    answer = s3.delete_object(thing.bucket, thing.key)
    if answer.code == "NoSuchBucket":
        return _still_there(thing.bucket, s3, protected)
    versions = s3.list_versions(thing.bucket, thing.key)
    if not versions.complete:
        return f"ListObjectVersions answered {versions.answer}"
    answers = [answer, *(s3.delete_object(thing.bucket, thing.key, version=version) for version in versions.ids)]
    refused = next((answer for answer in answers if not answer.ok), None)
    return "" if refused is None else f"DeleteObject answered {refused}"


def _delete_bucket(thing: Stored, s3: S3, protected: Sequence[str]) -> str:
    page = s3.list_objects(thing.bucket)
    if page.answer.code == "NoSuchBucket":
        return _still_there(thing.bucket, s3, protected)
    if not page.answer.ok:
        return f"ListObjectsV2 answered {page.answer}, so nobody knows what it holds"
    if page.sizes:
        return f"it holds {len(page.sizes)} objects that the ledger does not name, such as {min(page.sizes)}"
    answer = s3.delete_bucket(thing.bucket)
    if not answer.ok and answer.code != "NoSuchBucket":
        return f"DeleteBucket answered {answer}"
    return _still_there(thing.bucket, s3, protected)


def _still_there(bucket: str, s3: S3, protected: Sequence[str]) -> str:
    """Return why a bucket is not known to be gone: only a listing that shows every protected bucket, and not it, says so.

    NoSuchBucket alone proves nothing: it is what RustFS answers while it lost its buckets, and a restart brings them back.
    """
    listing = s3.list_buckets()
    lost = listing.lacks(*protected)
    if not listing.answer.ok or lost:
        return (
            f"ListBuckets {listing.answer} misses {', '.join(lost) or 'nothing'}: NoSuchBucket proves nothing gone now"
        )
    return "ListBuckets still shows it" if listing.shows(bucket) else ""


@contextlib.contextmanager
def removers(target: Target, deadline: float, contract: Contract) -> Iterator[Remove]:
    """Give what deletes on this target. Raises TargetError where it has no S3."""
    with client(target, deadline) as s3:
        yield lambda things, gone: delete(things, s3, tuple(contract.buckets), gone)


def where(target: Target) -> dict[str, str]:
    """Return by what a later clean knows this target again."""
    return {"endpoint": target.s3.endpoint} if target.s3 is not None else {}


@contextlib.contextmanager
def client(target: Target, deadline: float) -> Iterator[S3]:
    """Give the client that may delete on this target, through its route if it has one. Raises TargetError where it has none."""
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.routes import routed

    if target.s3 is None:
        raise TargetError(f"target {target.name!r} has no [s3] section, so nothing can be deleted there")
    try:
        credentials = (target.credential(target.s3.access_key_env), target.credential(target.s3.secret_key_env))
    except Unset as unset:
        raise TargetError(f"{unset}: it is needed to delete what was left") from None
    redactor().learn(target.secrets())
    with contextlib.ExitStack() as closing:
        try:
            way = routed(target.kubernetes, target.routes.get("s3"), deadline=deadline)
            route = closing.enter_context(way)
        except (ProbeError, Unproven) as wrong:
            raise TargetError(redact(f"the route to S3 can't be opened: {wrong}")) from None
        yield S3(target.s3, credentials, deadline=deadline, route=route)
