"""Each kind of cause that a value names is in the table of kinds, as a word that stands in the source."""

from __future__ import annotations

from pathlib import Path

import pytest

import pytest_gf.honey
from pytest_gf.engine.explain import kinds
from pytest_gf.honey import contract
from pytest_gf.honey.causes import KINDS, read

ROOT = Path(__file__).parents[2]
HONEY = Path(pytest_gf.honey.__file__).parent
FILES = sorted(str(file.relative_to(HONEY)) for file in HONEY.rglob("*.py"))


def test_every_kind_is_in_the_table() -> None:
    unknown = [f"{file}: {kind!r}" for file in FILES for kind in kinds((HONEY / file).read_text()) if kind not in KINDS]
    assert not unknown, "name them in pytest_gf/honey/causes.py"


def test_a_kind_is_a_word_and_says_what_it_is() -> None:
    for name, kind in KINDS.items():
        assert name == name.lower().replace(" ", "-")
        assert len(kind.title.split()) > 2, f"{name}: a few words"
        assert not kind.title.endswith("."), f"{name}: its title is no sentence of its own"
        assert kind.first, f"{name}: what does a person do first?"
        sentences = (kind.means, *kind.first, *kind.avoid)
        assert all(sentence[0].isupper() and sentence[-1] in ".?" for sentence in sentences), f"{name}: whole sentences"
        assert all(len(sentence) < 130 for sentence in sentences), f"{name}: short ones"
        assert all(sentence.startswith("Don't ") for sentence in kind.avoid), f"{name}: what not to do"
        assert set(kind.tickets) <= contract.load().tickets.keys()
        assert not kind.see or (ROOT / "docs" / kind.see).is_file()


def test_nobody_is_told_to_start_what_a_loss_forbids() -> None:
    for name in ("bucket-index-loss", "disk-offline", "bucket-index-out-of-step"):
        said = " ".join(KINDS[name].avoid)
        assert "Don't restart RustFS" in said
        assert "Don't start a plan or an apply" in said
    assert any("delete" in sentence for sentence in KINDS["digest-mismatch"].avoid)
    assert any("force-unlock" in sentence for sentence in KINDS["lock-left"].avoid)


def test_a_sentence_that_is_not_there_is_no_step() -> None:
    text = '[steps]\na = "Do a."\n[kinds.x]\ntitle = "t"\nseverity = "major"\nfirst = ["@a", "Do b."]\n'
    assert read(text)["x"].first == ("Do a.", "Do b.")
    with pytest.raises(KeyError, match="c"):
        read(text.replace("@a", "@c"))
    with pytest.raises(ValueError, match="bad"):
        read(text.replace("major", "bad"))
