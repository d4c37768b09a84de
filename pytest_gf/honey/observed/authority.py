"""What must be true of a state before an apply: no lock lies on it, and it is no older than what was once good."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.formats.effect import NO_APPLY
from pytest_gf.honey.observed.bucket import S3_FAILS, WRITES_FAIL, losses

if TYPE_CHECKING:
    from pytest_gf.honey.formats.baseline import KnownState
    from pytest_gf.honey.formats.lockinfo import LockInfo

KEEP = f"{NO_APPLY}; keep this body and the object's versions; find out who wrote it (CI runs, errored.tfstate) before anything else does"


FUTURE = 300.0
"""Seconds that a lock may come from the future: the clocks of runners differ."""


@dataclass(frozen=True)
class TableLock:
    """The item that locks a state in a table of DynamoDB; ``info`` is None where there is none, ``table`` "" where nobody looked."""

    table: str = ""
    lock_id: str = ""
    info: str | None = None

    @property
    def key(self) -> str:
        """Where it lies, in words."""
        return f"{self.lock_id} in DynamoDB table {self.table}"


@dataclass(frozen=True)
class StateLock(Observed):
    """The lock beside a state: ``held`` tells whether one lies there, ``age`` in seconds by the server's clock.

    ``wrong`` says why what lies there is no lock; ``refused`` what S3 answers to who may not read it; ``left`` names an
    errored.tfstate that waits beside it.
    """

    stack: str
    key: str
    held: bool = False
    lock: LockInfo | None = None
    age: float | None = None
    wrong: str = ""
    refused: str = ""
    left: str = ""

    promises = "no object lies at {self.key}"

    @property
    def ahead(self) -> bool:
        """Whether it comes from the future: a clock is wrong, and its age says nothing."""
        return self.age is not None and self.age < -FUTURE

    @property
    def seen(self) -> str:
        if self.refused:
            return f"{self.key}: GetObject {self.refused}"
        if not self.held:
            return f"{self.key}: 404"
        return f"{self.key}: {describe(self.lock, self.age) if self.lock is not None else self.wrong}"

    def trouble(self) -> Trouble | None:
        if self.refused:
            then = "OpenTofu makes one, and can't release it, since a release reads it first"
            says = f"the state's own credential may not read the lock ({self.refused}): {then}"
            step = f"{NO_APPLY}; give the state's credential back its right to read {self.key}"
            return Trouble(Cause("right-missing", self.key), says, step)
        if not self.held:
            return None
        if self.lock is None or self.wrong:
            says = f"what lies in the lock's place is no lock: {self.wrong}"
            step = f"nobody can release it by its ID: find out who wrote {self.key}, then delete it"
            return Trouble(Cause("lock-left", self.stack), says, step)
        kind = "a stale lock"
        if self.ahead:
            kind = "a lock from the future, so a clock is wrong (the runner's or the server's)"
        beside = f". {self.left} waits beside it: the same apply may have left both" if self.left else ""
        push = f"; after that push {self.left} (see state.errored-absent), and only then apply" if self.left else ""
        unlock = f"see that {self.lock.who} runs no more, then: tofu force-unlock {shlex.quote(self.lock.id)} (in the stack's folder)"
        says = f"{kind}: {describe(self.lock, self.age)}{beside}"
        because = (Cause("apply-unfinished", self.stack),) if self.left else ()
        return Trouble(Cause("lock-left", self.stack), says, f"{unlock}{push}", because)


def describe(lock: LockInfo, age: float | None) -> str:
    """Return who holds a lock, for what, and since when, in one line."""
    created = "at an unknown time"
    if lock.created is not None:
        created = datetime.datetime.fromtimestamp(lock.created, datetime.UTC).isoformat(timespec="seconds")
    since = ""
    if age is not None:
        away = datetime.timedelta(seconds=round(abs(age)))
        since = f", {away} {'ago by' if age >= 0 else 'ahead of'} the server's clock"
    return f"ID {lock.id or 'unknown'}, held by {lock.who or 'nobody named'} for {lock.operation or 'nothing named'}, created {created}{since}"


@dataclass(frozen=True)
class StateBaseline(Observed):
    """A state as it is, and as it was when all was well. Only the two together show a clobber or a rollback."""

    stack: str
    now: KnownState
    known: KnownState
    accepted: int | None = None
    """The serial whose state is accepted as it is: a rollback on purpose."""

    promises = "lineage {self.known.lineage}, serial {self.known.serial} or later; the same serial means the same bytes"

    @property
    def seen(self) -> str:
        accepted = f"; {self._differs}, and accepted: --gf-accept-baseline={self.accepted}" if self._is_accepted else ""
        return f"now {self.now}; recorded {self.known.recorded}: {self.known}{accepted}"

    def trouble(self) -> Trouble | None:
        if not self._differs or self._is_accepted:
            return None
        accept = f"; where it was put back on purpose: --gf-accept-baseline={self.now.serial} --gf-update-baseline"
        step = f"{KEEP}{accept if self.now.lineage == self.known.lineage else ''}"
        return Trouble(Cause("state-replaced", self.stack), self._differs, step)

    @property
    def _is_accepted(self) -> bool:
        return bool(self._differs) and accepts(self.accepted, self.now, self.known)

    @property
    def _differs(self) -> str:
        now, known = self.now, self.known
        if now.lineage != known.lineage:
            return f"another lineage, {now.lineage}, stands in the place of {known.lineage}: the state was created anew over the live one"
        if now.serial < known.serial:
            return f"the serial went back from {known.serial} to {now.serial}: an older snapshot was put back"
        other = now.sha256 != known.sha256 if known.sha256 else bool(known.etag) and now.etag != known.etag
        if now.serial == known.serial and other:
            return f"serial {now.serial} has other bytes than it had: the body was altered behind its serial"
        return ""


def accepts(serial: int | None, now: KnownState, known: KnownState) -> bool:
    """Return whether a person accepted the state of this serial as it is; another lineage is never accepted."""
    return serial == now.serial and now.lineage == known.lineage


@dataclass(frozen=True)
class StateResources(Observed):
    """The managed instances of a state beside those that it held, by their addresses: what a plan would create anew.

    ``allowed`` is how many a person says were destroyed on purpose.
    """

    stack: str
    now: KnownState
    known: KnownState
    allowed: int | None = None
    accepted: int | None = None

    @property
    def gone(self) -> int:
        return len(self.known.managed - self.now.managed)

    @property
    def added(self) -> int:
        return len(self.now.managed - self.known.managed)

    @property
    def promised(self) -> str:
        return f"the state holds the {len(self.known.managed)} managed instances that it held, by their addresses"

    @property
    def seen(self) -> str:
        counts = f"{len(self.now.managed)} managed instances now ({self.gone} gone, {self.added} new)"
        said = f"; {self.gone} gone on purpose, as the command line says" if self.gone and self.holds else ""
        return f"{counts}; {len(self.known.managed)} on {self.known.recorded}{said}"

    def trouble(self) -> Trouble | None:
        if self.gone in {0, self.allowed} or accepts(self.accepted, self.now, self.known):
            return None
        moved = f"; {self.added} others came: moved or replaced?" if self.added == self.gone else ""
        said = f"; --gf-baseline-allow-destroyed says {self.allowed}" if self.allowed is not None else ""
        whole = "all " if self.gone == len(self.known.managed) else ""
        anew = "where the configuration still has them, a plan would create them anew"
        says = f"{whole}{self.gone} managed instances are gone from the state{moved}{said}: {anew}"
        step = f"{KEEP}; where they were destroyed on purpose: --gf-baseline-allow-destroyed={self.stack}:{self.gone}"
        because = (Cause("state-is-none", self.stack), Cause("state-replaced", self.stack))
        return Trouble(Cause("state-resources-gone", self.stack), says, step, because)


@dataclass(frozen=True)
class StateOwn(Observed):
    """A stack's state beside the other stacks': no two stacks have one body, or one another's instances.

    ``others`` holds what could be seen of them, ``unseen`` the names of the rest.
    """

    stack: str
    now: KnownState
    others: Mapping[str, KnownState]
    unseen: tuple[str, ...] = ()

    promises = "no other stack has the body of {self.stack}, or its lineage together with its instances"

    @property
    def seen(self) -> str:
        same = [stack for stack, known in self.others.items() if known.lineage and known.lineage == self.now.lineage]
        named = f"; its lineage is that of {', '.join(same)} too (a split stack keeps it)" if same else ""
        unseen = f"; not seen: {', '.join(self.unseen)}" if self.unseen else ""
        return f"compared with {', '.join(self.others) or 'no other stack'}{named}{unseen}"

    def trouble(self) -> Trouble | None:
        shared: list[str] = []
        for stack, other in self.others.items():
            common = len(self.now.managed & other.managed)
            if other.sha256 == self.now.sha256:
                shared.append(f"{stack} has the very same body")
            elif common and other.lineage and other.lineage == self.now.lineage:
                shared.append(f"{stack} has the same lineage and {common} of the same managed addresses")
        if not shared:
            return None
        look = "which of the stacks is it? Look for a key that was copied, or a backend that points at another's"
        return Trouble(Cause("state-replaced", self.stack), "; ".join(shared), f"{KEEP}; {look}")


@dataclass(frozen=True)
class ProofStep:
    """One step of the write proof: what was asked, what came back, and whether it is what should come."""

    name: str
    came: str
    good: bool
    means: str
    """What it means where it is not good."""


@dataclass(frozen=True)
class WriteProof(Observed):
    """A random object beside the states, made by conditional writes and taken away again (docs/systems.md).

    ``deleted`` tells whether S3 took a delete of it; ``left`` says why it could not be taken away.
    """

    stack: str
    bucket: str
    key: str
    steps: tuple[ProofStep, ...]
    deleted: bool = False
    left: str = ""

    promises = (
        "a conditional write makes the object; it reads back; a second one is refused and changes nothing; "
        "it goes by a delete, and can be made again"
    )

    @property
    def made(self) -> bool:
        """Whether the object was written at all: what comes after that was not looked at otherwise."""
        return bool(self.steps) and self.steps[0].good

    @property
    def seen(self) -> str:
        steps = "; ".join(f"{step.name}: {step.came}" for step in self.steps)
        return f"{self.bucket}/{self.key}: {steps}{f'; left there: {self.left}' if self.left else ''}"

    def trouble(self) -> Trouble | None:
        wrong = [f"{step.means} ({step.name}: {step.came})" for step in self.steps if not step.good]
        step = f"{NO_APPLY}: it could not persist what it makes (errored.tfstate); look at RustFS's disk and log"
        if not wrong:
            step = "pytest --gf-clean deletes what was left, by the ledger"
        if self.left:
            wrong.append(f"{self.key} is left behind: {self.left}")
        return Trouble(WRITES_FAIL, "; ".join(wrong), step, losses(self.bucket)) if wrong else None


@dataclass(frozen=True)
class StateUnchanged(Observed):
    """The state object before and after the proof, by HEAD's ETag."""

    stack: str
    bucket: str
    key: str
    before: str
    after: str
    answer: str

    promises = "{self.key} has ETag {self.before} still"

    @property
    def seen(self) -> str:
        return f"HEAD {self.answer}, ETag {self.after or 'none'}; before {self.before}"

    def trouble(self) -> Trouble | None:
        step = f"{NO_APPLY}; see state.lock-free and the CI runs, then ask again"
        if self.answer.startswith("404"):
            says = f"the state object can't be found after the proof: HEAD {self.answer}"
            return Trouble(Cause("state-object-missing", self.stack), says, step, losses(self.bucket))
        if self.answer != "200":
            says = f"S3 does not say what the state object is after the proof: HEAD {self.answer}"
            return Trouble(S3_FAILS, says, f"{NO_APPLY}; look at RustFS's disk and log, then ask again")
        if self.before != self.after:
            says = "the state changed while this run looked: somebody writes to it now"
            return Trouble(Cause("state-written-meanwhile", self.stack), says, step)
        return None
