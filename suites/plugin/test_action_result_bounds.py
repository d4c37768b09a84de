"""The bounds of results and their trees to the byte, and what is said of one that is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pytest_gf.honey.formats import action_result, reapi
from pytest_gf.honey.formats.action_result import EMPTY, LARGEST, Malformed, Reference, in_tree, references

A, B = "a" * 64, "b" * 64


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def directory(**files: tuple[str, int]) -> bytes:
    made: Any = reapi.message("v2.Directory")()
    for name, (digest, size) in files.items():
        node = made.files.add(name=name)
        node.digest.hash, node.digest.size_bytes = digest, size
    data: bytes = made.SerializeToString()
    return data


def tree(root: bytes, *children: bytes) -> bytes:
    fields = [b"\x0a" + varint(len(root)) + root, *(b"\x12" + varint(len(child)) + child for child in children)]
    return b"".join(fields)


def naming(*digests: tuple[str, int]) -> bytes:
    """Return a Directory that names these below it."""
    made: Any = reapi.message("v2.Directory")()
    for at, (digest, size) in enumerate(digests):
        node = made.directories.add(name=f"d{at}")
        node.digest.hash, node.digest.size_bytes = digest, size
    data: bytes = made.SerializeToString()
    return data


def read(*pieces: bytes) -> list[Reference]:
    return list(in_tree(pieces, "tree"))


def refused(*pieces: bytes) -> str:
    with pytest.raises(Malformed) as raised:
        read(*pieces)
    return str(raised.value)


def test_files_are_counted_through_the_whole_tree() -> None:
    data = tree(directory(x=(A, 1), y=(B, 2)), directory(z=(A, 3)))
    assert read(data) == [
        Reference(A, 1, "file 0 in the tree"),
        Reference(B, 2, "file 1 in the tree"),
        Reference(A, 3, "file 2 in the tree"),
    ]
    assert read(*[data[at : at + 1] for at in range(len(data))]) == read(data)
    assert read(memoryview(data)) == read(data)  # type: ignore[arg-type]  # As it comes from a connection.


def test_what_is_empty_is_never_stored() -> None:
    assert read(tree(directory(x=(EMPTY, 0), y=("", 0)))) == []
    assert read(tree(directory(x=(EMPTY, 1)))) == [Reference(EMPTY, 1, "file 0 in the tree")]
    assert read(tree(directory(x=(A, 0)))) == [Reference(A, 0, "file 0 in the tree")]
    assert read() == []
    assert read(b"") == []


def test_directories_that_a_tree_lacks() -> None:
    child = directory(z=(A, 3))
    digest = hashlib.sha256(child).hexdigest()
    root = naming((digest, len(child)), (B, 7), (EMPTY, 0), (B, 9), (A, 5))
    assert read(tree(root, child)) == [
        Reference(A, 3, "file 0 in the tree"),
        Reference(B, 7, "directory 1 in the tree", absent=True),
        Reference(A, 5, "directory 3 in the tree", absent=True),
    ]


def test_the_most_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_result, "MOST_DIRECTORIES", 4)
    assert len(read(tree(naming((A, 1), (B, 1)), directory(x=(A, 1))))) == 3
    assert len(read(tree(naming((A, 1), (B, 1), ("c" * 64, 1))))) == 3, "3 named and the root"
    says = "the tree has more than 4 directories"
    assert refused(tree(naming((A, 1), (B, 1), ("c" * 64, 1), ("d" * 64, 1)))) == says
    assert refused(tree(naming((A, 1), (B, 1), ("c" * 64, 1)), directory(x=(A, 1)))) == says


def test_the_largest_directory() -> None:
    assert LARGEST == 4 * 1024 * 1024
    assert refused(b"\x0a" + varint(LARGEST) + b"x") == "the tree is no Tree: its bytes end inside of a directory"
    assert refused(b"\x0a" + varint(LARGEST + 1)) == f"no Tree: a field 0x0a of {LARGEST + 1} bytes"
    assert refused(b"\x12" + varint(2**28 - 1)) == f"no Tree: a field 0x12 of {2**28 - 1} bytes"


def test_lengths() -> None:
    for length in (b"\x80" * 4 + b"\x00", b"\x80\x00", b"\x00"):
        assert read(b"\x0a" + length) == []
    assert refused(b"\x0a" + b"\x80" * 5 + b"\x00") == "no Tree: a length that never ends"
    assert refused(b"\x0a" + b"\x80" * 5) == "no Tree: a length that never ends"
    assert refused(b"\x0a" + b"\x80" * 4) == "the tree is no Tree: its bytes end inside of a directory"
    assert refused(b"\x0a") == "the tree is no Tree: its bytes end inside of a directory"
    long = directory(**{f"f{at}": (A, at) for at in range(1, 5)})
    assert len(long) > 0x80
    assert len(read(tree(long))) == 4


@pytest.mark.parametrize("field", [0x08, 0x0B, 0x1A])
def test_a_tree_is_nothing_but_directories(field: int) -> None:
    assert refused(bytes([field, 0])) == f"no Tree: a field 0x{field:02x} of 0 bytes"


@pytest.mark.parametrize(
    ("digest", "size"), [("a" * 63, 1), ("a" * 65, 1), ("A" * 64, 1), ("", 1), ("g" * 64, 1), (A, -1)]
)
def test_a_digest_is_a_sha_256_and_a_size(digest: str, size: int) -> None:
    says = "is no SHA-256 and size"
    assert refused(tree(directory(x=(digest, size)))) == f"the digest of its file 0 in the tree {says}"
    assert refused(tree(naming((digest, size)))) == f"the digest of its directory in the tree {says}"


def test_what_can_not_be_parsed() -> None:
    assert refused(b"\x0a\x02\xff\xff") == "no Directory: it can't be parsed"
    with pytest.raises(Malformed, match=r"^no ActionResult: it can't be parsed$"):
        references(b"\xff\xff")


def result(**changes: tuple[str, int]) -> Any:
    made: Any = reapi.message("v2.ActionResult")()
    for name, (digest, size) in changes.items():
        field = getattr(made, name)
        field.hash, field.size_bytes = digest, size
    return made


def test_everything_that_a_result_names_by_number() -> None:
    made = result(stdout_digest=(A, 1), stderr_digest=(B, 2))
    for at in range(2):
        file = made.output_files.add(path=f"secret{at}")
        file.digest.hash, file.digest.size_bytes = A, at
        folder = made.output_directories.add(path=f"secret{at}")
        folder.tree_digest.hash, folder.tree_digest.size_bytes = B, at
        folder.root_directory_digest.hash, folder.root_directory_digest.size_bytes = A, at
    assert references(made.SerializeToString()) == (
        Reference(A, 0, "output file 0"),
        Reference(A, 1, "output file 1"),
        Reference(B, 0, "tree of output directory 0", tree=True),
        Reference(A, 0, "root of output directory 0"),
        Reference(B, 1, "tree of output directory 1", tree=True),
        Reference(A, 1, "root of output directory 1"),
        Reference(A, 1, "stdout"),
        Reference(B, 2, "stderr"),
    )
    assert references(b"") == ()


def test_a_result_whose_digests_are_none() -> None:
    made = result()
    made.output_directories.add(path="x")
    with pytest.raises(Malformed, match=r"^output directory 0 has no tree, and bazel-remote refuses the result$"):
        references(made.SerializeToString())
    with pytest.raises(Malformed, match=r"^the digest of its stdout is no SHA-256 and size$"):
        references(result(stdout_digest=("x", 1)).SerializeToString())
