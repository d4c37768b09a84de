"""On which nodes a PersistentVolume can be mounted: its node affinity, evaluated against the nodes' labels (core/v1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_gf.honey.formats.pods import Document, spec

Labels = Mapping[str, str]
NAME_FIELD = "metadata.name"


def nodes_of(volume: Document, nodes: Mapping[str, Labels]) -> tuple[str, ...] | None:
    """Return the names of the nodes that may mount a volume, None where any may.

    ``nodes``: labels by name. The terms are alternatives, each asks for all of its expressions, and an empty one fits
    no node. Raises ValueError for an operator that nobody knows.
    """
    required = _required(volume)
    if not required:
        return None
    terms = required.get("nodeSelectorTerms") or ()
    return tuple(sorted(name for name, labels in nodes.items() if any(_fits(term, name, labels) for term in terms)))


def is_one_nodes(volume: Document) -> bool:
    """Tell whether a volume is a folder or a disk of one node, whatever its affinity says."""
    return not {"hostPath", "local"}.isdisjoint(spec(volume))


def in_words(volume: Document) -> str:
    """Return the affinity in a few words, "" where there is none."""
    return " or ".join(map(_term, _required(volume).get("nodeSelectorTerms") or ()))


def _required(volume: Document) -> Document:
    return (spec(volume).get("nodeAffinity") or {}).get("required") or {}


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
    if operator in {"Gt", "Lt"} and len(values) == 1:
        number, other = _number(value or ""), _number(values[0])
        if number is None or other is None:
            return False
        return number > other if operator == "Gt" else number < other
    tests = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    if operator not in tests:
        raise ValueError(f"{_term({'matchExpressions': [expression]})}: no operator of Kubernetes")
    return tests[operator]


def _number(text: str) -> int | None:
    """Return a label's number. One that is none fits nothing (Kubernetes, selection.Requirement)."""
    try:
        return int(text)
    except ValueError:
        return None
