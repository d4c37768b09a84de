"""A schedule of GitHub Actions: five fields of POSIX cron, with names of months and days, and steps."""

from __future__ import annotations

import re

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(
    r"(?:\*|(?P<first>[0-9]{1,2}|[A-Z]{3})(?:-(?P<last>[0-9]{1,2}|[A-Z]{3}))?)(?:/(?P<step>[0-9]{1,2}))?"
)


def daily_hours(text: str) -> frozenset[int]:
    """Return the hours of each day in which a schedule begins a run; none where it leaves days out.

    Raises ValueError for what GitHub takes for no schedule.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{len(fields)} fields, and a schedule has {len(_FIELDS)}")
    _, hours, *days = (_values(field, *kind) for field, kind in zip(fields, _FIELDS, strict=True))
    every = all(len(values) == high - low + 1 for values, (_, low, high, _) in zip(days, _FIELDS[2:], strict=True))
    return hours if every else frozenset()


def _values(field: str, name: str, low: int, high: int, words: tuple[str, ...]) -> frozenset[int]:
    numbers = {word: low + at for at, word in enumerate(words)}
    values = set[int]()
    for part in field.upper().split(","):
        match = _PART.fullmatch(part)
        first, last, step = match.group("first", "last", "step") if match is not None else ("", "", "")
        try:
            begin = low if first is None else _number(first, numbers)
            end = _number(last, numbers) if last is not None else begin if first and not step else high
        except ValueError:
            raise ValueError(f"{part} is no {name}") from None
        if not low <= begin <= end <= high or step in {"0", "00"}:
            raise ValueError(f"{part} is no {name}")
        values |= set(range(begin, end + 1, int(step or 1)))
    return frozenset(values)


def _number(word: str, names: dict[str, int]) -> int:
    return names[word] if word in names else int(word)
