"""direnv's ``.envrc``, read and never run: what it assigns in a clean environment, as far as its text says it.

Understood: assignments, ``export``, ``$X``, ``${X}``, ``${X:-default}``, if/elif/else. What else gives a value is a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_LINES = 5_000
LONGEST_LINE = 4_000
"""Characters; what follows them is not read."""
MOST_VALUES = 16
LONGEST_WORD = 2_000
"""Characters of one value."""
DEEPEST = 20
_ASSIGNED = re.compile(r"(?:export\s+|declare\s+-x\s+|readonly\s+)?([A-Za-z_]\w*)=(.*)", re.DOTALL)
_DEFAULTED = re.compile(r":\s+\"?\$\{([A-Za-z_]\w*):?=(.*)\}\"?\s*", re.DOTALL)
_UNSET = re.compile(r"unset\s+(.*)")
_FUNCTION = re.compile(r"(?:function\s+[\w-]+\s*(?:\(\s*\))?|[\w-]+\s*\(\s*\))\s*\{?")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Hole:
    """A part of a value that the text does not say: the expression that gives it."""

    expression: str


Part = str | Hole
Word = tuple[Part, ...]


@dataclass(frozen=True)
class Assigned:
    """A value that a variable may have when the file is through, and the line (from 1) that gave it."""

    line: int
    word: Word

    @property
    def text(self) -> str:
        """The value, with each hole as ``<expression>``."""
        return "".join(f"<{each.expression}>" if isinstance(each, Hole) else each for each in self.word)

    @property
    def holes(self) -> tuple[str, ...]:
        """The expressions that are not literal."""
        return tuple(each.expression for each in self.word if isinstance(each, Hole))


@dataclass
class _Branch:
    """An open if: what held before it, and what its branches that are done left."""

    before: dict[str, tuple[Assigned, ...]]
    done: list[dict[str, tuple[Assigned, ...]]] = field(default_factory=list)
    has_else: bool = False


def read(text: str) -> dict[str, tuple[Assigned, ...]]:
    """Return what each variable may be at the end, in a clean environment. Bounded; never raises."""
    return _Reader().all(text)


class _Reader:
    def __init__(self) -> None:
        self.values: dict[str, tuple[Assigned, ...]] = {}
        self.branches: list[_Branch] = []
        self.opaque = 0
        """How many functions, loops or cases are open: what they hold may run never, once or often."""

    def all(self, text: str) -> dict[str, tuple[Assigned, ...]]:
        for line, command in commands(text):
            self.take(line, command)
        while self.branches:
            self.close()
        return self.values

    def take(self, line: int, command: str) -> None:
        word = command.split(maxsplit=1)[0] if command.split() else ""
        if self.opaque or _FUNCTION.fullmatch(command) or word in {"for", "while", "until", "case", "select"}:
            self.skip(command, word)
        elif word in {"if", "elif", "else", "fi", "then"}:
            self.branch(line, command, word)
        elif found := _DEFAULTED.fullmatch(command):
            self.values.setdefault(found[1], tuple(Assigned(line, each) for each in self.expand(found[2])))
        elif found := _ASSIGNED.fullmatch(command):
            self.values[found[1]] = tuple(Assigned(line, each) for each in self.expand(found[2]))
        elif found := _UNSET.fullmatch(command):
            for name in found[1].split():
                self.values.pop(name, None)

    def skip(self, command: str, word: str) -> None:
        opened = bool(_FUNCTION.fullmatch(command)) or word in {"for", "while", "until", "case", "select", "if"}
        closed = word in {"}", "done", "esac", "fi"}
        self.opaque += opened - closed

    def branch(self, line: int, command: str, word: str) -> None:
        rest = command.removeprefix(word).strip()
        if word == "if":
            self.branches.append(_Branch(dict(self.values)))
        elif word in {"elif", "else"} and self.branches:
            above = self.branches[-1]
            above.done.append(self.values)
            above.has_else = above.has_else or word == "else"
            self.values = dict(above.before)
        elif word == "fi" and self.branches:
            self.close()
        if word in {"then", "else"} and rest:
            self.take(line, rest)

    def close(self) -> None:
        """Leave an if: a variable may be whatever one of its branches left."""
        above = self.branches.pop()
        ends = [*above.done, self.values] + ([] if above.has_else else [above.before])
        merged: dict[str, tuple[Assigned, ...]] = {}
        for name in dict.fromkeys(name for end in ends for name in end):
            found = dict.fromkeys(each for end in ends for each in end.get(name, (Assigned(0, ("",)),)))
            merged[name] = tuple(found)[:MOST_VALUES]
        self.values = merged

    def expand(self, text: str, depth: int = 0) -> tuple[Word, ...]:
        """Return the words that a text may become."""
        words: list[Word] = [()]
        for part in _parts(text):
            choices = self.part(part, depth)
            words = [_bounded((*word, *choice)) for word in words[:MOST_VALUES] for choice in choices][:MOST_VALUES]
        return tuple(dict.fromkeys(_joined(word) for word in words))

    def part(self, part: Part, depth: int) -> tuple[Word, ...]:
        if isinstance(part, str):
            return ((part,),)
        inner = part.expression
        name = _NAME.match(inner.removeprefix("$").removeprefix("{"))
        if not inner.startswith("$") or inner.startswith("$(") or name is None or depth > DEEPEST:
            return ((part,),)
        known = self.values.get(name[0])
        rest = inner.removeprefix("${").removesuffix("}")[len(name[0]) :] if inner.startswith("${") else ""
        if rest.startswith((":-", "-")):
            default = self.expand(rest.removeprefix(":").removeprefix("-"), depth + 1)
            if known is None:
                return default
            given = tuple(each.word for each in known if each.word not in {(), ("",)})
            return given if len(given) == len(known) else tuple(dict.fromkeys((*given, *default)))
        if rest:
            return ((part,),)
        return tuple(each.word for each in known) if known is not None else ((part,),)


def _bounded(word: Word) -> Word:
    """Return the word, or a hole in its place where it has grown too long to be an address."""
    joined = _joined(word)
    size = sum(len(part.expression) if isinstance(part, Hole) else len(part) for part in joined)
    return joined if size <= LONGEST_WORD else (Hole("a value that is too long"),)


def _joined(word: Word) -> Word:
    """Return the word with its literal neighbours as one."""
    made: list[Part] = []
    for part in word:
        if isinstance(part, str) and made and isinstance(made[-1], str):
            made[-1] += part
        elif part != "":
            made.append(part)
    return tuple(made)


def _parts(text: str) -> Iterator[Part]:
    """Split a shell word into literal parts and holes; quotes are taken off."""
    at, quote = 0, ""
    while at < len(text):
        each = text[at]
        if each == quote:
            quote, at = "", at + 1
        elif not quote and each in "'\"":
            quote, at = each, at + 1
        elif quote != "'" and each == "\\" and at + 1 < len(text):
            yield text[at + 1]
            at += 2
        elif quote != "'" and each in "$`":
            end = _end(text, at)
            yield Hole(text[at:end]) if end > at + 1 else each
            at = end
        elif not quote and each.isspace():
            return
        else:
            yield each
            at += 1


def _end(text: str, at: int) -> int:
    """Return where the expansion ends that begins here."""
    if text[at] == "`":
        found = text.find("`", at + 1)
        return found + 1 if found >= 0 else len(text)
    if text[at + 1 : at + 2] in {"{", "("}:
        opening = text[at + 1]
        closing, depth = {"{": "}", "(": ")"}[opening], 0
        for index in range(at + 1, len(text)):
            depth += (text[index] == opening) - (text[index] == closing)
            if depth == 0:
                return index + 1
        return len(text)
    name = _NAME.match(text, at + 1)
    return name.end() if name else at + 1


def commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield the simple commands of a script with their lines: joined over open quotes, cut at ``;``, comments left out."""
    held, first = "", 1
    for number, raw in enumerate(text.splitlines()[:MOST_LINES], 1):
        first = first if held else number
        held = f"{held}\n{raw[:LONGEST_LINE]}" if held else raw[:LONGEST_LINE]
        if held.endswith("\\"):
            held = held[:-1]
            continue
        pieces, is_open = _cut(held)
        if is_open and number - first < DEEPEST:
            continue
        for piece in pieces:
            if piece.strip():
                yield first, piece.strip()
        held = ""


def _cut(text: str) -> tuple[list[str], bool]:
    """Return the commands in a text, and whether a quote or a substitution is still open at its end."""
    pieces: list[str] = []
    current, at, quote = "", 0, ""
    while at < len(text):
        each = text[at]
        if each == "\\" and quote != "'":
            current, at = current + text[at : at + 2], at + 2
            continue
        if quote != "'" and each in "$`":
            end = _end(text, at)
            if end == len(text) and not text.endswith(("}", ")", "`")) and text[at + 1 : at + 2] in {"{", "("}:
                return [*pieces, current], True
            current, at = current + text[at:end], end
            continue
        if each in "'\"" and quote in {"", each}:
            quote = "" if quote else each
        elif not quote and each == "#" and (not current or current[-1].isspace()):
            at = text.find("\n", at)
            if at < 0:
                break
            continue
        elif not quote and each in ";\n":
            pieces, current, at = [*pieces, current], "", at + 1
            continue
        current, at = current + each, at + 1
    return [*pieces, current], bool(quote)
