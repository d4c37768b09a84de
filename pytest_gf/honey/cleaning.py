"""Deletion by the ledger: at the end of a run, and for runs that were killed (``pytest --gf-clean``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gf.engine import ledger as ledgers
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.ledger import Left, Names, Thing
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.honey import target as targets

if TYPE_CHECKING:
    from pytest_gf.engine.options import Settings
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.target import Target


def delete(things: Iterable[Thing], s3: S3, gone: Callable[[Thing], None]) -> Iterator[str]:
    """Delete things, objects before the buckets that hold them, and yield a line for each that could not be.

    ``gone`` is called for each that is confirmed to be gone. A bucket that holds what the ledger doesn't name is left alone.
    """
    for thing in sorted(things, key=lambda each: each.kind == "bucket"):
        name = f"{thing.bucket}/{thing.key}" if thing.key else thing.bucket
        try:
            left = _delete_object(thing, s3) if thing.kind == "object" else _delete_bucket(thing, s3)
        except ProbeError as broken:
            left = str(broken)
        if left:
            yield redact(f"{thing.kind} {name} is left: {left}")
        else:
            gone(thing)


def _delete_object(thing: Thing, s3: S3) -> str:
    answer = s3.delete_object(thing.bucket, thing.key)
    if answer.code == "NoSuchBucket":
        return ""
    for version in s3.list_versions(thing.bucket, thing.key):
        answer = s3.delete_object(thing.bucket, thing.key, version=version)
    return "" if answer.ok else f"DeleteObject answered {answer}"


def _delete_bucket(thing: Thing, s3: S3) -> str:
    found = s3.list_objects(thing.bucket)
    if found.answer.code == "NoSuchBucket":
        return ""
    if found.sizes:
        return f"it holds {len(found.sizes)} objects that the ledger does not name, such as {min(found.sizes)}"
    answer = s3.delete_bucket(thing.bucket)
    return "" if answer.ok or answer.code == "NoSuchBucket" else f"DeleteBucket answered {answer}"


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
    redactor().learn(target.secrets())
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
    contract = settings.contract
    names = Names(contract.scratch.prefix, contract.state.proof_prefix, contract.every("bucket"))
    for left in ledgers.unfinished(settings.reports, names):
        found = True
        if isinstance(left, Path):
            yield f"{left.parent.name}: still running; its things are its own", False
            continue
        yield from ((redact(f"{left.run}: {problem}"), True) for problem in left.problems)
        if not left.things:
            continue
        if settings.target is None and "folder" in left.where:
            yield from _clean_lab(left, settings)
        elif (
            settings.target is not None
            and settings.target.s3 is not None
            and left.where.get("endpoint") == settings.target.s3.endpoint
        ):
            with client(settings.target, settings.deadline) as s3:
                yield from _clean_run(left, s3)
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

    folder = left.path.parent / "lab"
    if Path(left.where["folder"]) != folder.absolute():
        yield f"{left.run}: left {len(left.things)} things in a lab that is not its own; nothing is deleted there", True
        return
    if not folder.is_dir():
        for thing in left.things:
            ledgers.settle(left, thing)
        yield f"{left.path.parent.name}: its lab's folder is gone, and all in it", False
        return
    with Lab.start(folder, contract=settings.contract_file) as lab:
        target = targets.load(lab.target_file, environment=lab.environment)
        with client(target, settings.deadline) as s3:
            yield from _clean_run(left, s3)


def _clean_run(left: Left, s3: S3) -> Iterator[tuple[str, bool]]:
    run = left.path.parent.name
    gone: list[Thing] = []
    lines = list(delete(left.things, s3, gone.append))
    for thing in gone:
        ledgers.settle(left, thing)
    yield from ((f"{run}: {line}", True) for line in lines)
    for thing in gone:
        yield f"{run}: {thing.kind} {'/'.join(filter(None, (thing.bucket, thing.key)))} is gone", False
