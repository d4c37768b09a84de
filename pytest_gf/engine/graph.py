"""The graph of a run's facts. Each is observed once, in a daemon thread. Facts that change something come after all readers."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import DeadlineExceeded, Unproven
from pytest_gf.engine.facts import GIVENS, Facts, IfSeen
from pytest_gf.engine.nodes import Node, Plan

TICK = 1.0
"""Seconds between two looks at whether a fact that a clause waits for is observed."""
WIDTH = 32
"""How many facts are observed at once: enough that their waits overlap, and few enough for a small cluster."""


class Graph(Plan):
    """Starts and hands out facts. ``start``, ``value`` and ``write`` are called from the main thread only.

    ``permit(word)`` raises Unproven where the target does not allow the change. ``finished(node)`` is called once for each
    fact that was observed, by the thread that reads values, which holds no lock: it writes the evidence.
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
        super().__init__(facts, axis_values)
        self._givens, self._permit, self._finished = givens, permit, finished
        self._deadline, self._width = deadline, width
        self._chain: list[Node] = []
        self._running: set[Node] = set()
        self._waiting: list[Node] = []
        self._unwritten: queue.SimpleQueue[Node] = queue.SimpleQueue()
        self._state = threading.Condition()
        self._stuck: Node | None = None
        self.waits: Callable[[str], None] = lambda _: None
        """Called by the main thread each second in which a clause waits for a fact: with a line about it, and with "" at the end."""

    def start(self, wanted: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Plan these facts and their needs. Begin to observe those that change nothing."""
        planned = self.with_needs(*self.plan(wanted))
        with self._state:
            self._queue(node for node in planned if node.fact.name not in self.changing)

    def value(self, name: str, params: Mapping[str, str]) -> Any:
        """Wait for the fact, and return its value. Raises what its observation raised, with the first traceback."""
        if self.find(name, params) is None:  # By request.getfixturevalue: no signature showed it.
            self.start([(name, params)])
        (node,) = self.plan([(name, params)])
        if not node.done:
            self._wait_for(node)
        self.write()
        if node.failure is not None:
            raise node.failure.with_traceback(node.traceback)
        return node.value

    def write(self) -> None:
        """Call ``finished`` for each fact that was observed in the meantime."""
        while not self._unwritten.empty():
            self._finished(self._unwritten.get())

    def _wait_for(self, node: Node) -> None:
        began = time.monotonic()
        with self._state:
            self._ask(node)
        while not node.done:
            with self._state:
                if not node.done:
                    self._state.wait(min(TICK, self._until_next_deadline()))
                self._expire()
            seconds = time.monotonic() - began
            if not node.done and seconds >= TICK:
                self.waits(self._progress(node, seconds))  # No lock is held: a terminal may stand still.
        self.waits("")

    def _progress(self, node: Node, seconds: float) -> str:
        """Return how far the run is, and what it waits for."""
        nodes = list(self.nodes.values())
        slow = next((need for need in self.with_needs(node) if need.started is not None and not need.done), node)
        return f"{sum(planned.done for planned in nodes)} of {len(nodes)} facts observed; waiting for {slow.name}, {seconds:.0f} s"

    # From here on: called with self._state held, but for _observe and _arguments.

    def _queue(self, nodes: Iterable[Node]) -> None:
        self._waiting += [node for node in nodes if not (node.done or node in self._running or node in self._waiting)]
        self.measure()
        self._waiting.sort(key=lambda node: -node.height)
        self._launch()

    def _ask(self, node: Node) -> None:
        """Queue what changes something, and what depends on it, the first time that a clause asks for it.

        Changes are made one at a time. They wait for all readers: the system is observed before we touch it.
        """
        changing = [
            need for need in self.with_needs(node) if need.fact.name in self.changing and need not in self._chain
        ]
        if not changing:
            return
        readers = [other for other in self.nodes.values() if other.fact.name not in self.changing]
        for change in changing:
            change.after = [*readers, *self._chain[-1:]]
            self._chain.append(change)
        self._queue((*readers, *changing))

    def _launch(self) -> None:
        progress = True
        while progress:
            progress = False
            for node in [node for node in self._waiting if node.is_ready()]:
                failure = node.inherited() or self._refusal(node.fact.changes)
                if failure is not None:
                    self._waiting.remove(node)
                    node.end(None, failure)
                    progress = True
                elif len(self._running) < self._width:
                    self._waiting.remove(node)
                    progress = not self._begin(node) or progress
        self._state.notify_all()

    def _refusal(self, word: str | None) -> BaseException | None:
        """Return why a change is not made. After a change that hung, no other is made."""
        if word is None:
            return None
        if self._stuck is not None:
            return Unproven(f"fact {self._stuck.name} may still be changing something: nothing more is changed")
        try:
            self._permit(word)
        except Exception as failure:  # noqa: BLE001  # Unproven, or the lab that did not come up: the fact's outcome.
            return failure
        return None

    def _begin(self, node: Node) -> bool:
        node.begin()
        self._running.add(node)
        try:
            threading.Thread(target=self._observe, args=(node,), name=node.name, daemon=True).start()
        except RuntimeError as failure:  # The machine has no thread left.
            self._running.discard(node)
            node.end(None, failure)
        return not node.done

    def _observe(self, node: Node) -> None:
        value: Any = None
        failure: BaseException | None = None
        try:
            context = contextvars.copy_context()
            context.run(evidence.collect_into, node.evidence)
            value = context.run(node.fact.function, **self._arguments(node))
        except BaseException as raised:  # noqa: BLE001  # Whatever it is, it is the fact's outcome and is raised in the clause.
            failure = raised
        finally:
            with self._state:
                if not node.done:  # Else it was abandoned at its deadline: too late to count.
                    self._finish(node, value, failure)

    def _arguments(self, node: Node) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            name: IfSeen(need.value, need.failure) if name in node.fact.if_seen else need.value
            for name, need in node.needs.items()
        }
        for name, group in node.every.items():
            arguments[name] = {value: need.value for value, need in group.items()}
        arguments |= {name: node.params[name] for name in node.fact.needs if name in self.facts.axes}
        return arguments | {name: self._givens[name]() for name in node.fact.needs if name in GIVENS}

    def _finish(self, node: Node, value: Any, failure: BaseException | None) -> None:
        node.end(value, failure)
        self._running.discard(node)
        self._unwritten.put(node)
        self._launch()

    def _until_next_deadline(self) -> float:
        now = time.monotonic()
        starts = [node.started for node in self._running if node.started is not None and not node.fact.patient]
        return max(0.0, min((start + self._deadline - now for start in starts), default=self._deadline))

    def _expire(self) -> None:
        now = time.monotonic()
        for node in [node for node in self._running if not node.fact.patient]:
            if node.started is not None and now - node.started >= self._deadline:
                if node.fact.changes:
                    self._stuck = node
                late = f"still unfinished after {self._deadline:g} s"
                step = "look at the system named in the evidence; raise --gf-deadline only if it is known to be slow"
                self._finish(node, None, DeadlineExceeded(f"observing {node.name}", late, step))
