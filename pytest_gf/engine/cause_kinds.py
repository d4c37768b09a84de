"""The kinds of causes that a value may name. They are read from ``Cause(…)`` in the source of its class and of what it uses."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Iterator
from typing import Any


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
