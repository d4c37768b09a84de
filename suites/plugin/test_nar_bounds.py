"""The bounds of an archive to the byte, and what is said of one that is refused, whatever pieces it comes in."""

from __future__ import annotations

import struct

import pytest

from pytest_gf.honey.formats import nar
from pytest_gf.honey.formats.nar import Directory, Malformed, Node, Reader, Regular, Symlink, string, write

STEPS = [1, 8, 100, 1 << 30]


def archive(*tokens: bytes) -> bytes:
    return b"".join(map(string, (nar.MAGIC, *tokens)))


def folder(*entries: bytes) -> bytes:
    return archive(b"(", b"type", b"directory") + b"".join(entries) + string(b")")


def tokens(*words: bytes) -> bytes:
    return b"".join(map(string, words))


def file(name: bytes, contents: bytes = b"x") -> bytes:
    return tokens(b"entry", b"(", b"name", name, b"node", b"(", b"type", b"regular", b"contents", contents, b")", b")")


def written(tree: Node) -> bytes:
    return b"".join(write(tree))


def read(data: bytes, step: int = 1 << 30) -> Reader:
    reader = Reader()
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
    reader.finish()
    return reader


def refused(data: bytes, step: int = 1 << 30) -> str:
    with pytest.raises(Malformed) as raised:
        read(data, step)
    assert str(raised.value).startswith(f"{raised.value.kind} at byte {raised.value.at}: ")
    return str(raised.value)


@pytest.mark.parametrize("step", STEPS)
def test_the_longest_name_and_target(step: int) -> None:
    for size in (1, 7, 8, 9, nar.MOST_NAME):
        assert read(folder(file(b"n" * size)), step).files == 1
    says = "a string of 256 bytes, where 255 are allowed"
    assert refused(folder(file(b"n" * 256)), step) == f"name at byte {len(folder()) - 16 + 56}: {says}"
    for size in (1, 8, nar.MOST_TARGET):
        assert read(written(Symlink(b"t" * size)), step).files == 0
    assert refused(written(Symlink(b"t" * 4096)), step).endswith(": a string of 4096 bytes, where 4095 are allowed")


def deep(levels: int) -> bytes:
    below = tokens(b"entry", b"(", b"name", b"a", b"node", b"(", b"type", b"directory") * (levels - 1)
    return archive(b"(", b"type", b"directory") + below + tokens(b")", b")") * (levels - 1) + tokens(b")")


@pytest.mark.parametrize("step", [100, 1 << 30])
def test_the_deepest_directory(step: int) -> None:
    assert read(deep(nar.DEEPEST), step).complete
    says = refused(deep(nar.DEEPEST + 1), step)
    assert says.startswith("deep at byte ")
    assert says.endswith(": more than 512 directories within one another")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("last", [Regular(b"x"), Symlink(b"t"), Directory({})], ids=["file", "link", "folder"])
def test_the_most_entries_whatever_they_are(step: int, last: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are passed over count as those do that are read token by token."""
    monkeypatch.setattr(nar, "MOST_ENTRIES", 3)
    two: dict[bytes, Node] = {b"a": Regular(b"1"), b"b": Regular(b"2", executable=True)}
    assert read(written(Directory(two | {b"c": last})), step).complete
    for more in (two | {b"c": Regular(b"3"), b"d": last}, {b"a": Directory(two), b"c": last}):
        assert refused(written(Directory(more)), step).endswith(": more than 3")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("executable", [False, True])
def test_files_of_every_size_are_passed_over(step: int, executable: bool) -> None:
    tree = Directory({b"f%02d" % size: Regular(b"c" * size, executable) for size in range(20)})
    reader = read(written(tree), step)
    assert (reader.files, reader.size, reader.complete) == (20, len(written(tree)), True)
    assert reader._entries == 20


@pytest.mark.parametrize("step", STEPS)
def test_what_is_wrong_among_files_is_said(step: int) -> None:
    first, begin = file(b"b"), len(folder()) - 16
    name_ends = begin + len(first) + 64
    assert refused(folder(first, file(b"a")), step) == f"order at byte {name_ends}: b'a' after b'b'"
    assert refused(folder(first, file(b"b")), step) == f"order at byte {name_ends}: b'b' after b'b'"
    for name in (b"", b".", b"..", b"c/d", b"c\0d"):
        says = f"{name!r} names nothing in a directory"
        assert refused(folder(first, file(name), file(b"z")), step).endswith(f": {says}")
    assert refused(folder(first[:-16] + tokens(b"x")), step).endswith(": b'x' in the place of b')'")
    assert refused(folder(first, tokens(b"other")), step).endswith(": b'other' in a directory")
    assert refused(folder(first.replace(b"contents", b"kontents")), step).endswith(": b'kontents' in a regular file")
    assert refused(folder(first) + b"!", step) == f"trailing at byte {len(folder(first))}: bytes follow the archive"
    assert refused(folder(first)[:-1], step) == f"cut at byte {len(folder(first)) - 1}: the archive goes on"
    padded = first.replace(string(b"x"), string(b"x")[:-1] + b"!")
    assert refused(folder(padded), step).endswith(": bytes that are not zero")


@pytest.mark.parametrize("step", STEPS)
def test_names_are_ordered_within_their_own_directory(step: int) -> None:
    tree = Directory({b"a": Directory({b"x": Regular(b"1"), b"y": Regular(b"2")}), b"b": Regular(b"3")})
    assert read(written(tree), step).files == 3
    below = tokens(b"entry", b"(", b"name", b"m", b"node", b"(", b"type", b"directory", *[b")"] * 2)
    assert read(folder(file(b"a"), below, file(b"n")), step).files == 2
    assert refused(folder(file(b"a"), below, file(b"b")), step).endswith(": b'b' after b'm'")
    assert refused(folder(file(b"n"), below), step).endswith(": b'm' after b'n'")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (string(b"nix-archive-2"), "magic at byte 24: b'nix-archive-2' in the place of b'nix-archive-1'"),
        (struct.pack("<Q", 17), "magic at byte 8: a string of 17 bytes, where 16 are allowed"),
        (struct.pack("<Q", 16) + b"n" * 16, f"magic at byte 24: {b'n' * 16!r} in the place of b'nix-archive-1'"),
        (archive(b"{"), "token at byte 40: b'{' in the place of b'('"),
        (archive(b"(", b"kind"), "token at byte 56: b'kind' in the place of b'type'"),
        (archive(b"(", b"type", b"fifo"), "token at byte 72: a node of type b'fifo'"),
        (archive(b"(", b"type", b"symlink", b"to"), "token at byte 88: b'to' in the place of b'target'"),
        (archive(b"(", b"type", b"symlink", b"target", b""), "target at byte 96: an empty target, or one with NUL"),
        (archive(b"(", b"type", b"symlink", b"target", b"a\0"), "target at byte 104: an empty target, or one with NUL"),
        (archive(b"(", b"type", b"regular", b"executable", b"x"), "token at byte 112: b'x' in the place of b''"),
        (archive(b"(", b"type", b"regular", b"text"), "token at byte 88: b'text' in a regular file"),
        (archive(b"(", b"type", b"directory", b"name"), "token at byte 96: b'name' in a directory"),
        (archive(b"(", b"type", b"directory", b"entry", b"["), "token at byte 112: b'[' in the place of b'('"),
        (string(b"nix-archive-1")[:-1] + b"\1", "padding at byte 24: bytes that are not zero"),
        (b"", "cut at byte 0: the archive goes on"),
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 30])
def test_what_is_said_of_each_token(data: bytes, says: str, step: int) -> None:
    assert refused(data, step) == says


def test_a_reader_says_how_far_it_is() -> None:
    data = folder(file(b"a"), file(b"b"))
    reader = Reader()
    assert (reader.size, reader.files, reader.complete) == (0, 0, False)
    reader.feed(data[:-1])
    assert (reader.size, reader.complete) == (len(data) - 1, False)
    reader.feed(data[-1:])
    reader.finish()
    assert (reader.size, reader.files, reader.complete) == (len(data), 2, True)
    with pytest.raises(Malformed, match=f"trailing at byte {len(data)}: "):
        reader.feed(b"x")


def test_large_contents_come_in_pieces() -> None:
    data = folder(file(b"a", b"y" * 100_000), file(b"b", b"z" * 70_001), file(b"c"))
    for step in (1_000, 16 * 1024, 65_536, 1 << 30):
        assert read(data, step).files == 3
    cut = len(folder(file(b"a", b"y" * 100_000))) - 16 + 500
    assert refused(data[:cut], 4_096) == f"cut at byte {cut}: the archive goes on"


def test_what_is_written_is_sorted_and_padded() -> None:
    tree = Directory({b"b": Regular(b"1234567"), b"a": Symlink(b"12345678"), b"B": Directory({})})
    assert written(tree) == folder(
        tokens(b"entry", b"(", b"name", b"B", b"node", b"(", b"type", b"directory", b")", b")"),
        tokens(b"entry", b"(", b"name", b"a", b"node", b"(", b"type", b"symlink", b"target", b"12345678", b")", b")"),
        file(b"b", b"1234567"),
    )
    assert written(Regular(b"", executable=True)) == archive(
        b"(", b"type", b"regular", b"executable", b"", b"contents", b"", b")"
    )
    assert string(b"12345678") == struct.pack("<Q", 8) + b"12345678"
    assert string(b"123456789") == struct.pack("<Q", 9) + b"123456789" + bytes(7)
