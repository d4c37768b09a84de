"""The catalog of clauses: rows from collected items, and the lint that every clause and fact must pass."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pytest_gf.engine.clauses import LONGEST_TITLE, Clause, Row, clause_of, row_of, title_fields
from pytest_gf.engine.facts import GIVENS, Facts

if TYPE_CHECKING:
    import pytest

    from pytest_gf.engine.options import Settings

LONGEST_CLAUSE = 15
_STRIPPED = (
    "Python was started without assertions (-O, -OO or PYTHONOPTIMIZE), so no clause could fail: start it without them"
)
_ID = re.compile(r"[a-z][a-z0-9]*\.[a-z0-9]+(?:-[a-z0-9]+)*")


def rows_of(items: Iterable[pytest.Item], settings: Settings) -> dict[str, Row]:
    """Return the row of each item that is a clause, by node id, in the order of collection."""
    rows: dict[str, Row] = {}
    for item in items:
        made = clause_of(getattr(item, "function", None))
        if made is not None:
            row = row_of(made, params_of(item), settings.axes)
            note = settings.note(tuple(row.params))
            rows[item.nodeid] = replace(row, title=f"{row.title} ({note})") if note else row
    return rows


def params_of(item: pytest.Item) -> dict[str, str]:
    """Return the axis values of an item."""
    callspec = getattr(item, "callspec", None)
    return {name: str(value) for name, value in callspec.params.items()} if callspec else {}


def lint(clauses: Iterable[Clause], facts: Facts, settings: Settings) -> list[str]:
    """Return what is wrong with these clauses and with the facts, a line each, the clauses' first."""
    found = {made.function: made for made in clauses}
    if (sys.flags.optimize and not all(asserts(function) for function in found)) or sys.flags.optimize > 1:
        return [_STRIPPED]
    lines = [line for made in found.values() for line in _lint_clause(made, facts, settings)]
    lines += _lint_ids(list(found.values()))
    lines += _lint_facts(facts, settings.house.guard)
    return lines


def asserts(function: Callable[..., Any]) -> bool:
    """Return whether a compiled function can fail: whether its code, rewritten by pytest or not, raises AssertionError."""
    return any(
        step.opname == "LOAD_ASSERTION_ERROR" or step.argval in {"AssertionError", AssertionError}
        for step in dis.get_instructions(function)
        if step.argval.__hash__ is not None
    )


def _where(function: Any) -> str:
    code = function.__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _lint_ids(clauses: list[Clause]) -> Iterator[str]:
    by_id: dict[str, Clause] = {}
    for made in clauses:
        if made.id in by_id:
            other = by_id[made.id].function
            yield f"clause {made.id!r} is defined twice: at {_where(other)} and at {_where(made.function)}"
        by_id[made.id] = made
    for one, longer in itertools.pairwise(sorted(by_id)):
        if longer.startswith(one):
            yield f"clause {one!r} is a prefix of {longer!r}, so -k can't select it alone; rename one"


def _lint_clause(made: Clause, facts: Facts, settings: Settings) -> Iterator[str]:
    where = f"clause {made.id!r} at {_where(made.function)}"
    if not _ID.fullmatch(made.id):
        yield f"{where}: the id is not of the form system.kebab-case"
    if not inspect.getdoc(made.function):
        yield f"{where}: no docstring; say in a sentence what the contract claims"
    yield from (f"{where}: {line}" for line in _lint_title(made, facts))
    yield from (f"{where}: {line}" for line in _lint_statements(made, facts, settings))
    yield from (f"{where}: {line}" for line in _lint_body(made))
    yield from (f"{where}: {line}" for line in _lint_parameters(made, facts))


def _axes(made: Clause, facts: Facts) -> set[str]:
    names = inspect.signature(made.function).parameters
    return {
        axis
        for name in names
        for axis in (facts.axes_of(name) if name in facts.facts else [name])
        if axis in facts.axes
    }


def _lint_title(made: Clause, facts: Facts) -> Iterator[str]:
    axes = _axes(made, facts)
    try:
        strange = title_fields(made.title) - axes
    except ValueError as wrong:
        yield f"the title {made.title!r} can't be formatted: {wrong}"
        return
    if strange:
        yield f"the title names {{{min(strange)}}}, which is no axis of this clause (axes: {', '.join(sorted(axes)) or 'none'})"
        return
    text = made.title.format_map({axis: axis for axis in axes})
    if not text or len(text) > LONGEST_TITLE or text.endswith("."):
        yield f"the title {text!r} is empty, longer than {LONGEST_TITLE} characters, or ends in a full stop"


def _lint_statements(made: Clause, facts: Facts, settings: Settings) -> Iterator[str]:
    if not made.proves:
        yield "it proves no statement"
    for word in made.proves:
        if word.startswith("{") and word.strip("{}") not in _axes(made, facts):
            yield f"proves names {word}, which is no axis of this clause"
        elif not word.startswith("{") and word.rstrip("~!") not in settings.contract.statements:
            yield f"unknown statement {word.rstrip('~!')}"


def _lint_body(made: Clause) -> Iterator[str]:
    tree = _definitions(made.function.__code__.co_filename).get(made.function.__name__)
    if tree is None:
        return
    lines = (tree.end_lineno or tree.lineno) - tree.lineno + 1
    if lines > LONGEST_CLAUSE:
        yield f"{lines} lines long; a clause has at most {LONGEST_CLAUSE}, the rest belongs into a fact"
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.Try | ast.IfExp):
            yield f"line {node.lineno}: a clause has no if or try; it judges one observed value"
        if (
            isinstance(node, ast.Attribute | ast.Name)
            and (getattr(node, "attr", "") or getattr(node, "id", "")) == "skip"
        ):
            yield f"line {node.lineno}: a clause doesn't skip; the fact raises Unproven"
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        yield "it asserts nothing, so it can't fail"
    elif not asserts(made.function):
        yield "its assertion was compiled away, so it can't fail"


@functools.cache
def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _lint_parameters(made: Clause, facts: Facts) -> Iterator[str]:
    hints = get_type_hints(made.function)
    for name in inspect.signature(made.function).parameters:
        if name in facts.facts and name not in hints:
            yield f"parameter {name!r} has no annotation"
        elif name in facts.facts and hints[name] != facts.returns(name):
            yield f"parameter {name!r} is annotated {_name(hints[name])}, and the fact returns {_name(facts.returns(name))}"


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))


def _lint_facts(facts: Facts, guard: str) -> Iterator[str]:
    for made in facts.facts.values():
        where = f"fact {made.name!r} at {_where(made.function)}"
        for need in made.needs:
            if need not in facts.facts and need not in facts.axes and need not in GIVENS:
                known = ", ".join((*facts.axes, *GIVENS))
                yield f"{where}: unknown parameter {need!r}; expected another fact or one of {known}"
        for need in made.every:
            if need in facts.facts and len(facts.axes_of(need)) != 1:
                yield f"{where}: Every[...] of {need!r} needs a fact of exactly one axis"
        if made.name in {need for each in made.needs for need in facts.closure(each)}:
            yield f"{where}: it needs itself, through {', '.join(made.needs)}"
        if made.changes is not None and guard and guard not in facts.closure(made.name):
            yield f"{where}: it changes something and doesn't need {guard!r}, so it could bury evidence"
        if facts.returns(made.name) is None:
            yield f"{where}: no return annotation"
