"""What honey has been through, as data: a folder a date, with its phases and a page that tells what happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_gf.lab import faults

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract

FOLDER = Path(__file__).parent
PHASES = "phases.toml"
PAGE = "page.md"
DURING = "during"
"""The phase that is meant where none is named."""


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One look at the lab, and what it must show.

    ``faults`` bend the lab in this phase, ``left`` is what the phases before it left behind: it is bent where the phase is run
    alone. ``restart``: the lab's processes are started anew before, on the same folder. ``run`` are pytest's
    arguments; ``{folder}`` stands for the replay's folder. Rows that no list names hold; ``*`` stands for any text.
    ``incidents`` and ``recovered`` are kinds with their subjects.
    """

    name: str
    about: str
    run: tuple[str, ...]
    faults: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    restart: bool = False
    exit: int = 0
    violated: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    interim: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    """What must stand in the reason or the next step of a row that is not as promised."""

    def alone(self) -> tuple[str, ...]:
        """Return the faults that make this phase on a fresh lab."""
        return tuple(dict.fromkeys((*self.left, *self.faults)))


class Incident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dated incident: its title, and its phases in their order."""

    title: str
    phases: tuple[Phase, ...]

    def phase(self, name: str) -> Phase | None:
        """Return the phase of this name."""
        return next((phase for phase in self.phases if phase.name == name), None)


def dates() -> list[str]:
    """Return the dates of the incidents, the oldest first."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{PHASES}"))


def read(date: str) -> Incident:
    """Return the incident of a date. Raises ValueError with one line for a date that has none."""
    known = dates()
    if date not in known:
        raise ValueError(f"no incident of {date!r}; known: {', '.join(known)}")
    return msgspec.toml.decode((FOLDER / date / PHASES).read_bytes(), type=Incident)


def page(date: str) -> str:
    """Return what happened on a date, as prose."""
    return (FOLDER / date / PAGE).read_text(encoding="utf-8")


def bends(text: str, contract: Contract) -> tuple[faults.Bend, ...]:
    """Return the bends that ``DATE[:PHASE]`` means. Raises ValueError with one line that names what there is."""
    date, colon, name = text.partition(":")
    incident = read(date)
    phase = incident.phase(name if colon else DURING)
    if phase is None:
        known = ", ".join(phase.name for phase in incident.phases)
        raise ValueError(f"{date} has no phase {name!r}; it has {known}")
    return tuple(faults.parse(fault, contract) for fault in phase.alone())
