"""xdist: all clauses go to one worker, so that each fact is observed once; other tests spread as usual."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

_CLAUSES = "the contract's clauses"


class ClausesTogether(LoadScopeScheduling):  # type: ignore[misc]  # xdist is typed, but its users are told otherwise (py.typed).
    """One unit of work holds every clause; each other test is a unit of its own.

    After a crash the clauses that were in that worker are not run again: its facts may have changed something.
    """

    def __init__(self, config: pytest.Config, log: Any, clauses: Collection[str]) -> None:
        super().__init__(config, log)
        self._clauses = frozenset(clauses)

    def _split_scope(self, nodeid: str) -> str:
        return _CLAUSES if nodeid in self._clauses else nodeid

    def remove_node(self, node: Any) -> str | None:
        work: dict[str, dict[str, bool]] = self.assigned_work[node]
        unit = work.get(_CLAUSES, {})
        if all(unit.values()):
            crashed: str | None = super().remove_node(node)
            return crashed
        running = next(nodeid for tests in work.values() for nodeid, done in tests.items() if not done)
        unit.update(dict.fromkeys(unit, True))
        super().remove_node(node)
        return running
