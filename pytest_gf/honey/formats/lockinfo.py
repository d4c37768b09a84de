"""OpenTofu's lock objects (``<key>.tflock``): a strict reader of who holds a state, and since when (facts/opentofu.md)."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

from pytest_gf.honey.formats import strict_json

LARGEST = 64 * 1024
"""Bytes; a real one has about 300."""
LONGEST = 200
"""Characters of a name that is shown."""

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CREATED = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})")
"""RFC 3339, as Go writes it: up to nine digits of a second."""


@dataclass(frozen=True)
class LockInfo:
    """A lock. ``created`` in Unix seconds. ``problems`` says how it differs from what OpenTofu writes; empty: it is one."""

    id: str
    operation: str
    who: str
    version: str
    path: str
    created: float | None
    problems: tuple[str, ...]


def read(body: bytes) -> LockInfo:
    """Return the lock in an object's body. Raises `strict_json.Malformed`, and nothing else."""
    tables = strict_json.read(body, LARGEST)
    problems = [f"{name} is no text" for name in ("ID", "Operation", "Who", "Created") if not _text(tables, name)]
    name = _text(tables, "ID")
    if name and not _ID.fullmatch(name):
        problems.append("ID is no uuid")
    created = _seconds(_text(tables, "Created"))
    if created is None and _text(tables, "Created"):
        problems.append("Created is no time (RFC 3339)")
    shown = {each: _shown(tables, each) for each in ("Operation", "Who", "Version", "Path")}
    return LockInfo(
        id=name if _ID.fullmatch(name) else "",
        operation=shown["Operation"],
        who=shown["Who"],
        version=shown["Version"],
        path=shown["Path"],
        created=created,
        problems=tuple(problems),
    )


def _text(tables: dict[str, Any], name: str) -> str:
    value = tables.get(name)
    return value if isinstance(value, str) else ""


def _shown(tables: dict[str, Any], name: str) -> str:
    """Return a member as one line of printable characters, cut to `LONGEST`."""
    return "".join(each if each.isprintable() else "?" for each in _text(tables, name)[:LONGEST])


def _seconds(text: str) -> float | None:
    found = _CREATED.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
        seconds = moment.timestamp() + float(f"0.{found[2] or 0}")
        datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError):  # An offset or a fraction may lead out of the years that there are.
        return None
    return seconds
