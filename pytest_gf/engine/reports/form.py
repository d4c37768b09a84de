"""The form of a record: ``docs/record.schema.json`` is made of it, and a record of another form is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from pytest_gf.engine.reports.changes import Changes
from pytest_gf.engine.trouble import Severity
from pytest_gf.engine.verdict import Verdict

Schema = Literal["pytest_gf.record/3"]
SCHEMA: str = get_args(Schema)[0]
Instant = Annotated[str, Meta(description="An instant in UTC, as 2026-05-25T10:00:00.000Z.")]


class Cause(msgspec.Struct, forbid_unknown_fields=True):
    """What made a row red: a kind of ``kinds``, and a subject such as a node or a file ("" for none)."""

    kind: str
    subject: str


class Kind(msgspec.Struct, forbid_unknown_fields=True):
    """A kind of cause, as people read it."""

    title: str
    severity: Severity
    means: Annotated[str, Meta(description="What follows from it.")]
    first: Annotated[list[str], Meta(description="What a person does first.")]
    avoid: Annotated[list[str], Meta(description="What not to do.")]
    tickets: Annotated[list[str], Meta(description="Tickets that stay open while it may happen.")]
    page: Annotated[str, Meta(description="The page and section that say more, in the checkout.")]
    see: Annotated[str, Meta(description="A further page beside that one.")]


class Incident(msgspec.Struct, forbid_unknown_fields=True):
    """The rows of one cause, and the rows that followed from it."""

    kind: str
    subject: str
    severity: Severity
    title: str
    headline: Annotated[str, Meta(description="What was seen, in a line.")]
    since: Annotated[Instant | None, Meta(description="Since when it stands; null where no history says so.")]
    rows: Annotated[list[str], Meta(description="The rows that name this cause, as clause[values].")]
    consequences: Annotated[list[str], Meta(description="Rows that are red or unproven because of it.")]
    next_steps: Annotated[list[str], Meta(description="What to do, the first thing first.")]
    avoid: Annotated[list[str], Meta(description="What not to do.")]
    tickets: list[str]
    page: Annotated[str, Meta(description="The page and section that say more, in the checkout.")]
    evidence: Annotated[list[str], Meta(description="Files in the run's folder.")]


class FactSeen(msgspec.Struct, forbid_unknown_fields=True):
    """A fact that a row rests on, and how its observation ended."""

    fact: str
    params: dict[str, str]
    outcome: str
    started: Instant | None
    seconds: float
    after: Annotated[str | None, Meta(description="The fact that it waited for longest.")]
    exchanges: int


class Judged(msgspec.Struct, forbid_unknown_fields=True):
    """The verdict of one row."""

    clause: str
    params: dict[str, str]
    title: str
    statements: list[str]
    started: Instant | None
    ended: Instant | None
    seconds: float
    verdict: Verdict
    reason: str
    next_step: str
    cause: Cause | None
    because: Annotated[list[Cause], Meta(description="Causes that would explain this row.")]
    facts: list[FactSeen]
    evidence: list[str]


class Selected(msgspec.Struct, forbid_unknown_fields=True):
    """What the command line selected."""

    markers: str
    keywords: str
    paths: list[str]


class Claimed(msgspec.Struct, forbid_unknown_fields=True):
    """What a run may claim of the contract's statements."""

    gate: Annotated[str, Meta(description="How the gate ended, in a line; empty without one.")]
    whole: Annotated[list[str], Meta(description="Statements that are proved whole.")]
    part: Annotated[list[str], Meta(description="Statements that are proved in part.")]
    held_back: Annotated[
        str, Meta(description="Why live statements are claimed in part only; empty where they are not.")
    ]
    expected: Annotated[dict[str, list[str]], Meta(description="Statements that rows show by being red.")]
    reminders: list[str]
    tickets: dict[str, str]


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """A record of a run, or of several that were merged."""

    schema: Schema
    target: str
    vantage: str
    part: Annotated[str, Meta(pattern=r"^[0-9]{1,6}/[1-9][0-9]{0,5}$")] | None
    contract: str
    version: str
    faults: Annotated[list[str], Meta(description="Faults of the lab that the run asked for.")]
    selection: Selected
    command: str
    started: Instant
    finished: Instant | None
    exit: int
    kinds: Annotated[dict[str, Kind], Meta(description="The kinds of the rows' causes.")]
    incidents: Annotated[list[Incident], Meta(description="The worst first.")]
    history: Annotated[Changes | None, Meta(description="How it differs from earlier runs; null where none are kept.")]
    verdicts: list[Judged]
    does_not_prove: list[str]
    claims: Annotated[Claimed | None, Meta(description="What the run may claim; null where runs were merged.")]
    merged: list[str] | msgspec.UnsetType = msgspec.UNSET
    missing: list[str] | msgspec.UnsetType = msgspec.UNSET
    unfinished: list[str] | msgspec.UnsetType = msgspec.UNSET


def check(record: Any) -> None:
    """Raise msgspec.ValidationError if this is no record of this form."""
    msgspec.convert(record, Form)
