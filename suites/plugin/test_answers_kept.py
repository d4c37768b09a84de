"""A listing that failed is never an empty one: nobody takes the names of a listing and drops its answer."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_gf.honey import answers
from pytest_gf.honey.probes import s3, s3_bulk

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "pytest_gf").rglob("*.py"), *(ROOT / "fixtures").rglob("*.py")])
LISTINGS = {"list_buckets", "list_objects", "list_versions"}


def dropped(source: str) -> Iterator[int]:
    """Yield the lines on which a listing is taken without its answer."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Call(func=ast.Attribute(attr=asked)), attr=taken) if asked in LISTINGS:
                if taken != "answer":
                    yield node.lineno
            case ast.Subscript(value=ast.Call(func=ast.Attribute(attr=asked))) if asked in LISTINGS:
                yield node.lineno
            case ast.Assign(targets=[ast.Tuple()], value=ast.Call(func=ast.Attribute(attr=asked))) if asked in LISTINGS:
                yield node.lineno
            case ast.For(iter=ast.Call(func=ast.Attribute(attr=asked))) if asked in LISTINGS:
                yield node.lineno


def test_no_answer_of_a_listing_is_dropped() -> None:
    places = [f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line in dropped(path.read_text())]
    assert places == [], "a listing was taken without its answer"


@pytest.mark.parametrize(
    "source",
    [
        "_, listed = s3.list_buckets()",
        "for version in s3.list_versions(b, k): pass",
        "names = s3.list_buckets()[1]",
        "keys = s3.list_objects(b).sizes",
        "gone = name not in self.s3.list_buckets().buckets",
    ],
)
def test_a_dropped_answer_is_found(source: str) -> None:
    assert list(dropped(source)) == [1]


@pytest.mark.parametrize("kind", [answers.Listing, answers.Versions, s3.Objects, s3_bulk.Page])
def test_a_listing_carries_its_answer(kind: type) -> None:
    assert "answer" in {field.name for field in dataclasses.fields(kind)}


def test_a_listing_that_failed_shows_and_lacks_nothing() -> None:
    failed = answers.Listing((), answers.Answer(503, "SlowDown"))
    assert not failed.shows("attic")
    assert failed.lacks("attic") == ()
    assert str(failed) == "not listed: 503 SlowDown"
    assert answers.Listing((), answers.Answer(200)).lacks("attic") == ("attic",)
