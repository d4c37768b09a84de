"""Shell scripts, read by the grammar of Bash and never run: which commands they hold, in which order, behind which condition."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_gf.honey.formats.bash import DEEPEST, Tree, Unread, is_test
from pytest_gf.honey.formats.commands import Command, Redirect, Scope, Script, Word
from pytest_gf.honey.formats.shell_words import LEAVES, MOVES, moved, unescaped, written_names
from pytest_gf.honey.formats.templates import HOLE, Rendered, rendered

if TYPE_CHECKING:
    from tree_sitter import Node

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IN_QUOTES = '"$`\\'
"""What a backslash takes its meaning from within double quotes."""
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})


def read(text: str, known: Mapping[str, str] | None = None) -> Script:
    """Read a script; ``known`` holds variables that have their values before it begins. Raises Unread."""
    return read_rendered(rendered(text, ()), known)


def read_rendered(given: Rendered, known: Mapping[str, str] | None = None) -> Script:
    """Read a script in which templates were replaced. Raises Unread."""
    tree = Tree(given.text)
    reader = _Reader(tree, given, known or {})
    reader.sequence(tree.root.children, Scope())
    return Script(tuple(reader.commands), tuple(tree.unfit()))


class _Reader:
    """Goes through a tree in the order of a run. What it returns says how a script may end there (see `sequence`)."""

    def __init__(self, tree: Tree, given: Rendered, known: Mapping[str, str]) -> None:
        self.tree = tree
        self.given = given
        self.commands: list[Command] = []
        self.values = dict(known)
        self.arrays: dict[str, tuple[Word, ...]] = {}
        self.loose: set[str] = set()
        """Variables that a function changes: when it is called, nobody knows here."""
        self.directory = ""

    # Statements. Each returns None where the script goes on, "" where it ended, or the condition behind which it ended.

    def sequence(self, nodes: Sequence[Node], scope: Scope) -> str | None:
        """Go through statements; what follows an exit behind a condition stands behind that condition too."""
        left: str | None = None
        for node in nodes:
            ended = self.statement(node, scope)
            if ended is not None and node.next_sibling is not None and node.next_sibling.type == "&":
                continue
            if ended == "":
                return ""
            if ended is not None:
                left = left or ended
                scope = scope.behind(ended)
        return left

    def statement(self, node: Node, scope: Scope) -> str | None:
        if scope.depth > DEEPEST:
            raise Unread(f"commands stand in one another deeper than {DEEPEST}")
        unfit = node.is_error or any(child.is_missing for child in node.children)
        scope = replace(scope, depth=scope.depth + 1, broken=scope.broken or unfit)
        if is_test(node):
            self.within(node, scope)
            return None if scope.conditional else self.raw(node)
        return _KINDS.get(node.type, _Reader.simple)(self, node, scope)

    def block(self, node: Node, scope: Scope) -> str | None:
        return self.sequence(node.children, scope)

    def apart(self, node: Node, scope: Scope) -> str | None:
        """Go through a shell of its own: where it goes to does not move this one, and its end is not this one's."""
        before = self.directory
        self.sequence(node.children, scope)
        self.directory = before
        return None

    def simple(self, node: Node, scope: Scope) -> str | None:
        """Go through what holds no statements but in substitutions."""
        self.within(node, scope)
        return None

    def cases(self, node: Node, scope: Scope) -> str | None:
        text = self.raw(node).splitlines()[0]
        ends = [self.statement(item, scope.behind(text)) for item in node.children if item.type == "case_item"]
        return next((end for end in ends if end), text if "" in ends else None)

    def function(self, node: Node, scope: Scope) -> str | None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if body is not None:
            before, self.directory = self.directory, ""
            self.statement(body, Scope(function=self.raw(name) if name else "?", depth=scope.depth))
            self.directory = before
        return None

    def chain(self, node: Node, scope: Scope) -> str | None:
        """``a && b``, ``a || b``: where the left side tests something, the right side stands behind it."""
        left, right = node.children[0], node.children[-1]
        condition = self.tested((left,))
        before = self.statement(left, replace(scope, conditional=True))
        inner = scope.behind(condition) if condition else replace(scope, conditional=True)
        after = self.statement(right, inner)
        return before or (condition if after == "" else after) or None

    def branches(self, node: Node, scope: Scope) -> str | None:
        kinds = [child.type for child in node.children]
        then = kinds.index("then") if "then" in kinds else len(kinds)
        rest = [child for child in node.children if child.type in {"elif_clause", "else_clause"}]
        parts = [child for child in node.children[:then] if child.type not in {"if", "elif", ";", "\n"}]
        conditions = [part for part in parts if part not in rest]
        body = [part for part in node.children[then + 1 :] if part not in rest]
        for condition in conditions:
            self.statement(condition, replace(scope, conditional=True))
        text = self.tested(conditions)
        inner = scope.behind(text)
        ends = [self.sequence(body, inner), *(self.statement(clause, inner) for clause in rest)]
        return next((end for end in ends if end), text if "" in ends and text else None)

    def loop(self, node: Node, scope: Scope) -> str | None:
        body = node.child_by_field_name("body")
        head = [child for child in node.children if body is None or child.id != body.id]
        name = node.child_by_field_name("variable")
        if name is not None:
            self.forget((self.raw(name),), scope)
        for part in head:
            self.statement(part, replace(scope, conditional=True))
        text = self.tested(head) if node.type == "while_statement" else ""
        return (self.statement(body, scope.behind(text)) or None) if body is not None else None

    def pipeline(self, node: Node, scope: Scope) -> str | None:
        fed = scope.fed
        for child in node.children:
            if child.is_named:
                count, before = len(self.commands), self.directory
                self.statement(child, replace(scope, fed=fed, conditional=True))
                self.directory = before
                fed = self.commands[-1] if len(self.commands) > count else fed
        return None

    def redirected(self, node: Node, scope: Scope) -> str | None:
        made = [self.redirect(child, scope) for child in node.children if child.type in _REDIRECTS]
        body = [child for child in node.children if child.type not in _REDIRECTS and child.is_named]
        count = len(self.commands)
        ended = self.sequence(body, replace(scope, redirects=(*scope.redirects, *made)))
        fed = self.commands[-1] if len(self.commands) > count else None
        for child in node.children:
            if child.type == "heredoc_redirect":
                self.behind_heredoc(child, replace(scope, fed=fed))
        return ended

    def behind_heredoc(self, node: Node, scope: Scope) -> None:
        """Go through what stands on the line of ``<<``, and through the substitutions in the text below it."""
        for child in node.children:
            if child.type in {"heredoc_body", "file_redirect", "herestring_redirect"}:
                self.within(child, replace(scope, fed=None))
            elif child.is_named and child.type not in {"heredoc_start", "heredoc_end"}:
                self.statement(child, scope)

    def redirect(self, node: Node, scope: Scope) -> Redirect:
        if node.type == "heredoc_redirect":
            body = next((child for child in node.children if child.type == "heredoc_body"), None)
            start = next((child for child in node.children if child.type == "heredoc_start"), None)
            quoted = start is not None and self.raw(start)[:1] in {"'", '"', "\\"}
            raw = self.raw(body) if body is not None else ""
            text = raw if quoted or ("$" not in raw and "`" not in raw) else self.filled(body) if body else ""
            return Redirect(
                "<<",
                Word(
                    self.given.holed(text, body.start_byte) if quoted and body else text, raw, self.line(body or node)
                ),
            )
        target = next((child for child in reversed(node.children) if child.is_named), None)
        sign = next((self.raw(child) for child in node.children if not child.is_named), ">")
        if target is not None:
            self.within(node, scope)
        return Redirect(sign, self.word(target) if target is not None else Word("", "", self.line(node)))

    def command(self, node: Node, scope: Scope) -> str | None:
        words: list[Word] = []
        assigned: dict[str, Word] = {}
        redirects = list(scope.redirects)
        for child in node.children:
            if child.type == "variable_assignment":
                name, value = self.assignment(child)
                assigned[name] = value
            elif child.type in _REDIRECTS:
                redirects.append(self.redirect(child, scope))
            elif child.type == "command_name":
                words += [word for inner in child.children for word in self.words(inner)]
            elif child.is_named and child.type != "comment":
                words += self.words(child)
        self.within(node, scope)
        given: dict[str, Any] = {
            "assigned": assigned,
            "redirects": tuple(redirects),
            "fed": scope.fed,
            "directory": self.directory,
        }
        self.enter(node, scope, self.line(node), tuple(words), **given)
        first = words[0].text if words else ""
        if first in MOVES:
            self.directory = moved(self.directory, words)
        self.forget(written_names(words), scope)
        if first in {".", "source"}:
            self.values.clear()
        if (first in LEAVES or (first == "exec" and len(words) > 1)) and not scope.broken:
            return scope.guard or (None if scope.conditional else "")
        if first == "test" and not scope.conditional:
            return self.raw(node)
        return None

    def enter(self, node: Node, scope: Scope, line: int, words: tuple[Word, ...] = (), **given: Any) -> None:
        given |= {"guard": scope.guard, "function": scope.function, "broken": scope.broken}
        self.commands.append(Command(line, words, self.raw(node), **given))

    def within(self, node: Node, scope: Scope) -> None:
        """Go through the substitutions in a node, at any depth of strings and words."""
        pending = list(reversed(node.children))
        while pending:
            child = pending.pop()
            if child.type in {"command_substitution", "process_substitution"}:
                self.statement(child, replace(scope, redirects=(), fed=None, conditional=True))
            elif child.type not in {"heredoc_redirect", "command"}:
                pending += reversed(child.children)

    # Values.

    def forget(self, names: Sequence[str], scope: Scope) -> None:
        """Take it that only a run knows what these variables are from here on."""
        self.values.update(dict.fromkeys(names, HOLE))
        self.loose.update(names if scope.function else ())

    def assignments(self, node: Node, scope: Scope) -> str | None:
        if node.type == "unset_command":
            self.forget([self.raw(child) for child in node.children if child.is_named], scope)
        nodes = [node] if node.type == "variable_assignment" else node.children
        for child in nodes:
            if child.type == "variable_assignment":
                name, value = self.assignment(child, is_sure=scope.is_sure)
                if scope.function:
                    self.loose.add(name)
                sure = value.known and scope.is_sure and name not in self.loose and "+=" not in value.raw
                self.values[name] = value.text if sure or self.values.get(name) == value.text else HOLE
                self.enter(child, scope, self.line(node), assigned={name: value})
        return self.simple(node, scope)

    def assignment(self, node: Node, *, is_sure: bool = True) -> tuple[str, Word]:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        said = self.raw(name) if name is not None else ""
        if value is not None and value.type == "array":
            words = tuple(word for child in value.children if child.is_named for word in self.words(child))
            before = self.arrays.get(said, ()) if self.raw(node).startswith(f"{said}+=") else ()
            # Which of two arrays a run has, nobody knows here: no word of it is.
            is_sure = is_sure and said not in self.loose
            self.arrays[said] = (*before, *words) if is_sure else (Word(HOLE, self.raw(node), self.line(node)),)
            return said, Word(HOLE, self.raw(node), self.line(node))
        word = self.word(value) if value is not None else Word("", "", self.line(node))
        return said, replace(word, raw=self.raw(node))

    def words(self, node: Node) -> list[Word]:
        """Return the words that a node becomes: a known variable without quotes is split, an array is laid out."""
        raw = self.raw(node)
        name = raw.strip('"').removeprefix("${").removesuffix("[@]}")
        if raw.strip('"') == f"${{{name}[@]}}" and name in self.arrays:
            return list(self.arrays[name])
        word = self.word(node)
        if node.type in {"simple_expansion", "expansion"} and word.known:
            return [Word(part, raw, word.offset) for part in word.text.split()]
        return [word]

    def word(self, node: Node) -> Word:
        return Word(self.filled(node), self.raw(node), self.line(node))

    def filled(self, node: Node) -> str:
        """Return a node's text: quotes off, known variables in their place, `HOLE` for what only a run would know."""
        kind, raw = node.type, self.raw(node)
        if kind == "raw_string":
            return self.given.holed(raw[1:-1], node.start_byte + 1)
        if kind in {"simple_expansion", "expansion"}:
            name = raw.removeprefix("$").removeprefix("{").removesuffix("}")
            return self.values.get(name, HOLE)
        if kind in {"command_substitution", "process_substitution", "arithmetic_expansion"}:
            return HOLE
        if kind == "ansi_c_string":
            return unescaped(raw[2:-1])
        if not node.children:
            return self.plain(node, raw)
        return self.joined(node)

    def joined(self, node: Node) -> str:
        """Return the parts of a string, a concatenation or a here-document, and what stands between them."""
        quoted = node.type in {"string", "translated_string"}
        parts: list[str] = []
        at = node.start_byte
        for child in node.children:
            between = self.tree.source[at : child.start_byte]
            parts.append(self.given.holed(between.decode("utf-8", "replace"), at))
            mark = quoted and child.type in {'"', '$"', "$"} and not child.is_named
            parts.append("" if mark else self.filled(child))
            at = child.end_byte
        parts.append(self.given.holed(self.tree.source[at : node.end_byte].decode("utf-8", "replace"), at))
        return "".join(parts)

    def plain(self, node: Node, raw: str) -> str:
        text = self.given.holed(raw, node.start_byte)
        if "\\" not in text:
            return text
        kept = "\\" if node.type == "string_content" else ""

        def one(escaped: re.Match[str]) -> str:
            return "" if escaped[1] == "\n" else f"{kept if escaped[1] not in _IN_QUOTES else ''}{escaped[1]}"

        return _ESCAPED.sub(one, text)

    def raw(self, node: Node) -> str:
        return self.given.original(self.tree.text(node), node.start_byte)

    def line(self, node: Node) -> int:
        return self.given.line(node.start_byte, node.start_point.row)

    # Conditions.

    def tested(self, nodes: Sequence[Node]) -> str:
        """Return a condition's text where it tests a value; "" where it only runs something, which may go either way."""
        pending = list(nodes)
        while pending:
            node = pending.pop(0)
            if is_test(node) or (node.type == "command" and self.tree.program(node) in {"test", "grep", "["}):
                return " ".join(self.raw(nodes[0]).split())
            if node.type not in {"command_substitution", "do_group"}:
                pending += node.children
        return ""


_KINDS: Mapping[str, Callable[[_Reader, Node, Scope], str | None]] = {
    "command": _Reader.command,
    "list": _Reader.chain,
    "pipeline": _Reader.pipeline,
    "case_statement": _Reader.cases,
    "function_definition": _Reader.function,
    **dict.fromkeys(("program", "compound_statement", "do_group", "else_clause", "case_item", "ERROR"), _Reader.block),
    **dict.fromkeys(("subshell", "command_substitution", "process_substitution"), _Reader.apart),
    **dict.fromkeys(("redirected_statement", "negated_command"), _Reader.redirected),
    **dict.fromkeys(("if_statement", "elif_clause"), _Reader.branches),
    **dict.fromkeys(("while_statement", "for_statement", "c_style_for_statement"), _Reader.loop),
    **dict.fromkeys(("variable_assignment", "variable_assignments"), _Reader.assignments),
    **dict.fromkeys(("declaration_command", "unset_command"), _Reader.assignments),
}
