"""What ``--gf-plan`` says of the cluster: each right that the run's facts need, and whether this identity has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.honey.target import honeys

if TYPE_CHECKING:
    from pytest_gf.engine.house import PlanLine
    from pytest_gf.engine.nodes import Node
    from pytest_gf.engine.run import Run
    from pytest_gf.honey.contract import Contract
    from pytest_gf.honey.probes.kube import Kube

Right = tuple[str, str, str, str]
"""Verb, resource, namespace and name; "" for the whole cluster, and where no name is known."""
KUBERNETES = "Kubernetes"
DISCOVERY = "get apis"
"""What every identity may ask (system:discovery)."""


def applies(run: Run, node: Node) -> bool:
    """Tell whether a fact would ask at all: a route's fact only where the target has that route, the lock's where it has a table."""
    name = node.fact.name
    if name == "table_lock":
        return honeys(run.target).dynamodb is not None
    return not name.endswith("_route") or name.removesuffix("_route") in honeys(run.target).routes


def lines(run: Run, nodes: Mapping[str, Sequence[Node]], hard: Mapping[str, Sequence[Node]]) -> Iterator[PlanLine]:
    """Yield a line for each right, with the rows that can't be judged without it. Rows that it would only explain are not named."""
    needed: dict[Right, list[str]] = {}
    for row, row_nodes in nodes.items():
        for node in row_nodes:
            for right in _needs(run, node) if applies(run, node) else ():
                needed.setdefault(right, []).extend([row] if node in hard[row] else [])
    if not needed:
        return
    target = honeys(run.target)
    if target.kubernetes is None:
        many = len({row for rows in needed.values() for row in rows})
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


def _asked(asks: Iterable[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield verb, resource, and whether it is asked in one namespace, of what a fact asks of the cluster.

    exec and port-forward need get and create both, discovery needs no right.
    """
    from pytest_gf.honey.probes.kube_places import EVERYWHERE, PLACES, UPGRADES

    for ask in asks:
        system, _, asked = ask.partition(" ")
        verb, _, resource = asked.partition(" ")
        if system == KUBERNETES and asked != DISCOVERY:
            everywhere = resource.endswith(EVERYWHERE)
            resource = resource.removesuffix(EVERYWHERE)
            within = not everywhere and PLACES[resource.partition("/")[0]].namespaced
            for needed_verb in ("get", "create") if resource in UPGRADES else (verb,):
                yield needed_verb, resource, within


def needed(contract: Contract, asks: Iterable[str]) -> Iterator[str]:
    """Yield a line for each right that facts with these requests need, as deploy/rbac grants it."""
    from pytest_gf.honey.probes.kube_places import rule

    namespace = contract.rustfs.namespace if contract.rustfs is not None else "the contract's"
    verbs: dict[tuple[str, bool], dict[str, None]] = {}
    for verb, resource, within in _asked(asks):
        verbs.setdefault((resource, within), {})[verb] = None
    for (resource, within), needed_verbs in sorted(verbs.items()):
        where = f"in namespace {namespace}" if within else "in the cluster"
        yield f"{', '.join(needed_verbs)} {resource} {where}: {rule(tuple(needed_verbs), resource)}"


def _needs(run: Run, node: Node) -> Iterator[Right]:
    """Yield the rights behind what a fact asks."""
    target, workload = honeys(run.target), run.contract.rustfs
    route = target.routes.get(node.fact.name.removesuffix("_route"))
    own = target.namespace(workload.namespace if workload is not None else "")
    home = route.namespace if route is not None else own
    for verb, resource, within in _asked(node.fact.asks):
        for name in _names(run, node, resource) if verb == "get" else ("",):
            yield verb, resource, home if within else "", name


def _names(run: Run, node: Node, resource: str) -> tuple[str, ...]:
    """Return the names of the objects that a fact gets: of Secrets those that the contract's artifacts lie in."""
    if resource != "secrets":
        return (_name(run, node, resource),)
    places = [place for artifact in run.contract.artifacts.values() for place in artifact.secrets]
    return tuple(dict.fromkeys(place.partition("/")[0] for place in places))


def _name(run: Run, node: Node, resource: str) -> str:
    """Return the name of the one object that a fact gets, "" where only the cluster knows it: a right may be to it alone."""
    workload, bazel = run.contract.rustfs, run.contract.bazel
    route = honeys(run.target).routes.get(node.fact.name.removesuffix("_route"))
    if resource == "services":
        return route.service if route is not None else bazel.service if bazel is not None else ""
    if resource == "deployments" and node.fact.name.startswith("bazel"):
        return bazel.deployment if bazel is not None else ""
    known = {"deployments": "deployment", "persistentvolumeclaims": "claim", "storageclasses": "storage_class"}
    return str(getattr(workload, known[resource])) if workload is not None and resource in known else ""


def _right(  # noqa: PLR0917  # The parts of one right.
    kube: Kube, verb: str, resource: str, namespace: str, name: str, rows: Sequence[str]
) -> PlanLine:
    from pytest_gf.honey.probes.kube_places import rule

    where = f"{f'in namespace {namespace}' if namespace else 'in the cluster'}{f' ({name})' if name else ''}"
    if kube.allowed(verb, resource, namespace, name):
        return f"  has    {verb} {resource} {where}", False
    clauses = ", ".join(dict.fromkeys(row.partition("[")[0] for row in rows))
    return (
        f"  LACKS  {verb} {resource} {where}: grant {rule((verb,), resource, name)}; unproven without it: {clauses or 'nothing'}",
        True,
    )
