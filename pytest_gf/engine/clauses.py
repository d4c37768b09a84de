"""The @clause decorator, and the row that a clause makes for each value of its axes."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from pytest_gf.engine.axes import Axes

ATTRIBUTE = "__gf_clause__"
LONGEST_TITLE = 70
"""Characters."""

Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True)
class Clause:
    """One requirement of the contract: a literal id, a title, and the statements that it proves.

    ``proves`` holds statement ids. ``S100~`` says that the clause proves a part of S100. ``S109!`` says that S109 expects the
    clause to be red. ``{AXIS}`` stands for the statements that the contract ties to the row's value of that axis.
    """

    id: str
    title: str
    proves: tuple[str, ...]
    function: Callable[..., None]


@dataclass(frozen=True)
class Row:
    """One clause for one set of axis values. A report shows it as one line.

    It proves a part only of the statements ``in_part``. It shows the statements ``when_red`` by being red. It proves those
    ``of_value`` alone, since they name its own value. Any other statement takes all rows of the clause.
    """

    clause: str
    title: str
    params: Mapping[str, str]
    statements: tuple[str, ...]
    in_part: frozenset[str]
    when_red: frozenset[str] = frozenset()
    of_value: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The clause's id and its axis values, as ``system.requirement[value]``."""
        return f"{self.clause}[{'-'.join(self.params.values())}]" if self.params else self.clause


def clause(id: str, title: str, *, proves: str) -> Callable[[Test], Test]:  # noqa: A002  # It is the id, in every report.
    """Make a test function a clause of the contract.

    ``id`` is ``<system>.<kebab>``, literal and stable. ``title`` is one indicative sentence of at most 70 characters in
    which ``{axis}`` stands for the row's value. ``proves`` names statements, separated by spaces (see `Clause`).
    The lint at collection (`pytest_gf.engine.lint`) says what is wrong with them.
    """

    def decorate(function: Test) -> Test:
        setattr(function, ATTRIBUTE, Clause(id, title, tuple(proves.split()), function))
        marked: Test = pytest.mark.clause(id=id)(function)
        return marked

    return decorate


def clause_of(test: object) -> Clause | None:
    """Return the clause of a test function, or of an item that pytest made of one. None for any other test."""
    mark = getattr(getattr(test, "function", test), ATTRIBUTE, None)
    return mark if isinstance(mark, Clause) else None


def clauses_among(items: Iterable[pytest.Item]) -> Iterator[tuple[pytest.Item, Clause]]:
    """Yield the items that are clauses, each with its clause."""
    return ((item, clause) for item in items if (clause := clause_of(item)) is not None)


def row_of(clause: Clause, params: Mapping[str, str], axes: Axes) -> Row:
    """Return the row of a clause for these axis values. Raises KeyError where title or proves names no such axis."""
    words: dict[str, str] = {}
    of_value: set[str] = set()
    for word in clause.proves:
        axis = word.strip("{}") if word.startswith("{") else ""
        named = axes.statements(axis, params[axis]) if axis else (word,)
        words.update({name.rstrip("~!"): name for name in named})
        of_value.update(name.rstrip("~!") for name in named if axis)
    return Row(
        clause=clause.id,
        title=shortened(clause.title.format_map(params)),
        params=dict(params),
        statements=tuple(words),
        in_part=frozenset(name for name, word in words.items() if word.endswith("~")),
        when_red=frozenset(name for name, word in words.items() if word.endswith("!")),
        of_value=frozenset(of_value),
    )


def shortened(title: str) -> str:
    """Return the title, cut to `LONGEST_TITLE` characters. A name in it may be of any length."""
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def title_fields(title: str) -> set[str]:
    """Return the axes that a title names. Raises ValueError where its braces don't match."""
    return {field for _, field, _, _ in string.Formatter().parse(title) if field is not None}


def row_as_data(row: Row) -> dict[str, Any]:
    """Return the part of a record's verdict that is known before the clause runs."""
    return {
        "clause": row.clause,
        "params": dict(row.params),
        "title": row.title,
        "statements": list(row.statements),
    }
