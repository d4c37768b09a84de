"""The values that clauses judge: what was promised, what was seen, the diagnosis, the next step. Pure, without I/O."""

from __future__ import annotations

from typing import Protocol


class Observed(Protocol):
    """What a red clause is explained by. A clause asserts on the value's other properties.

    ``diagnosis`` is "" where all that was seen is as promised.
    """

    @property
    def promised(self) -> str: ...
    @property
    def seen(self) -> str: ...
    @property
    def diagnosis(self) -> str: ...
    @property
    def next_step(self) -> str: ...
