"""The graph's nodes: their needs, their order, what they inherit; and how the graph hands values to facts."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_gf.engine import graph as graphs
from pytest_gf.engine.errors import DeadlineExceeded, ProbeError, Unproven
from pytest_gf.engine.facts import Every, Fact, Facts, IfSeen
from pytest_gf.engine.graph import Graph
from pytest_gf.engine.nodes import Node, Plan

PATIENCE = 60.0
AXES = {"bucket": ("a", "b"), "stack": ("x", "y")}


def fact(
    name: str,
    *needs: str,
    observe: Callable[..., Any] = lambda **_: 1,
    every: tuple[str, ...] = (),
    if_seen: tuple[str, ...] = (),
    changes: str | None = None,
    patient: bool = False,
) -> Fact:
    return Fact(name, observe, needs, frozenset(every), frozenset(if_seen), changes, (), patient=patient)


def plan_of(*facts: Fact) -> Plan:
    return Plan(Facts({fact.name: fact for fact in facts}, tuple(AXES)), AXES.__getitem__)


def graph_of(*facts: Fact, deadline: float = PATIENCE, **more: Any) -> Graph:
    given: dict[str, Any] = {"permit": lambda _: None, "finished": lambda _: None, "givens": {}} | more
    return Graph(
        Facts({fact.name: fact for fact in facts}, tuple(AXES)),
        axis_values=AXES.__getitem__,
        deadline=deadline,
        **given,
    )


DISK = fact("disk", "bucket")
PAIR = fact("pair", "bucket", "stack")
ALL = fact("all", "disk", every=("disk",))
HALF = fact("half", "disk", "all", if_seen=("disk",))
TOP = fact("top", "half", "pair")


def test_each_fact_has_one_node_for_each_set_of_values() -> None:
    plan = plan_of(DISK, PAIR, ALL, HALF, TOP)
    first, again, other = plan.plan(
        [("disk", {"bucket": "a"}), ("disk", {"bucket": "a", "stack": "x"}), ("disk", {"bucket": "b"})]
    )
    assert first is again is not other
    assert (first.name, first.params) == ("disk-a", {"bucket": "a"})
    assert plan.find("disk", {"bucket": "b"}) is other
    assert plan.find("pair", {"bucket": "b", "stack": "y"}) is None
    (pair,) = plan.plan([("pair", {"stack": "y", "bucket": "b"})])
    assert (pair.name, repr(pair)) == ("pair-b-y", "Node(pair-b-y)")
    assert list(plan.nodes) == [
        ("disk", (("bucket", "a"),)),
        ("disk", (("bucket", "b"),)),
        ("pair", (("bucket", "b"), ("stack", "y"))),
    ]


def test_needs_of_every_kind() -> None:
    plan = plan_of(DISK, PAIR, ALL, HALF, TOP)
    (top,) = plan.plan([("top", {"bucket": "a", "stack": "x"})])
    half = top.needs["half"]
    assert {name: need.name for name, need in top.needs.items()} == {"half": "half-a", "pair": "pair-a-x"}
    assert {name: need.name for name, need in half.needs.items()} == {"disk": "disk-a", "all": "all"}
    assert half.every == {}
    every = half.needs["all"]
    assert every.needs == {}
    assert {name: {value: need.name for value, need in group.items()} for name, group in every.every.items()} == {
        "disk": {"a": "disk-a", "b": "disk-b"}
    }
    assert [need.name for need in half.all_needs()] == ["disk-a", "all"]
    assert [need.name for need in half.hard_needs()] == ["all"]
    assert [need.name for need in every.all_needs()] == ["disk-a", "disk-b"]
    assert [need.name for need in every.hard_needs()] == ["disk-a", "disk-b"]
    assert [node.name for node in plan.with_needs(top)] == ["disk-a", "disk-b", "all", "half-a", "pair-a-x", "top-a-x"]
    assert [node.name for node in plan.with_needs(every, half)] == ["disk-a", "disk-b", "all", "half-a"]


def test_what_a_fact_can_do_without_is_not_required() -> None:
    plan = plan_of(DISK, fact("half", "disk", if_seen=("disk",)), fact("top", "half", "plain"), fact("plain"))
    (top,) = plan.plan([("top", {"bucket": "a"})])
    assert {node.name for node in plan.required([top])} == {"top-a", "half-a", "plain"}
    assert {node.name for node in plan.required(top.needs.values())} == {"half-a", "plain"}
    assert plan.required([]) == []
    twice = [*top.needs.values(), top]
    assert len(plan.required(twice)) == len({node.name for node in plan.required(twice)}) == 3


def test_what_follows_from_a_change_changes_too() -> None:
    plan = plan_of(DISK, fact("write", changes="scratch"), fact("read", "write"), fact("last", "read", "disk"))
    assert plan.changing == {"write", "read", "last"}


def test_the_height_is_the_longest_chain_that_waits() -> None:
    plan = plan_of(DISK, PAIR, ALL, HALF, TOP, fact("alone"))
    top, alone = plan.plan([("top", {"bucket": "a", "stack": "x"}), ("alone", {})])
    plan.measure()
    heights = {node.name: node.height for node in plan.nodes.values()}
    assert heights == {"top-a-x": 0, "half-a": 1, "pair-a-x": 1, "all": 2, "disk-a": 3, "disk-b": 3, "alone": 0}
    top.after = [alone]
    plan.measure()
    assert alone.height == 1


def node(name: str, failure: BaseException | None = None, *, done: bool = True, **needs: Node) -> Node:
    made = Node((name, ()), fact(name, *needs), dict(needs))
    if done:
        made.end(None, failure)
    return made


def test_a_node_is_ready_when_all_before_it_is_done() -> None:
    done, open_ = node("done"), node("open", done=False)
    assert node("x", done=False, need=done).is_ready()
    assert not node("x", done=False, need=open_).is_ready()
    after = node("x", done=False, need=done)
    after.after = [open_]
    assert not after.is_ready()
    after.after = [done]
    assert after.is_ready()


def test_an_error_is_inherited_before_what_is_unproven() -> None:
    dark, broken, fine = node("dark", Unproven("dark")), node("broken", ProbeError("a", "b", "c")), node("fine")
    assert node("x", done=False, one=dark, two=broken, three=fine).inherited() is broken.failure
    assert node("x", done=False, one=broken, two=dark).inherited() is broken.failure
    assert node("x", done=False, one=fine, two=dark).inherited() is dark.failure
    assert node("x", done=False, one=fine).inherited() is None


def test_the_node_that_was_waited_for_is_the_last_that_ended() -> None:
    early, late, never = node("early"), node("late"), node("never")
    early.started, early.seconds = 10.0, 1.0
    late.started, late.seconds = 5.0, 7.0
    made = node("x", early=early, late=late, never=never)
    assert made.waited_for() is late
    after = node("after")
    after.started, after.seconds = 12.0, 0.5
    made.after = [after]
    assert made.waited_for() is after
    assert node("x", never=never).waited_for() is None
    after.started, after.seconds = 0.0, 0.0
    assert node("x", one=never, two=after).waited_for() is after


def test_what_a_node_notes_at_its_end() -> None:
    made = node("x", done=False)
    made.end(3, None)
    assert (made.value, made.failure, made.traceback, made.seconds, made.done) == (3, None, None, 0.0, True)
    begun = node("x", done=False)
    begun.begin()
    assert begun.evidence is not None
    assert (begun.evidence.exchanges, begun.asked_last) == ([], "")
    assert begun.started is not None
    assert begun.began is not None
    begun.started -= 1_000
    begun.evidence.exchanges += [{"system": "Attic"}, {"system": "s3"}]
    refused = ProbeError("a", "b", "c")
    begun.end(None, refused)
    assert (begun.asked_last, refused.where, begun.value) == ("s3", "s3", None)
    assert 1_000 <= begun.seconds < 2_000
    silent = ProbeError("a", "b", "c")
    node("silent", silent)
    assert silent.where == "silent"
    node("another", silent)
    assert silent.where == "silent", "the first says where"


def test_what_a_fact_is_called_with() -> None:
    got: dict[str, Any] = {}

    def note(**values: Any) -> int:
        got.update(values)
        return 5

    def dark(**_: Any) -> None:
        raise Unproven("dark")

    facts = (
        fact("disk", "bucket", observe=lambda bucket: f"disk {bucket}"),
        fact("seen", observe=lambda: 7),
        fact("unseen", observe=dark),
        fact("top", "disk", "plain", "seen", "unseen", "stack", "run", observe=note,
             every=("disk",), if_seen=("seen", "unseen")),
        fact("plain", observe=lambda: "plain"),
    )  # fmt: skip
    graph = graph_of(*facts, givens={"run": lambda: "the run"})
    graph.start([("top", {"stack": "x"})])
    assert graph.value("top", {"stack": "x"}) == 5
    unseen = got.pop("unseen")
    assert (unseen.value, unseen.why_not) == (None, "dark")
    assert got == {
        "disk": Every({"a": "disk a", "b": "disk b"}),
        "plain": "plain",
        "seen": IfSeen(7),
        "stack": "x",
        "run": "the run",
    }


def test_a_value_that_no_signature_asked_for() -> None:
    graph = graph_of(fact("late", observe=lambda: 4))
    assert graph.value("late", {}) == 4
    assert [node.name for node in graph.nodes.values()] == ["late"]


def test_the_first_traceback_is_raised_each_time() -> None:
    def breaks() -> None:
        raise KeyError("here")

    graph = graph_of(fact("broken", observe=breaks))
    graph.start([("broken", {})])
    for _ in range(2):
        with pytest.raises(KeyError) as raised:
            graph.value("broken", {})
        assert [entry.name for entry in raised.traceback][-1] == "breaks"
        assert sum(entry.name == "breaks" for entry in raised.traceback) == 1


def test_the_highest_begin_first_and_no_more_than_the_width_at_once() -> None:
    begun: list[str] = []
    most: list[int] = []

    def observe(name: str) -> Callable[..., None]:
        def run(**_: Any) -> None:
            begun.append(name)
            most.append(len(graph._running))

        return run

    names = ["low", "need", "middle", "top"]
    facts = [
        fact("low", observe=observe("low")),
        fact("need", observe=observe("need")),
        fact("middle", "need", observe=observe("middle")),
        fact("top", "middle", observe=observe("top")),
    ]
    graph = graph_of(*facts, width=1)
    graph.start([(name, {}) for name in names])
    for name in reversed(names):
        graph.value(name, {})
    assert begun == ["need", "middle", "low", "top"]
    assert set(most) == {1}
    assert graph._running == set()


def test_who_waits_hears_what_he_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "TICK", 0.0)
    go = threading.Event()
    graph = graph_of(
        fact("quick"),
        fact("need", observe=lambda: go.wait(PATIENCE)),
        fact("top", "quick", "need", observe=lambda quick, need: (quick, need)),
    )
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        if line.startswith("1 of 3"):
            go.set()

    graph.waits = hear
    graph.start([("top", {})])
    assert graph.value("top", {}) == (1, True)
    assert lines[-1] == ""
    assert lines.count("") == 1
    told = {re.sub(r"\d+ s$", "N s", line) for line in lines[:-1]}
    assert "1 of 3 facts observed; waiting for need, N s" in told
    assert all(
        re.fullmatch(r"[0-3] of 3 facts observed; waiting for (?:quick|need|top), [0-9] s", line) for line in lines[:-1]
    )


def test_nobody_hears_of_a_short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "TICK", PATIENCE)
    looks: list[float] = []
    quick, slow = threading.Event(), threading.Event()

    def first() -> None:
        quick.wait(PATIENCE)

    graph = graph_of(fact("first", observe=first), fact("second", observe=lambda: slow.wait(PATIENCE)))
    until = graph._until_next_deadline

    def look() -> float:
        looks.append(until())
        (quick if len(looks) == 1 else slow).set()
        return looks[-1]

    monkeypatch.setattr(graph, "_until_next_deadline", look)
    lines: list[str] = []
    graph.waits = lines.append
    graph.start([("first", {}), ("second", {})])
    assert graph.value("second", {}) is True
    assert lines == [""], "woken by another fact, and it waited less than a tick"
    assert len(looks) == 2, "it sleeps until something ends"
    assert all(0 < look <= PATIENCE for look in looks)
    assert graph.value("second", {}) is True
    assert lines == [""], "what is done is not waited for"


def test_the_next_deadline_is_that_of_the_first_that_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "time", SimpleNamespace(monotonic=lambda: 100.0))
    graph = graph_of(deadline=30)
    assert graph._until_next_deadline() == 30
    begun = {name: Node((name, ()), fact(name, patient=name == "patient")) for name in ("old", "new", "patient")}
    for name, started in (("old", 80.0), ("new", 95.0), ("patient", 10.0)):
        begun[name].started = started
    graph._running = {begun["new"], begun["patient"]}
    assert graph._until_next_deadline() == 25
    graph._running.add(begun["old"])
    assert graph._until_next_deadline() == 10
    begun["old"].started = 60.0
    assert graph._until_next_deadline() == 0


def test_only_what_is_too_late_and_not_patient_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "time", SimpleNamespace(monotonic=lambda: 100.0))
    graph = graph_of(deadline=30)
    late, due, early = (Node((name, ()), fact(name)) for name in ("late", "due", "early"))
    patient = Node(("patient", ()), fact("patient", patient=True))
    change = Node(("change", ()), fact("change", changes="scratch"))
    for made, started in ((late, 0.0), (due, 70.0), (early, 70.5), (patient, 0.0)):
        made.started = started
    graph._running = {late, due, early, patient}
    with graph._state:
        graph._expire()
    assert graph._running == {early, patient}
    assert (late.done, due.done, early.done, patient.done) == (True, True, False, False)
    assert isinstance(late.failure, DeadlineExceeded)
    assert (late.failure.tried, late.failure.came_back, late.failure.next_step, late.value) == (
        "observing late",
        "still unfinished after 30 s",
        "look at the system named in the evidence; raise --gf-deadline only if it is known to be slow",
        None,
    )
    assert graph._refusal("scratch") is None, "what only reads keeps nobody from changing"
    change.started = 0.0
    graph._running = {change}
    with graph._state:
        graph._expire()
    refused = graph._refusal("scratch")
    assert isinstance(refused, Unproven)
    assert refused.reason == "fact change may still be changing something: nothing more is changed"
    assert graph._refusal(None) is None


def test_a_change_waits_for_the_change_before_it() -> None:
    graph = graph_of(fact("read"), fact("one", changes="a"), fact("two", changes="b"), fact("both", "one", "two"))
    permitted: list[str] = []
    graph._permit = permitted.append
    graph.start([("read", {}), ("both", {})])
    assert graph.value("both", {}) == 1
    one, two, both = (graph.nodes[name, ()] for name in ("one", "two", "both"))
    read = graph.nodes["read", ()]
    assert [node.after for node in (read, one, two, both)] == [[], [read], [read, one], [read, two]]
    assert permitted == ["a", "b"]
    graph._ask(both)
    assert graph._chain == [one, two, both], "each is queued once"
