"""Shell that was not read, or not understood: where it may push all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_gf.honey.formats.commands import Script
from pytest_gf.honey.observed.repository.effect import NAMES_PUSH, Effect, Writes
from pytest_gf.honey.observed.repository.searching import shown


def unclosed(script: Script) -> tuple[int, str] | None:
    """Return the line from which on something is open that never ends, so that a shell may take the rest for a part of it."""
    for offset, text in script.broken:
        is_open = any(text.count(one) > text.count(other) for one, other in ("()", "{}"))
        if is_open or "<<" in text or any(text.count(quote) % 2 for quote in "\"'`"):
            return offset, f"something is open from line {offset + 1} of the script on: {shown(text)}"
    return None


def unread(text: str, why: str) -> Effect:
    """Return the push that a script may hold which was not read."""
    match = NAMES_PUSH.search(text)
    offset = text.count("\n", 0, match.start()) if match else 0
    return Writes(offset, "", f"{why}, and it says {shown(match[0])}" if match else why, "push")


def fallen(script: Script, effects: Sequence[Effect]) -> Iterator[Effect]:
    """Yield a push that stands where the grammar did not fit and no command was made of it."""
    lines = {effect.offset for effect in effects if isinstance(effect, Writes)}
    whole = "\n".join(text for _, text in script.broken)
    if script.broken and NAMES_PUSH.search(whole):
        for offset, text in script.broken:
            if NAMES_PUSH.search(text) and not text.lstrip().startswith("#"):
                if offset not in lines:
                    yield Writes(offset, "", f"no shell that is understood: {shown(text)}", "push")
                    lines.add(offset)
                return
