"""The lint of facts: what every fact must be."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_gf.engine.facts import GIVENS, Fact, Facts
from pytest_gf.engine.meant import meant

_PYTESTS_OWN = "request"
"""pytest's fixture that every fact is made with."""


def where_of(function: Any) -> str:
    """Return the file and line of a function."""
    code = function.__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def lint_facts(facts: Facts, guard: str, allows: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the facts, a line each. ``allows`` are the words that a target may allow."""
    for made in facts.facts.values():
        where = f"fact {made.name!r} at {where_of(made.function)}"
        yield from (f"{where}: {line}" for line in _lint_fact(made, facts))
        yield from (f"{where}: {line}" for line in _lint_changes(made, facts, guard, allows))
    for file in dict.fromkeys(made.function.__code__.co_filename for made in facts.facts.values()):
        source = Path(file).read_text(encoding="utf-8")
        names = re.findall(r"^def (\w+)", source, re.MULTILINE)
        if "print" in source or len({*names}) < len(names):  # No other can be wrong, and to parse it takes long.
            yield from (f"{Path(file).name}:{line}" for line in _lint_file(ast.parse(source)))


def _lint_fact(made: Fact, facts: Facts) -> Iterator[str]:
    known = (*facts.facts, *facts.axes, *GIVENS)
    if not inspect.getdoc(made.function):
        yield "no docstring; say in a sentence what it observes"
    if made.name in {*facts.axes, *GIVENS, _PYTESTS_OWN}:
        kind = "an axis" if made.name in facts.axes else "a given thing"
        yield f"it has the name of {kind}, and would shadow it; rename it"
    for need in made.needs:
        if need not in known:
            among = ", ".join((*facts.axes, *GIVENS))
            yield f"unknown parameter {need!r}; expected another fact or one of {among}{meant(need, known)}"
    for need in made.every:
        if need in facts.facts and len(facts.axes_of(need)) != 1:
            yield f"Every[...] of {need!r} needs a fact of exactly one axis"
    if made.name in {name for need in made.needs for name in facts.closure(need)}:
        yield f"it needs itself, through {', '.join(made.needs)}"
    if facts.returns(made.name) is None:
        yield "no return annotation"


def _lint_changes(made: Fact, facts: Facts, guard: str, allows: Sequence[str]) -> Iterator[str]:
    if made.changes is None:
        return
    if made.changes not in allows:
        yield f"changes={made.changes!r} is no word that a target may allow{meant(made.changes, allows)}"
    if guard and guard not in facts.closure(made.name):
        yield f"it changes something and doesn't need {guard!r}, so it could bury evidence"


def _lint_file(tree: ast.Module) -> Iterator[str]:
    """Yield what only the source shows: a fact that a later one of its name hides, and a print."""
    seen: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any("fact" in ast.unparse(each) for each in node.decorator_list):
            if node.name in seen:
                yield f"{node.lineno}: fact {node.name!r} is defined twice (line {seen[node.name]} too); rename one"
            seen[node.name] = node.lineno
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "print":
            yield f"{each.lineno}: a fact doesn't print; what it saw belongs into the value that it returns"
