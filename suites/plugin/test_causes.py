"""Each kind of cause that a value names is in the table of kinds, as a word that stands in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest_gf.honey
from pytest_gf.honey.causes import KINDS

HONEY = Path(pytest_gf.honey.__file__).parent
FILES = sorted(str(file.relative_to(HONEY)) for file in HONEY.rglob("*.py"))


def kinds(source: str) -> Iterator[str]:
    """Yield the kind of each cause that is made here; one that is no word of the source is an empty one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cause":
            yield from words(node.args[0]) if node.args else ("",)


def words(kind: ast.expr) -> Iterator[str]:
    """Yield the word that this is, or the words between which it chooses."""
    if isinstance(kind, ast.IfExp):
        yield from (*words(kind.body), *words(kind.orelse))
    else:
        yield kind.value if isinstance(kind, ast.Constant) and isinstance(kind.value, str) else ""


def test_kinds_are_found_in_a_source() -> None:
    source = "A = Cause('a', b)\nif x:\n    y = Trouble(Cause('c' if x else 'd'), Cause(kind, 'e'), Cause(kind='f'))\n"
    assert sorted(kinds(source)) == ["", "", "a", "c", "d"]


def test_every_kind_is_in_the_table() -> None:
    unknown = [f"{file}: {kind!r}" for file in FILES for kind in kinds((HONEY / file).read_text()) if kind not in KINDS]
    assert not unknown, "name them in pytest_gf/honey/causes.py"


def test_a_kind_is_a_word_and_says_what_it_is() -> None:
    for kind, says in KINDS.items():
        assert kind == kind.lower().replace(" ", "-")
        assert len(says.split()) > 2, f"{kind}: a few words"
        assert not says.endswith("."), f"{kind}: it is no sentence of its own"
