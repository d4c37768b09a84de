"""Facts. Each is one observation, made once a run. A folder of them becomes pytest fixtures."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, get_origin, get_type_hints, overload

import pytest

from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.loading import line_of, module_at

ATTRIBUTE = "__gf_fact__"
GIVENS = ("contract", "target", "run")
FOLDER = "gf_facts"
"""The name under which a conftest holds what `facts_in` returned."""

UNPROVEN = "gf_unproven"
"""The attribute of a skipped row's exception that holds its `Unproven`."""

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., Any])


class Every(dict[str, Value]):
    """Annotation of a fact's parameter: the fact of that name for every value of its one axis, keyed by the value.

    It has all the values of the contract, also those that an option left out.
    """


@dataclass(frozen=True)
class IfSeen(Generic[Value]):
    """Annotation of a fact's parameter: the fact of that name if it could be observed, else why it could not.

    It is for a fact that is one half of a diagnosis: the other half is still shown where this one fails.
    ``failure`` is what the observation raised, `Unproven` or a `ProbeError`; ``value`` is None then.
    """

    value: Value | None
    failure: BaseException | None = None

    @property
    def why_not(self) -> str:
        """Why nothing was seen; "" where something was."""
        return str(self.failure) if self.failure is not None else ""

    def raise_for(self, kind: type[BaseException]) -> None:
        """Raise the failure if it is of this kind. Do nothing if it is of another kind, or if there is none."""
        if isinstance(self.failure, kind):
            raise self.failure


@dataclass(frozen=True)
class Fact:
    """One observation. ``needs`` are its parameters; ``changes`` is the word that a target must allow, if any.

    ``asks`` names what it asks of which system, as ``SYSTEM OPERATION``.
    """

    name: str
    function: Callable[..., Any]
    needs: tuple[str, ...]
    every: frozenset[str]
    if_seen: frozenset[str]
    changes: str | None
    asks: tuple[str, ...]
    patient: bool
    """True if the fact limits its own time, which may be hours. The run's deadline for a fact does not apply to it."""


@overload
def fact(function: Function) -> Function: ...
@overload
def fact(
    *, changes: str | None = None, asks: tuple[str, ...] = (), patient: bool = False
) -> Callable[[Function], Function]: ...
def fact(function: Any = None, *, changes: str | None = None, asks: tuple[str, ...] = (), patient: bool = False) -> Any:
    """Make a function a fact.

    Its parameters are other facts, axes of the House, or given things (`GIVENS`). A fact that changes something outside this
    process says with ``changes`` which word of the target's ``allow`` permits it; it is never prefetched. What it asks of a
    system stands in ``asks``, for ``--gf-plan``; a test compares it with the evidence.
    ``patient`` says that the fact limits its own time. A fact raises `Unproven` where it can't observe from here, and
    `ProbeError` where its probe broke.
    """

    def decorate(observe: Function) -> Function:
        setattr(observe, ATTRIBUTE, (changes, asks, patient))
        return observe

    return decorate if function is None else decorate(function)


class Facts:
    """All facts of a run, by name. ``axes`` are the House's axes, in order."""

    def __init__(self, facts: Mapping[str, Fact], axes: tuple[str, ...] = ()) -> None:
        self.facts = dict(facts)
        self.axes = axes
        self._axes: dict[str, tuple[str, ...]] = {}

    def axes_of(self, name: str) -> tuple[str, ...]:
        """Return the axes that the fact varies over, its own and those of its needs, in the House's order."""
        if name not in self._axes:
            self._axes[name] = ()  # A cycle ends here; the lint at collection names it.
            fact = self.facts[name]
            self._axes[name] = self.axes_behind(need for need in fact.needs if need not in fact.every)
        return self._axes[name]

    def axes_behind(self, parameters: Iterable[str]) -> tuple[str, ...]:
        """Return the axes among these parameters and behind the facts among them, in the House's order."""
        varied: set[str] = set()
        for name in parameters:
            varied.update([name] if name in self.axes else self.axes_of(name) if name in self.facts else ())
        return tuple(axis for axis in self.axes if axis in varied)

    def closure(self, *names: str) -> dict[str, Fact]:
        """Return these facts and all that they need, transitively, by name."""
        needed: dict[str, Fact] = {}
        pending = [*reversed(names)]
        while pending:
            current = pending.pop()
            if current in self.facts and current not in needed:
                needed[current] = self.facts[current]
                pending.extend(self.facts[current].needs)
        return needed

    def returns(self, name: str) -> Any:
        """Return the annotated return type of the fact."""
        return get_type_hints(self.facts[name].function).get("return")

    def fixtures(self, graph: Callable[[], Any]) -> ModuleType:
        """Return a plugin that has a pytest fixture for each fact.

        Each is function-scoped, has the fact's axes as its parameters, and takes its value from the run's graph.
        """
        module = types.ModuleType("gf_facts")
        # pytest refuses a fixture of this name by a traceback; the lint refuses the fact in a line.
        vars(module).update({name: _fixture(name, self, graph) for name in self.facts if name != "request"})
        return module


def facts_in(folder: Path) -> dict[str, Any]:
    """Return what makes ``folder/*.py`` facts of a run, for a conftest's ``globals().update``.

    The files are read when a run uses the facts, once, also where the House names the folder too. What is wrong with one is one line
    then. Raised here, it would be pytest's traceback of a conftest.
    """
    return {FOLDER: folder.resolve()}


def read_folder(path: Path) -> dict[str, Fact]:
    """Return the facts of ``path/*.py``, by name.

    Raises `pytest.UsageError` for no folder, where a file can't be loaded, and where two files define a fact of one name.
    """
    if not path.is_dir():
        raise pytest.UsageError(f"{path}: no such folder of facts")
    facts: dict[str, Fact] = {}
    for file in sorted(path.glob("*.py")):
        try:
            of_file = _facts_of(_load(file))
        except pytest.UsageError:
            raise
        except Exception as wrong:  # noqa: BLE001  # Whatever the file raises, it is one line for the person who wrote it.
            raise pytest.UsageError(line_of(wrong, file)) from None
        for name in sorted(of_file.keys() & facts.keys()):
            other = Path(facts[name].function.__code__.co_filename).name
            raise pytest.UsageError(f"{file}: fact {name!r} is defined twice ({other} has it too); rename one")
        facts |= of_file
    return facts


def _facts_of(module: ModuleType) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name, function in vars(module).items():
        if inspect.isfunction(function) and hasattr(function, ATTRIBUTE):
            try:
                facts[name] = _fact(name, function)
            except NameError as wrong:
                where = f"{module.__file__}:{function.__code__.co_firstlineno}"
                raise pytest.UsageError(
                    f"{where}: the annotations of fact {name!r} can't be read: {wrong}; is its import missing?"
                ) from None
    return facts


def _load(path: Path) -> ModuleType:
    name = f"gf_facts_{abs(hash(path.parent.resolve())):x}.{path.stem}"
    return sys.modules.get(name) or module_at(path, name)  # A conftest names the folder that the House names too.


def _fact(name: str, function: Callable[..., Any]) -> Fact:
    hints = get_type_hints(function)
    needs = tuple(inspect.signature(function).parameters)
    every = frozenset(need for need in needs if get_origin(hints.get(need)) is Every)
    if_seen = frozenset(need for need in needs if get_origin(hints.get(need)) is IfSeen)
    return Fact(name, function, needs, every, if_seen, *getattr(function, ATTRIBUTE))


def _fixture(name: str, facts: Facts, graph: Callable[[], Any]) -> Any:
    """Return the fixture of a fact. It does not use ``request``: pytest would make one for each row, at some cost."""

    def observe(**params: str) -> Any:
        try:
            return graph().value(name, params)
        except Unproven as unproven:
            skipped = pytest.skip.Exception(unproven.reason, _use_item_location=True)
            setattr(skipped, UNPROVEN, unproven)
            raise skipped from None

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(axis, kind) for axis in facts.axes_of(name)]
    observe.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    observe.__name__ = name
    observe.__doc__ = facts.facts[name].function.__doc__
    return pytest.fixture(observe)
