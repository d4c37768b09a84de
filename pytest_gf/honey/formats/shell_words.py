"""What single commands say by their words: the text that one writes, the value of an option, what ``nix run`` runs, where ``cd`` goes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from pytest_gf.honey.formats.commands import Command, Word
from pytest_gf.honey.formats.templates import HOLE
from pytest_gf.honey.formats.wrappers import program

MOVES = frozenset({"cd", "pushd", "popd"})
LEAVES = frozenset({"exit", "return"})
_WRITES_NAMES = frozenset({"read", "mapfile", "readarray", "unset", "getopts", "let", "local", "typeset", "declare"})
"""Builtins whose words name variables that they change."""
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def unescaped(text: str) -> str:
    """Return what ``$'…'`` says."""

    def one(escape: re.Match[str]) -> str:
        short, long, octal, letter = escape.groups()
        if letter is not None:
            return _LETTERS.get(letter, letter if letter in "\\'\"?" else f"\\{letter}")
        code = int(octal, 8) if octal else int(short or long, 16)
        return chr(code & 0xFF if octal else code) if code else ""

    return _ESCAPED.sub(one, text)


def written_names(words: Sequence[Word]) -> list[str]:
    """Return the variables that a builtin changes to what only a run would know."""
    first = words[0].text if words else ""
    if first in _WRITES_NAMES:
        return [word.text.partition("=")[0] for word in words[1:] if not word.text.startswith("-")]
    if first == "printf" and len(words) > 2 and words[1].text == "-v":  # noqa: PLR2004  # printf -v NAME.
        return [words[2].text]
    return []


def moved(directory: str, words: Sequence[Word]) -> str:
    """Return where a shell is after one of `MOVES`, as far as its words say it."""
    to = [word.text for word in words[1:] if not word.text.startswith("-")]
    return posixpath.normpath(posixpath.join(directory, to[0])) if to and not to[0].startswith("~") else HOLE


_SUBCOMMANDS = frozenset(
    (
        *("build", "bundle", "copy", "daemon", "develop", "env", "eval", "flake", "fmt", "hash", "log", "path-info"),
        *("print-dev-env", "profile", "repl", "run", "search", "shell", "store", "upgrade-nix", "why-depends"),
    )
)


def from_subcommand(words: Sequence[Word]) -> Sequence[Word]:
    """Return the words behind ``nix`` from its subcommand on: an option before it may have any word for its value."""
    return words[next((at for at, word in enumerate(words) if word.text in _SUBCOMMANDS), 0) :]


_LENGTHS = {
    **dict.fromkeys(("--option", "--override-input", "--arg", "--argstr"), 3),
    **dict.fromkeys(("-I", "-f", "--file", "--inputs-from", "--extra-experimental-features", "--profile"), 2),
}
"""Words of an option of ``nix run`` with its values."""


def installable(words: Sequence[Word]) -> tuple[Word | None, Sequence[Word]]:
    """Return what `nix run` runs, and the words that it is given."""
    at = 0
    while at < len(words):
        text = words[at].text
        if text == "--":
            return None, words[at + 1 :]
        if not text.startswith("-"):
            mark = next((index for index in range(at + 1, len(words)) if words[index].text == "--"), at)
            return words[at], words[mark + 1 :]
        at += _LENGTHS.get(text, 1)
    return None, ()


def program_file(words: Sequence[Word]) -> Word | None:
    """Return the file that an interpreter runs: its first word that is no option; ``-m a.b`` is ``a/b.py``. None for ``-c`` and ``-``."""
    for at, word in enumerate(words):
        if word.text == "-m" and at + 1 < len(words):
            return replace(words[at + 1], text=f"{words[at + 1].text.replace('.', '/')}.py")
        if word.text in {"-", "-c", "-e", "-p", "--eval", "--print"}:
            return None
        if not word.text.startswith("-") and not (
            at and words[at - 1].text in {"-W", "-X", "-r", "-I", "--import", "--require"}
        ):
            return None if word.text in {"eval", "repl"} else words[at + (word.text == "run" and at + 1 < len(words))]
    return None


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
        if text.strip() == "%s":
            return "\n".join(values)
        for value in values if any(sign in text for sign in ("%s", "%b", "%q")) else ():
            text = text.replace("%s", value, 1)
        return text if "%" not in text else HOLE
    return " ".join(rest)


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
