"""The values of GitHub's expressions: sets of what is possible, their truth, comparison and functions."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, product
from typing import Any, TypeAlias

MOST = 64
"""Values of one set; more of them are UNKNOWN."""


class Unknown(Enum):
    """What only a run would know."""

    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Number:
    """A number, apart from Python's, in which True equals 1."""

    value: float


@dataclass(frozen=True)
class Named:
    """A text that is there and that nobody here knows, by what it is: equal to itself and to no other one."""

    what: str


UNKNOWN = Unknown.UNKNOWN
Value: TypeAlias = str | Number | bool | tuple[str, ...] | Named | Unknown | None
Set: TypeAlias = frozenset[Value]

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
_FIELD = re.compile(r"\{(\d+)\}")


def bounded(possible: Iterable[Value]) -> Set:
    """Return the values as a set, UNKNOWN where they are too many."""
    made = frozenset(possible)
    return made if len(made) <= MOST else frozenset({UNKNOWN})


def truthy(value: Value) -> bool:
    """Return whether GitHub takes a known value for true."""
    if isinstance(value, Number):
        return bool(value.value) and not math.isnan(value.value)
    return value not in {False, None, ""}


def shown(value: Value) -> str:
    """Return the text that a known value becomes within another."""
    if isinstance(value, Number):
        return f"{value.value:g}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""


def either(left: Set, right: Set) -> Set:
    """``left || right``. Where left is unknown, what right says is possible too, and only that is known."""
    of_unknown = {UNKNOWN, *(value for value in right if value is not UNKNOWN and truthy(value))}
    return bounded(chain(*(of_unknown if one is UNKNOWN else {one} if truthy(one) else right for one in left)))


def both(left: Set, right: Set) -> Set:
    """``left && right``. An unknown left with a false right is false, whichever of the two it is."""
    of_unknown = {UNKNOWN if value is UNKNOWN or truthy(value) else value for value in right}
    return bounded(chain(*(of_unknown if one is UNKNOWN else right if truthy(one) else {one} for one in left)))


def negated(operand: Set) -> Set:
    """``!found``."""
    return frozenset(UNKNOWN if value is UNKNOWN else not truthy(value) for value in operand)


def compare(sign: str, left: Set, right: Set) -> Set:
    """Compare every value of the one with every value of the other."""
    return bounded(_compared(sign, one, other) for one, other in product(left, right))


def _compared(sign: str, one: Value, other: Value) -> Value:
    if one is UNKNOWN or other is UNKNOWN:
        return UNKNOWN
    if isinstance(one, Named) or isinstance(other, Named):
        return _named(sign, one, other)
    if sign in {"==", "!="}:
        return _equal(one, other) is (sign == "==")
    if isinstance(one, str) and isinstance(other, str):
        return _ORDER[sign](one.casefold(), other.casefold())
    return _ORDER[sign](_number(one), _number(other))


def _named(sign: str, one: Value, other: Value) -> Value:
    """Compare where one side is only named: it is no empty text, and what else it is nobody knows."""
    both = isinstance(one, Named) and isinstance(other, Named)
    plain = other if isinstance(one, Named) else one
    if sign not in {"==", "!="} or (not both and plain not in {"", None, False}):
        return UNKNOWN
    return (both and one == other) is (sign == "==")


def _equal(one: Value, other: Value) -> bool:
    """Compare as GitHub does: texts without case, other kinds as numbers."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    if type(one) is type(other):
        return one == other
    return _number(one) == _number(other)


def _number(value: Value) -> float:
    if isinstance(value, Number):
        return value.value
    if value is None or isinstance(value, bool):
        return float(bool(value))
    try:
        return float(value.strip() or 0) if isinstance(value, str) else math.nan
    except ValueError:
        return math.nan


def call(name: str, given: Sequence[Set]) -> Set:
    """Return what a function may give; UNKNOWN for one that depends on the run, or on what is unknown."""
    function = _FUNCTIONS.get(name)
    if function is None or not given or math.prod(map(len, given)) > MOST:
        return frozenset({UNKNOWN})
    return bounded(
        UNKNOWN if any(word is UNKNOWN or isinstance(word, Named) for word in words) else function(words)
        for words in product(*given)
    )


def _contains(words: tuple[Value, ...]) -> Value:
    if len(words) != 2:  # noqa: PLR2004  # contains(search, item).
        return UNKNOWN
    search, item = words
    if isinstance(search, tuple):
        return any(_equal(element, item) for element in search)
    return _folded(item) in _folded(search)


def _folded(value: Value) -> str:
    return shown(value).casefold()


def _format(words: tuple[Value, ...]) -> Value:
    fields = [shown(word) for word in words[1:]]
    text = shown(words[0])
    if any(int(index) >= len(fields) for index in _FIELD.findall(text)):
        return UNKNOWN
    return _FIELD.sub(lambda match: fields[int(match[1])], text)


def _from_json(words: tuple[Value, ...]) -> Value:
    try:
        read = json.loads(shown(words[0]))
    except (ValueError, RecursionError):
        return UNKNOWN
    if isinstance(read, list) and len(read) <= MOST and all(isinstance(element, str) for element in read):
        return tuple(read)
    if isinstance(read, str | bool) or read is None:
        return read
    return Number(float(read)) if isinstance(read, int | float) else UNKNOWN


_FUNCTIONS: Mapping[str, Callable[[tuple[Value, ...]], Value]] = {
    "contains": _contains,
    "startswith": lambda words: _folded(words[0]).startswith(_folded(words[-1])),
    "endswith": lambda words: _folded(words[0]).endswith(_folded(words[-1])),
    "format": _format,
    "fromjson": _from_json,
}
