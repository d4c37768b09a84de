"""Deletion by the ledger: at the end of a run, and for runs that were killed (``pytest --gf-clean``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gf.engine import ledger as ledgers
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.ledger import Left, Thing
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.honey import target as targets

if TYPE_CHECKING:
    from pytest_gf.engine.options import Settings
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.target import Target

ABSENT_KEY = "gf-probe/never-written"
"""A key that nobody writes: its GET tells a bucket that is there from one that is not."""


def delete(things: Iterable[Thing], s3: S3, protected: Sequence[str], gone: Callable[[Thing], None]) -> Iterator[str]:
    """Delete things, objects before the buckets that hold them, and yield a line for each that could not be.

    Nothing is deleted while one of the ``protected`` buckets is incoherent: that would bury evidence. ``gone`` is called for
    each that is confirmed to be gone. A bucket that holds what the ledger doesn't name is left alone.
    """
    things = sorted(things, key=lambda each: each.kind == "bucket")
    try:
        incoherent = _incoherent(s3, protected)
    except ProbeError as broken:
        incoherent = str(broken)
    for thing in things:
        name = f"{thing.bucket}/{thing.key}" if thing.key else thing.bucket
        try:
            left = incoherent or (
                _delete_object(thing, s3, protected) if thing.kind == "object" else _delete_bucket(thing, s3, protected)
            )
        except ProbeError as broken:
            left = str(broken)
        if left:
            yield redact(f"{thing.kind} {name} is left: {left}")
        else:
            gone(thing)


def _incoherent(s3: S3, protected: Sequence[str]) -> str:
    """Return which protected bucket S3 does not list, find or read, "" where all are well."""
    listing = s3.list_buckets()
    if not listing.answer.ok:
        return f"ListBuckets answered {listing.answer}, so nobody knows whether a delete would bury evidence"
    lost = list(listing.lacks(*protected))
    for bucket in protected:
        read = s3.get_object(bucket, ABSENT_KEY).head.answer
        well = s3.head_bucket(bucket).ok and s3.list_objects(bucket, most=1).answer.ok and read.code == "NoSuchKey"
        lost += [] if well or bucket in lost else [bucket]
    if lost:
        return f"bucket {', '.join(lost)} is incoherent: a delete would bury evidence; preserve logs, run RCA first"
    return ""


def _delete_object(thing: Thing, s3: S3, protected: Sequence[str]) -> str:
    answer = s3.delete_object(thing.bucket, thing.key)
    if answer.code == "NoSuchBucket":
        return _still_there(thing.bucket, s3, protected)
    versions = s3.list_versions(thing.bucket, thing.key)
    if not versions.told:
        return f"ListObjectVersions answered {versions.answer}"
    for version in versions.ids:
        answer = s3.delete_object(thing.bucket, thing.key, version=version)
    return "" if answer.ok else f"DeleteObject answered {answer}"


def _delete_bucket(thing: Thing, s3: S3, protected: Sequence[str]) -> str:
    found = s3.list_objects(thing.bucket)
    if found.answer.code == "NoSuchBucket":
        return _still_there(thing.bucket, s3, protected)
    if not found.answer.ok:
        return f"ListObjectsV2 answered {found.answer}, so nobody knows what it holds"
    if found.sizes:
        return f"it holds {len(found.sizes)} objects that the ledger does not name, such as {min(found.sizes)}"
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
def client(target: Target, deadline: float) -> Iterator[S3]:
    """Give the client that may delete on this target, through its route if it has one. Raises TargetError where it has none."""
    from pytest_gf.honey.probes.s3 import S3

    if target.s3 is None:
        raise targets.TargetError(f"target {target.name!r} has no [s3] section, so nothing can be deleted there")
    try:
        credentials = (target.credential(target.s3.access_key_env), target.credential(target.s3.secret_key_env))
    except targets.Unset as unset:
        raise targets.TargetError(f"{unset}: it is needed to delete what was left") from None
    redactor().learn(credentials)
    if "s3" not in target.routes or target.kubernetes is None:
        yield S3(target.s3, credentials, deadline=deadline)
        return
    from pytest_gf.honey.probes.kube import Kube
    from pytest_gf.honey.routes import open_route

    try:
        route = open_route(Kube(target.kubernetes, deadline=deadline), target.routes["s3"])
    except (ProbeError, Unproven) as wrong:
        raise targets.TargetError(redact(f"the route to S3 can't be opened: {wrong}")) from None
    with contextlib.closing(route):
        yield S3(target.s3, credentials, deadline=deadline, route=route)


def clean(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Finish what killed runs left on the target; yield lines for people, each with whether it is a failure.

    Raises TargetError where the target can't be used.
    """
    found = False
    for left in ledgers.unfinished(settings.reports):
        found = True
        if isinstance(left, Path):
            yield f"{left.parent.name}: still running; its things are its own", False
        elif settings.target is None and "folder" in left.where:
            yield from _clean_lab(left, settings)
        elif (
            settings.target is not None
            and settings.target.s3 is not None
            and left.where.get("endpoint") == settings.target.s3.endpoint
        ):
            with client(settings.target, settings.deadline) as s3:
                yield from _clean_run(left, s3, settings.contract.every("bucket"))
        else:
            where = left.where.get("target", "an unknown target")
            yield (
                f"{left.path.parent.name}: left {len(left.things)} things on {where}: run --gf-clean with that target",
                True,
            )
    if not found:
        yield f"nothing is left: no open ledger below {settings.reports}", False


def _clean_lab(left: Left, settings: Settings) -> Iterator[tuple[str, bool]]:
    from pytest_gf.lab import Lab

    folder = Path(left.where["folder"])
    if not folder.is_dir():
        for thing in left.things:
            ledgers.settle(left, thing)
        yield f"{left.path.parent.name}: its lab's folder is gone, and all in it", False
        return
    with Lab.start(folder, contract=settings.contract_file) as lab:
        target = targets.load(lab.target_file, environment=lab.environment)
        with client(target, settings.deadline) as s3:
            yield from _clean_run(left, s3, settings.contract.every("bucket"))


def _clean_run(left: Left, s3: S3, protected: Sequence[str]) -> Iterator[tuple[str, bool]]:
    run = left.path.parent.name
    gone: list[Thing] = []
    lines = list(delete(left.things, s3, protected, gone.append))
    for thing in gone:
        ledgers.settle(left, thing)
    yield from ((f"{run}: {line}", True) for line in lines)
    for thing in gone:
        yield f"{run}: {thing.kind} {'/'.join(filter(None, (thing.bucket, thing.key)))} is gone", False
