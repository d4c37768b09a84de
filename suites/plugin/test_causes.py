"""Each kind of cause that a value names is in the table of kinds, as a word that stands in the source."""

from __future__ import annotations

from pathlib import Path

import pytest_gf.honey
from pytest_gf.engine.causing import kinds
from pytest_gf.honey.causes import KINDS

HONEY = Path(pytest_gf.honey.__file__).parent
FILES = sorted(str(file.relative_to(HONEY)) for file in HONEY.rglob("*.py"))


def test_every_kind_is_in_the_table() -> None:
    unknown = [f"{file}: {kind!r}" for file in FILES for kind in kinds((HONEY / file).read_text()) if kind not in KINDS]
    assert not unknown, "name them in pytest_gf/honey/causes.py"


def test_a_kind_is_a_word_and_says_what_it_is() -> None:
    for kind, says in KINDS.items():
        assert kind == kind.lower().replace(" ", "-")
        assert len(says.split()) > 2, f"{kind}: a few words"
        assert not says.endswith("."), f"{kind}: it is no sentence of its own"
