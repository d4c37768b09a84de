"""What Attic's own program does, by the words of a command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_gf.honey.formats.commands import Word
from pytest_gf.honey.formats.templates import HOLE
from pytest_gf.honey.observed.repository.effect import Effect, Logs, Writes
from pytest_gf.honey.observed.repository.searching import shown

WRITES = frozenset({"push", "watch-store"})
ADMINISTERS = frozenset({"create", "configure", "destroy"})
"""What `attic cache` changes at the server."""
PROGRAMS = frozenset({"attic", "attic-client"})


def does(words: Sequence[Word], offset: int, raw: str) -> Iterator[Effect]:
    """Yield what the words behind the program do."""
    plain = [word for word in words if not word.text.startswith("-") and word.text != "--"]
    verb = plain[0].text if plain else ""
    if HOLE in verb:
        yield Writes(offset, "", f"{shown(raw)}: its verb is unknown", "push")
    elif verb in WRITES:
        yield Writes(offset, "", "", f"attic {verb}")
    elif verb == "login":
        yield Logs(offset)
    elif verb == "cache" and len(plain) > 1 and (plain[1].text in ADMINISTERS or HOLE in plain[1].text):
        yield Writes(offset, "", "" if plain[1].known else shown(raw), f"attic cache {plain[1].text}")
