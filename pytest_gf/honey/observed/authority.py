"""What must be true of a state before anything applies to it: no lock, and no going back behind what was once good."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.honey.observed.state import NO_APPLY

if TYPE_CHECKING:
    from pytest_gf.honey.formats.baseline import Known
    from pytest_gf.honey.formats.lockinfo import LockInfo

KEEP = f"{NO_APPLY}; keep this body and the object's versions; find out who wrote it (CI runs, errored.tfstate) before anything else does"


@dataclass(frozen=True)
class StateLock:
    """The lock beside a state: ``held`` tells whether one lies there, ``age`` in seconds by the server's clock.

    ``trouble`` says why what lies there is no lock.
    """

    stack: str
    key: str
    held: bool = False
    lock: LockInfo | None = None
    age: float | None = None
    trouble: str = ""

    @property
    def free(self) -> bool:
        return not self.held

    @property
    def promised(self) -> str:
        return f"no object lies at {self.key}"

    @property
    def seen(self) -> str:
        if not self.held:
            return f"{self.key}: 404"
        return f"{self.key}: {describe(self.lock, self.age) if self.lock is not None else self.trouble}"

    @property
    def diagnosis(self) -> str:
        if self.free:
            return ""
        if self.lock is None or self.trouble:
            return f"what lies in the lock's place is no lock: {self.trouble}"
        return f"a stale lock: {describe(self.lock, self.age)}"

    @property
    def next_step(self) -> str:
        if self.free:
            return ""
        if self.lock is None or self.trouble:
            return f"nobody can release it by its ID: find out who wrote {self.key}, then delete that object"
        return f"see that {self.lock.who} runs no more, then: tofu force-unlock {self.lock.id} (in the stack's folder)"


def describe(lock: LockInfo, age: float | None) -> str:
    """Return who holds a lock, for what, and since when, in one line."""
    created = "at an unknown time"
    if lock.created is not None:
        created = datetime.datetime.fromtimestamp(lock.created, datetime.UTC).isoformat(timespec="seconds")
    since = "" if age is None else f", {datetime.timedelta(seconds=round(age))} ago by the server's clock"
    return f"ID {lock.id or 'unknown'}, held by {lock.who or 'nobody named'} for {lock.operation or 'nothing named'}, created {created}{since}"


@dataclass(frozen=True)
class StateBaseline:
    """A state as it is, and as it was when all was well. Only the two together show a clobber or a rollback."""

    stack: str
    now: Known
    known: Known

    @property
    def kept(self) -> bool:
        return not self._troubles

    @property
    def promised(self) -> str:
        return (
            f"lineage {self.known.lineage}, serial {self.known.serial} or later; the same serial means the same bytes"
        )

    @property
    def seen(self) -> str:
        return f"now {self.now}; recorded {self.known.recorded}: {self.known}"

    @property
    def diagnosis(self) -> str:
        return "; ".join(self._troubles)

    @property
    def next_step(self) -> str:
        return "" if self.kept else KEEP

    @property
    def _troubles(self) -> list[str]:
        now, known = self.now, self.known
        if now.lineage != known.lineage:
            return [
                f"another lineage, {now.lineage}, stands in the place of {known.lineage}: the state was created anew over the live one"
            ]
        if now.serial < known.serial:
            return [f"the serial went back from {known.serial} to {now.serial}: an older snapshot was put back"]
        other = now.sha256 != known.sha256 if known.sha256 else bool(known.etag) and now.etag != known.etag
        if now.serial == known.serial and other:
            return [f"serial {now.serial} has other bytes than it had: the body was altered behind its serial"]
        return []


@dataclass(frozen=True)
class StateResources:
    """How many resources a state holds, and held."""

    stack: str
    now: Known
    known: Known

    @property
    def there(self) -> bool:
        return bool(self.now.resources) or not self.known.resources

    @property
    def promised(self) -> str:
        return f"the state holds resources, as it did ({self.known.resources})"

    @property
    def seen(self) -> str:
        return f"{self.now.resources} resources now; {self.known.resources} on {self.known.recorded}"

    @property
    def diagnosis(self) -> str:
        if self.there:
            return ""
        return f"all {self.known.resources} resources are gone from the state: a plan would create everything anew"

    @property
    def next_step(self) -> str:
        return "" if self.there else f"{KEEP}; if the stack was destroyed on purpose, record it: --gf-update-baseline"


@dataclass(frozen=True)
class Step:
    """One step of the write proof: what was asked, what came back, and whether it is what should come."""

    name: str
    came: str
    good: bool
    means: str
    """What it means where it is not good."""


@dataclass(frozen=True)
class WriteProof:
    """A random object beside the states, made by conditional writes and taken away again (facts/opentofu.md).

    ``deleted`` tells whether S3 took a delete of it; ``left`` says why it could not be taken away.
    """

    stack: str
    bucket: str
    key: str
    steps: tuple[Step, ...]
    deleted: bool = False
    left: str = ""

    @property
    def made(self) -> bool:
        """Whether the object was written at all: what comes after that was not looked at otherwise."""
        return bool(self.steps) and self.steps[0].good

    @property
    def proved(self) -> bool:
        return all(step.good for step in self.steps) and not self.left

    @property
    def promised(self) -> str:
        return (
            "a conditional write makes the object; it reads back; a second one is refused and changes nothing; "
            "it goes by a delete, and can be made again"
        )

    @property
    def seen(self) -> str:
        steps = "; ".join(f"{step.name}: {step.came}" for step in self.steps)
        return f"{self.bucket}/{self.key}: {steps}{f'; left there: {self.left}' if self.left else ''}"

    @property
    def diagnosis(self) -> str:
        if self.proved:
            return ""
        bad = [f"{step.means} ({step.name}: {step.came})" for step in self.steps if not step.good]
        return "; ".join((*bad, *((f"{self.key} is left behind: {self.left}",) if self.left else ())))

    @property
    def next_step(self) -> str:
        if self.proved:
            return ""
        if all(step.good for step in self.steps):
            return "pytest --gf-clean deletes what was left, by the ledger"
        return f"{NO_APPLY}: it could not persist what it makes (errored.tfstate); look at RustFS's disk and log"


@dataclass(frozen=True)
class StateUnchanged:
    """The state object before and after the proof, by HEAD's ETag."""

    stack: str
    key: str
    before: str
    after: str
    answer: str

    @property
    def same(self) -> bool:
        return self.answer == "200" and self.before == self.after

    @property
    def promised(self) -> str:
        return f"{self.key} has ETag {self.before} still"

    @property
    def seen(self) -> str:
        return f"HEAD {self.answer}, ETag {self.after or 'none'}; before {self.before}"

    @property
    def diagnosis(self) -> str:
        if self.same:
            return ""
        if self.answer != "200":
            return f"the state object can't be found after the proof: HEAD {self.answer}"
        return "the state changed while this run looked: somebody writes to it now"

    @property
    def next_step(self) -> str:
        return "" if self.same else f"{NO_APPLY}; see state.lock-free and the CI runs, then ask again"
