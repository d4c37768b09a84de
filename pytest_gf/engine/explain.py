"""``--gf-explain``: what a clause, a statement or a kind of cause is about. It asks no system."""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.catalog import Collection, proving, says
from pytest_gf.engine.clauses import Clause
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.reports.templates import lines_of

if TYPE_CHECKING:
    from pytest_gf.engine.run import Run

WIDTH = 100
_LABEL = 13
_NEAR = 4
_TEXT = Path(__file__).with_suffix(".txt.jinja")


def explain(name: str, collection: Collection, run: Run) -> list[str]:
    """Return the lines of an explanation. Raises `BadInput` for an unknown name, with the known names most like it."""
    house, contract = run.house, run.contract
    known = [*collection.clauses, *contract.statements, *house.kinds]
    wanted = name.partition("[")[0].strip()
    if wanted not in known:
        folded = {known_name.lower(): known_name for known_name in known}
        near = [folded[close] for close in difflib.get_close_matches(wanted.lower(), folded, n=_NEAR)]
        near = near or [likely for likely in known if wanted and wanted.lower() in likely.lower()][:_NEAR]
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/clauses.md lists clauses and statements"
        raise BadInput(f"--gf-explain={name} is neither a clause, a statement nor a kind of cause; {hint}")
    heading, *lines = lines_of(
        _TEXT,
        says,
        name=wanted,
        clause=collection.clauses.get(wanted),
        statement=contract.statements.get(wanted),
        kind=house.kinds.get(wanted),
        about=_About(collection, run),
        collection=collection,
        contract=contract,
        house=house,
        axes=run.axes,
        proving=proving,
    )
    return [heading, *(line for labelled in lines for line in _wrapped(labelled))]


@dataclass(frozen=True)
class _About:
    """What a collection and the House's lab say about clauses, statements and causes."""

    collection: Collection
    run: Run

    def kinds(self, clause: Clause) -> Sequence[str]:
        """Return the kinds of causes that a clause's values may name."""
        facts = self.collection.facts
        return list(
            dict.fromkeys(kind for name in self.collection.judged(clause) for kind in kinds_of(facts.returns(name)))
        )

    def showing(self, kind: str) -> list[str]:
        """Return the clauses that may show a kind of cause."""
        return [clause.id for clause in self.collection.clauses.values() if kind in self.kinds(clause)]

    def reddening(self, clause: str) -> Iterable[str]:
        """Return the lab's faults that turn a clause red."""
        return dict.fromkeys(drill.fault for drill in self._drills() if drill.violates(clause))

    def faults_of(self, kind: str) -> Iterable[str]:
        """Return the lab's faults that show a kind of cause."""
        shown = ((drill.fault, incident.partition(" ")[0]) for drill in self._drills() for incident in drill.incidents)
        return dict.fromkeys(fault for fault, shown_kind in shown if shown_kind == kind)

    def _drills(self) -> Sequence[Any]:
        """Return the drills of the House's lab; none where it has no lab, or their tables are not installed."""
        if not self.run.house.lab:
            return ()
        try:
            known: Sequence[Any] = importlib.import_module(f"{self.run.house.lab}.drills").drills()
        except OSError:
            return ()
        return known


def _wrapped(labelled: str) -> list[str]:
    """Return a line of the template with its label in a column, wrapped on words."""
    label, _, text = labelled.partition(" | ")
    first, indent = f"  {label:<{_LABEL}}  ", " " * (_LABEL + 4)
    lines = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [first.rstrip()]


def kinds(source: str) -> Iterator[str]:
    """Yield the kind of each cause that a source makes, "" where the kind is no literal word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cause":
            yield from _words(node.args[0]) if node.args else ("",)


def _words(kind: ast.expr) -> Iterator[str]:
    """Yield the word that this is, or the words between which it chooses."""
    if isinstance(kind, ast.IfExp):
        yield from (*_words(kind.body), *_words(kind.orelse))
    else:
        yield kind.value if isinstance(kind, ast.Constant) and isinstance(kind.value, str) else ""


def kinds_of(value: Any) -> tuple[str, ...]:
    """Return the kinds that values of this type may name, also through functions and types of its package that it uses."""
    package = str(getattr(value, "__module__", "")).rpartition(".")[0]
    named: dict[str, None] = {}
    seen: set[Any] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if current not in seen:
            seen.add(current)
            own, used = _of(current, package)
            named.update(dict.fromkeys(own))
            pending += used
    return tuple(named)


@functools.cache
def _of(value: Any, package: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the kinds in the source of a class or a function, and the classes and functions of a package that it uses."""
    try:
        source = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        return (), ()
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    known = vars(sys.modules[value.__module__])
    used = [
        known[name] for name in sorted(names) if inspect.isclass(known.get(name)) or inspect.isfunction(known.get(name))
    ]
    used += value.__mro__[1:] if inspect.isclass(value) else []
    ours = tuple(thing for thing in used if thing.__module__.startswith(package))
    return tuple(filter(None, kinds(source))), ours
