"""OpenTofu state bodies: a strict reader that lets counts, identifiers and digests out, and no other value."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_gf.honey.formats import strict_json
from pytest_gf.honey.formats.strict_json import DEEPEST, Kind, Malformed

__all__ = ["DEEPEST", "LARGEST", "Kind", "Malformed", "State", "read"]

LARGEST = 64 * 1024 * 1024
"""Bytes."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,2}(?:-[0-9A-Za-z.-]{1,60})?(?:\+[0-9A-Za-z.-]{1,60})?")
"""Semantic versions: nightly builds and forks have hyphens and metadata."""


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
    tables = strict_json.read(body, LARGEST)
    size, digest = len(body), hashlib.sha256(body).hexdigest()
    if "encrypted_data" in tables:
        return _encrypted(tables, size, digest)
    return _plain(tables, size, digest)


def _encrypted(tables: Mapping[str, Any], size: int, digest: str) -> State:
    problems = [
        f"it is encrypted, and has no {name!r}"
        for name in ("meta", "encryption_version", "lineage", "serial")
        if name not in tables
    ]
    problems += [f"it is encrypted, and has {name!r} in clear" for name in ("resources", "version") if name in tables]
    serial, lineage = _serial(tables), _lineage(tables)
    wrong = {
        "its encrypted_data is no text": not (isinstance(data := tables["encrypted_data"], str) and data),
        "its meta is no object": not isinstance(tables.get("meta", {}), dict),
        "its encryption_version is no text": not isinstance(tables.get("encryption_version", ""), str),
        "its serial is no whole number from 0 to 2^63": "serial" in tables and serial is None,
        "its lineage is no uuid": "lineage" in tables and lineage is None,
    }
    problems += [text for text, is_so in wrong.items() if is_so]
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
