"""An ``errored.tfstate``: what an apply could not persist, beside the remote state (docs/systems.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.formats.tfstate import State
from pytest_gf.honey.observed.authority import describe

if TYPE_CHECKING:
    from pytest_gf.honey.formats.lockinfo import LockInfo
    from pytest_gf.honey.observed.authority import StateLock

STEPS_OF_A_FAILED_APPLY = 2
"""By how much the serial of an errored.tfstate is ahead of the remote's, where nothing was written since."""
KEEP = "keep the file (copy it away), and do not rerun apply first"
AWAY = "move this file out of the stack's folder, and keep it until a plan changes nothing"


@dataclass(frozen=True)
class ErroredFile:
    """The file of one stack, if there is one. ``wrong`` says why a file that is there is no state."""

    path: str
    found: bool = False
    state: State | None = None
    wrong: str = ""


@dataclass(frozen=True)
class Errored(Observed):
    """The file beside the remote state, if that could be read, and beside the lock. Statement S098.

    ``remote_unseen`` says why the remote is not compared; ``done``, whether a person says that all of it is stored.
    """

    stack: str
    file: ErroredFile
    remote: State | None = None
    remote_unseen: str = ""
    lock: StateLock | None = None
    done: bool = False

    promises = "no errored.tfstate lies in the way of {self.stack}"

    @property
    def seen(self) -> str:
        if not self.file.found:
            return f"{self.file.path} is not there"
        done = f"; {self._push}, and --gf-errored-done says so" if self.holds else ""
        here = _summary(self.file.state) or self.file.wrong
        return f"{self.file.path}: {here}; remote: {_summary(self.remote) or self.remote_unseen}{done}"

    def trouble(self) -> Trouble | None:
        """Return what waits: nothing without a file, or where all of it is stored, as a person says and the comparison shows."""
        if not self.file.found or (self.done and self.stored):
            return None
        refused = " (--gf-errored-done is not accepted: the comparison does not show it)" if self.done else ""
        says = f"an apply changed live resources and could not save its state: {self.file.path}. {self._push}{refused}{self._beside}"
        return Trouble(Cause("apply-unfinished", self.stack), says, self._what_to_do())

    def _what_to_do(self) -> str:
        if self.stored:
            return f"{AWAY}; or say so: --gf-errored-done"
        unlock = f"tofu force-unlock {self._held.id}, then " if self._held is not None else ""
        push = f"{unlock}tofu state push {self.file.path.rpartition('/')[2]}"
        if self.accepted:
            return f"{KEEP}; {push}, in the stack's folder, then a plan that changes nothing"
        return f"{KEEP}; compare both by hand before any {push}"

    @property
    def accepted(self) -> bool:
        """Whether a push would be taken and lose nothing."""
        return self._same_lineage and (self._ahead or 0) >= STEPS_OF_A_FAILED_APPLY

    @property
    def stored(self) -> bool:
        """Whether the remote has the same resources and outputs: nothing of the file would be lost."""
        here, there = self.file.state, self.remote
        if here is None or there is None or not self._same_lineage:
            return False
        return here.sha256 == there.sha256 or (here.contents != "" and here.contents == there.contents)

    @property
    def _held(self) -> LockInfo | None:
        """The lock that lies on the state and can be released by its ID."""
        seen = self.lock
        lock = seen.lock if seen is not None and seen.held and not seen.wrong else None
        return lock if lock is not None and lock.id else None

    @property
    def _beside(self) -> str:
        if self._held is None:
            return ""
        lock = describe(self._held, self.lock.age if self.lock is not None else None)
        return f". A lock lies on the state, which the same apply may have left: {lock}; unlock first, then push"

    @property
    def _same_lineage(self) -> bool:
        here, there = self.file.state, self.remote
        return here is not None and there is not None and here.lineage != "" and here.lineage == there.lineage

    @property
    def _ahead(self) -> int | None:
        here, there = self.file.state, self.remote
        return None if here is None or there is None else here.serial - there.serial

    @property
    def _push(self) -> str:  # noqa: PLR0911  # One line a case.
        """What ``tofu state push`` of it would do."""
        here, there, ahead = self.file.state, self.remote, self._ahead
        if here is None:
            return f"It is no state that could be pushed: {self.file.wrong}"
        if there is None or ahead is None:
            return f"Whether a push would be accepted is not known: {self.remote_unseen}"
        if not self._same_lineage:
            return f"A push would be refused: lineage {here.lineage or 'none'} here, {there.lineage or 'none'} there; one of both is another stack's"
        if self.stored:
            return self._where_stored(ahead)
        mine, theirs = here.serial, there.serial
        if ahead < 0:
            return f"A push would be refused: the remote is newer, serial {theirs} over {mine}, and differs"
        if ahead == 0:
            return f"A push would be refused: both are serial {mine}, and they differ"
        if ahead < STEPS_OF_A_FAILED_APPLY:
            leaves = f"and a failed apply leaves {STEPS_OF_A_FAILED_APPLY}"
            return f"A push would be accepted, and orphan what somebody made since: serial {mine} is {ahead} ahead of {theirs}, {leaves}"
        return f"A push would be accepted: the same lineage, serial {mine} over {theirs}"

    def _where_stored(self, ahead: int) -> str:
        if ahead < 0:
            return f"It is already pushed: the remote has the same resources and outputs, with serial {-ahead} higher, as a push leaves it"
        serials = "the same serial" if ahead == 0 else f"a serial {ahead} lower"
        return f"Nothing is lost: the remote has the same resources and outputs, with {serials} (the write was stored, and its answer lost)"


def _summary(state: State | None) -> str:
    if state is None:
        return ""
    count = "instances not counted" if state.managed is None else f"{state.managed} managed instances"
    return f"serial {state.serial}, lineage {state.lineage or 'none'}, {count}"
