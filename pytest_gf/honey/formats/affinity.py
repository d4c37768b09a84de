"""On which nodes a PersistentVolume can be mounted: its node affinity, evaluated against the nodes' labels (core/v1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]
Labels = Mapping[str, str]
NAME_FIELD = "metadata.name"


def nodes_of(volume: Document, nodes: Mapping[str, Labels]) -> tuple[str, ...] | None:
    """Return the names of the nodes that may mount a volume, None where any may.

    ``nodes``: labels by name. The terms are alternatives, each asks for all of its expressions, and an empty one fits
    no node. Raises ValueError for an operator that nobody knows.
    """
    required = ((volume.get("spec") or {}).get("nodeAffinity") or {}).get("required")
    if not required:
        return None
    terms: list[Document] = list(required.get("nodeSelectorTerms") or ())
    return tuple(sorted(name for name, labels in nodes.items() if any(_fits(term, name, labels) for term in terms)))


def is_one_nodes(volume: Document) -> bool:
    """Tell whether a volume is a folder or a disk of one node, whatever its affinity says."""
    spec = volume.get("spec") or {}
    return "hostPath" in spec or "local" in spec


def in_words(volume: Document) -> str:
    """Return the affinity in a few words, "" where there is none."""
    required = ((volume.get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}
    return " or ".join(_term(term) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Document) -> str:
    every = (*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ()))
    return " and ".join(
        f"{expression['key']} {expression['operator']} {', '.join(expression.get('values') or ())}".rstrip()
        for expression in every
    )


def _fits(term: Document, name: str, labels: Labels) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    return bool(expressions or fields) and _all(expressions, labels) and _all(fields, {NAME_FIELD: name})


def _all(expressions: Iterable[Document], labels: Labels) -> bool:
    return all(_holds(expression, labels.get(str(expression["key"]))) for expression in expressions)


def _holds(expression: Document, value: str | None) -> bool:
    operator, values = str(expression["operator"]), list(expression.get("values") or ())
    tests: Mapping[str, Callable[[], bool]] = {
        "In": lambda: value in values,
        "NotIn": lambda: value not in values,
        "Exists": lambda: value is not None,
        "DoesNotExist": lambda: value is None,
        "Gt": lambda: _number(value) > _number(values[0]),
        "Lt": lambda: _number(value) < _number(values[0]),
    }
    if operator not in tests or (operator in {"Gt", "Lt"} and len(values) != 1):
        raise ValueError(f"{_term({'matchExpressions': [expression]})}: no operator of Kubernetes")
    try:
        return tests[operator]()
    except _NoNumber:
        return False


class _NoNumber(Exception):
    """A label that is compared as a number and is none: it fits nothing (Kubernetes, selection.Requirement)."""


def _number(value: str | None) -> int:
    try:
        return int(value or "")
    except ValueError:
        raise _NoNumber from None
