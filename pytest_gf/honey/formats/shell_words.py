"""What single commands say by their words: the text that one writes, the value of an option, what ``nix run`` runs, where ``cd`` goes."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace

from pytest_gf.honey.formats.commands import Command, Word
from pytest_gf.honey.formats.templates import HOLE
from pytest_gf.honey.formats.wrappers import program

MOVES = frozenset({"cd", "pushd", "popd"})


def moved(directory: str, words: Sequence[Word]) -> str:
    """Return where a shell is after one of `MOVES`, as far as its words say it."""
    to = [word.text for word in words[1:] if not word.text.startswith("-")]
    return posixpath.normpath(posixpath.join(directory, to[0])) if to and not to[0].startswith("~") else HOLE


def installable(words: Sequence[Word]) -> tuple[Word | None, Sequence[Word]]:
    """Return what `nix run` runs, and the words that it is given."""
    values = {"--option", "--override-input", "--arg", "--argstr"}
    at = 0
    while at < len(words):
        text = words[at].text
        if text == "--":
            return None, words[at + 1 :]
        if not text.startswith("-"):
            rest = words[at + 1 :]
            mark = next((index for index, word in enumerate(rest) if word.text == "--"), None)
            return words[at], rest if mark is None else rest[mark + 1 :]
        at += (
            3
            if text in values
            else 2
            if text in {"-I", "-f", "--file", "--inputs-from", "--extra-experimental-features", "--profile"}
            else 1
        )
    return None, ()


def option(words: Sequence[Word], *names: str) -> Word | None:
    """Return the value of the first of these options that is given."""
    for at, word in enumerate(words):
        if word.text in names and at + 1 < len(words):
            return words[at + 1]
        for name in names:
            if word.text.startswith(f"{name}="):
                return replace(word, text=word.text.partition("=")[2])
    return None


def echoed(words: Sequence[Word]) -> str:
    """Return what echo or printf writes."""
    rest = [word.text for word in words[1:] if word.text not in {"-n", "-e", "-ne", "-en", "-E"}]
    if program(words[0]) == "printf" and rest:
        head, *values = rest
        text = head.replace("\\n", "\n").replace("\\t", "\t")
        if "%" not in text:
            return text
        count = text.count("%s") + text.count("%b") + text.count("%q")
        return (
            HOLE if count == 0 else "\n".join(values) if count == 1 and text.strip() == "%s" else _filled(text, values)
        )
    return " ".join(rest)


def _filled(text: str, values: Sequence[str]) -> str:
    for value in values:
        text = text.replace("%s", value, 1)
    return text if "%" not in text else HOLE


def text_of(given: Command) -> Word | None:
    """Return the text that a command writes, as far as it says it: echo, printf, or cat and tee with a here-document."""
    name = program(given.words[0]) if given.words else ""
    body = next((redirect.target for redirect in given.redirects if redirect.sign in {"<<", "<<<"}), None)
    if name in {"cat", "tee"} and body is not None:
        return body
    if name in {"echo", "printf"}:
        return Word(f"{echoed(given.words)}\n", given.raw, given.offset)
    if name == "tee" and given.fed is not None:
        return text_of(given.fed)
    return None
