"""Results of actions and their trees: what they name, in pieces of any size; malformed ones are Malformed and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import action_result, reapi
from pytest_gf.honey.formats.action_result import Malformed, Reference

DIGESTS = st.binary(min_size=1, max_size=8).map(lambda seed: hashlib.sha256(seed).hexdigest())
FOLDERS = st.lists(st.lists(st.tuples(DIGESTS, st.integers(0, 10**12)), max_size=4), max_size=5)
"""The root's files, then each child's."""


def tree(folders: list[list[tuple[str, int]]]) -> bytes:
    made = reapi.message("v2.Tree")()
    made.root.SetInParent()
    for at, folder in enumerate(folders):
        where = made.children.add() if at else made.root
        for number, (digest, size) in enumerate(folder):
            node = where.files.add(name=f"{number}")
            node.digest.hash, node.digest.size_bytes = digest, size
    data: bytes = made.SerializeToString()
    return data


def names(folders: list[list[tuple[str, int]]]) -> list[tuple[str, int]]:
    every = [name for folder in folders for name in folder]
    return [(digest, size) for digest, size in every if size or digest != action_result.EMPTY]


@given(folders=FOLDERS, step=st.integers(1, 200))
def test_a_trees_files_in_pieces_of_any_size(folders: list[list[tuple[str, int]]], step: int) -> None:
    data = tree(folders)
    files = action_result.in_tree((data[at : at + step] for at in range(0, len(data), step)), "tree")
    assert [(file.digest, file.size) for file in files] == names(folders)


@given(folders=FOLDERS, at=st.integers(0, 10**6))
def test_a_cut_tree_is_refused_or_ends_with_a_directory(folders: list[list[tuple[str, int]]], at: int) -> None:
    data = tree(folders)
    cut = data[: at % (len(data) + 1)]
    whole = {len(tree(folders[:count])) for count in range(1, len(folders) + 1)} | {0, 2 if data[:2] == b"\n\0" else 0}
    if len(cut) in whole:
        files = [(file.digest, file.size) for file in action_result.in_tree([cut], "tree")]
        assert files == names(folders)[: len(files)]
    else:
        with pytest.raises(Malformed):
            list(action_result.in_tree([cut], "tree"))


@given(data=st.binary(max_size=300))
def test_no_bytes_raise_anything_but_malformed(data: bytes) -> None:
    for read in (action_result.references, lambda data: list(action_result.in_tree([data], "tree"))):
        with contextlib.suppress(Malformed):
            read(data)


@given(folders=FOLDERS.filter(any), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_flip_raises_anything_but_malformed(folders: list[list[tuple[str, int]]], at: int, bit: int) -> None:
    data = bytearray(tree(folders))
    data[at % len(data)] ^= 1 << bit
    with contextlib.suppress(Malformed):
        list(action_result.in_tree([bytes(data)], "tree"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a length that never ends"),
        (b"\x0a\x80\x80\x80\x10", "bytes"),
        (b"\x1a\x00", "a field 0x1a"),
        (b"\x0a\x05abc", "end inside of a directory"),
        (b"\x0a\x02\xff\xff", "no Directory"),
    ],
)
def test_a_strange_tree_says_what_is_strange(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        list(action_result.in_tree([data], "tree"))


def test_what_a_result_names() -> None:
    result: Any = reapi.message("v2.ActionResult")()
    digest, empty = hashlib.sha256(b"x").hexdigest(), action_result.EMPTY
    for name, contents in (("stored", b""), ("inlined", b"x")):
        file = result.output_files.add(path=name, contents=contents)
        file.digest.hash, file.digest.size_bytes = digest, 1
    result.output_files.add(path="empty").digest.hash = empty
    folder = result.output_directories.add(path="out")
    folder.tree_digest.hash, folder.tree_digest.size_bytes = digest, 1
    assert action_result.references(result.SerializeToString()) == (
        Reference(digest, 1, "output file 0"),
        Reference(digest, 1, "tree of output directory 0", tree=True),
    )


def nested(*, whole: bool) -> tuple[bytes, str]:
    """Return a Tree of three folders one below the other, the last of which it may lack, and that one's digest."""
    tree, last, middle = reapi.message("v2.Tree")(), reapi.message("v2.Directory")(), reapi.message("v2.Directory")()
    last.files.add(name="f").digest.hash = "a" * 64
    digest = hashlib.sha256(last.SerializeToString()).hexdigest()
    node = middle.directories.add(name="last").digest
    node.hash, node.size_bytes = digest, last.ByteSize()
    node = tree.root.directories.add(name="middle").digest
    node.hash, node.size_bytes = hashlib.sha256(middle.SerializeToString()).hexdigest(), middle.ByteSize()
    tree.root.directories.add(name="empty").digest.hash = action_result.EMPTY
    tree.children.extend([last, middle] if whole else [middle])
    return tree.SerializeToString(), digest


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("step", [1, 50, 10_000])
def test_a_directory_that_a_tree_names_must_be_in_it(whole: bool, step: int) -> None:
    data, digest = nested(whole=whole)
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    absent = [file.digest for file in action_result.in_tree(pieces, "tree") if file.absent]
    assert absent == ([] if whole else [digest])


def test_a_tree_of_too_many_directories_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_result, "MOST_DIRECTORIES", 3)
    with pytest.raises(Malformed, match="more than 3 directories"):
        list(action_result.in_tree([nested(whole=True)[0]], "tree"))


def test_a_root_without_a_tree_is_refused() -> None:
    result = reapi.message("v2.ActionResult")()
    folder = result.output_directories.add(path="out").root_directory_digest
    folder.hash, folder.size_bytes = "a" * 64, 5
    with pytest.raises(Malformed, match="output directory 0 has no tree"):
        action_result.references(result.SerializeToString())
