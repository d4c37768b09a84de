"""An ``errored.tfstate``: what an apply could not persist, beside the remote state (facts/opentofu.md)."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.honey.formats.tfstate import State

STEPS_OF_A_FAILED_APPLY = 2
"""By how much the serial of an errored.tfstate is ahead of the remote's, where nothing was written since."""
KEEP = "keep the file (copy it away), and do not rerun apply first"


@dataclass(frozen=True)
class Errored:
    """The file of one stack, if there is one, and the remote state if it could be read. Statement S098.

    ``trouble`` says why a file that is there is no state; ``remote_unseen`` why the remote is not compared.
    """

    stack: str
    path: str
    found: bool = False
    state: State | None = None
    trouble: str = ""
    remote: State | None = None
    remote_unseen: str = ""

    @property
    def absent(self) -> bool:
        return not self.found

    @property
    def promised(self) -> str:
        return f"no errored.tfstate lies in the way of {self.stack}"

    @property
    def seen(self) -> str:
        if not self.found:
            return f"{self.path} is not there"
        return f"{self.path}: {_told(self.state) or self.trouble}; remote: {_told(self.remote) or self.remote_unseen}"

    @property
    def diagnosis(self) -> str:
        if not self.found:
            return ""
        return f"an apply changed live resources and could not save its state: {self.path}. {self._push}"

    @property
    def next_step(self) -> str:
        if not self.found:
            return ""
        push = f"tofu state push {self.path.rpartition('/')[2]}"
        if self.accepted:
            return f"{KEEP}; {push}, in the stack's folder, then a plan that changes nothing"
        return f"{KEEP}; compare both by hand before any {push}"

    @property
    def accepted(self) -> bool:
        """Whether a push would be taken and lose nothing."""
        ahead = self._ahead
        return self._same_lineage and ahead is not None and ahead >= STEPS_OF_A_FAILED_APPLY

    @property
    def _same_lineage(self) -> bool:
        here, there = self.state, self.remote
        return here is not None and there is not None and here.lineage is not None and here.lineage == there.lineage

    @property
    def _ahead(self) -> int | None:
        here, there = self.state, self.remote
        if here is None or there is None or here.serial is None or there.serial is None:
            return None
        return here.serial - there.serial

    @property
    def _push(self) -> str:  # noqa: PLR0911  # One line a case.
        """What ``tofu state push`` of it would do."""
        here, there, ahead = self.state, self.remote, self._ahead
        if here is None:
            return f"It is no state that could be pushed: {self.trouble}"
        if there is None or ahead is None:
            return f"Whether a push would be accepted is not known: {self.remote_unseen or 'a serial is missing'}"
        if not self._same_lineage:
            return f"A push would be refused: lineage {here.lineage} here, {there.lineage} there; one of both is another stack's"
        if here.sha256 == there.sha256:
            return "It is already pushed: the remote is this very state"
        if ahead < 0:
            return f"A push would be refused: the remote is newer, serial {there.serial} over {here.serial}"
        if ahead == 0:
            return f"A push would be refused: both are serial {here.serial}, and they differ"
        if ahead < STEPS_OF_A_FAILED_APPLY:
            return (
                f"A push would be accepted, and orphan what somebody made since: serial {here.serial} is"
                f" {ahead} ahead of {there.serial}, and a failed apply leaves {STEPS_OF_A_FAILED_APPLY}"
            )
        return f"A push would be accepted: the same lineage, serial {here.serial} over {there.serial}"


def _told(state: State | None) -> str:
    if state is None:
        return ""
    count = "resources not counted" if state.resources is None else f"{state.resources} resources"
    return f"serial {state.serial}, lineage {state.lineage}, {count}"
