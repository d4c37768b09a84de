"""The faults that change something when they are made (folders, bodies, identities, flags), each with its undo.

The other faults of S3 act where ``bends.on`` asks for them.
"""

from __future__ import annotations

import base64
import datetime
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from pytest_gf.lab import seed
from pytest_gf.lab.bends import Undo, nothing
from pytest_gf.lab.rustfs import checksums
from pytest_gf.lab.rustfs.call import Call, Refusal
from pytest_gf.lab.rustfs.disk import SYSTEM, Disk
from pytest_gf.lab.rustfs.service import Service
from pytest_gf.lab.rustfs.store import Version

Act = Callable[[Service, str], Undo]


def act(service: Service, name: str, argument: str) -> Undo:
    """Make a bend and return what undoes it. Raises ValueError where there is nothing to bend."""
    return BENDING[name](service, argument) if name in BENDING else nothing


def _flag(name: str) -> Act:
    def bend(service: Service, _: str) -> Undo:
        setattr(service.disk, name, True)
        return partial(setattr, service.disk, name, False)  # noqa: FBT003  # setattr names no parameters.

    return bend


def _stalled(service: Service, milliseconds: str) -> Undo:
    disk = service.disk
    disk.offline = disk.stalled = True

    def undo() -> None:
        disk.offline = disk.stalled = False
        while disk.freed:
            disk.freed.pop()()

    return _until(milliseconds, undo)


def _starting(service: Service, milliseconds: str) -> Undo:
    service.starting = True
    return _until(milliseconds, partial(setattr, service, "starting", False))  # noqa: FBT003  # As above.


def _until(milliseconds: str, undo: Undo) -> Undo:
    """Undo a bend after so long by itself, or earlier."""
    timer = threading.Timer(int(milliseconds) / 1000, undo)
    timer.daemon = True
    timer.start()

    def early() -> None:
        timer.cancel()
        undo()

    return early


def _closed(service: Service, bucket: str) -> Undo:
    service.disk.closed.add(bucket)
    return partial(service.disk.closed.discard, bucket)


def _ghost(service: Service, bucket: str) -> Undo:
    place, back = _away(service.disk, service.disk.root / bucket)
    service.disk.elsewhere[bucket] = place

    def undo() -> None:
        del service.disk.elsewhere[bucket]
        back()

    return undo


def _listing_well(service: Service, _: str) -> Undo:
    def undo() -> None:
        service.busy, service.listing_fails = 0, False

    return undo


def _lost(service: Service, bucket: str) -> Undo:
    service.disk.lost.add(bucket)
    return partial(service.disk.lost.discard, bucket)


def _empties_list(service: Service, _: str) -> Undo:
    before = set(service.disk.lost)
    return partial(service.disk.lost.intersection_update, before)


def _away(disk: Disk, path: Path) -> tuple[Path, Undo]:
    """Move a folder out of /data and return where it lies now; the undo moves it back. Raises ValueError."""
    if not path.is_dir() or path.is_symlink():
        raise ValueError(f"{path} is no folder (any more), so there is nothing to bend")
    place = disk.root.parent / "away" / f"{path.name}-{uuid.uuid4().hex[:8]}"
    place.parent.mkdir(exist_ok=True)
    path.rename(place)

    def back() -> None:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            path.rename(place.with_name(f"{place.name}-since"))  # What came since is kept, too.
        place.rename(path)

    return place, back


def _moved(service: Service, bucket: str) -> Undo:
    return _away(service.disk, service.disk.root / bucket)[1]


def _symlink(service: Service, bucket: str) -> Undo:
    path = service.disk.root / bucket
    place, back = _away(service.disk, path)
    path.symlink_to(place, target_is_directory=True)
    return back


def _file(service: Service, bucket: str) -> Undo:
    path = service.disk.root / bucket
    back = _away(service.disk, path)[1]
    path.write_bytes(b"a plain file stands where the bucket was\n")
    return back


def _objects_removed(service: Service, bucket: str) -> Undo:
    path = service.disk.root / bucket
    back = _away(service.disk, path)[1]
    path.mkdir()
    return back


def _metadata_removed(service: Service, bucket: str) -> Undo:
    return _away(service.disk, service.disk.metadata_folder(bucket))[1]


def _deleted(service: Service, bucket: str) -> Undo:
    undo_data, undo_metadata = _moved(service, bucket), _metadata_removed(service, bucket)

    def undo() -> None:
        undo_metadata()
        undo_data()

    return undo


def _foreign(service: Service, folder: str) -> Undo:
    path = service.disk.root / folder
    path.mkdir()
    return partial(shutil.rmtree, path, ignore_errors=True)


def _identities(change: Callable[[Mapping[str, str]], dict[str, str]]) -> Act:
    def bend(service: Service, _: str) -> Undo:
        before, service.identities = service.identities, change(service.identities)
        return partial(setattr, service, "identities", before)

    return bend


def _state(change: Callable[[bytes], bytes | None], *, keep_etag: bool = False) -> Act:
    """Return the bend that puts another body (None: no object) in a state's place."""

    def bend(service: Service, stack: str) -> Undo:
        bucket, key = service.contract.stacks[stack].bucket, service.contract.stacks[stack].key
        before = service.store.versions(bucket, key)
        if not before or before[0].deleted:
            raise ValueError(f"stack {stack} has no state object (any more), so there is nothing to bend")
        body = change(b"".join(service.store.read(bucket, key, before[0], 0, before[0].size)))
        service.store.restore(bucket, key, [] if body is None else [_altered(before[0], body, keep_etag=keep_etag)])
        return partial(service.store.restore, bucket, key, before)

    return bend


def _altered(version: Version, body: bytes, *, keep_etag: bool) -> Version:
    etag = version.etag if keep_etag else checksums.md5(body)
    kept = version.checksums if keep_etag else {"sha256": checksums.sha256(body)}
    return msgspec.structs.replace(version, inline=body, beside="", size=len(body), etag=etag, checksums=kept)


def _member(**members: object) -> Callable[[bytes], bytes]:
    """Return the change that sets members of a state; None takes one away."""

    def change(body: bytes) -> bytes:
        state = seed.decode(body) | members
        return seed.encode({name: value for name, value in state.items() if value is not None})

    return change


def _serial(step: int) -> Callable[[bytes], bytes]:
    """Return the change that moves a state's serial."""

    def change(body: bytes) -> bytes:
        state = seed.decode(body)
        return seed.encode(state | {"serial": max(int(str(state["serial"])) + step, 0)})

    return change


def _each(change: Callable[[dict[str, object]], dict[str, object]]) -> Callable[[bytes], bytes]:
    """Return the change that alters each resource of a state, and raises its serial."""

    def alter(body: bytes) -> bytes:
        state = seed.decode(body)
        return _later(state, [change(resource) for resource in seed.resources(state)])

    return alter


def _later(state: dict[str, object], resources: list[dict[str, object]]) -> bytes:
    return seed.encode(state | {"serial": int(str(state["serial"])) + 1, "resources": resources})


def _one_left(body: bytes) -> bytes:
    state = seed.decode(body)
    return _later(state, seed.resources(state)[:1])


def _odd(body: bytes) -> bytes:
    """Return a state that no OpenTofu writes and every OpenTofu reads: odd members, none that may be left out, any order."""
    state = seed.decode(body)
    resources = seed.encode({"RESOURCES": state.pop("resources")})[1:]
    kept = {"Serial": state["serial"], "lineage": state["lineage"], "version": 3, "VERSION": 4, "more": [{}]}
    return b"\n" + seed.encode(kept)[:-1] + b", " + resources + b" "


def _version_3(body: bytes) -> bytes:
    state = seed.decode(body)
    primary = {"type": "null_resource", "primary": {"id": "1", "attributes": {"id": "1"}}, "provider": "provider.null"}
    modules = [{"path": ["root"], "outputs": {}, "resources": {"null_resource.a": primary}}]
    kept = {name: state[name] for name in ("serial", "lineage")}
    return seed.encode(kept | {"version": 3, "terraform_version": "0.11.14", "modules": modules})


def _another(service: Service, stack: str) -> Undo:
    """Put the next stack's state in the place of this one's."""
    names = list(service.contract.stacks)
    other = service.contract.stacks[names[(names.index(stack) + 1) % len(names)]]
    current = service.store.find(other.bucket, other.key)
    if current is None or current.deleted:
        raise ValueError("the next stack has no state object (any more), so there is nothing to bend")
    body = b"".join(service.store.read(other.bucket, other.key, current, 0, current.size))
    return _state(lambda _: body)(service, stack)


def _lock(age: float, name: str = "") -> Act:
    """Return the bend that locks a stack's state as OpenTofu does, so many seconds ago. For None it puts something there that is no lock."""

    def bend(service: Service, stack: str) -> Undo:
        bucket, key = service.contract.stacks[stack].bucket, f"{service.contract.stacks[stack].key}.tflock"
        created = datetime.datetime.fromtimestamp(time.time() - age, datetime.UTC).isoformat(timespec="microseconds")
        lock = {
            "ID": name or str(uuid.uuid4()),
            "Operation": "OperationTypeApply",
            "Info": "",
            "Who": "runner@arc-runner-7",
            "Version": "1.12.6",
            "Created": created.replace("+00:00", "Z"),
            "Path": f"{bucket}/{key.removesuffix('.tflock')}",
        }
        body = seed.encode(lock) if age else b"locked, ask the operator\n"
        service.store.put(bucket, key, body, Version(size=len(body), etag=checksums.md5(body)))
        return lambda: service.store.restore(bucket, key, [])

    return bend


def after_put(service: Service, call: Call) -> None:
    """Let another run write the state, if that fault is on and what was written is not a state."""
    stack = service.bends.argument("state-written-meanwhile")
    if stack is None or service.stack_of(call):
        return
    where = service.contract.stacks[stack]
    current = service.store.find(where.bucket, where.key)
    if current is not None and not current.deleted:
        body = b"".join(service.store.read(where.bucket, where.key, current, 0, current.size))
        later = seed.encode(seed.decode(body) | {"serial": int(str(seed.decode(body)["serial"])) + 1})
        service.store.restore(where.bucket, where.key, [_altered(current, later, keep_etag=False)])


def blob_ending(service: Service, call: Call) -> str:
    """Return how the read of a casblob ends, "" where well. Raises Refusal where it ends in one."""
    bazel, ending = service.contract.bazel, service.bends.argument("bazel-blobs-end") or ""
    if bazel is None or call.bucket != bazel.bucket or "cas.v2/" not in call.key:
        return ""
    if ending == "gone":
        raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
    if ending == "error":
        raise Refusal(500, "InternalError", "bent by the lab")
    return ending


def _encrypted(body: bytes) -> bytes:
    state = seed.decode(body)
    meta = {"key_provider.pbkdf2.lab": base64.b64encode(b'{"salt":"","iterations":600000}').decode()}
    data = base64.b64encode(secrets.token_bytes(len(body))).decode()
    kept = {name: state[name] for name in ("serial", "lineage")}
    return seed.encode(kept | {"meta": meta, "encrypted_data": data, "encryption_version": "v0"})


BENDING: Mapping[str, Act] = {
    "bucket-index-lost": _lost,
    "disk-offline": _flag("offline"),
    "disk-stalled": _stalled,
    "data-unreadable": _flag("unreadable"),
    "data-mounted-over": _flag("unreadable"),
    "bucket-moved": _moved,
    "bucket-symlink": _symlink,
    "bucket-file": _file,
    "objects-removed": _objects_removed,
    "metadata-removed": _metadata_removed,
    "system-unreadable": _flag("system_unreadable"),
    "foreign-folder": _foreign,
    "bucket-deleted": _deleted,
    "disk-full": _flag("full"),
    "bucket-unreadable": _closed,
    "bucket-ghost": _ghost,
    "temporary-missing": lambda service, _: _away(service.disk, service.disk.root / SYSTEM / "tmp")[1],
    "starting": _starting,
    "busy-after-delete": _listing_well,
    "listing-fails-after-delete": _listing_well,
    "object-delete-breaks-list": _listing_well,
    "wrong-secret": _identities(lambda known: dict.fromkeys(known, secrets.token_hex())),
    "unknown-key": _identities(lambda _: {}),
    "state-missing": _state(lambda _: None),
    "state-cut": _state(lambda body: body[: len(body) // 2]),
    "state-empty": _state(lambda _: b""),
    "state-html": _state(lambda _: b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>\n"),
    "state-not-json": _state(lambda _: b"errored.tfstate: see the ticket\n"),
    "state-version-3": _state(_member(version=3)),
    "state-version-3-real": _state(_version_3),
    "state-no-resources": _state(_member(resources=None)),
    "state-trailing": _state(lambda body: body + b"\n{}"),
    "state-duplicate": _state(lambda body: body[:-1] + b',"Resources":null}'),
    "state-data-only": _state(_each(lambda resource: resource | {"mode": "data"})),
    "state-no-instances": _state(_each(lambda resource: resource | {"instances": []})),
    "state-one-left": _state(_one_left),
    "state-attributes-text": _state(_each(lambda resource: resource | {"instances": [{"attributes": "x"}]})),
    "state-output-wrong": _state(_member(outputs={"n": {"value": "x", "type": "number"}})),
    "state-not-utf8": _state(lambda body: body.replace(b'"deployed"', b'"deploye\xff"', 1)),
    "state-odd": _state(_odd),
    "state-large": _state(lambda body: body + b" " * (16 * 1024 * 1024)),
    "state-of-another": _another,
    "state-bom": _state(lambda body: b"\xef\xbb\xbf" + body),
    "state-encrypted": _state(_encrypted),
    "state-etag-wrong": _state(lambda body: body.replace(b'"deployed"', b'"depIoyed"', 1), keep_etag=True),
    "state-applied": _state(_serial(4)),
    "state-older-serial": _state(_serial(-3)),
    "state-other-lineage": _state(_member(lineage=str(uuid.uuid4()))),
    "state-emptied": _state(lambda body: seed.encode(seed.decode(body) | {"serial": 1_000, "resources": []})),
    "state-written-meanwhile": _state(lambda body: body),  # Nothing yet; its undo puts back what stood there.
    "lock-young": _lock(5.0),
    "lock-stale": _lock(2 * 86_400.0),
    "lock-garbage": _lock(0.0),
    "lock-word": _lock(2 * 86_400.0, "my-ci-lock-17"),
    "lock-future": _lock(-86_400.0),
    "delete-empties-list": _empties_list,
    "object-delete-empties-list": _empties_list,
}
"""Fault → what makes it. A fault of S3 that is not here changes nothing by itself."""
