"""direnv's ``.envrc``, read and never run: what it assigns in a clean environment, as far as its text says it.

The grammar is Bash's (`bash.tree`). Understood: assignments, ``export``, ``$X``, ``${X}``, ``${X:-default}``, if/elif/else.
What else gives a value is a hole; what stands in a function, a loop or a case may run never, once or often, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.honey.formats import bash
from pytest_gf.honey.formats.linear import linear

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_VALUES = 16
LONGEST_WORD = 2_000
"""Characters of one value."""
DEEPEST = 20
_DEFAULTED = linear(r"(?s)^:\s+\"?\$\{([A-Za-z_]\w*):?=(.*)\}\"?\s*$")
_NAME = linear(r"^[A-Za-z_]\w*")
_OPAQUE = frozenset(
    {
        "function_definition",
        "for_statement",
        "c_style_for_statement",
        "while_statement",
        "case_statement",
        "subshell",
        "pipeline",
    }
)


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


Values = dict[str, tuple[Assigned, ...]]


@dataclass(frozen=True)
class Envrc:
    """What was read: what each variable may be, the commands with their lines, and why it is not all understood ("" where it is)."""

    values: Values
    commands: tuple[tuple[int, str], ...] = ()
    broken: tuple[int, str] | None = None


def read(text: str) -> Envrc:
    """Return what each variable may be at the end, in a clean environment. Bounded; never raises."""
    try:
        root = bash.tree(text)
        reader = _Reader(text)
        reader.block(root.children, 0)
    except bash.Unread as wrong:
        return Envrc({}, (), (1, str(wrong)))
    broken = next(bash.unfit(root), None)
    return Envrc(
        reader.values,
        tuple(reader.commands),
        None if broken is None else (broken[0] + 1, f"no shell that is understood: {broken[1]}"),
    )


class _Reader:
    def __init__(self, text: str) -> None:
        self.source = text.encode("utf-8", "surrogatepass")
        self.values: Values = {}
        self.commands: list[tuple[int, str]] = []

    def raw(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def block(self, nodes: Sequence[Node], depth: int) -> None:
        for node in nodes:
            self.statement(node, depth)

    def statement(self, node: Node, depth: int) -> None:
        if depth > bash.DEEPEST:
            raise bash.Unread(f"commands stand in one another deeper than {bash.DEEPEST}")
        line, kind = node.start_point.row + 1, node.type
        if kind in {"command", "declaration_command", "variable_assignment", "variable_assignments", "unset_command"}:
            self.commands.append((line, self.raw(node)))
            self.simple(node, line, kind)
        elif kind == "if_statement":
            self.branches(node, depth)
        elif kind in {"program", "compound_statement", "redirected_statement", "list"} or node.is_error:
            self.block(node.children, depth + 1)
        elif kind in _OPAQUE:
            return

    def simple(self, node: Node, line: int, kind: str) -> None:
        if kind == "command":
            found = _DEFAULTED.match(self.raw(node))
            if found is not None and found[1] not in self.values:
                self.values[found[1]] = tuple(Assigned(line, each) for each in self.expand(found[2]))
        elif kind == "unset_command":
            for each in node.children:
                if each.is_named:
                    self.values.pop(self.raw(each), None)
        else:
            for each in [node] if kind == "variable_assignment" else node.children:
                if each.type == "variable_assignment":
                    name, _, value = self.raw(each).partition("=")
                    words = self.expand(value)
                    self.values[name.removesuffix("+")] = tuple(Assigned(line, word) for word in words)

    def branches(self, node: Node, depth: int) -> None:
        """Go through an if: a variable may be whatever one of its branches left."""
        before, ends = dict(self.values), list[Values]()
        body: list[Node] = []
        has_else = seen_then = False
        for each in node.children:
            if each.type in {"elif_clause", "else_clause"}:
                self.values = dict(before)
                self.block([one for one in each.children if one.type not in {"elif", "else", "then"}], depth + 1)
                ends.append(self.values)
                has_else = has_else or each.type == "else_clause"
            elif seen_then:
                body.append(each)
            seen_then = seen_then or each.type == "then"
        self.values = dict(before)
        self.block(body, depth + 1)
        ends = [self.values, *ends] + ([] if has_else else [before])
        merged: Values = {}
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
    """Split a value into literal parts and holes, by the grammar; quotes are taken off."""
    source = f"x={text}".encode("utf-8", "surrogatepass")
    root = bash.tree(f"x={text}")
    value = root.children[0].child_by_field_name("value") if root.children else None
    if value is not None and not root.has_error:
        yield from _of(value, source)
    elif text:
        # A default like `a b` is a value within quotes only.
        plain = text.strip("\"'")
        yield plain if "$" not in plain and "`" not in plain else Hole(text)


def _of(node: Node, source: bytes) -> Iterator[Part]:
    raw = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if node.type in {
        "simple_expansion",
        "expansion",
        "command_substitution",
        "arithmetic_expansion",
        "process_substitution",
        "array",
    }:
        yield Hole(raw)
    elif node.type == "raw_string":
        yield raw[1:-1]
    elif node.type == "ansi_c_string":
        yield raw[2:-1]
    elif not node.children:
        yield raw.replace("\\", "") if node.type == "word" else raw
    else:
        at = node.start_byte
        for each in node.children:
            yield source[at : each.start_byte].decode("utf-8", "replace")
            if each.is_named or each.type not in {'"', '$"'}:
                yield from _of(each, source)
            at = each.end_byte
        yield source[at : node.end_byte].decode("utf-8", "replace")
