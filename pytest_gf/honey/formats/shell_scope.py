"""Where a shell statement stands: behind which condition, in which function, with which redirections."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_gf.honey.formats.commands import Command, Redirect


@dataclass(frozen=True)
class Scope:
    """What surrounds a statement; ``conditional``: a run may not come to it."""

    guard: str = ""
    conditional: bool = False
    function: str = ""
    broken: bool = False
    redirects: tuple[Redirect, ...] = ()
    fed: Command | None = None
    depth: int = 0

    def behind(self, text: str) -> Scope:
        """Return the scope behind a condition too."""
        return replace(self, guard=self.guard or text, conditional=True, fed=None)

    @property
    def is_sure(self) -> bool:
        """Whether every run comes to it, in the order in which it stands."""
        return not self.conditional and not self.function
