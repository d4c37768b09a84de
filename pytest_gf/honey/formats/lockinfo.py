"""OpenTofu's lock objects (``<key>.tflock``), read as OpenTofu reads them: who holds a state, and since when.

A lock that OpenTofu can read has an ID, and ``tofu force-unlock ID`` releases it, whatever the ID is.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

from pytest_gf.honey.formats import gojson
from pytest_gf.honey.formats.gojson import TypeWrong, struct

LARGEST = 64 * 1024
"""Bytes; a real one has about 300."""
LONGEST = 200
"""Characters of a name that is shown."""

_NAMES = ("ID", "Operation", "Info", "Who", "Version", "Created", "Path")
_LOCK = struct(**dict.fromkeys(_NAMES, "string"))
_CREATED = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})")
"""RFC 3339, as Go writes it: up to nine digits of a second."""


@dataclass(frozen=True)
class LockInfo:
    """A lock. ``created`` is in Unix seconds. ``problems`` says how it differs from what OpenTofu writes; empty where it does not."""

    id: str
    operation: str
    who: str
    version: str
    path: str
    created: float | None
    problems: tuple[str, ...]


def read(body: bytes) -> LockInfo:
    """Return the lock in an object's body. Raises `gojson.Malformed`, and nothing else."""
    text = gojson.read(body, LARGEST)
    values, problems = dict.fromkeys(_NAMES, ""), list[str]()
    for name, places in text.struct([text.start], _LOCK, "the lock").items():
        member = next(known for known in _NAMES if known.lower() == name)
        try:
            values[member] = text.string(places, member)
        except TypeWrong:
            problems.append(f"{member} is no text")
    created = _seconds(values["Created"])
    if not values["ID"] and not problems:
        problems.append("it has no ID")
    if created is None and values["Created"]:
        problems.append("Created is no time (RFC 3339)")
    shown: dict[str, Any] = {
        name.lower(): _shown(values[name]) for name in ("ID", "Operation", "Who", "Version", "Path")
    }
    return LockInfo(**shown, created=created, problems=tuple(problems))


def _shown(value: str) -> str:
    """Return a text as one line of printable characters, cut to `LONGEST`."""
    return "".join(character if character.isprintable() else "?" for character in value[:LONGEST])


def _seconds(text: str) -> float | None:
    match = _CREATED.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
        seconds = moment.timestamp() + float(f"0.{match[2] or 0}")
        datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError):  # An offset or a fraction may lead out of the years that there are.
        return None
    return seconds
