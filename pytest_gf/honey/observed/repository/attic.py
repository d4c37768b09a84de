"""What Attic's own program does, by the words of a command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from pytest_gf.honey.formats.commands import Word
from pytest_gf.honey.formats.shell_words import option
from pytest_gf.honey.formats.templates import HOLE
from pytest_gf.honey.observed.repository.effect import NAMES_PUSH, Effect, Logs, Writes
from pytest_gf.honey.observed.repository.searching import shown

WRITES = frozenset({"push", "watch-store"})
ADMINISTERS = frozenset({"create", "configure", "destroy"})
"""What `attic cache` changes at the server."""
_VERBS = frozenset({*WRITES, "login", "use", "cache", "get-closure", "gen-completions", "help"})
_QUIET_SCHEMES = frozenset({"file", "ssh", "ssh-ng", "s3", "daemon", "local", "unix", "dummy", "ssh+", "auto"})
PROGRAMS = frozenset({"attic", "attic-client"})


def does(words: Sequence[Word], offset: int, raw: str) -> Iterator[Effect]:
    """Yield what the words behind the program do."""
    plain = [word for word in words if not word.text.startswith("-") and word.text != "--"]
    verb = plain[0].text if plain else ""
    if HOLE in verb or (verb not in _VERBS and any(one.text in WRITES or "{" in one.text for one in plain)):
        yield Writes(offset, "", f"{shown(raw)}: its verb is unknown", "push")
    elif verb in WRITES:
        yield Writes(offset, "", "", f"attic {verb}")
    elif verb == "login":
        yield Logs(offset)
    elif verb == "cache" and len(plain) > 1 and (plain[1].text in ADMINISTERS or HOLE in plain[1].text):
        yield Writes(offset, "", "" if plain[1].known else shown(raw), f"attic cache {plain[1].text}")


def copied(words: Sequence[Word], offset: int, raw: str, caches: Sequence[str]) -> Iterator[Effect]:
    """Yield what ``nix copy`` writes, by its destination."""
    to = option(words, "--to")
    if to is None:
        if any(HOLE in word.text for word in words[1:]) and NAMES_PUSH.search(raw):
            yield Writes(offset, "", shown(raw), "nix copy")
        return
    text = to.text
    scheme = text.partition(":")[0]
    if any(cache in text for cache in caches):
        yield Writes(offset, "", "", f"nix copy --to {shown(to.raw)}")
    elif HOLE in scheme or (
        HOLE in ((urlsplit(text.replace(HOLE, "x")).netloc and text.split("/")[2:3]) or [text])[0]
        and scheme not in _QUIET_SCHEMES
    ):
        yield Writes(offset, "", f"the destination {shown(to.raw)} is unknown", "nix copy --to")
