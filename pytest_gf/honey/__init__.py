"""GloriousFlywheel: what is promised, how it is observed and judged."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gf.honey.house import HOUSE

__all__ = ["HOUSE"]


def __getattr__(name: str) -> object:
    """Return ``HOUSE``, made when it is first asked for: who imports a part of honey does not import all of it."""
    if name == "HOUSE":
        from pytest_gf.honey.house import HOUSE

        return HOUSE
    raise AttributeError(name)
