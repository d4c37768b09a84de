"""OpenTofu state bodies, read as OpenTofu 1.12 reads them; counts, identifiers and digests come out, and no other value.

What a reader can't know is a provider's schema: whether the attributes fit it shows only in a plan.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from dataclasses import dataclass, field
from itertools import pairwise

from pytest_gf.honey.formats import address, gojson, tfstate_old
from pytest_gf.honey.formats.ctyjson import DYNAMIC, Values
from pytest_gf.honey.formats.effect import CHANGES, NOTHING_MANAGED, READS, TofuEffect, plan_fails, refused
from pytest_gf.honey.formats.gojson import Kind, Malformed, Members, Text, TypeWrong, struct
from pytest_gf.honey.formats.jsontext import Place, TooMuch

__all__ = ["LARGEST", "Kind", "Malformed", "State", "read"]

LARGEST = 16 * 1024 * 1024
"""Bytes."""
DIGEST = 8
"""Bytes of a managed address's digest."""
LEAST_ENCRYPTED = 28
"""Bytes: AES-GCM's nonce and tag, and a state is never shorter either."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_VERSION = 80
_LONE = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])"
)
_OUTPUT = struct(value="any", type="any", sensitive="bool", deprecated="string")
_INSTANCE = struct(
    **dict.fromkeys(("status", "deposed", "provider"), "string"),
    **dict.fromkeys(("index_key", "attributes", "sensitive_attributes", "identity"), "any"),
    **dict.fromkeys(("schema_version", "identity_schema_version"), "uint"),
    **dict.fromkeys(("create_before_destroy", "skip_destroy"), "bool"),
    attributes_flat={"*": "string"},
    private="bytes",
    dependencies=["string"],
)
_RESOURCE = struct(
    **dict.fromkeys(("module", "mode", "type", "name", "each", "provider"), "string"), instances=[_INSTANCE]
)
_CHECKED = struct(object_addr="string", status="string", failure_messages=["string"])
_CHECKS = struct(**dict.fromkeys(("object_kind", "config_addr", "status"), "string"), objects=[_CHECKED])
_STATE = struct(
    **dict.fromkeys(("terraform_version", "lineage"), "string"),
    serial="uint",
    outputs={"*": _OUTPUT},
    resources=[_RESOURCE],
    check_results=[_CHECKS],
)
_ENVELOPE = struct(meta={"*": "bytes"}, encrypted_data="bytes", encryption_version="string")
_PASSED_ON = struct(serial="int", lineage="string")
_VERSIONED = struct(version="uint")
_STEP = struct(type="string", value="any")


@dataclass(frozen=True)
class State:
    """What may be known of a state body, and what OpenTofu makes of it (``effect``).

    Counts are None for an encrypted body, whose contents are not proved, and for one that is not read to its end. ``lineage`` is
    shown where it is a uuid, else by a digest. ``addresses`` has a digest of `DIGEST` bytes for each managed instance, sorted.
    ``contents`` is one digest of what resources and outputs mean. ``size`` is in bytes.
    """

    version: int | None
    terraform_version: str
    serial: int
    lineage: str
    resources: int | None
    instances: int | None
    outputs: int | None
    encrypted: bool
    size: int
    sha256: str
    effect: TofuEffect
    managed: int | None = None
    deposed: int = 0
    tainted: int = 0
    addresses: bytes = b""
    contents: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """Why OpenTofu does not go on from it; empty where it does."""
        return () if self.effect.good else (self.effect.words,)


@dataclass
class _Tally:
    """What was counted so far, with the digests of all current instances and of those that are managed."""

    version: int | None = None
    terraform_version: str = ""
    serial: int = 0
    lineage: str = ""
    encrypted: bool = False
    resources: int = 0
    instances: int = 0
    outputs: int = 0
    deposed: int = 0
    tainted: int = 0
    contents: int = 0
    """The sum of the digests of all instances and outputs: their order says nothing."""
    all: array[int] = field(default_factory=lambda: array("Q"))
    managed: array[int] = field(default_factory=lambda: array("Q"))
    fails: str = ""


def read(body: bytes) -> State:
    """Return what may be known of a state body. Raises Malformed, and nothing else."""
    text = gojson.read(body, LARGEST)
    tally = _Tally()
    try:
        effect = _effect(text, tally)
    except TypeWrong as wrong:
        effect, counted = refused(str(wrong)), False
    except TooMuch:
        raise Malformed("too-much") from None
    else:
        counted = not tally.encrypted
    return State(
        version=tally.version,
        terraform_version=tally.terraform_version,
        serial=tally.serial,
        lineage=_shown(tally.lineage),
        resources=tally.resources if counted else None,
        instances=tally.instances if counted else None,
        outputs=tally.outputs if counted else None,
        encrypted=tally.encrypted,
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        effect=effect,
        managed=len(tally.managed) if counted else None,
        deposed=tally.deposed,
        tainted=tally.tainted,
        addresses=array("Q", sorted(tally.managed)).tobytes() if counted else b"",
        contents=f"{tally.contents % 2**64:016x}" if counted else "",
    )


def _shown(lineage: str) -> str:
    if not lineage or _UUID.fullmatch(lineage):
        return lineage
    return f"other-{hashlib.sha256(lineage.encode(errors='replace')).hexdigest()[:16]}"


def _effect(text: Text, tally: _Tally) -> TofuEffect:
    versions = text.struct([text.start], _VERSIONED, "the state")["version"]
    tally.version = text.integer(versions, "its version")
    if tally.version is None:
        return _encrypted(text, tally)
    if tally.version in tfstate_old.VERSIONS:
        return tfstate_old.effect(text, tally.version)
    if tally.version != 4:  # noqa: PLR2004  # The version that OpenTofu writes.
        return refused(f"its format version is {tally.version}, not 4")
    top = text.struct([text.start], _STATE, "the state")
    tally.serial = text.integer(top["serial"], "its serial") or 0
    tally.lineage = text.string(top["lineage"], "its lineage")
    text.conforms(text.start, _STATE, "its")
    version = text.string(top["terraform_version"], "its terraform_version")
    if version and not address.is_version(version):
        raise TypeWrong("its terraform_version is no version number")
    tally.terraform_version = version if len(version) <= _LONGEST_VERSION else ""
    for number, places in enumerate(text.slice(top["resources"], "resources"), 1):
        _Resource(text, tally, places, f"resource {number}").read()
    if any(first == second for first, second in pairwise(sorted(tally.all))):
        raise TypeWrong("an instance stands in it twice")
    tally.outputs = _outputs(text, top["outputs"], tally)
    _check_results(text, top["check_results"])
    if not tally.managed:
        return NOTHING_MANAGED
    if tally.fails:
        return plan_fails(tally.fails)
    return CHANGES if _replaced(text.data) else READS


def _replaced(data: bytes) -> bool:
    """Return whether a string has what is no character: OpenTofu puts U+FFFD in its place."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return _LONE.search(data) is not None


def _encrypted(text: Text, tally: _Tally) -> TofuEffect:
    """Judge what has no version: an encrypted state, or nothing that OpenTofu takes for a state."""
    text.conforms(text.start, _ENVELOPE, "its")
    top = text.struct([text.start], _ENVELOPE | _PASSED_ON | _STATE, "the state")
    method = text.string(top["encryption_version"], "its encryption_version")
    if not method:
        raise TypeWrong("it has no version")
    tally.encrypted = True
    text.conforms(text.start, _PASSED_ON, "its")
    tally.serial = text.integer(top["serial"], "its serial", -(2**63), 2**63 - 1) or 0
    tally.lineage = text.string(top["lineage"], "its lineage")
    length = text.byte_count(top["encrypted_data"], "its encrypted_data")
    if method != "v0":
        raise TypeWrong("it is encrypted in another way than v0")
    if length < LEAST_ENCRYPTED:
        raise TypeWrong(f"its encrypted_data has {length} bytes, and nonce and tag alone have {LEAST_ENCRYPTED}")
    if not top["meta"]:
        raise TypeWrong("it is encrypted, and has no meta, without which no key is found")
    if top["resources"]:
        raise TypeWrong("it is encrypted, and has resources in clear, which OpenTofu never writes")
    return TofuEffect("reads", "encrypted, contents not proved; OpenTofu reads it with its key")


class _Resource:
    """One resource of a state: its members are read, and its instances entered."""

    def __init__(self, text: Text, tally: _Tally, places: list[Place], what: str) -> None:
        self._text, self._tally, self._what = text, tally, what
        self._members = text.struct(places, _RESOURCE, what)
        self._mode, self._type, self._name, self._module, self._each, self._provider = (
            text.string(self._members[name], f"{what}'s {name}")
            for name in ("mode", "type", "name", "module", "each", "provider")
        )

    def read(self) -> None:
        """Read it all. Raises TypeWrong."""
        self._tally.resources += 1
        if self._mode not in {"managed", "data"}:
            raise TypeWrong(f"{self._what} has no mode that a resource has")
        module = address.module(self._module) if self._module else ()
        if self._provider:
            try:
                address.provider(self._provider)
            except TypeWrong:
                address.legacy_provider(self._provider)
        providers: set[tuple[object, ...]] = set()
        for number, places in enumerate(self._text.slice(self._members["instances"], "instances"), 1):
            self._instance(
                places, f"instance {number} of {self._what}", (module, self._mode, self._type, self._name), providers
            )
        if len(providers) > 1:
            raise TypeWrong(f"{self._what} has instances of several providers")

    def _instance(
        self, places: list[Place], what: str, where: tuple[object, ...], providers: set[tuple[object, ...]]
    ) -> None:
        text, tally = self._text, self._tally
        members = text.struct(places, _INSTANCE, what)
        tally.instances += 1
        key = _index(text, members["index_key"], what)
        provider = text.string(members["provider"], f"the provider of {what}")
        if provider:
            providers.add(address.provider(provider, instance=True)[:3])
        elif not self._provider:
            raise TypeWrong(f"{what} has no provider")
        status = text.string(members["status"], f"the status of {what}")
        deposed = text.string(members["deposed"], f"the deposed key of {what}")
        if status not in {"", "tainted"}:
            raise TypeWrong(f"{what} has no status that an instance has")
        if deposed and len(deposed.encode(errors="replace")) != DIGEST:
            raise TypeWrong(f"{what} has a deposed key that is not valid")
        attributes = members["attributes"][-1:]
        if self._mode == "managed":
            tally.fails = tally.fails or self._fails(attributes, what)
        _references(text, members, what)
        digest = _digest((*where, key, deposed))
        tally.contents += _digest((digest, status), *map(text.meaning, attributes))
        tally.all.append(digest)
        tally.deposed += bool(deposed)
        tally.tainted += bool(status)
        there = not deposed and not any(text.kind(attribute) == "null" for attribute in attributes)
        if self._mode == "managed" and there:
            tally.managed.append(digest)  # Of null attributes OpenTofu makes no object: a plan creates it anew.

    def _fails(self, attributes: list[Place], what: str) -> str:
        """Return why a plan would fail, if that can be known without a schema."""
        if not self._type:
            return f"{self._what} has no type, so no provider has a schema for it"
        if any(self._text.kind(attribute) not in {"object", "null"} for attribute in attributes):
            return f"the attributes of {what} are no object"
        return ""


def _digest(of: tuple[object, ...], value: bytes = b"") -> int:
    digest = hashlib.blake2b(repr(of).encode(errors="replace"), digest_size=DIGEST)
    digest.update(value)
    return int.from_bytes(digest.digest())


def _index(text: Text, places: list[Place], what: str) -> str | int | None:
    """Return an instance's key: text, or a number, which Go reads as a float and cuts to a whole one."""
    key: str | int | None = None
    for place in places:
        kind = text.kind(place)
        if kind == "number":
            number = float(text.number(place))
            if number in {float("inf"), float("-inf")}:
                raise TypeWrong(f"{what} has an index that is no number")
            key = int(number) if abs(number) < 2**63 else -(2**63)
        else:
            key = text.text(place) if kind == "string" else None
    if places and text.kind(places[-1]) in {"bool", "array", "object"}:
        raise TypeWrong(f"{what} has an index that is neither text nor a number")
    return key


def _references(text: Text, members: Members, what: str) -> None:
    """Check what an instance says of others, and of its own attributes."""
    for dependency in text.strings(members["dependencies"], f"dependencies of {what}"):
        address.resource(dependency)
    for path in text.slice(members["sensitive_attributes"][-1:], f"sensitive_attributes of {what}"):
        for step in text.slice(path, f"sensitive_attributes of {what}"):
            _path_step(text, step, f"sensitive_attributes of {what}")


def _path_step(text: Text, places: list[Place], what: str) -> None:
    members = text.struct(places, _STEP, what)
    kind, value = text.string(members["type"], what), members["value"][-1:]
    if kind not in {"index", "get_attr"} or not value:
        raise TypeWrong(f"{what} has a step that is not valid")
    if kind == "index":
        Values(text).check(value[0], DYNAMIC)
    else:
        text.string(value, what)


def _outputs(text: Text, places: list[Place], tally: _Tally) -> int:
    outputs, values = text.map(places, "outputs"), Values(text)
    for name, place in outputs.items():
        members = text.struct([place], _OUTPUT, "an output")
        if "type" not in members or "value" not in members:
            raise TypeWrong("an output has no type, or no value")
        value, of = members["value"][-1], members["type"][-1]
        values.check(value, values.type(of))
        tally.contents += _digest((name, text.meaning(of)), text.meaning(value))
    return len(outputs)


def _check_results(text: Text, places: list[Place]) -> None:
    for result in text.slice(places, "check_results"):
        members = text.struct(result, _CHECKS, "a check result")
        kind = text.string(members["object_kind"], "a check result's object_kind")
        if kind not in address.CHECKABLE:
            continue
        address.checkable(kind, text.string(members["config_addr"], "config_addr"), config=True)
        for item in text.slice(members["objects"], "a check result's objects"):
            checked = text.struct(item, _CHECKED, "a checked object")
            address.checkable(kind, text.string(checked["object_addr"], "object_addr"), config=False)
