"""The graph of facts: each of its promises, with real threads and no pytest around it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_gf.engine.errors import DeadlineExceeded, ProbeError, Unproven
from pytest_gf.engine.facts import Fact, Facts
from pytest_gf.engine.graph import WIDTH, Graph
from pytest_gf.engine.nodes import Node

PATIENCE = 60.0


def fact(
    function: Callable[..., Any], *needs: str, if_seen: str = "", changes: str | None = None, name: str = ""
) -> Fact:
    seen = frozenset(filter(None, [if_seen]))
    return Fact(name or function.__name__, function, needs, frozenset(), seen, changes, (), patient=False)


def graph_of(
    *facts: Fact,
    deadline: float = PATIENCE,
    permit: Callable[[str], None] = lambda _: None,
    finished: Callable[[Node], None] = lambda _: None,
    width: int = WIDTH,
) -> Graph:
    return Graph(
        Facts({fact.name: fact for fact in facts}),
        givens={},
        axis_values=lambda _: (),
        permit=permit,
        finished=finished,
        deadline=deadline,
        width=width,
    )


def test_an_error_wins_over_an_unproven_need() -> None:
    def unseen() -> None:
        raise Unproven("dark")

    def broken() -> None:
        raise ProbeError("tried", "came back", "do")

    for order in (("unseen", "broken"), ("broken", "unseen")):
        graph = graph_of(fact(unseen), fact(broken), fact(lambda **_: 1, *order, name="both"))
        graph.start([("both", {})])
        with pytest.raises(ProbeError):
            graph.value("both", {})


def test_changing_facts_wait_for_all_readers() -> None:
    begun, go, changed = threading.Event(), threading.Event(), threading.Event()

    def reader() -> int:
        begun.set()
        assert go.wait(PATIENCE)
        assert not changed.is_set(), "it was changed while a reader observed"
        return 1

    def other() -> int:
        return 2

    def change() -> int:
        changed.set()
        return 3

    graph = graph_of(fact(reader), fact(other), fact(change, changes="scratch"))
    graph.start([("reader", {}), ("other", {}), ("change", {})])
    assert begun.wait(PATIENCE)
    assert graph.value("other", {}) == 2
    threading.Timer(0.3, go.set).start()
    assert graph.value("change", {}) == 3
    assert graph.value("reader", {}) == 1


def test_changing_facts_run_one_at_a_time() -> None:
    running: list[str] = []

    def change(name: str) -> Callable[[], str]:
        def run() -> str:
            running.append(name)
            assert running == [name], "two change at once"
            threading.Event().wait(0.05)
            running.remove(name)
            return name

        return run

    names = [f"change{number}" for number in range(4)]
    both = fact(lambda **values: sorted(values.values()), *names, name="both")
    graph = graph_of(*(fact(change(name), changes="scratch", name=name) for name in names), both)
    graph.start([("both", {})])
    assert graph.value("both", {}) == names


def test_after_a_hung_change_nothing_else_changes() -> None:
    never = threading.Event()
    changed: list[str] = []

    def hangs() -> None:
        never.wait(PATIENCE)

    def second() -> None:
        changed.append("second")

    try:
        graph = graph_of(fact(hangs, changes="scratch"), fact(second, changes="scratch"), deadline=0.2)
        graph.start([("hangs", {}), ("second", {})])
        with pytest.raises(DeadlineExceeded):
            graph.value("hangs", {})
        with pytest.raises(Unproven, match="hangs may still be changing something"):
            graph.value("second", {})
        assert changed == []
    finally:
        never.set()


def test_a_hung_reader_does_not_keep_others_from_changing() -> None:
    never = threading.Event()
    try:
        graph = graph_of(
            fact(lambda: never.wait(PATIENCE), name="hangs"),
            fact(lambda: 1, changes="scratch", name="change"),
            deadline=0.2,
        )
        graph.start([("hangs", {}), ("change", {})])
        assert graph.value("change", {}) == 1
    finally:
        never.set()


def test_what_finishes_after_its_deadline_counts_no_more() -> None:
    go, left = threading.Event(), threading.Event()

    def late() -> int:
        go.wait(PATIENCE)
        left.set()
        return 1

    graph = graph_of(fact(late), deadline=0.1)
    graph.start([("late", {})])
    with pytest.raises(DeadlineExceeded):
        graph.value("late", {})
    go.set()
    assert left.wait(PATIENCE)
    threading.Event().wait(0.05)
    with pytest.raises(DeadlineExceeded):
        graph.value("late", {})


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), MemoryError(), RecursionError()])
def test_a_node_is_finished_whatever_its_fact_raises(raised: BaseException) -> None:
    def fails() -> None:
        raise raised

    graph = graph_of(fact(fails))
    graph.start([("fails", {})])
    with pytest.raises(type(raised)):
        graph.value("fails", {})


def test_evidence_is_written_by_the_reader_who_holds_no_lock() -> None:
    written: list[tuple[str, str]] = []

    def finished(node: Node) -> None:
        assert graph._state.acquire(blocking=False)
        graph._state.release()
        written.append((node.name, threading.current_thread().name))

    graph = graph_of(fact(lambda: 1, name="need"), fact(lambda need: need, "need", name="value"), finished=finished)
    graph.start([("value", {})])
    assert graph.value("value", {}) == 1
    me = threading.current_thread().name
    assert written == [("need", me), ("value", me)]
    graph.value("value", {})
    assert len(written) == 2, "once for each"


def test_evidence_that_cannot_be_written_hangs_nothing() -> None:
    def finished(_: Node) -> None:
        raise OSError(28, "No space left on device")

    graph = graph_of(fact(lambda: 1, name="one"), fact(lambda: 2, name="two"), finished=finished)
    graph.start([("one", {}), ("two", {})])
    with pytest.raises(OSError, match="No space"):
        graph.value("one", {})
    graph._finished = lambda _: None
    assert graph.value("two", {}) == 2


def test_a_machine_without_threads_is_the_facts_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "Thread", NoThread)
    graph = graph_of(fact(lambda: 1, name="need"), fact(lambda need: need, "need", name="value"))
    graph.start([("value", {})])
    with pytest.raises(RuntimeError, match="can't start new thread"):
        graph.value("value", {})


def test_whatever_the_permission_raises_is_the_facts_outcome() -> None:
    def permit(_: str) -> None:
        raise ProbeError("starting the lab", "it is down", "see its log")

    graph = graph_of(fact(lambda: 1, changes="scratch", name="change"), permit=permit)
    graph.start([("change", {})])
    with pytest.raises(ProbeError, match="it is down"):
        graph.value("change", {})


def test_what_is_only_asked_if_seen_takes_nothing_with_it() -> None:
    def unseen() -> None:
        raise Unproven("dark")

    def half(unseen: Any) -> str:
        return str(unseen.why_not)

    graph = graph_of(fact(unseen), fact(half, "unseen", if_seen="unseen"))
    graph.start([("half", {})])
    assert graph.value("half", {}) == "dark"


def test_a_failure_goes_up_the_whole_chain_at_once() -> None:
    refused = ProbeError("tried", "came back", "do")

    def need() -> None:
        raise refused

    names = ["need", *(f"fact{at}" for at in range(4))]
    chain = [fact(lambda **_: 1, before, name=name) for before, name in itertools.pairwise(names)]
    graph = graph_of(fact(need), *chain)
    graph.start([("fact3", {})])
    with pytest.raises(ProbeError):
        graph.value("need", {})
    assert [node.failure for node in graph.nodes.values()] == [refused] * 5, "nothing else would wake them"


def test_what_waits_is_kept_when_more_is_asked_for() -> None:
    go = threading.Event()
    begun: list[tuple[str, bool]] = []

    def observe() -> bool:
        begun.append((threading.current_thread().name, threading.current_thread().daemon))
        return go.wait(PATIENCE)

    graph = graph_of(*(fact(observe, name=name) for name in ("first", "second", "third")), width=1)
    graph.start([("first", {}), ("second", {})])
    graph.start([("third", {})])
    assert [node.name for node in graph._waiting] == ["second", "third"]
    go.set()
    assert [graph.value(name, {}) for name in ("third", "second", "first")] == [True] * 3
    assert begun == [("first", True), ("second", True), ("third", True)]
