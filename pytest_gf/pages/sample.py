"""A record for reports/sample: that of a run, with times that are the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_gf.engine.evidence import instant

BEGIN = 1_767_225_600.0
"""The first second of 2026."""
_OWN, _EXCHANGE = 0.01, 0.03
"""Seconds of a fact, and of each exchange."""


def timed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record whose times are made up: each fact begins when those before it in its row have ended."""
    ends: dict[str, float] = {}
    timed_before: dict[str, dict[str, Any]] = {}
    verdicts = []
    for row in record["verdicts"]:
        facts, last = [], ""
        for fact in row["facts"]:
            name = "-".join((fact["fact"], *fact["params"].values()))
            if name not in timed_before:
                begin = ends.get(last, BEGIN)
                seconds = round(_OWN + _EXCHANGE * fact["exchanges"], 6)
                times = {"started": instant(begin), "seconds": seconds, "after": last or None}
                timed_before[name] = times if fact["started"] else {"started": None, "seconds": 0.0, "after": None}
                ends[name] = begin + seconds if fact["started"] else 0.0
            facts.append(fact | timed_before[name])
            last = max(name, last, key=lambda each: ends.get(each, 0.0))
        ended = instant(ends.get(last, BEGIN))
        verdicts.append(row | {"started": ended, "ended": ended, "seconds": 0.0, "facts": facts})
    finished = max(ends.values(), default=BEGIN)
    return dict(record) | {"started": instant(BEGIN), "finished": instant(finished), "verdicts": verdicts}
