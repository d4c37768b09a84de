"""Where the command begins that another one runs: `sudo`, `xargs`, `bash -c`, `nix develop -c` and their like, by a table."""

from __future__ import annotations

import functools
import posixpath
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec

from pytest_gf.honey.formats.commands import Word

_LONGEST_NAME = 3
"""Words of a program and its subcommands."""
_WITH_VALUE = frozenset({"-H", "--context", "-n", "--namespace", "-L", "-f", "--extra-experimental-features"})
"""Options before a subcommand that have a value."""


class Wrapper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of ``wrappers.toml``, which says what each field means."""

    values: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    operands: int = 0
    numbers: bool = False
    after: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    joined: bool = False
    first: bool = False
    file: bool = False
    stdin: bool = False
    assigns: bool = False
    flags: bool = False
    scan: bool = False
    never: tuple[str, ...] = ()
    entry: str = ""


@dataclass(frozen=True)
class Inner:
    """What a wrapper runs: words, scripts in words, a script's file, or what comes in by the pipe (``stdin``)."""

    words: tuple[tuple[Word, ...], ...] = ()
    scripts: tuple[Word, ...] = ()
    file: Word | None = None
    stdin: bool = False


@functools.cache
def table() -> dict[str, Wrapper]:
    """Return the table of wrappers."""
    return msgspec.convert(_data("wrappers.toml"), dict[str, Wrapper])


@functools.cache
def inert() -> frozenset[str]:
    """Return the programs that run nothing of what they are given."""
    return frozenset(_data("inert.toml")["inert"])


@functools.cache
def runners() -> dict[str, tuple[str, ...]]:
    """Return the programs that run what a file of another form says, each with patterns of its files."""
    return msgspec.convert(_data("runners.toml"), dict[str, tuple[str, ...]])


def runner(words: Sequence[Word]) -> str | None:
    """Return the row of `runners` that these words run; None for another program."""
    name = program(words[0])
    if name in {"docker", "podman"} and any(word.text == "compose" for word in words[1:3]):
        name = "docker-compose"
    return name if name in runners() else None


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def program(word: Word) -> str:
    """Return a program's name without its folder: ``attic`` for ``/nix/…/bin/attic``."""
    return posixpath.basename(word.text)


def inner(words: Sequence[Word]) -> Inner | None:
    """Return what these words run beside their own program; None where the program is no wrapper of the table."""
    if (named := _named(words)) is None:
        return None
    wrapper, rest = named
    if wrapper.never and any(word.text in wrapper.never for word in rest[:2]):
        return Inner()
    return _read(wrapper, rest)


def _named(words: Sequence[Word]) -> tuple[Wrapper, Sequence[Word]] | None:
    """Return the wrapper by its longest name, options between a program and its subcommand passed over."""
    at, skip = [0], False
    for index, word in enumerate(words[1:], 1):
        if len(at) == _LONGEST_NAME:
            break
        if skip or word.text.startswith("-"):
            skip = not skip and word.text in _WITH_VALUE
            if word.text == "--option":
                break
            continue
        at.append(index)
    names = [program(word) for word in words[:1]] + [words[index].text for index in at[1:]]
    for count in range(len(names), 0, -1):
        wrapper = table().get(" ".join(names[:count]))
        if wrapper is not None:
            # Options before a subcommand stay options of the whole.
            return wrapper, words[at[count - 1] + 1 :]
    return None


def _read(wrapper: Wrapper, rest: Sequence[Word]) -> Inner:
    scripts: list[Word] = []
    groups: list[tuple[Word, ...]] = []
    entry: list[Word] = []
    left, at = wrapper.operands, 0
    while at < len(rest):
        word, following = rest[at], rest[at + 1] if at + 1 < len(rest) else None
        name, given = _option(word, wrapper)
        if name in wrapper.after:
            end = _end(rest, at + 1, wrapper.ends)
            groups.append(tuple(rest[at + 1 : end]))
            at = end if wrapper.ends else len(rest)
            continue
        if name in wrapper.script or (wrapper.flags and _clustered(word.text, wrapper.script)):
            scripts += [value for value in (given or following,) if value is not None]
            if wrapper.flags:
                return Inner((), tuple(scripts))
            at += 1 if given else 2
            continue
        if name == wrapper.entry:
            entry = [value for value in (given or following,) if value is not None]
        if word.text == "--" and not wrapper.after:
            return _ended(wrapper, (*entry, *rest[at + 1 + left :]), scripts)
        passed = _passed(wrapper, word, name, given)
        if not passed and left:
            left, passed = left - 1, 1
        if not passed:
            return _ended(wrapper, (*entry, *rest[at:]), scripts)
        at += passed
    return Inner(tuple(groups), tuple(scripts), None, wrapper.stdin and not groups and not scripts)


def _option(word: Word, wrapper: Wrapper) -> tuple[str, Word | None]:
    """Return an option's name, and the value that stands in the same word."""
    name, sign, value = word.text.partition("=")
    short = word.text[:2]
    if short in wrapper.script and not wrapper.flags and short != word.text:
        return short, Word(word.text[2:], word.raw, word.offset)
    if word.text.startswith("--") and sign:
        return name, Word(value, word.raw, word.offset)
    return word.text, None


def _passed(wrapper: Wrapper, word: Word, name: str, given: Word | None) -> int:
    """Return how many words are passed over here; 0 where the inner command may begin."""
    text = word.text
    if text.startswith(("-", "+")) and text not in {"-", "+", "--"}:
        # In `-euo pipefail` the last of the short options has the value.
        takes = name in wrapper.values or (
            wrapper.flags and not text.startswith("--") and f"{text[0]}{text[-1]}" in wrapper.values
        )
        return 3 if name in wrapper.pairs else 2 if takes and given is None else 1
    is_count = wrapper.numbers and text.replace(".", "").rstrip("smh").isdigit()
    return int((wrapper.assigns and "=" in text) or is_count or bool(wrapper.after) or wrapper.scan)


def _ended(wrapper: Wrapper, words: tuple[Word, ...], scripts: list[Word]) -> Inner:
    words = words[: _end(words, 0, wrapper.ends)]
    if not words:
        return Inner((), tuple(scripts), None, wrapper.stdin)
    if wrapper.file:
        file = words[0] if words[0].text != "-" else None
        return Inner((), tuple(scripts), file, wrapper.stdin and file is None)
    if wrapper.first:
        return Inner((), (*scripts, words[0]))
    if wrapper.joined:
        text = " ".join(
            word.text if index == 0 or len(words) == 1 or not _spaced(word.text) else word.raw
            for index, word in enumerate(words)
        )
        return Inner((), (*scripts, Word(text, " ".join(word.raw for word in words), words[0].offset)))
    return Inner(() if scripts else (words,), tuple(scripts))


def _spaced(text: str) -> bool:
    return any(character.isspace() for character in text)


def _end(words: Sequence[Word], start: int, ends: tuple[str, ...]) -> int:
    return next((at for at in range(start, len(words)) if words[at].text in ends), len(words))


def _clustered(text: str, script: tuple[str, ...]) -> bool:
    """Return whether short options in one word hold the one with the script: ``-euxc``."""
    return text[:1] == "-" and text[:2] != "--" and any(len(option) == 2 and option[1] in text[1:] for option in script)  # noqa: PLR2004
