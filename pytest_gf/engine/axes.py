"""The values of a run's axes: all of the contract, and those that the command line chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_gf.engine.contract import Contract
from pytest_gf.engine.house import Axis, BadInput, House

if TYPE_CHECKING:
    from pytest_gf.engine.target import Target


class Axes:
    """The axes of one run: all values of the contract, and those that the command line chose.

    ``filled`` has the values that selections give. ``chosen`` has the values that options ask for. Values that the target does
    not have are left out, unless it has none of them. Raises `BadInput` for a chosen value that the contract does not have.
    """

    def __init__(
        self,
        house: House,
        contract: Contract,
        filled: Mapping[str, tuple[str, ...]],
        chosen: Mapping[str, Sequence[str]],
        target: Target | None = None,
    ) -> None:
        self._house = house
        self._contract = contract
        self._every = {axis.name: filled.get(axis.name, _values(axis, contract)) for axis in house.axes}
        for axis in house.axes if target is not None else ():
            there = tuple(value for value in self._every[axis.name] if axis.present(target, value))
            self._every[axis.name] = there or self._every[axis.name]
        self._chosen = {name: tuple(dict.fromkeys(values)) for name, values in chosen.items() if values}
        for name, values in self._chosen.items():
            for value in values:
                if value not in self._every[name]:
                    known = ", ".join(self._every[name])
                    raise BadInput(f"unknown {name} {value!r}; contract {contract.name} has {known}")

    @property
    def names(self) -> tuple[str, ...]:
        """The axes' names, in the House's order."""
        return self._house.axis_names

    def every(self, name: str) -> tuple[str, ...]:
        """Return all values of an axis, also where it was narrowed. Raises KeyError for an unknown one."""
        return self._every[name]

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of an axis that this run looks at. Raises KeyError for an unknown one."""
        return self._chosen.get(name, self._every[name])

    def statements(self, name: str, value: str) -> tuple[str, ...]:
        """Return the statements that name this value of an axis, each with ``~`` where it is one in part."""
        return self._house.axis(name).statements(self._contract, value)

    def is_quiet(self, names: Iterable[str]) -> bool:
        """Tell whether one of these is a quiet axis."""
        return any(self._house.axis(name).quiet for name in names if name in self._every)


def _values(axis: Axis, contract: Contract) -> tuple[str, ...]:
    try:
        return axis.values(contract)
    except Exception as wrong:  # A House's own function may raise anything.
        said = f"{type(wrong).__name__}: {wrong}"
        raise BadInput(f"the values of axis {axis.name} can't be had of contract {contract.name}: {said}") from wrong
