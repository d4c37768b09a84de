"""YAML as GitHub's runner reads it, bounded: nodes with their lines; anchors are followed, never multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

LONGEST = 1_000_000
"""Characters of one document; GitHub refuses workflows far smaller than that."""
DEEPEST = 60
MOST_ANCHORS = 200
MOST_NODES = 100_000
"""Nodes of one document, an alias counted as all that it stands for."""
_CONSTANTS = {
    **{word: said for said in ("true", "false") for word in (said, said.title(), said.upper())},
    **dict.fromkeys(("null", "Null", "NULL", "~"), ""),
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Malformed(ValueError):
    """A text that is not read: at which line (from 1), and what is wrong there."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.what = what


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text. ``plain``: it stands without quotes, so that true, True, TRUE and null mean what YAML 1.2 says.

    Only ``on``, ``yes``, ``no`` and ``off`` stay the words that they are: the runner reads YAML 1.2.
    """

    text: str
    plain: bool
    line: int

    @property
    def value(self) -> str:
        """The text that an action's input gets: a plain True is ``true``, a plain null is empty."""
        return _CONSTANTS.get(self.text, self.text) if self.plain else self.text


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence; ``tag`` is what stands before it, as GitLab's ``!reference``."""

    nodes: tuple[Node, ...]
    line: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; no key stands twice. Merge keys (``<<``) are resolved, as GitLab and Forgejo do; GitHub refuses them."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int

    def get(self, name: str) -> Node | None:
        """Return the value of a key."""
        return next((node for key, node in self.entries if key.text == name), None)


Node: TypeAlias = Scalar | Items | Table


def within(node: Node | None, *keys: str) -> Node | None:
    """Return what stands below these keys, each in the mapping of the one before it; None where there is no such thing."""
    for key in keys:
        node = node.get(key) if isinstance(node, Table) else None
    return node


def entries(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    """Return the entries of a mapping; none for what is no mapping."""
    return node.entries if isinstance(node, Table) else ()


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the nodes of a sequence; none for what is no sequence."""
    return node.nodes if isinstance(node, Items) else ()


def words(node: Node | None) -> tuple[str, ...]:
    """Return the words of a list, or of one word."""
    listed = (node,) if isinstance(node, Scalar) else items(node)
    return tuple(item.value for item in listed if isinstance(item, Scalar))


def read(text: str) -> Node | None:
    """Return the one document in a text; None for an empty one. Raises Malformed, before anything is expanded."""
    return next(iter(read_all(text, most=1)), None)


def read_all(text: str, *, most: int = 200) -> list[Node]:
    """Return the documents of a stream, at most so many. Raises Malformed."""
    return list(_documents(text, most=most))


def _documents(text: str, *, most: int) -> Iterator[Node]:
    if len(text) > LONGEST:
        raise Malformed(1, f"{len(text)} characters; at most {LONGEST} are read")
    reader = _Reader(most)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if (document := reader.take(event)) is not None:
                yield document
    except Malformed:
        raise
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        raise Malformed(mark.line + 1 if mark is not None else 1, f"no YAML: {wrong.problem}") from None
    except (yaml.YAMLError, ValueError) as wrong:
        raise Malformed(1, f"no YAML: {' '.join(str(wrong).split())[:200]}") from None


@dataclass
class _Open:
    """A collection that has not ended; ``weight`` counts the nodes below it, aliases expanded."""

    event: Any
    nodes: list[Node]
    weight: int = 1

    def closed(self) -> Node:
        line = self.event.start_mark.line + 1
        if isinstance(self.event, yaml.SequenceStartEvent):
            return Items(tuple(self.nodes), line, self.event.tag or "")
        entries: list[tuple[Scalar, Node]] = []
        merged: list[Table] = []
        seen: set[str] = set()
        for key, node in zip(self.nodes[::2], self.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise Malformed(key.line, "a key that is no plain text")
            if key.text == "<<" and key.plain:
                merged += _tables(node)
                continue
            if key.text in seen:
                raise Malformed(key.line, f"the key {key.text!r} stands twice")
            seen.add(key.text)
            entries.append((key, node))
        for table in merged:
            entries += [(key, node) for key, node in table.entries if key.text not in seen]
            seen.update(key.text for key, _ in table.entries)
        return Table(tuple(entries), line)


def _tables(node: Node) -> list[Table]:
    """Return the mappings that a merge key names, the one that counts first. Raises Malformed."""
    named = node.nodes if isinstance(node, Items) else (node,)
    tables = [table for table in named if isinstance(table, Table)]
    if len(tables) != len(named):
        raise Malformed(node.line, "a merge key names what is no mapping")
    return tables


class _Reader:
    """Builds nodes from events, holding the limits as they come."""

    def __init__(self, most: int) -> None:
        self.most, self.documents = most, 0
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}

    def take(self, event: Any) -> Node | None:
        """Take the next event; return the document that it ends."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.anchors.clear()
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(self.open) >= DEEPEST:
                raise Malformed(line, f"nested deeper than {DEEPEST}")
            self.open.append(_Open(event, []))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            done = self.open.pop()
            return self._place(done.closed(), done.weight, done.event)
        elif isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and not event.style
            return self._place(Scalar(event.value, plain, line), 1, event)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise Malformed(line, f"the alias *{event.anchor} has no anchor before it")
            return self._place(*self.anchors[event.anchor], event)
        return None

    def _place(self, node: Node, weight: int, event: Any) -> Node | None:
        if event.anchor is not None:
            self.anchors[event.anchor] = node, weight
            if len(self.anchors) > MOST_ANCHORS:
                raise Malformed(node.line, f"more than {MOST_ANCHORS} anchors")
        if not self.open:
            self.documents += 1
            if self.documents > self.most:
                raise Malformed(node.line, f"more than {self.most} document(s) in one file")
            return node
        above = self.open[-1]
        above.nodes.append(node)
        above.weight += weight
        if sum(collection.weight for collection in self.open) > MOST_NODES:
            raise Malformed(node.line, f"more than {MOST_NODES} nodes, aliases counted in full")
        return None
