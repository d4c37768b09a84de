"""``--gf-plan``: what a run would ask of which system, what it would change, and every right that it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.honey.target import CONFIRMED

if TYPE_CHECKING:
    from pytest_gf.engine.graph import Graph, Node
    from pytest_gf.engine.run import Run
    from pytest_gf.honey.probes.kube import Kube

Wanted = Sequence[tuple[str, Mapping[str, str]]]
Line = tuple[str, bool]
"""A line for people, and whether it says that something is lacking."""

Right = tuple[str, str, str, str]
"""Verb, resource, namespace and name; "" for the whole cluster, and where no name is known."""

KUBERNETES = "Kubernetes"
DISCOVERY = "get apis"
"""What every identity may ask (system:discovery)."""


def plan(run: Run, wanted: Mapping[str, Wanted]) -> Iterator[Line]:
    """Yield the plan of a run: row name -> the facts that it asks for. Nothing is sent but access reviews, and nothing is changed.

    A right that can't be reviewed (S3's, a cluster that does not answer) is said to be unknown, not lacking.
    """
    if run.graph is None:
        return
    try:
        target = run.target
    except ProbeError as failed:
        yield f"plan: {failed}", True
        return
    graph = run.graph
    asked = {row: graph.plan(facts) for row, facts in wanted.items()}
    nodes = {row: graph.with_needs(*direct) for row, direct in asked.items()}
    hard = {row: _required(graph, direct) for row, direct in asked.items()}
    every = [node for node in dict.fromkeys(node for found in nodes.values() for node in found) if _applies(run, node)]
    yield f"plan: {len(wanted)} rows, {len(every)} facts, on target {target.name} (vantage {target.vantage})", False
    yield from _asks(run, every)
    yield from _changes(run, every)
    yield from _rights(run, nodes, hard)


def _required(graph: Graph, direct: Sequence[Node]) -> Sequence[Node]:
    """Return what a row can't be judged without; of what only collects (an RCA's bucket), all that it collects from."""
    found = graph.required(direct)
    collectors = [node for node in found if node.needs and not node.every and set(node.needs) <= set(node.fact.if_seen)]
    return [*found, *graph.required(need for node in collectors for need in node.needs.values())]


def _applies(run: Run, node: Node) -> bool:
    """Tell whether a fact would ask at all: a route's only where the target has that route, a system's where it has it."""
    name, target = node.fact.name, run.target
    if name.endswith("_route"):
        return name.removesuffix("_route") in target.routes
    return True


def _asks(run: Run, nodes: Sequence[Node]) -> Iterator[Line]:
    counts = Counter(ask for node in nodes for ask in node.fact.asks)
    addresses = {
        "S3": run.target.s3.endpoint if run.target.s3 is not None else "",
        "HTTP": run.target.s3.endpoint if run.target.s3 is not None else "",
        KUBERNETES: "the cluster of [kubernetes]" if run.target.kubernetes is not None else "",
    }
    yield "it asks, at least:", False
    for system in sorted({ask.partition(" ")[0] for ask in counts}):
        where = addresses.get(system, "")
        asked = [
            f"{ask.partition(' ')[2]}{f' x{count}' if count > 1 else ''}"
            for ask, count in sorted(counts.items())
            if ask.startswith(f"{system} ")
        ]
        yield f"  {system} ({where or 'the target has no such section: nothing'}): {', '.join(asked)}", False


def _changes(run: Run, nodes: Sequence[Node]) -> Iterator[Line]:
    words = dict.fromkeys(node.fact.changes for node in nodes if node.fact.changes)
    if not words:
        yield "it changes nothing", False
    for word in words:
        facts = ", ".join(dict.fromkeys(node.fact.name for node in nodes if node.fact.changes == word))
        allowed = run.target.permits(str(word))
        says = "" if allowed else f" - not allowed: add {word!r} to the target's allow"
        if allowed and not run.is_confirmed(str(word)):
            allowed, says = False, f" - not confirmed: --gf-confirm={CONFIRMED[str(word)]}"
        yield f"it {'changes' if allowed else 'would change'} ({word}): {facts}{says}", False


def _rights(run: Run, nodes: Mapping[str, Sequence[Node]], hard: Mapping[str, Sequence[Node]]) -> Iterator[Line]:
    """Yield a line for each right; the rows that can't be judged without it are named, not those that it would only explain."""
    needed: dict[Right, list[str]] = {}
    for row, found in nodes.items():
        for node in found:
            for right in _needs(run, node) if _applies(run, node) else ():
                needed.setdefault(right, []).extend([row] if node in hard[row] else [])
    if not needed:
        return
    target = run.target
    if target.kubernetes is None:
        many = len({row for found in needed.values() for row in found})
        yield f"rights: the target has no [kubernetes] section; {many} rows need one", False
        return
    from pytest_gf.honey.probes.kube import Kube

    try:
        kube = Kube(target.kubernetes, deadline=run.deadline)
        yield f"rights at {kube.address}, by access review:", False
        for right, rows in sorted(needed.items()):
            yield _right(kube, *right, rows)
    except (ProbeError, Unproven) as failed:
        yield f"  unknown: {failed}", True


def _needs(run: Run, node: Node) -> Iterator[Right]:
    """Yield the rights behind what a fact asks; exec and port-forward need get and create both, discovery none."""
    from pytest_gf.honey.probes.kube_places import EVERYWHERE, PLACES, UPGRADES

    target, workload = run.target, run.contract.rustfs
    route = target.routes.get(node.fact.name.removesuffix("_route"))
    own = target.namespace(workload.namespace if workload is not None else "")
    home = route.namespace if route is not None else own
    for ask in node.fact.asks:
        system, _, asked = ask.partition(" ")
        verb, _, resource = asked.partition(" ")
        if system == KUBERNETES and asked != DISCOVERY:
            everywhere = resource.endswith(EVERYWHERE)
            resource = resource.removesuffix(EVERYWHERE)
            namespace = "" if everywhere or not PLACES[resource.partition("/")[0]].namespaced else home
            name = _name(run, node, resource) if verb == "get" else ""
            for each in ("get", "create") if resource in UPGRADES else (verb,):
                yield each, resource, namespace, name


def _name(run: Run, node: Node, resource: str) -> str:
    """Return the name of the one object that a fact gets, "" where only the cluster knows it: a right may be to it alone."""
    workload, bazel = run.contract.rustfs, run.contract.bazel
    route = run.target.routes.get(node.fact.name.removesuffix("_route"))
    if resource == "services":
        return route.service if route is not None else bazel.service if bazel is not None else ""
    if resource == "deployments" and node.fact.name.startswith("bazel"):
        return bazel.deployment if bazel is not None else ""
    known = {"deployments": "deployment", "persistentvolumeclaims": "claim", "storageclasses": "storage_class"}
    return str(getattr(workload, known[resource])) if workload is not None and resource in known else ""


def _right(  # noqa: PLR0917  # The parts of one right.
    kube: Kube, verb: str, resource: str, namespace: str, name: str, rows: Sequence[str]
) -> Line:
    from pytest_gf.honey.probes.kube_places import rule

    where = f"{f'in namespace {namespace}' if namespace else 'in the cluster'}{f' ({name})' if name else ''}"
    if kube.allowed(verb, resource, namespace, name):
        return f"  has    {verb} {resource} {where}", False
    clauses = ", ".join(dict.fromkeys(row.partition("[")[0] for row in rows))
    return (
        f"  LACKS  {verb} {resource} {where}: grant {rule((verb,), resource)}; unproven without it: {clauses or 'nothing'}",
        True,
    )
