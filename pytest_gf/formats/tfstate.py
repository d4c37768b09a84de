"""OpenTofu state bodies: a strict reader that lets counts, identifiers and digests out, and no other value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

LARGEST = 64 * 1024 * 1024
"""Bytes."""
DEEPEST = 200
"""Levels of nesting; a real state has about ten."""
MOST_DIGITS = 20
"""A number of more digits is no serial, and costs quadratic time to read."""

Kind = Literal[
    "empty",
    "too-large",
    "bom",
    "not-utf8",
    "html",
    "not-json",
    "trailing",
    "duplicate-member",
    "too-deep",
    "not-an-object",
]

_MEANING: Mapping[Kind, str] = {
    "empty": "the body is empty",
    "too-large": f"the body is larger than {LARGEST} bytes",
    "bom": "the body begins with a byte order mark",
    "not-utf8": "the body is not UTF-8",
    "html": "the body is an HTML page",
    "not-json": "the body is not JSON",
    "trailing": "bytes follow the JSON object",
    "duplicate-member": "an object has two members of one name",
    "too-deep": f"the body is nested deeper than {DEEPEST} levels",
    "not-an-object": "the body is JSON, and no object",
}
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,2}(?:-[0-9A-Za-z.]{1,20})?")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_SPACE = " \t\r\n"


class Malformed(ValueError):
    """The body is no strict JSON object. Says its kind and the place (a byte or character offset), and nothing of the body."""

    def __init__(self, kind: Kind, offset: int = 0) -> None:
        super().__init__(f"{_MEANING[kind]} (at {offset})" if offset else _MEANING[kind])
        self.kind = kind
        self.offset = offset


class _Refused(Exception):  # Never leaves this file.
    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class State:
    """What may be known of a state body. ``problems`` says how its shape differs from a state's; empty: it is one.

    ``version``, ``serial`` and ``lineage`` are None where the body has none of the right form; so are the counts of an
    encrypted body, whose contents are not proved. ``size`` is in bytes.
    """

    version: int | None
    terraform_version: str
    serial: int | None
    lineage: str | None
    resources: int | None
    instances: int | None
    outputs: int | None
    encrypted: bool
    size: int
    sha256: str
    problems: tuple[str, ...]


def read(body: bytes) -> State:
    """Return what may be known of a state body (format version 4, facts/opentofu.md). Raises Malformed, and nothing else."""
    kind, offset, tables = _parse(body)
    if kind is not None:
        raise Malformed(kind, offset)
    size, digest = len(body), hashlib.sha256(body).hexdigest()
    if "encrypted_data" in tables:
        return _encrypted(tables, size, digest)
    return _plain(tables, size, digest)


def _parse(body: bytes) -> tuple[Kind | None, int, dict[str, Any]]:  # noqa: C901, PLR0911  # One line a kind.
    """Return kind and offset of what is wrong, or the object. It raises nothing, so no exception carries the body."""
    if not body.strip():
        return "empty", 0, {}
    if len(body) > LARGEST:
        return "too-large", 0, {}
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return "bom", 0, {}
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        return "not-utf8", wrong.start, {}
    start = len(text) - len(text.lstrip(_SPACE))
    if text[start : start + 1] == "<":
        return "html", start, {}
    if _depth(body) > DEEPEST:
        return "too-deep", 0, {}
    decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer)
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as wrong:
        return "not-json", wrong.pos, {}
    except _Refused as refused:
        return refused.kind, 0, {}
    except RecursionError:
        return "too-deep", 0, {}
    if text[end:].strip(_SPACE):
        return "trailing", end, {}
    return (None, 0, value) if isinstance(value, dict) else ("not-an-object", 0, {})


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for token in _TOKENS.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("duplicate-member")
    return members


def _constant(_: str) -> NoReturn:
    raise _Refused("not-json")  # NaN and Infinity: Python's own, no JSON (RFC 8259, 6).


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _Refused("not-json")
    return int(digits)


def _encrypted(tables: Mapping[str, Any], size: int, digest: str) -> State:
    problems = [
        f"it is encrypted, and has no {name!r}"
        for name in ("meta", "encryption_version", "lineage", "serial")
        if name not in tables
    ]
    problems += [f"it is encrypted, and has {name!r} in clear" for name in ("resources", "version") if name in tables]
    serial, lineage = _serial(tables), _lineage(tables)
    return State(None, "", serial, lineage, None, None, None, True, size, digest, tuple(problems))  # noqa: FBT003  # A field.


def _plain(tables: Mapping[str, Any], size: int, digest: str) -> State:
    version, serial, lineage = tables.get("version"), _serial(tables), _lineage(tables)
    resources, outputs = tables.get("resources"), tables.get("outputs")
    made = tables.get("terraform_version")
    named = made if isinstance(made, str) and _VERSION.fullmatch(made) else ""
    problems: list[str] = []
    if type(version) is not int or version != 4:  # noqa: PLR2004  # The only version that OpenTofu writes.
        problems.append(f"its version is {version}, not 4" if type(version) is int else "it has no version number")
    if serial is None:
        problems.append("its serial is no whole number from 0 to 2^63")
    if lineage is None:
        problems.append("its lineage is no uuid")
    if not named:
        problems.append("its terraform_version is no version number")
    if not isinstance(outputs, dict):
        problems.append("its outputs are no object")
    if not isinstance(resources, list) or not all(isinstance(each, dict) for each in resources):
        problems.append("it has no list of resources")
        resources = None
    return State(
        version=version if type(version) is int else None,
        terraform_version=named,
        serial=serial,
        lineage=lineage,
        resources=None if resources is None else len(resources),
        instances=None if resources is None else sum(_count(each.get("instances")) for each in resources),
        outputs=len(outputs) if isinstance(outputs, dict) else None,
        encrypted=False,
        size=size,
        sha256=digest,
        problems=tuple(problems),
    )


def _serial(tables: Mapping[str, Any]) -> int | None:
    serial = tables.get("serial")
    return serial if type(serial) is int and 0 <= serial < 2**63 else None


def _lineage(tables: Mapping[str, Any]) -> str | None:
    lineage = tables.get("lineage")
    return lineage if isinstance(lineage, str) and _UUID.fullmatch(lineage) else None


def _count(instances: Any) -> int:
    return len(instances) if isinstance(instances, list) else 0
