"""What a checkout of the infrastructure repository, and the machine, show of the contract: findings with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from pytest_gf.engine.trouble import Cause, Observed, Trouble

MOST_SHOWN = 20
"""Findings written out in one text; the rest is counted."""

PUSHES = Cause("workflow-pushes")
DOCUMENTED = Cause("document-pushes")
CANARY = Cause("canary-workflow")
BACKEND = Cause("stack-backend")
ATTACHED = Cause("attachment")
SETTINGS = Cause("machine-settings")
HELD = Cause("token-held")
DEAD = Cause("dead-address")
TOPOLOGY = Cause("topology-named")
FLAKEHUB = Cause("flakehub-reads")
RELEASED = Cause("cache-release")
CLAIMED = Cause("execution-claimed")
ELIGIBLE = Cause("not-eligible")
SHARED = Cause("executor-shared")
ROTATION = Cause("no-rotation")
CREDENTIALS = Cause("artifact-shared")
STALE = Cause("page-stale")
"""Causes of findings; their subject is the first file."""

Sources: TypeAlias = Mapping[str, str]
"""The texts of a checkout by path, in the order of the paths."""


def visible(text: str) -> str:
    """Return a checkout's text as reports may show it: one line, control characters as escapes, no command of GitHub's in it.

    A terminal obeys escape sequences, a reader is misled by text that runs backwards, and a runner takes ``::error`` at a line's
    beginning, and ``##[error]`` anywhere, for its own.
    """
    escaped = (sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)
    shown = "".join(escaped)
    shown = shown.replace("##[", "##\\[")
    return f"\\{shown}" if shown.lstrip().startswith("::") else shown


@dataclass(frozen=True, order=True)
class FileFinding:
    """What is not as promised at one line (from 1) of a file, the rule, and the mend.

    ``undecided`` is the expression that would have to be known to tell; "" where the finding stands.
    """

    path: str
    line: int
    rule: str
    what: str
    mend: str
    undecided: str = ""

    def __str__(self) -> str:
        unknown = f" (undecided: {visible(self.undecided)})" if self.undecided else ""
        return f"{visible(self.path)}:{self.line}: [{self.rule}] {visible(self.what)}{unknown}; {visible(self.mend)}"


@dataclass(frozen=True)
class Findings(Observed):
    """All findings of one requirement, of one cause. ``looked_at`` says in a few words what was read to find them."""

    cause: Cause
    promise: str
    looked_at: str
    found: Sequence[FileFinding] = ()

    promises = "{self.promise}"

    @property
    def standing(self) -> tuple[FileFinding, ...]:
        """The findings that were decided."""
        return tuple(sorted({finding for finding in self.found if not finding.undecided}))

    @property
    def undecided(self) -> tuple[FileFinding, ...]:
        """The findings that a file alone can't decide."""
        return tuple(sorted({finding for finding in self.found if finding.undecided}))

    @property
    def seen(self) -> str:
        return f"{self.looked_at}: {len(self.standing)} finding(s), {len(self.undecided)} undecided"

    def trouble(self) -> Trouble | None:
        if not self.standing:
            return None
        step = "mend each line named; the words after the semicolon say how"
        return Trouble(replace(self.cause, subject=visible(self.standing[0].path)), listed(self.standing), step)


def listed(findings: Iterable[FileFinding]) -> str:
    """Return findings as lines, at most `MOST_SHOWN` of them, the rest counted."""
    lines = [str(finding) for finding in findings]
    more = [f"and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else []
    return "\n".join(lines[:MOST_SHOWN] + more)
