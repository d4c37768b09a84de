"""The run-wide graph of facts: each observed once, in a daemon thread of its own, readers before what changes."""

from __future__ import annotations

import contextvars
import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import DeadlineExceeded, Unproven
from pytest_gf.engine.facts import GIVENS, Fact, Facts, IfSeen

if TYPE_CHECKING:
    from types import TracebackType

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A fact's name, and the values of its axes."""

WIDTH = 32
"""How many facts observe at once: enough to overlap their waits, few enough not to be a load on a small cluster."""


@dataclass(eq=False, repr=False)
class Node:
    """One fact for one set of axis values, and what became of it."""

    key: Key
    fact: Fact
    needs: dict[str, Node] = field(default_factory=dict)
    every: dict[str, dict[str, Node]] = field(default_factory=dict)
    after: list[Node] = field(default_factory=list)
    evidence: evidence.Evidence | None = None
    height: int = 0
    """How long the longest chain is that waits for this; the highest begin first."""
    started: float | None = None
    seconds: float = 0.0
    done: bool = False
    value: Any = None
    failure: BaseException | None = None
    traceback: TracebackType | None = None

    def __repr__(self) -> str:
        """Return the name: with its needs, a node's text would double with every level of the house."""
        return f"Node({self.name})"

    @functools.cached_property
    def name(self) -> str:
        """The fact and its axes' values, as ``fact-value``: names the evidence file, and the fact to people."""
        return "-".join((self.key[0], *(value for _, value in self.key[1])))

    @functools.cached_property
    def params(self) -> dict[str, str]:
        """The axes' values, by name."""
        return dict(self.key[1])

    def waits_for(self) -> Iterator[Node]:
        """Yield every node that must be done before this one observes."""
        yield from self.needs.values()
        for nodes in self.every.values():
            yield from nodes.values()
        yield from self.after


class Graph:
    """Plans, starts and hands out facts. ``value`` is called from the main thread only.

    ``axis_values(axis)`` gives every value that the contract has; ``permit(word)`` raises Unproven where the target does
    not allow the change; ``finished(node)`` is called in the thread that observed, once for each fact that ran.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        givens: Mapping[str, Callable[[], Any]],
        axis_values: Callable[[str], tuple[str, ...]],
        permit: Callable[[str], None],
        finished: Callable[[Node], None],
        deadline: float,
        width: int = WIDTH,
    ) -> None:
        self.facts = facts
        self._givens = givens
        self._axis_values = axis_values
        self._permit = permit
        self._finished = finished
        self._deadline = deadline
        self._width = width
        self._nodes: dict[Key, Node] = {}
        self._changing: set[str] = {name for name, made in facts.facts.items() if self._is_changing(made)}
        self._chain: list[Node] = []
        self._running: set[Node] = set()
        self._waiting: list[Node] = []
        self._state = threading.Condition()
        self._stuck: Node | None = None

    def start(self, wanted: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Plan these facts and all that they need, and observe those that change nothing."""
        planned = [self._plan(name, params) for name, params in wanted]
        with self._state:
            for node in self._in_order(planned):
                if node.fact.name not in self._changing and not self._begun(node):
                    self._waiting.append(node)
            self._order_by_height()
            self._launch()

    def plan(self, wanted: Iterable[tuple[str, Mapping[str, str]]]) -> list[Node]:
        """Return the nodes of these facts, in their order; nothing is observed."""
        return [self._plan(name, params) for name, params in wanted]

    def with_needs(self, *nodes: Node) -> list[Node]:
        """Return these nodes and all that they need, each once, needs first."""
        return list(self._in_order(nodes))

    def required(self, nodes: Iterable[Node]) -> list[Node]:
        """Return these nodes and what they can't be observed without: what is only asked for `IfSeen` is left out."""
        found: dict[Node, None] = {}
        pending = list(nodes)
        while pending:
            node = pending.pop()
            if node not in found:
                found[node] = None
                pending += [need for name, need in node.needs.items() if name not in node.fact.if_seen]
                pending += [each for group in node.every.values() for each in group.values()]
        return list(found)

    def value(self, name: str, params: Mapping[str, str]) -> Any:
        """Return the fact's value, waiting for it. Raises what its observation raised, with its first traceback."""
        if self._key(name, params) not in self._nodes:  # By request.getfixturevalue: no signature showed it.
            self.start([(name, params)])
        node = self._nodes[self._key(name, params)]
        if not node.done:
            self._wait_for(node)
        if node.failure is not None:
            raise node.failure.with_traceback(node.traceback)
        return node.value

    def _wait_for(self, node: Node) -> None:
        with self._state:
            self._ask(node)
            while not node.done:
                self._state.wait(self._until_next_deadline())
                self._expire()

    def find(self, name: str, params: Mapping[str, str]) -> Node | None:
        """Return the node of a fact that was planned."""
        return self._nodes.get(self._key(name, params))

    def _is_changing(self, made: Fact) -> bool:
        return any(each.changes for each in self.facts.closure(made.name).values())

    def _key(self, name: str, params: Mapping[str, str]) -> Key:
        return name, tuple((axis, params[axis]) for axis in self.facts.axes_of(name))

    def _plan(self, name: str, params: Mapping[str, str]) -> Node:
        key = self._key(name, params)
        if key in self._nodes:
            return self._nodes[key]
        made = self.facts.facts[name]
        node = self._nodes[key] = Node(key, made)
        for need in made.needs:
            if need in made.every:
                (axis,) = self.facts.axes_of(need)
                node.every[need] = {each: self._plan(need, {axis: each}) for each in self._axis_values(axis)}
            elif need in self.facts.facts:
                node.needs[need] = self._plan(need, params)
        return node

    def _in_order(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """Yield nodes and what they need, needs first, each once; recursion is as deep as the house is."""
        seen: set[Node] = set()

        def visit(node: Node) -> Iterator[Node]:
            if node not in seen:
                seen.add(node)
                for need in (*node.needs.values(), *(each for group in node.every.values() for each in group.values())):
                    yield from visit(need)
                yield node

        for node in nodes:
            yield from visit(node)

    # From here on: called with self._state held, but for _observe and _arguments.

    def _order_by_height(self) -> None:
        for node in reversed(list(self._in_order(self._nodes.values()))):
            for need in node.waits_for():
                need.height = max(need.height, node.height + 1)
        self._waiting.sort(key=lambda node: -node.height)

    def _begun(self, node: Node) -> bool:
        return node.done or node in self._running or node in self._waiting

    def _ask(self, node: Node) -> None:
        """Queue what changes something, and what depends on it, the first time that a clause asks for it.

        One at a time, behind every reader: what is observed of the system is observed before we touch it.
        """
        for each in self._in_order([node]):
            if each.fact.name in self._changing and each not in self._chain:
                readers = [other for other in self._nodes.values() if other.fact.name not in self._changing]
                each.after = [*readers, *self._chain[-1:]]
                self._chain.append(each)
                self._waiting.append(each)
        self._launch()

    def _launch(self) -> None:
        progress = True
        while progress:
            progress = False
            for node in [each for each in self._waiting if all(need.done for need in each.waits_for())]:
                if self._settle(node):
                    progress = True
                elif len(self._running) < self._width:
                    self._waiting.remove(node)
                    self._running.add(node)
                    node.started = time.monotonic()
                    node.evidence = evidence.Evidence(node.key[0], node.params)
                    threading.Thread(target=self._observe, args=(node,), name=node.name, daemon=True).start()

    def _settle(self, node: Node) -> bool:
        """Finish a node that needs no observation: one of its needs failed, or the change is not allowed."""
        failure = self._inherited(node)
        if failure is None and node.fact.changes is not None:
            failure = self._refusal(node.fact.changes)
        if failure is None:
            return False
        self._waiting.remove(node)
        node.failure, node.traceback, node.done = failure, failure.__traceback__, True
        self._state.notify_all()
        return True

    def _inherited(self, node: Node) -> BaseException | None:
        needs = [need for name, need in node.needs.items() if name not in node.fact.if_seen]
        needs += [each for group in node.every.values() for each in group.values()]
        failures = [need.failure for need in needs if need.failure is not None]
        errors = [failure for failure in failures if not isinstance(failure, Unproven)]
        return next(iter(errors or failures), None)

    def _refusal(self, word: str) -> BaseException | None:
        if self._stuck is not None:
            return Unproven(f"fact {self._stuck.name} may still be changing something: nothing more is changed")
        try:
            self._permit(word)
        except Unproven as unproven:
            return unproven
        return None

    def _observe(self, node: Node) -> None:
        value: Any = None
        failure: BaseException | None = None
        try:
            context = contextvars.copy_context()
            context.run(evidence.collect_into, node.evidence)
            value = context.run(node.fact.function, **self._arguments(node))
        except BaseException as raised:  # noqa: BLE001  # Whatever it is, it is the fact's outcome and is raised in the clause.
            failure = raised
        with self._state:
            if node.done:
                return  # Abandoned at its deadline: too late to count.
            self._finish(node, value, failure)

    def _arguments(self, node: Node) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            need: IfSeen(each.value, each.failure) if need in node.fact.if_seen else each.value
            for need, each in node.needs.items()
        }
        for need, group in node.every.items():
            arguments[need] = {value: each.value for value, each in group.items()}
        for need in node.fact.needs:
            if need in self.facts.axes:
                arguments[need] = node.params[need]
            elif need in GIVENS:
                arguments[need] = self._givens[need]()
        return arguments

    def _finish(self, node: Node, value: Any, failure: BaseException | None) -> None:
        node.value, node.failure = value, failure
        node.traceback = failure.__traceback__ if failure is not None else None
        node.seconds = time.monotonic() - (node.started or 0.0)
        self._running.discard(node)
        self._finished(node)
        node.done = True
        self._launch()
        self._state.notify_all()

    def _until_next_deadline(self) -> float:
        now = time.monotonic()
        starts = [node.started for node in self._running if node.started is not None and not node.fact.patient]
        return max(0.0, min((start + self._deadline - now for start in starts), default=self._deadline))

    def _expire(self) -> None:
        now = time.monotonic()
        for node in list(self._running):
            if node.fact.patient:
                continue
            if node.started is not None and now - node.started >= self._deadline:
                if node.fact.changes:
                    self._stuck = node
                late = f"still unfinished after {self._deadline:g} s"
                step = "look at the system named in the evidence; raise --gf-deadline only if it is known to be slow"
                self._finish(node, None, DeadlineExceeded(f"observing {node.name}", late, step))
