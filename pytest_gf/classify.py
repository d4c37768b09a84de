"""``python -m pytest_gf.classify FILE``: why a push to Attic failed, from a log that somebody already has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_gf.engine.redaction import redact
from pytest_gf.engine.visible import visible
from pytest_gf.honey.formats import push_log

LONGEST = 64 * 1024 * 1024
"""Bytes."""
LONGEST_LINE = 300
"""Characters of a line that are shown."""
MOST = 20
"""Lines of one class that are shown."""
BAD_INPUT = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Print class, line and next step of each failure in the log; return 0, or 4 for what can't be read."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 1 or given[0].startswith("-"):
        sys.stderr.write("usage: python -m pytest_gf.classify FILE (the output of a push to Attic)\n")
        return BAD_INPUT
    try:
        with Path(given[0]).open("rb") as file:
            text = file.read(LONGEST).decode("utf-8", "replace")
    except (OSError, ValueError) as wrong:
        problem = wrong.strerror if isinstance(wrong, OSError) else wrong
        sys.stderr.write(f"{visible(given[0], LONGEST_LINE)}: can't be read: {problem}; expected a log file\n")
        return BAD_INPUT
    sys.stdout.write("".join(f"{line}\n" for line in report(text)))
    return 0


def report(text: str) -> list[str]:
    """Return what the log says, the gravest class first, without a secret."""
    signs = list(push_log.signs(text))
    lines = []
    for kind, step in push_log.NEXT.items():
        of_kind = [sign for sign in signs if sign.kind == kind]
        if of_kind:
            lines.append(f"{kind}: {len(of_kind)} line{'s' if len(of_kind) > 1 else ''}")
            lines += [f"  line {sign.number}: {visible(redact(sign.line), LONGEST_LINE)}" for sign in of_kind[:MOST]]
            lines += [f"  and {len(of_kind) - MOST} more"] if len(of_kind) > MOST else []
            lines.append(f"  next step: {step}")
    return lines or ["no line tells of a failure"]


if __name__ == "__main__":
    raise SystemExit(main())
