"""Which rows each fault of the lab turns: tables that suites/lab checks, in both directions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

_INSTALLED = Path(__file__).parent / "tables"
"""Where the wheel carries the tables; in a checkout they lie beside the tests that hold them."""
_TABLES = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[2] / "suites" / "lab"
TABLE = _TABLES / "faults.toml"
"""suites/lab/test_faults.py checks each of its rows, in both directions."""
MODEL = _TABLES / "repository_faults.toml"
"""As `TABLE`, for the faults of the model repository. test_repository_faults.py checks it."""
_MARKERS = {TABLE: "canary", MODEL: "repository or quarantine or environment"}
"""What the rows below ``fault`` are run with; the other tables of a file are named by their marker."""


@dataclass(frozen=True)
class Drill:
    """One fault as ``--gf-fault`` takes it, and the rows that it turns in a run of ``-m`` marker.

    ``*`` stands for any text in a row's name.
    """

    fault: str
    marker: str = "canary"
    violated: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    """The causes that such a run names, each with its subject."""

    def violates(self, clause: str) -> bool:
        """Return whether a row of this clause turns violated."""
        return any(fnmatchcase(clause, pattern.partition("[")[0]) for pattern in self.violated)


def drills(*paths: Path) -> list[Drill]:
    """Return the tables' rows, their groups written out. Raises OSError, and KeyError for a group that is not there."""
    tables = {path: tomllib.loads(path.read_text(encoding="utf-8")) for path in paths or (TABLE, MODEL)}
    groups: Mapping[str, Sequence[str]] = {
        name: members for table in tables.values() for name, members in table.get("groups", {}).items()
    }

    def rows(patterns: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            row
            for pattern in patterns
            for row in (groups[pattern.removeprefix("@")] if pattern.startswith("@") else [pattern])
        )

    return [
        Drill(
            fault,
            _MARKERS.get(path, "canary") if name == "fault" else name,
            rows(turned.get("violated", ())),
            rows(turned.get("unproven", ())),
            rows(turned.get("error", ())),
            _named(turned.get("incident", ())),
        )
        for path, table in tables.items()
        for name, faults in table.items()
        if name != "groups"
        for fault, turned in faults.items()
    ]


def _named(incident: str | Sequence[str]) -> tuple[str, ...]:
    return (incident,) if isinstance(incident, str) else tuple(incident)
