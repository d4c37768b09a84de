"""A House: all that a contract's suite is made of, as data. The engine reads it. It does not know pytest."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.ledger import Thing
from pytest_gf.engine.trouble import OWN_KINDS, Cause, Kind

if TYPE_CHECKING:
    from pytest_gf.engine.nodes import Node
    from pytest_gf.engine.run import Run
    from pytest_gf.engine.target import Target


class BadInput(ValueError):
    """What was given makes no sense. The message is one line: what was given, and what was expected. The exit code is 4."""


@dataclass(frozen=True)
class Axis:
    """What clauses and facts vary over.

    ``values`` gives all values of a contract, in order. ``option`` is the option that selects some of them (repeatable).
    ``statements`` gives the statements that name one value, with ``~`` for a part of one. A ``quiet`` axis has hundreds of values, so
    its rows have no line on the terminal while they hold. ``present`` says whether a target has a value.
    """

    name: str
    values: Callable[[Any], tuple[str, ...]] = lambda _: ()
    option: str = ""
    about: str = ""
    statements: Callable[[Any, str], tuple[str, ...]] = lambda _contract, _value: ()
    quiet: bool = False
    present: Callable[[Any, str], bool] = lambda _target, _value: True


@dataclass(frozen=True)
class Option:
    """An option of the command line: its name, argparse's words for it, and what the engine must know of it.

    ``path``: ``--option PATH`` with a space is refused, because pytest would take the path for a folder of tests. ``repeated``: the
    command that repeats a row has this option too. ``axis`` is the axis that the option's values belong to, if any.
    """

    name: str
    words: Mapping[str, Any]
    path: bool = False
    repeated: bool = False
    axis: str = ""

    @staticmethod
    def flag(name: str, about: str) -> Option:
        """Return an option that has no value."""
        return Option(name, {"action": "store_true", "help": about})

    @staticmethod
    def value(name: str, metavar: str, about: str, *, path: bool = False, repeated: bool = False) -> Option:
        """Return an option that has one value."""
        return Option(name, {"metavar": metavar, "help": about}, path=path, repeated=repeated)

    @staticmethod
    def values(name: str, metavar: str, about: str, *, axis: str = "") -> Option:
        """Return an option that may be given several times."""
        return Option(name, {"action": "append", "default": [], "metavar": metavar, "help": about}, axis=axis)

    @property
    def attribute(self) -> str:
        """The option's name in argparse's namespace."""
        return self.name.removeprefix("--").replace("-", "_")


@dataclass(frozen=True)
class Given:
    """The command line, as a selection reads it. ``expression`` is -m, ``keyword`` is -k, ``folder`` where pytest was called."""

    option: argparse.Namespace
    expression: str
    keyword: str
    args: tuple[str, ...]
    folder: Path
    contract: Any
    target: Target | None
    seed: str

    def selects(self, marker: str) -> bool:
        """Tell whether -m asks for this marker."""
        return re.search(rf"(?<!not )\b{re.escape(marker)}\b", self.expression) is not None

    def mentions(self, word: str) -> bool:
        """Tell whether -m, -k or a path of tests holds this word."""
        return any(word in text for text in (self.expression, self.keyword, *(Path(path).name for path in self.args)))


@dataclass(frozen=True)
class Early:
    """What is known before a conftest is loaded: the options, where pytest's configuration is, and the target's name."""

    option: argparse.Namespace
    sources: Mapping[str, Path]
    """The folders and files that pytest takes configuration and code from, by what they are."""
    folder: Path
    target: str


@dataclass(frozen=True)
class Candidate:
    """A collected row, as a selection looks at it: its markers, its axes' values, whether its facts change anything."""

    markers: frozenset[str]
    params: Mapping[str, str]
    changes: bool
    clause: str = ""


@dataclass(frozen=True)
class Selection:
    """A set of clauses that a marker names, with the options that belong to it.

    ``read`` makes the selection's own settings of the command line and raises `BadInput`; facts get them by
    ``run.options_of(TYPE)``. ``early`` refuses, by `BadInput`, what must not even be loaded. ``fills`` names the axis whose
    values are ``values(settings)``. ``confirm`` maps words of a target's ``allow`` to the word that --gf-confirm must say
    for them. ``words`` are further words that it may say. ``read`` judges what they confirm. ``takes`` says which other rows
    belong to this selection. ``note`` is appended to the titles of rows over the axis it fills. ``part`` names one run's share
    of the whole.
    ``ends`` gives the lines that a run shows last.
    """

    marker: str
    about: str
    options: tuple[Option, ...] = ()
    read: Callable[[Given], Any] = lambda _: None
    early: Callable[[Early], None] = lambda _: None
    fills: str = ""
    values: Callable[[Any], tuple[str, ...]] = lambda _: ()
    confirm: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    takes: Callable[[Candidate, Run], bool] = lambda _candidate, _run: False
    note: Callable[[Any], str] = lambda _: ""
    part: Callable[[Any], str | None] = lambda _: None
    ends: Callable[[Run, Sequence[Mapping[str, Any]]], Iterable[str]] = lambda _run, _verdicts: ()


@dataclass(frozen=True)
class Endpoint:
    """An address of a section, which --gf-plan looks at.

    It connects to http, https, grpc and grpcs. ``file://`` must be a folder. Any other scheme is shown with ``about``. TLS is
    checked against ``ca_file``, or else as the probes do. ``unchecked`` is true where the target says not to check it.
    """

    url: str
    ca_file: str | None = None
    unchecked: bool = False
    about: str = ""


@dataclass(frozen=True)
class Section:
    """One table of a target file: its name, its type (a msgspec.Struct, or what msgspec makes of it), and its check.

    ``check(value, file, read)`` returns the section as it is used and raises `BadInput`; ``read`` has the sections before
    it, by name. A key that ends in ``_env`` names a variable. ``asks`` maps the first word of a fact's ``asks`` to
    where that system is reached. ``endpoints(value, target)`` gives its addresses by key. ``identity(value, target, seconds)`` asks
    the system who this run is there, and yields that in a few words. It raises what a fact may raise. --gf-plan shows both.
    """

    name: str
    type: Any
    check: Callable[[Any, Path, Mapping[str, Any]], Any] = lambda value, _file, _read: value
    asks: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    endpoints: Callable[[Any, Any], Mapping[str, str | Endpoint]] | None = None
    identity: Callable[[Any, Any, float], Iterable[str]] | None = None


@dataclass(frozen=True)
class Gate:
    """The fact that must be observed before anything live is judged, and the statement that it shows."""

    fact: str
    statement: str
    passed: str


Remove = Callable[[Iterable[Thing], Callable[[Thing], None]], Iterator[str]]
"""Deletes things. Calls back for each that is gone, and yields a line for each that is left."""
PlanLine = tuple[str, bool]
"""A line for people, and whether it says that something is lacking."""


@dataclass(frozen=True)
class House:
    """A contract's suite. Paths may be relative to the file that defines the House.

    ``read_contract`` reads a contract file (None: the default one). ``contract`` is a file of a fork's own. ``facts`` and
    ``suites`` are folders of facts and of clauses. ``guard`` is the fact that every changing fact must need. ``system`` is
    the real system's name, and ``lab`` the package that emulates it. ``removers(target, deadline, contract)`` gives what
    deletes things of the ledger there. ``where(target)`` gives what identifies the target for a later clean.
    ``why_not(contract, thing, run)`` says why a run never made a thing that its ledger names. ``plan(run, facts, required)``
    adds lines to --gf-plan: it gets the facts of each row, and those that the row can't do without. ``applies`` says whether
    a fact would ask on this target. ``rights(contract, asks)`` gives a line for each right that these ``asks`` of facts need.
    ``behind(contract, system)`` names the causes that would explain why a system does not answer: faults of what it depends
    on. ``causes`` says what each kind of cause is, and what to do about it.
    A House that ``extends`` another has all that the other has. Its own entries take precedence.
    """

    name: str
    extends: House | None = None
    contract: str | Path | None = None
    read_contract: Callable[[Path | None], Any] | None = None
    facts: str | Path | None = None
    suites: str | Path | None = None
    axes: tuple[Axis, ...] = ()
    selections: tuple[Selection, ...] = ()
    sections: tuple[Section, ...] = ()
    vantages: tuple[str, ...] = ()
    read_only: str = ""
    allows: tuple[str, ...] = ()
    target: Callable[..., Target] | None = None
    guard: str = ""
    gate: Gate | None = None
    lab: str = ""
    system: str = ""
    banner: Callable[[Run], list[str]] | None = None
    removers: Callable[[Any, float, Any], AbstractContextManager[Remove]] | None = None
    where: Callable[[Any], dict[str, str]] = lambda _target: {}
    why_not: Callable[[Any, Thing, str], str] = lambda _contract, _thing, _run: ""
    plan: Callable[[Any, Mapping[str, Sequence[Node]], Mapping[str, Sequence[Node]]], Iterable[PlanLine]] = (
        lambda _run, _facts, _required: ()
    )
    applies: Callable[[Any, Node], bool] = lambda _run, _node: True
    rights: Callable[[Any, Iterable[str]], Iterable[str]] = lambda _contract, _asks: ()
    behind: Callable[[Any, str], Iterable[Cause]] = lambda _contract, _system: ()
    causes: Mapping[str, Kind] = field(default_factory=dict)
    file: Path | None = None
    """Where it is defined; set where it is loaded."""

    def whole(self) -> House:
        """Return this House merged with all that it extends."""
        if self.extends is None:
            return self
        below = self.extends.whole()
        merged: dict[str, Any] = {
            name: _merged(getattr(below, name), getattr(self, name)) for name in ("axes", "selections", "sections")
        }
        merged |= {name: (*getattr(below, name), *getattr(self, name)) for name in ("allows", "vantages")}
        merged["causes"] = {**below.causes, **self.causes}
        for attribute in fields(self):
            if attribute.name not in {"name", "file", "extends", *merged}:
                own = getattr(self, attribute.name)
                merged[attribute.name] = getattr(below, attribute.name) if own == attribute.default else own
        return replace(self, **merged)

    def layers(self) -> list[House]:
        """Return this House and those that it extends, the lowest first. A whole House stands for itself as the last."""
        return [*(self.extends.layers() if self.extends is not None else ()), self]

    def axis(self, name: str) -> Axis:
        """Return the axis of this name. Raises KeyError."""
        return {axis.name: axis for axis in self.axes}[name]

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The axes' names, in order."""
        return tuple(axis.name for axis in self.axes)

    def remove(
        self, things: Iterable[Thing], target: Any, seconds: float, contract: Any, gone: Callable[[Thing], None]
    ) -> list[str]:
        """Delete things of a ledger there. Call ``gone`` for each that is gone. Return a line for each that is left."""
        if self.removers is None:
            return [f"{thing.kind} {thing.name} is left: the House has nothing that removes it" for thing in things]
        with self.removers(target, seconds, contract) as remove:
            return list(remove(things, gone))

    @property
    def lab_banner(self) -> str:
        """What every report says of a run on the lab."""
        return f"LAB - {self.system} was not observed"

    @property
    def markers(self) -> tuple[str, ...]:
        """The markers of the selections."""
        return tuple(selection.marker for selection in self.selections)

    @property
    def confirm(self) -> dict[str, str]:
        """The words of ``allow`` that need --gf-confirm too, each with the word that says it."""
        return {word: confirmation for selection in self.selections for word, confirmation in selection.confirm.items()}

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kinds of causes: the engine's own, and this House's over them."""
        return {**OWN_KINDS, **self.causes}

    def options(self) -> Iterator[Option]:
        """Yield the options of axes and selections."""
        for axis in self.axes:
            if axis.option:
                yield Option.values(axis.option, "NAME", axis.about, axis=axis.name)
        for selection in self.selections:
            yield from selection.options


def _merged(below: Sequence[Any], above: Sequence[Any]) -> tuple[Any, ...]:
    """Return the entries of both. One of ``above`` replaces the one of ``below`` that has its name or marker."""
    return tuple({getattr(entry, "marker", None) or entry.name: entry for entry in (*below, *above)}.values())
