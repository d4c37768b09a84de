"""direnv's ``.envrc``, read and never run: what it assigns in a clean environment, as far as its text says it.

The grammar is Bash's (`bash.Tree`). Understood: assignments, ``export``, ``$X``, ``${X}``, ``${X:-default}``, if/elif/else and case.
What else gives a value is a hole. What stands in a loop or behind ``&&`` and ``||`` may run or not, so both values are kept.
A subshell and a pipeline change nothing outside of them. What a function assigns counts where it is called, as a value not read.
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
"""Of one variable. Where there are more, a hole stands for the rest, so that no value is dropped without a word."""
LONGEST_WORD = 2_000
"""Characters of one value."""
DEEPEST = 20
_DEFAULTED = linear(r"(?s)^:\s+\"?\$\{([A-Za-z_]\w*):?=(.*)\}\"?\s*$")
_NAME = linear(r"^[A-Za-z_]\w*")
_LOOPS = frozenset({"for_statement", "c_style_for_statement", "while_statement"})
_SUBSTITUTIONS = ("command_substitution", "process_substitution")
_HOLES = frozenset({"simple_expansion", "expansion", "arithmetic_expansion", "array", *_SUBSTITUTIONS})
_BLOCKS = frozenset({"program", "compound_statement", "redirected_statement", "do_group"})


@dataclass(frozen=True)
class Hole:
    """A part of a value that the text does not say: the expression that gives it, or why it was not read."""

    expression: str
    is_unread: bool = False


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
        return "".join(f"<{part.expression}>" if isinstance(part, Hole) else part for part in self.word)

    @property
    def holes(self) -> tuple[str, ...]:
        """The expressions that are not literal."""
        return tuple(part.expression for part in self.word if isinstance(part, Hole))

    @property
    def unread(self) -> str:
        """Why a part of the value was not read ("" where all was)."""
        return next((part.expression for part in self.word if isinstance(part, Hole) and part.is_unread), "")


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
        tree = bash.Tree(text)
        reader = _Reader(tree)
        reader.block(tree.root.children, 0)
    except bash.Unread as wrong:
        return Envrc({}, (), (1, str(wrong)))
    broken = next(tree.unfit(), None)
    return Envrc(
        reader.values,
        tuple(reader.commands),
        None if broken is None else (broken[0] + 1, "no shell that is understood"),
    )


class _Reader:
    def __init__(self, tree: bash.Tree) -> None:
        self.raw = tree.text
        self.values: Values = {}
        self.commands: list[tuple[int, str]] = []
        self.functions: dict[str, tuple[str, ...]] = {}

    def block(self, nodes: Sequence[Node], depth: int) -> None:
        for node in nodes:
            self.statement(node, depth)

    def statement(self, node: Node, depth: int) -> None:
        if depth > bash.DEEPEST:
            raise bash.Unread(f"commands stand in one another deeper than {bash.DEEPEST}")
        kind = node.type
        if kind in {"command", "declaration_command", "variable_assignment", "variable_assignments", "unset_command"}:
            self.simple(node, node.start_point.row + 1)
        elif kind == "if_statement":
            self.branches(node, depth)
        elif kind == "case_statement":
            self.cases(node, depth)
        elif kind in _LOOPS or kind == "list":
            self.maybe(node, depth)
        elif kind == "function_definition":
            self.function(node)
        elif kind in _BLOCKS or node.is_error:
            self.block(node.children, depth + 1)

    def simple(self, node: Node, line: int) -> None:
        self.commands.append((line, self.raw(node)))
        if node.type == "command":
            self.command(self.raw(node), line)
        for child in [node] if node.type == "variable_assignment" else node.children:
            if node.type == "unset_command" and child.is_named:
                self.values.pop(self.raw(child), None)
            elif node.type != "command" and child.type == "variable_assignment":
                self.assign(self.raw(child), line)

    def command(self, text: str, line: int) -> None:
        """Take in what a command assigns: ``: ${X:=default}``, or a function that was defined above."""
        defaulted = _DEFAULTED.match(text)
        if defaulted is not None:
            known = self.values.get(defaulted[1])
            empty = known is None or any(value.word in _EMPTY for value in known)
            default = [Assigned(line, word) for word in self.expand(defaulted[2])] if empty else []
            given = [value for value in known or () if value.word not in _EMPTY]
            self.values[defaulted[1]] = _most([*given, *default])
        name = text.split(maxsplit=1)[0] if text.strip() else ""
        for assigned in self.functions.get(name, ()):
            unread = Assigned(line, (Hole(f"what the function {name} leaves", is_unread=True),))
            self.values[assigned] = _most([*self.values.get(assigned, ()), unread])

    def assign(self, text: str, line: int) -> None:
        name, _, value = text.partition("=")
        words = self.expand(value)
        if name.endswith("+"):
            name = name.removesuffix("+")
            before = [value.word for value in self.values.get(name, ())] or [()]
            words = tuple(_bounded((*first, *second)) for first in before for second in words)
        self.values[name] = _most([Assigned(line, word) for word in words])

    def function(self, node: Node) -> None:
        """Keep the names that a function assigns."""
        name = node.child_by_field_name("name")
        names, pending = list[str](), list(node.children)
        while pending:
            child = pending.pop()
            if child.type == "variable_assignment":
                names.append(self.raw(child).partition("=")[0].removesuffix("+"))
            pending += child.children
        if name is not None:
            self.functions[self.raw(name)] = tuple(dict.fromkeys(names))

    def maybe(self, node: Node, depth: int) -> None:
        """Go through a loop, or through ``a && b``: the body or the right side may run or not."""
        first = node.children[0] if node.type == "list" and node.children else None
        if first is not None:
            self.statement(first, depth + 1)
        before = dict(self.values)
        self.block([child for child in node.children if child != first], depth + 1)
        # A variable that had no value before is what the right side gives: `has nix && export X=1` means to set X.
        self.merge([self.values, {**self.values, **before}])

    def branches(self, node: Node, depth: int) -> None:
        kinds = [child.type for child in node.children]
        clauses = [child for child in node.children if child.type in {"elif_clause", "else_clause"}]
        own = node.children[kinds.index("then") + 1 :] if "then" in kinds else []
        bodies = [[child for child in own if child not in clauses]]
        bodies += [
            [part for part in clause.children if part.type not in {"elif", "else", "then"}] for clause in clauses
        ]
        self.alternatives(bodies, depth, is_whole="else_clause" in kinds)

    def cases(self, node: Node, depth: int) -> None:
        items = [item for item in node.children if item.type == "case_item"]
        is_whole = any(self.raw(item).lstrip("( ").startswith("*)") for item in items)
        self.alternatives([item.children for item in items], depth, is_whole=is_whole)

    def alternatives(self, bodies: Sequence[Sequence[Node]], depth: int, *, is_whole: bool) -> None:
        """Go through bodies of which a run takes one, or none of them: a variable may be whatever one of them left."""
        before, ends = self.values, list[Values]()
        for body in bodies:
            self.values = dict(before)
            self.block(body, depth + 1)
            ends.append(self.values)
        self.merge(ends if is_whole else [*ends, before])

    def merge(self, ends: Sequence[Values]) -> None:
        """Keep what each variable may be where several ways meet; empty where a way does not assign it."""
        self.values = {
            name: _most([value for end in ends for value in end.get(name, (Assigned(0, ("",)),))])
            for name in dict.fromkeys(name for end in ends for name in end)
        }

    def expand(self, text: str, depth: int = 0) -> tuple[Word, ...]:
        """Return the words that a text may become."""
        words: list[Word] = [()]
        for part in _parts(text):
            choices = self.part(part, depth)
            words = [_bounded((*word, *choice)) for word in words for choice in choices]
            if len(words) > MOST_VALUES:
                words = [*words[: MOST_VALUES - 1], (_REST,)]
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
            given = tuple(value.word for value in known if value.word not in _EMPTY)
            return given if len(given) == len(known) else tuple(dict.fromkeys((*given, *default)))
        if rest:
            return ((part,),)
        return tuple(value.word for value in known) if known is not None else ((part,),)


_REST = Hole(f"one of more than {MOST_VALUES} values", is_unread=True)
_EMPTY = frozenset[Word]({(), ("",)})


def _most(values: Sequence[Assigned]) -> tuple[Assigned, ...]:
    """Return the values, each once. A hole stands in the place of those that are too many."""
    once = tuple(dict.fromkeys(values))
    if len(once) <= MOST_VALUES:
        return once
    return (*once[: MOST_VALUES - 1], Assigned(once[MOST_VALUES - 1].line, (_REST,)))


def _bounded(word: Word) -> Word:
    """Return the word, or a hole in its place where it has grown too long to be an address."""
    joined = _joined(word)
    size = sum(len(part.expression) if isinstance(part, Hole) else len(part) for part in joined)
    return joined if size <= LONGEST_WORD else (Hole("a value that is too long", is_unread=True),)


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
    tree = bash.Tree(f"x={text}")
    value = tree.root.children[0].child_by_field_name("value") if tree.root.children else None
    if value is not None and not tree.root.has_error:
        yield from _of(value, tree)
    elif text:
        # A default like `a b` is a value within quotes only.
        plain = text.strip("\"'")
        yield plain if "$" not in plain and "`" not in plain else Hole(text)


def _of(node: Node, tree: bash.Tree) -> Iterator[Part]:
    raw = tree.text(node)
    if node.type in _HOLES:
        yield Hole(raw)
    elif node.type == "raw_string":
        yield raw[1:-1]
    elif node.type == "ansi_c_string":
        yield raw[2:-1] if "\\" not in raw else Hole(raw)
    elif not node.children:
        yield raw.replace("\\", "") if node.type == "word" else raw
    else:
        at = node.start_byte
        for child in node.children:
            yield tree.source[at : child.start_byte].decode("utf-8", "replace")
            if child.is_named or child.type not in {'"', '$"'}:
                yield from _of(child, tree)
            at = child.end_byte
        yield tree.source[at : node.end_byte].decode("utf-8", "replace")
