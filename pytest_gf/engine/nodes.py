"""The nodes of the graph: one for each fact and set of axis values, with its needs. Nothing is observed here."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.facts import Fact, Facts

if TYPE_CHECKING:
    from types import TracebackType

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A fact's name, and the values of its axes."""


@dataclass(eq=False, repr=False)
class Node:
    """One fact for one set of axis values, and what became of it."""

    key: Key
    fact: Fact
    needs: dict[str, Node] = field(default_factory=dict)
    every: dict[str, dict[str, Node]] = field(default_factory=dict)
    after: list[Node] = field(default_factory=list)
    """Nodes that must be done before this one is observed, although it does not use their values."""
    evidence: evidence.Evidence | None = None
    height: int = 0
    """The length of the longest chain of nodes that wait for this one. The highest begins first."""
    started: float | None = None
    """When it began, by the monotonic clock. ``began`` is the same by the wall clock."""
    began: float | None = None
    seconds: float = 0.0
    done: bool = False
    value: Any = None
    failure: BaseException | None = None
    traceback: TracebackType | None = None

    def __repr__(self) -> str:
        """Return the name alone: a text with all needs would double with each level."""
        return f"Node({self.name})"

    @functools.cached_property
    def name(self) -> str:
        """The fact and its axes' values, as ``fact-value``: names the evidence file, and the fact to people."""
        return "-".join((self.key[0], *(value for _, value in self.key[1])))

    @functools.cached_property
    def params(self) -> dict[str, str]:
        """The axes' values, by name."""
        return dict(self.key[1])

    def all_needs(self) -> Iterator[Node]:
        """Yield every node whose value or failure this one gets."""
        yield from self.needs.values()
        for group in self.every.values():
            yield from group.values()

    def hard_needs(self) -> Iterator[Node]:
        """Yield the nodes that this one can't do without. Needs that are `IfSeen` are not among them."""
        yield from (need for name, need in self.needs.items() if name not in self.fact.if_seen)
        for group in self.every.values():
            yield from group.values()

    def is_ready(self) -> bool:
        """Tell whether all is done that must be done before this is observed."""
        return all(need.done for need in self.all_needs()) and all(other.done for other in self.after)

    def inherited(self) -> BaseException | None:
        """Return the failure of a need that makes this node fail too. An error takes precedence over an unproven need."""
        failures = [need.failure for need in self.hard_needs() if need.failure is not None]
        errors = [failure for failure in failures if not isinstance(failure, Unproven)]
        return next(iter(errors or failures), None)

    def waited_for(self) -> Node | None:
        """Return the node that decided when this one could begin: the last that ended of those that had to be done before."""
        before = [other for other in (*self.all_needs(), *self.after) if other.started is not None]
        return max(before, key=lambda other: (other.started or 0.0) + other.seconds, default=None)

    def begin(self) -> None:
        """Note that its observation begins now."""
        self.started, self.began = time.monotonic(), time.time()
        self.evidence = evidence.Evidence()

    @property
    def asked_last(self) -> str:
        """The system that was asked last; "" where none was."""
        return str(self.evidence.exchanges[-1]["system"]) if self.evidence and self.evidence.exchanges else ""

    def end(self, value: Any, failure: BaseException | None) -> None:
        """Note what became of it."""
        self.value, self.failure = value, failure
        self.traceback = failure.__traceback__ if failure is not None else None
        if isinstance(failure, ProbeError) and not failure.where:
            failure.where = self.asked_last or self.key[0]
        self.seconds = time.monotonic() - self.started if self.started is not None else 0.0
        self.done = True


class Plan:
    """The nodes of a run's facts. ``axis_values(axis)`` gives every value that the contract has."""

    def __init__(self, facts: Facts, axis_values: Callable[[str], tuple[str, ...]]) -> None:
        self.facts = facts
        self.nodes: dict[Key, Node] = {}
        self._axis_values = axis_values
        self.changing = frozenset(
            name for name in facts.facts if any(fact.changes for fact in facts.closure(name).values())
        )
        """The facts that change something, and those that depend on one that does."""

    def plan(self, wanted: Iterable[tuple[str, Mapping[str, str]]]) -> list[Node]:
        """Return the nodes of these facts, in their order; nothing is observed."""
        return [self._node(name, params) for name, params in wanted]

    def find(self, name: str, params: Mapping[str, str]) -> Node | None:
        """Return the node of a fact that was planned."""
        return self.nodes.get(self._key(name, params))

    def with_needs(self, *nodes: Node) -> list[Node]:
        """Return these nodes and all their needs, each once. Needs come first."""
        return _reached(nodes, Node.all_needs)

    def required(self, nodes: Iterable[Node]) -> list[Node]:
        """Return these nodes and the needs that they can't do without, in the same order."""
        return _reached(nodes, Node.hard_needs)

    def measure(self) -> None:
        """Give every node its height."""
        for node in reversed(self.with_needs(*self.nodes.values())):
            for need in (*node.all_needs(), *node.after):
                need.height = max(need.height, node.height + 1)

    def _key(self, name: str, params: Mapping[str, str]) -> Key:
        return name, tuple((axis, params[axis]) for axis in self.facts.axes_of(name))

    def _node(self, name: str, params: Mapping[str, str]) -> Node:
        key = self._key(name, params)
        if key in self.nodes:
            return self.nodes[key]
        fact = self.facts.facts[name]
        node = self.nodes[key] = Node(key, fact)
        for need in fact.needs:
            if need in fact.every:
                (axis,) = self.facts.axes_of(need)
                node.every[need] = {value: self._node(need, {axis: value}) for value in self._axis_values(axis)}
            elif need in self.facts.facts:
                node.needs[need] = self._node(need, params)
        return node


def _reached(nodes: Iterable[Node], needs_of: Callable[[Node], Iterable[Node]]) -> list[Node]:
    ordered: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in ordered:
            for need in needs_of(node):
                visit(need)
            ordered[node] = None

    for node in nodes:
        visit(node)
    return list(ordered)
