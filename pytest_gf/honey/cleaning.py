"""What deletes things of the ledger on S3."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.house import Remove
from pytest_gf.engine.ledger import Thing
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.engine.target import TargetError, Unset
from pytest_gf.honey.stored import Stored

if TYPE_CHECKING:
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.target import Target


def delete(things: Iterable[Thing], s3: S3, gone: Callable[[Thing], None]) -> Iterator[str]:
    """Delete things, objects before the buckets that hold them, and yield a line for each that could not be.

    ``gone`` is called for each that is confirmed to be gone. A bucket that holds what the ledger doesn't name is left alone.
    """
    for thing in sorted(things, key=lambda each: each.kind == "bucket"):
        try:
            left = _delete_object(thing, s3) if thing.kind == "object" else _delete_bucket(thing, s3)
        except ProbeError as broken:
            left = str(broken)
        if left:
            yield redact(f"{thing.kind} {thing.name} is left: {left}")
        else:
            gone(thing)


def _delete_object(thing: Thing, s3: S3) -> str:
    stored = Stored(thing.kind, thing.name)
    answer = s3.delete_object(stored.bucket, stored.key)
    if answer.code == "NoSuchBucket":
        return ""
    for version in s3.list_versions(stored.bucket, stored.key):
        answer = s3.delete_object(stored.bucket, stored.key, version=version)
    return "" if answer.ok else f"DeleteObject answered {answer}"


def _delete_bucket(thing: Thing, s3: S3) -> str:
    found = s3.list_objects(thing.name)
    if found.answer.code == "NoSuchBucket":
        return ""
    if found.sizes:
        return f"it holds {len(found.sizes)} objects that the ledger does not name, such as {min(found.sizes)}"
    answer = s3.delete_bucket(thing.name)
    return "" if answer.ok or answer.code == "NoSuchBucket" else f"DeleteBucket answered {answer}"


@contextlib.contextmanager
def removers(target: Target, deadline: float) -> Iterator[Remove]:
    """Give what deletes on this target. Raises TargetError where it has no S3."""
    with client(target, deadline) as s3:
        yield lambda things, gone: delete(things, s3, gone)


def where(target: Target) -> dict[str, str]:
    """Return by what a later clean knows this target again."""
    return {"endpoint": target.s3.endpoint} if target.s3 is not None else {}


@contextlib.contextmanager
def client(target: Target, deadline: float) -> Iterator[S3]:
    """Give the client that may delete on this target, through its route if it has one. Raises TargetError where it has none."""
    from pytest_gf.honey.probes.s3 import S3

    if target.s3 is None:
        raise TargetError(f"target {target.name!r} has no [s3] section, so nothing can be deleted there")
    try:
        credentials = (target.credential(target.s3.access_key_env), target.credential(target.s3.secret_key_env))
    except Unset as unset:
        raise TargetError(f"{unset}: it is needed to delete what was left") from None
    redactor().learn(credentials)
    if "s3" not in target.routes or target.kubernetes is None:
        yield S3(target.s3, credentials, deadline=deadline)
        return
    from pytest_gf.honey.probes.kube import Kube
    from pytest_gf.honey.routes import open_route

    try:
        route = open_route(Kube(target.kubernetes, deadline=deadline), target.routes["s3"])
    except (ProbeError, Unproven) as wrong:
        raise TargetError(redact(f"the route to S3 can't be opened: {wrong}")) from None
    with contextlib.closing(route):
        yield S3(target.s3, credentials, deadline=deadline, route=route)
