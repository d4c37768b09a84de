"""NAR: round trips, every cut, every flip, every malformed kind; memory that does not grow."""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import nar
from pytest_gf.honey.formats.nar import Directory, Malformed, Node, Reader, Regular, Symlink, string, write

NAMES = st.binary(min_size=1, max_size=8).filter(lambda name: name not in {b".", b".."} and not set(name) & set(b"/\0"))
LEAVES = st.builds(Regular, st.binary(max_size=40), st.booleans()) | st.builds(
    Symlink, st.binary(min_size=1, max_size=20).filter(lambda target: b"\0" not in target)
)
TREES: st.SearchStrategy[Node] = st.recursive(
    LEAVES, lambda below: st.builds(Directory, st.dictionaries(NAMES, below, max_size=4)), max_leaves=12
)
TREE = Directory(
    {
        b"bin": Directory({b"hello": Regular(b"#!/bin/sh\necho hello\n", executable=True)}),
        b"empty": Directory({}),
        b"lib": Symlink(b"../lib"),
        b"nothing": Regular(b""),
        b"readme": Regular(b"eight..."),
    }
)
DATA = b"".join(write(TREE))


def read(data: bytes, step: int = 1 << 20) -> Reader:
    reader = Reader()
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
    reader.finish()
    return reader


def archive(*tokens: bytes) -> bytes:
    return b"".join(map(string, (nar.MAGIC, *tokens)))


def regular(contents: bytes = b"x") -> tuple[bytes, ...]:
    return (b"(", b"type", b"regular", b"contents", contents, b")")


def entry(name: bytes, *node: bytes) -> tuple[bytes, ...]:
    return (b"entry", b"(", b"name", name, b"node", *node, b")")


@given(TREES, st.integers(1, 70))
def test_what_is_written_is_read_in_pieces_of_any_size(tree: Node, step: int) -> None:
    data = b"".join(write(tree))
    reader = read(data, step)
    assert reader.size == len(data)
    assert len(data) % 8 == 0


def test_a_known_archive_byte_for_byte() -> None:
    data = b"".join(write(Regular(b"hello")))
    assert data == bytes.fromhex(
        "0d00000000000000 6e69782d61726368 6976652d31000000 0100000000000000 2800000000000000"
        "0400000000000000 7479706500000000 0700000000000000 726567756c617200 0800000000000000"
        "636f6e74656e7473 0500000000000000 68656c6c6f000000 0100000000000000 2900000000000000"
    )
    assert read(DATA).files == 3


def test_every_cut_is_refused() -> None:
    for end in range(len(DATA)):
        with pytest.raises(Malformed, match="cut"):
            read(DATA[:end])


def test_every_flip_is_refused_or_changes_the_digest() -> None:
    digest = hashlib.sha256(DATA).digest()
    refused = 0
    for at in range(len(DATA)):
        for bit in (1, 0x80):
            flipped = bytearray(DATA)
            flipped[at] ^= bit
            try:
                read(bytes(flipped))
            except Malformed:
                refused += 1
            assert hashlib.sha256(flipped).digest() != digest
    assert refused > len(DATA)


@given(st.binary(max_size=200), st.integers(0, len(DATA)), st.integers(1, 50))
def test_any_bytes_are_an_archive_or_malformed(data: bytes, start: int, step: int) -> None:
    with pytest.raises(Malformed):
        read(DATA[:start] + data + b"!", step)


MALFORMED: dict[str, tuple[bytes, str]] = {
    "no magic": (string(b"nix-archive-2") + DATA[24:], "magic"),
    "html": (b"<!DOCTYPE html><html><body>502</body></html>", "magic"),
    "absurd length": (struct.pack("<Q", 2**63), "magic"),
    "type": (archive(b"(", b"type", b"fifo", b")"), "token"),
    "no type": (archive(b"(", b"contents", b"x", b")"), "token"),
    "regular without contents": (archive(b"(", b"type", b"regular", b")"), "token"),
    "executable that says something": (
        archive(b"(", b"type", b"regular", b"executable", b"yes", b"contents", b"x", b")"),
        "token",
    ),
    "padding": (string(nar.MAGIC)[:-1] + b"\1", "padding"),
    "padding of contents": (
        DATA.replace(string(b"#!/bin/sh\necho hello\n"), string(b"#!/bin/sh\necho hello\n")[:-1] + b"x"),
        "padding",
    ),
    "names out of order": (
        archive(b"(", b"type", b"directory", *entry(b"b", *regular()), *entry(b"a", *regular()), b")"),
        "order",
    ),
    "a name twice": (
        archive(b"(", b"type", b"directory", *entry(b"a", *regular()), *entry(b"a", *regular()), b")"),
        "order",
    ),
    **{
        f"name {name!r}": (archive(b"(", b"type", b"directory", *entry(name, *regular()), b")"), "name")
        for name in (b"", b".", b"..", b"a/b", b"a\0b", b"n" * 256)
    },
    "empty target": (archive(b"(", b"type", b"symlink", b"target", b"", b")"), "target"),
    "target with NUL": (archive(b"(", b"type", b"symlink", b"target", b"a\0", b")"), "target"),
    "long target": (archive(b"(", b"type", b"symlink", b"target", b"t" * 4096, b")"), "target"),
    "trailing": (DATA + bytes(8), "trailing"),
    "deep": (archive(*(b"(", b"type", b"directory", b"entry", b"(", b"name", b"a", b"node") * 600), "deep"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_each_malformed_kind_is_its_own(name: str) -> None:
    data, kind = MALFORMED[name]
    with pytest.raises(Malformed) as raised:
        read(data, random.Random(name).randint(1, 100))  # noqa: S311  # Test data.
    assert raised.value.kind == kind


MEMORY = """
import resource, sys
from pytest_gf.honey.formats.nar import Reader, string, MAGIC
import struct
reader = Reader()
size = 2**30
head = b"".join(map(string, (MAGIC, b"(", b"type", b"regular", b"contents"))) + struct.pack("<Q", size)
reader.feed(head)
piece = bytes(2**20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(1024):
    reader.feed(piece)
reader.feed(string(b")"))
reader.finish()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_gibibyte_is_read_without_being_held() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) < 8 * 1024, "KiB more than before"
