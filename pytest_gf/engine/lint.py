"""The lint at collection: what every clause and every fact must be. A mistake is one line, and nothing is run."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pytest_gf.engine.clauses import LONGEST_TITLE, Clause, clause_of, clauses_among, title_fields
from pytest_gf.engine.facts import GIVENS, Fact, Facts
from pytest_gf.engine.pytest_state import marker_names
from pytest_gf.engine.redaction import redactor
from pytest_gf.engine.suggestion import suggestion

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.options import Settings

LONGEST_CLAUSE = 15
_STRIPPED = (
    "Python was started without assertions (-O, -OO or PYTHONOPTIMIZE), so no clause could fail. Start it without them."
)
_NOT_SHOWN = "a node id holds a secret; it is not shown here, and nothing was run"
_ID = re.compile(r"[a-z][a-z0-9]*\.[a-z0-9]+(?:-[a-z0-9]+)*")
_SKIPS = "a clause doesn't skip; the fact raises Unproven"
_WAYS_OUT = {
    **dict.fromkeys(("skip", "skipif", "importorskip"), _SKIPS),
    "xfail": "a clause doesn't expect its own failure; the contract waives what is known to be red",
}
"""What pytest calls its ways not to judge, and what stands in their place."""


@dataclass
class _Collected:
    """A clause as pytest collected it: with its markers, and the parameters that pytest itself can fill."""

    clause: Clause
    markers: set[str] = field(default_factory=set)
    fixtures: set[str] = field(default_factory=set)


def lint(items: Sequence[pytest.Item], facts: Facts, settings: Settings) -> list[str]:
    """Return what is wrong with the clauses among these items and with the facts, a line each, the clauses' first."""
    clauses = _clauses(items)
    if (sys.flags.optimize and not all(asserts(function) for function in clauses)) or sys.flags.optimize > 1:
        return [_STRIPPED]
    known = marker_names(items[0].config) if items else []
    lines = [line for collected in clauses.values() for line in _lint_clause(collected, facts, settings, known)]
    lines += _lint_others(items, facts.axes)
    lines += _lint_ids([collected.clause for collected in clauses.values()])
    lines += _lint_sources((function.__code__.co_filename for function in clauses), "clause")
    lines += lint_facts(facts, settings.house.guard, settings.house.allows)
    ours = (item.nodeid for item, _ in clauses_among(items))
    return [*lines, *([_NOT_SHOWN] if any(map(redactor().shows, ours)) else [])]


def _clauses(items: Sequence[pytest.Item]) -> dict[Callable[..., None], _Collected]:
    clauses: dict[Callable[..., None], _Collected] = {}
    for item, clause in clauses_among(items):
        collected = clauses.setdefault(clause.function, _Collected(clause))
        collected.markers |= {mark.name for mark in item.iter_markers() if not _is_pytests_own(mark)}
        collected.fixtures |= _given(item)
    return clauses


def _given(item: pytest.Item) -> set[str]:
    """Return the parameters that pytest itself can fill."""
    fixtures = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", ())
    return {*fixtures, *getattr(getattr(item, "callspec", None), "params", ())}


def _lint_others(items: Sequence[pytest.Item], axes: Iterable[str]) -> Iterator[str]:
    """Yield a line for each test that is no clause and needs what clauses alone are given."""
    for item in items:
        lacking = set(getattr(item, "fixturenames", ())) & set(axes) - _given(item)
        if lacking and clause_of(item) is None:
            where = f"test {item.name!r} at {where_of(getattr(item, 'function'))}"  # noqa: B009  # Of pytest.Function alone.
            yield f"{where}: it needs a {min(lacking)}, which clauses alone are given; is @clause missing above it?"


def _is_pytests_own(mark: pytest.Mark) -> bool:
    """Tell whether pytest marked the item itself, because an axis has no values."""
    return mark.name == "skip" and str(mark.kwargs.get("reason", "")).startswith("got empty parameter set")


def asserts(function: Callable[..., Any]) -> bool:
    """Return whether a compiled function can fail: whether its code, rewritten by pytest or not, raises AssertionError."""
    return any(
        step.opname == "LOAD_ASSERTION_ERROR"
        or step.argrepr == "AssertionError"  # LOAD_COMMON_CONSTANT, from Python 3.14 on.
        or step.argval in {"AssertionError", AssertionError}
        for step in dis.get_instructions(function)
        if step.argval.__hash__ is not None
    )


def _lint_ids(clauses: list[Clause]) -> Iterator[str]:
    by_id: dict[str, Clause] = {}
    for clause in clauses:
        if clause.id in by_id:
            other = by_id[clause.id].function
            yield f"clause {clause.id!r} is defined twice: at {where_of(other)} and at {where_of(clause.function)}"
        by_id[clause.id] = clause
    for one, longer in itertools.pairwise(sorted(by_id)):
        if longer.startswith(one):
            yield f"clause {one!r} is a prefix of {longer!r}, so -k can't select it alone; rename one"


def _lint_clause(collected: _Collected, facts: Facts, settings: Settings, markers: Sequence[str]) -> Iterator[str]:
    clause = collected.clause
    where = f"clause {clause.id!r} at {where_of(clause.function)}"
    if not _ID.fullmatch(clause.id):
        yield f"{where}: the id is not of the form system.kebab-case"
    if not inspect.getdoc(clause.function):
        yield f"{where}: no docstring; say in a sentence what the contract claims"
    unknown = list(_unknown_parameters(collected, facts))
    # A misspelt fact has no axes, so its title would be blamed too.
    named = () if unknown else (_lint_title(clause, facts), _lint_statements(clause, facts, settings))
    marked = _lint_markers(collected, settings.house.markers, markers)
    for line in itertools.chain(unknown, *named, marked, _lint_body(clause, facts), _lint_parameters(clause, facts)):
        yield f"{where}: {line}"


def _unknown_parameters(collected: _Collected, facts: Facts) -> Iterator[str]:
    known = (*facts.facts, *facts.axes)
    for name in inspect.signature(collected.clause.function).parameters:
        if name not in {*known, *collected.fixtures}:
            yield f"unknown parameter {name!r}; expected a fact or an axis{suggestion(name, known)}"


def _lint_markers(collected: _Collected, selections: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    unknown = sorted(collected.markers - set(known))
    for name in unknown:
        yield f"unknown marker {name!r}{suggestion(name, known)}"
    for name in sorted(collected.markers & _WAYS_OUT.keys()):
        yield f"marker {name!r}: {_WAYS_OUT[name]}"
    if not unknown and selections and not collected.markers & set(selections):
        yield f"no marker of a selection, so -m never chooses it; expected one of {', '.join(selections)}"


def _axes(clause: Clause, facts: Facts) -> tuple[str, ...]:
    return facts.axes_behind(inspect.signature(clause.function).parameters)


def _lint_title(clause: Clause, facts: Facts) -> Iterator[str]:
    axes = _axes(clause, facts)
    try:
        strange = title_fields(clause.title).difference(axes)
    except ValueError as wrong:
        yield f"the title {clause.title!r} can't be formatted: {wrong}"
        return
    if strange:
        yield f"the title names {{{min(strange)}}}, which is no axis of this clause (axes: {', '.join(sorted(axes)) or 'none'})"
        return
    text = clause.title.format_map({axis: axis for axis in axes})
    if not text or len(text) > LONGEST_TITLE or text.endswith("."):
        yield f"the title {text!r} is empty, longer than {LONGEST_TITLE} characters, or ends in a full stop"


def _lint_statements(clause: Clause, facts: Facts, settings: Settings) -> Iterator[str]:
    if not clause.proves:
        yield "it proves no statement"
    for word in clause.proves:
        if word.startswith("{") and word.strip("{}") not in _axes(clause, facts):
            yield f"proves names {word}, which is no axis of this clause"
        elif not word.startswith("{") and word.rstrip("~!") not in settings.contract.statements:
            number = word.rstrip("~!")
            yield f"unknown statement {number}{suggestion(number, settings.contract.statements)}"


def _lint_body(clause: Clause, facts: Facts) -> Iterator[str]:
    tree = _definitions(clause.function.__code__.co_filename).get(clause.function.__name__)
    if tree is None:
        return
    lines = (tree.end_lineno or tree.lineno) - tree.lineno + 1
    if lines > LONGEST_CLAUSE:
        yield f"{lines} lines long; a clause has at most {LONGEST_CLAUSE}, the rest belongs into a fact"
    idle: list[str] = []
    for node in itertools.chain.from_iterable(map(ast.walk, tree.body)):  # What decorates it are markers.
        if isinstance(node, ast.If | ast.Try | ast.IfExp):
            yield f"line {node.lineno}: a clause has no if or try; it judges one observed value"
        elif isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            yield from (f"line {node.lineno}: {says}" for says in filter(None, [_WAYS_OUT.get(name)]))
        elif isinstance(node, ast.Assert):
            idle += [f"line {node.lineno}: it asserts {what}" for what in _idle(node.test, facts)]
    yield from idle
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        yield "it asserts nothing, so it can't fail"
    elif not idle and not asserts(clause.function):
        yield "its assertion was compiled away, so it can't fail"


def _idle(test: ast.expr, facts: Facts) -> Iterator[str]:
    """Yield what makes an assert look at nothing: a tuple, a constant, or a value that has no truth of its own."""
    if isinstance(test, ast.Tuple):
        yield "a tuple, which is always true; write `assert value, text` without brackets"
    elif not any(isinstance(part, ast.Name) for part in ast.walk(test)):
        yield "a constant, not what a fact observed"
    for name in _judged(test):
        kind = facts.returns(name) if name in facts.facts else None
        if isinstance(kind, type) and not hasattr(kind, "__bool__") and not hasattr(kind, "__len__"):
            wanted = f"{name}.holds" if hasattr(kind, "holds") else f"what is promised of {name}"
            yield f"{name} itself, which is always true; assert {wanted}"


def _judged(test: ast.expr) -> Iterator[str]:
    """Yield the names whose own truth an assert asks for."""
    if isinstance(test, ast.Name):
        yield test.id
    elif isinstance(test, ast.BoolOp):
        yield from itertools.chain.from_iterable(map(_judged, test.values))


@functools.cache
def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _lint_parameters(clause: Clause, facts: Facts) -> Iterator[str]:
    try:
        hints = get_type_hints(clause.function)
    except NameError as wrong:
        yield f"its annotations can't be read: {wrong}; is its import missing?"
        return
    for name in inspect.signature(clause.function).parameters:
        if name in facts.facts and name not in hints:
            yield f"parameter {name!r} has no annotation"
        elif name in facts.facts and hints[name] != facts.returns(name):
            yield f"parameter {name!r} is annotated {_name(hints[name])}, and the fact returns {_name(facts.returns(name))}"


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))


def where_of(function: Any) -> str:
    """Return the file and line of a function."""
    code = function.__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def lint_facts(facts: Facts, guard: str, allows: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the facts, a line each. ``allows`` are the words that a target may allow."""
    for fact in facts.facts.values():
        where = f"fact {fact.name!r} at {where_of(fact.function)}"
        for line in (*_lint_fact(fact, facts), *_lint_changes(fact, facts, guard, allows)):
            yield f"{where}: {line}"
    yield from _lint_sources((fact.function.__code__.co_filename for fact in facts.facts.values()), "fact")


def _lint_fact(fact: Fact, facts: Facts) -> Iterator[str]:
    known = (*facts.facts, *facts.axes, *GIVENS)
    if not inspect.getdoc(fact.function):
        yield "no docstring; say in a sentence what it observes"
    if fact.name in {*facts.axes, *GIVENS, "request"}:  # The last is pytest's own.
        kind = "an axis" if fact.name in facts.axes else "a given thing"
        yield f"it has the name of {kind}, and would shadow it; rename it"
    for need in fact.needs:
        if need not in known:
            among = ", ".join((*facts.axes, *GIVENS))
            yield f"unknown parameter {need!r}; expected another fact or one of {among}{suggestion(need, known)}"
    for need in fact.every:
        if need in facts.facts and len(facts.axes_of(need)) != 1:
            yield f"Every[...] of {need!r} needs a fact of exactly one axis"
    if fact.name in facts.closure(*fact.needs):
        yield f"it needs itself, through {', '.join(fact.needs)}"
    if facts.returns(fact.name) is None:
        yield "no return annotation"


def _lint_changes(fact: Fact, facts: Facts, guard: str, allows: Sequence[str]) -> Iterator[str]:
    if fact.changes is None:
        return
    if fact.changes not in allows:
        yield f"changes={fact.changes!r} is no word that a target may allow{suggestion(fact.changes, allows)}"
    if guard and guard not in facts.closure(fact.name):
        yield f"it changes something and doesn't need {guard!r}, so it could destroy evidence"


def _lint_sources(files: Iterable[str], kind: str) -> Iterator[str]:
    """Yield what only the sources show: a clause or fact that a later one of its name hides, and a print of a fact."""
    for file in dict.fromkeys(files):
        source = Path(file).read_text(encoding="utf-8")
        names = re.findall(r"^def (\w+)", source, re.MULTILINE)
        prints = kind == "fact" and "print" in source
        if not prints and len({*names}) == len(names):  # Nothing can be wrong, and to parse it takes long.
            continue
        tree = ast.parse(source)
        for line in (*_hidden(tree, kind), *(_prints(tree) if prints else ())):
            yield f"{Path(file).name}:{line}"


def _hidden(tree: ast.Module, kind: str) -> Iterator[str]:
    seen: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(kind in ast.unparse(by) for by in node.decorator_list):
            if node.name in seen:
                yield f"{node.lineno}: {kind} {node.name!r} is defined twice (line {seen[node.name]} too); rename one"
            seen[node.name] = node.lineno


def _prints(tree: ast.Module) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print":
            yield f"{call.lineno}: a fact doesn't print; what it saw belongs into the value that it returns"
