"""What a script may do that the contract speaks of, the words by which a text may speak of it, and scripts that were not understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_gf.honey.formats.commands import Command, Script, Word
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.observed.repository.searching import shown

NAMES_PUSH = linear(
    r"(?is)(?:attic[^\n;|&]{0,200}[\s\"'(](?:push|watch-store)\b|nix\s[^\n;|&]{0,200}\bcopy\b[^\n;|&]{0,200}--to\b|attic[^\n]{0,40}[\s\"',\]]+(?:push|watch-store)\b)"
)
"""A text that may be a push, however it is meant."""
NAMES_ATTIC = linear(r"(?i)attic|nix-cache")
UPLOADS = linear(r"_api/v1/upload-path\b")
"""Attic's own address for an upload, asked by a client of another kind."""
_AWKS = frozenset({"awk", "gawk", "mawk", "sed", "gsed", "git"})
_SHELLS_OUT = linear(r"system\s*\(|\|\s*\"(?:ba)?sh|\de\s|alias\.[^=\s]*=\W*!|--exec|\bforeach\b|bisect\s+run")
"""Where one of them runs a command itself."""
HOOK = linear(r"post-build-hook\s*=\s*([^\s\"']+)")


@dataclass(frozen=True)
class Effect:
    """Something that a command does, on a line (from 0) of its script, behind a condition ("" for none).

    ``unknown``: the words that were not understood, so that nobody can tell whether it does it.
    """

    offset: int
    guard: str = ""
    unknown: str = ""


@dataclass(frozen=True)
class Writes(Effect):
    """It writes to Attic: ``verb`` says how."""

    verb: str = ""


@dataclass(frozen=True)
class Logs(Effect):
    """It logs in at Attic, and writes nothing."""


@dataclass(frozen=True)
class Sets(Effect):
    """It gives the steps behind it a variable: its value, None for one that only a run would know; no name: any variable."""

    name: str = ""
    value: str | None = None


@dataclass(frozen=True)
class Runs(Effect):
    """It runs what stands elsewhere: ``kind`` is file, source, other (no shell), just, make, npm, docker, flake or hook; ``words`` as the command has them.

    ``folder``: where, seen from where the script begins.
    """

    kind: str = "file"
    target: str = ""
    words: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class Opaque(Effect):
    """It runs what no file of a checkout shows; ``text`` is all that is known of it."""

    text: str = ""


def hooked(given: Command) -> Iterator[Effect]:
    """Yield the hook that Nix is told to run after each build, where a text says so that a command writes."""
    texts = [word.raw for word in (*given.words, *given.assigned.values())]
    texts += [redirect.target.text for redirect in given.redirects if redirect.sign in {"<<", "<<<"}]
    for text in texts:
        for match in HOOK.finditer(text):
            yield Runs(given.offset, given.guard, "", "hook", match[1], (match[1],))


def eaten(given: Command) -> str:
    """Return the text that a command reads: a here-document, or what the command before it writes."""
    body = redirected(given, "<<", "<<<")
    return body.text if body is not None else given.fed.raw if given.fed is not None else ""


def redirected(given: Command, *signs: str) -> Word | None:
    """Return the first target of a command's redirections by one of these signs."""
    return next((redirect.target for redirect in given.redirects if redirect.sign in signs), None)


def shells_out(name: str, raw: str) -> bool:
    """Return whether a program that runs nothing by itself is told here to upload, or to run a push."""
    return bool(UPLOADS.search(raw) or (name in _AWKS and _SHELLS_OUT.search(raw) and NAMES_PUSH.search(raw)))


def broken(given: Command) -> str:
    """Return why a command is not understood; "" for one that is."""
    return f"no shell that is understood: {shown(given.raw)}" if given.broken else ""


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
