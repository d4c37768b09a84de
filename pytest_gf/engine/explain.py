"""``--gf-explain``: what a clause, a statement or a kind of cause is about. It asks no system."""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.catalog import Collection, proving, says
from pytest_gf.engine.clauses import Clause
from pytest_gf.engine.house import BadInput

if TYPE_CHECKING:
    from pytest_gf.engine.run import Run

WIDTH = 100
_LABEL = 13
_NEAR = 4


def explain(name: str, collection: Collection, run: Run) -> list[str]:
    """Return the lines of an explanation. Raises `BadInput` for an unknown name, with the known names most like it."""
    explainer = _Explainer(collection, run)
    kinds: dict[str, Callable[[str], Iterable[str]]] = dict.fromkeys(collection.clauses, explainer.clause)
    kinds |= dict.fromkeys(run.contract.statements, explainer.statement)
    kinds |= dict.fromkeys(run.house.kinds, explainer.cause)
    wanted = name.partition("[")[0].strip()
    if wanted not in kinds:
        folded = {known.lower(): known for known in kinds}
        near = [folded[close] for close in difflib.get_close_matches(wanted.lower(), folded, n=_NEAR)]
        near = near or [known for known in kinds if wanted and wanted.lower() in known.lower()][:_NEAR]
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/clauses.md lists clauses and statements"
        raise BadInput(f"--gf-explain={name} is neither a clause, a statement nor a kind of cause; {hint}")
    return list(kinds[wanted](wanted))


@dataclass(frozen=True)
class _Explainer:
    """Explains the clauses, statements and causes of a collection."""

    collection: Collection
    run: Run

    def clause(self, name: str) -> Iterator[str]:
        """Yield what a clause requires and why, which facts it judges, what they need, and what makes it red."""
        clause = self.collection.clauses[name]
        facts = self.collection.behind(clause)
        axes = [
            f"{axis} ({', '.join(self.run.axes.every(axis)) or 'given on the command line'})"
            for axis in self.collection.axes_of(clause)
        ]
        yield f"{clause.id}: {clause.title}"
        yield from _line("requires", says(clause.function))
        for statement, how in self._proved_by(clause):
            yield from _line(
                "contract", f"{statement}{f' ({how})' * bool(how)}: {self.run.contract.statements[statement].text}"
            )
        yield from _line("selected by", f"-m {' or '.join(self.collection.markers.get(name, ())) or 'no marker'}")
        yield from _line("rows", f"one for each {', '.join(axes)}" if axes else "one")
        for fact in facts.values():
            if fact.asks or fact.name in self.collection.judged(clause):
                yield from _line("fact", f"{fact.name}: {says(fact.function)}{_asks(fact.asks)}")
        yield from self._needs(clause)
        red = [drill.fault for drill in self._drills() if drill.violates(name)]
        yield from _line("turned red by", ", ".join(dict.fromkeys(red)) or "no fault of the lab that is known here")
        for kind in self.kinds(clause):
            yield from _line("may show", f"{kind}: {self.run.house.kinds[kind].title}")
        yield from _line(
            "next", f"pytest -m \"clause(id='{name}')\" looks at it; --gf-explain=KIND says more of what it may show"
        )

    def statement(self, name: str) -> Iterator[str]:
        """Yield a statement of the contract, and what proves it."""
        statement = self.run.contract.statements[name]
        yield f"{name}: {statement.text}"
        yield from _line("section", f"{statement.section} ({statement.how})")
        rows = proving(self.collection.clauses.values(), self.run.axes).get(name, [])
        for row, how in rows:
            clause = self.collection.clauses[row.partition("[")[0]]
            yield from _line("proved by", f"{row}{f' ({how})' * bool(how)}: {clause.title}")
        for group in self.run.contract.together:
            if name in group.statements.split():
                yield from _line("whole", f"by all of {', '.join(group.clauses)}")
        if not rows:
            yield from _line("proved by", "no clause")
        yield from _line("next", "--gf-explain=CLAUSE says more of one of them")

    def cause(self, name: str) -> Iterator[str]:
        """Yield what a kind of cause is, and which clauses may show it."""
        kind = self.run.house.kinds[name]
        yield f"{name}: {kind.title} ({kind.severity})"
        for label, texts in (
            ("means", [kind.means]),
            ("do first", kind.first),
            ("avoid", kind.avoid),
            ("tickets", [f"{ticket}: {self.run.contract.tickets.get(ticket, '')}" for ticket in kind.tickets]),
        ):
            for text in filter(None, texts):
                yield from _line(label, text)
        showing = [clause.id for clause in self.collection.clauses.values() if name in self.kinds(clause)]
        yield from _line("shown by", ", ".join(showing) or "any row whose probe meets it")
        red = [drill.fault for drill in self._drills() if any(of.partition(" ")[0] == name for of in drill.incidents)]
        yield from _line("lab faults", ", ".join(dict.fromkeys(red)) or "none that is known here")
        yield from _line(
            "next", f"--gf-explain=CLAUSE says more of one of them{f'; see {kind.page}' * bool(kind.page)}"
        )

    def kinds(self, clause: Clause) -> Sequence[str]:
        """Return the kinds of causes that a clause's values may name."""
        facts = self.collection.facts
        return list(
            dict.fromkeys(kind for name in self.collection.judged(clause) for kind in kinds_of(facts.returns(name)))
        )

    def _proved_by(self, clause: Clause) -> Iterable[tuple[str, str]]:
        proofs = proving([clause], self.run.axes)
        return dict.fromkeys((statement, how) for statement, rows in proofs.items() for _, how in rows)

    def _needs(self, clause: Clause) -> Iterator[str]:
        house, facts = self.run.house, self.collection.behind(clause).values()
        for right in house.rights(self.run.contract, (ask for fact in facts for ask in fact.asks)):
            yield from _line("needs", right)
        changes = dict.fromkeys(fact.changes for fact in facts if fact.changes)
        for word in changes:
            confirm = f", and --gf-confirm={house.confirm[word]}" if word in house.confirm else ""
            yield from _line("changes", f"{word}: the target must allow it{confirm}")
        if not changes:
            yield from _line("changes", "nothing")

    def _drills(self) -> Sequence[Any]:
        """Return the drills of the House's lab; none where it has no lab, or their tables are not installed."""
        if not self.run.house.lab:
            return ()
        try:
            known: Sequence[Any] = importlib.import_module(f"{self.run.house.lab}.drills").drills()
        except OSError:
            return ()
        return known


def _asks(asks: Sequence[str]) -> str:
    return f" Asks {', '.join(asks)}." if asks else ""


def _line(label: str, text: str) -> list[str]:
    """Return a label and its text, wrapped on words."""
    indent = " " * (_LABEL + 4)
    first = f"  {label:<{_LABEL}}  "
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False) or [
        first.rstrip()
    ]


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
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, TypeError):
        return (), ()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    known = vars(sys.modules[value.__module__])
    used = [
        known[name] for name in sorted(names) if inspect.isclass(known.get(name)) or inspect.isfunction(known.get(name))
    ]
    used += value.__mro__[1:] if inspect.isclass(value) else []
    ours = tuple(thing for thing in used if thing.__module__.startswith(package))
    return tuple(filter(None, kinds(ast.unparse(tree)))), ours
