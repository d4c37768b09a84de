"""Shell scripts, read and never run: which commands of Attic they hold, and whether the script itself guards them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_LINE = 4_000
"""Characters; what follows them in a line is not read."""
_BEFORE = (
    r"(?:(?:sudo|exec|time|then|do|else|if|while|until|nohup|command|env|timeout\s+\S+)\s+|\w+=[^\s;&|]*\s+|!\s*)*"
)
_PROGRAM = r"(?:(?:\S*/)?attic(?:-client)?|nix\s+(?:run|shell|develop)\b[^;&|\n]*?\battic\S*[^;&|\n]*?)"
_PUSH = re.compile(
    rf"(?:^|[;&|({{`]|\$\()\s*{_BEFORE}{_PROGRAM}(?:\s+--?[\w-]+)*\s+(?P<verb>push|login|watch-store)\b(?P<rest>[^\n]*)"
)
_GUARD = re.compile(r"(?:^|[;&|]\s*)(?:if|elif|case|\[\[?|test)\b")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


@dataclass(frozen=True)
class Command:
    """A command of Attic in a script: its line within it (from 0), its verb, and the guard that it stands in ("" for none)."""

    offset: int
    verb: str
    guard: str


def attic_commands(script: str) -> Iterator[Command]:
    """Yield the commands that can write to Attic, in their order; comments, echoed texts and here-documents are none."""
    guards: list[str] = []
    for offset, line in lines(script):
        opened = line.strip()
        if re.match(r"(?:if|case)\b", opened):
            guards.append(opened)
        guard = guards[-1] if guards else ""
        for found in _PUSH.finditer(line):
            before = line[: found.start()]
            own = before.strip() if _GUARD.search(before) and "&&" in line[: found.end()] else ""
            yield Command(
                offset, found["verb"], own or ("" if found.start() == 0 and opened.startswith("if attic") else guard)
            )
        if re.search(r"(?:^|[;\s])(?:fi|esac)\s*(?:$|[;&|)])", line) and guards:
            guards.pop()


def lines(script: str) -> Iterator[tuple[int, str]]:
    """Yield what a shell would run, a line each with its number from 0: continued lines joined, comments and here-documents left out."""
    until, held, first = "", "", 0
    for offset, raw in enumerate(script.splitlines()):
        line = raw[:LONGEST_LINE]
        if until:
            until = "" if line.strip() == until else until
            continue
        if not held:
            first = offset
        held += re.sub(r"(?:^|\s)#.*", "", line) if "#" in line else line
        if held.endswith("\\") and len(held) < LONGEST_LINE:
            held = held[:-1] + " "
            continue
        heredoc = _HEREDOC.search(held)
        until = heredoc[2] if heredoc else ""
        yield first, held
        held = ""
    if held:
        yield first, held
