"""The lint of facts: what every fact must be."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_gf.engine.facts import GIVENS, Fact, Facts
from pytest_gf.engine.suggestion import suggestion


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
    for file in dict.fromkeys(fact.function.__code__.co_filename for fact in facts.facts.values()):
        source = Path(file).read_text(encoding="utf-8")
        names = re.findall(r"^def (\w+)", source, re.MULTILINE)
        if "print" in source or len({*names}) < len(names):  # No other can be wrong, and to parse it takes long.
            yield from (f"{Path(file).name}:{line}" for line in _lint_file(ast.parse(source)))


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
        yield f"it changes something and doesn't need {guard!r}, so it could bury evidence"


def _lint_file(tree: ast.Module) -> Iterator[str]:
    """Yield what only the source shows: a fact that a later one of its name hides, and a print."""
    seen: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any("fact" in ast.unparse(by) for by in node.decorator_list):
            if node.name in seen:
                yield f"{node.lineno}: fact {node.name!r} is defined twice (line {seen[node.name]} too); rename one"
            seen[node.name] = node.lineno
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print":
            yield f"{call.lineno}: a fact doesn't print; what it saw belongs into the value that it returns"
