"""Results of actions, compared with what lies in a bucket: each way in which a tree may not be had is its own finding."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Mapping

import pytest

from pytest_gf.honey.audit.results import Results
from pytest_gf.honey.formats import pieces, reapi
from pytest_gf.honey.observed.audit import Finding
from pytest_gf.honey.observed.blobs import StoredBlob
from pytest_gf.honey.probes.http_bulk import Watchdog
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.probes.s3_bulk import Place, Reader
from pytest_gf.honey.target import S3Section

Objects = Mapping[str, tuple[int, int, bytes]]
"""By key: the status of HEAD, that of GET, and the body."""
Bucket = Callable[[Objects], Reader]
RESULT, TREE, FILE = "ac/00/result", "b" * 64, "c" * 64


@pytest.fixture
def bucket(serve: Callable[..., str]) -> Iterator[Bucket]:
    """What serves objects as a bucket, and gives a reader of it."""
    watchdog, made = Watchdog(), []

    def serving(objects: Objects) -> Reader:
        def script(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
            head, get, body = objects.get(path.removeprefix("/b/"), (404, 404, b""))
            status = get if method == "GET" else head
            return status, {}, body if status == 200 else b""

        section = S3Section(serve(script, kept=True))
        place = Place(Access(section, ("KEY", "SECRET-OF-A-TEST")), "b", 5.0)
        made.append(Reader(place, place.address(), watchdog))
        return made[-1]

    yield serving
    watchdog.close()
    for reader in made:
        reader.close()


def tree(folders: int, files: int) -> bytes:
    made = reapi.message("v2.Tree")()
    for at in range(folders):
        directory = made.children.add() if at else made.root
        for number in range(files):
            node = directory.files.add(name=f"{at}-{number}")
            node.digest.hash, node.digest.size_bytes = FILE, 1
    data: bytes = made.SerializeToString()
    return data


def judged(reader: Reader, size: int) -> StoredBlob | Finding:
    """Judge a result with one output directory, whose tree is of so many bytes."""
    result = reapi.message("v2.ActionResult")()
    digest = result.output_directories.add().tree_digest
    digest.hash, digest.size_bytes = TREE, size
    return Results("", ["cas"]).judged(reader, RESULT, 0, pieces.Pieces([result.SerializeToString()]))


def key(digest: str) -> str:
    return f"cas/{digest[:2]}/{digest}"


@pytest.mark.parametrize(
    ("head", "get", "with_file", "kind", "detail"),
    [
        (200, 200, True, "", ""),
        (200, 200, False, "dangling reference", "1 of 2 blobs are absent: file 0 in the tree of output directory 0"),
        (404, 404, True, "dangling reference", "1 of 1 blobs are absent: tree of output directory 0"),
        (200, 503, True, "unreadable", "tree of output directory 0: 503"),
        (200, 404, True, "unreadable", "HEAD finds it, and GET answers 404"),
        (503, 200, True, "unreadable", "tree of output directory 0: 503"),
    ],
)
def test_a_tree_that_is_not_given_leaves_no_result_whole(  # noqa: PLR0917  # pytest calls it by name.
    head: int, get: int, with_file: bool, kind: str, detail: str, bucket: Bucket
) -> None:
    objects = {key(TREE): (head, get, tree(1, 1)), RESULT: (200, 200, b"")}
    objects |= {key(FILE): (200, 200, b"x")} if with_file else {}
    found = judged(bucket(objects), len(tree(1, 1)))
    if not kind:
        assert isinstance(found, StoredBlob)
        assert found.state == "whole"
        return
    assert isinstance(found, Finding)
    assert found.kind == kind
    assert detail in found.detail


def test_a_tree_is_read_no_further_than_its_digest_says(bucket: Bucket) -> None:
    reader = bucket({key(TREE): (200, 200, b"\x0a\x00" * 1_000), key(FILE): (200, 200, b"x")})
    found = judged(reader, 100)
    assert isinstance(found, Finding)
    assert (found.kind, "longer than the 100 bytes" in found.detail) == ("malformed:action-result", True)


def test_a_tree_of_many_files_costs_no_memory(bucket: Bucket) -> None:
    """Each file is looked for as it is read, by a second connection."""
    many = tree(100, 2_000)
    reader = bucket({key(TREE): (200, 200, many), key(FILE): (200, 200, b"x")})
    tracemalloc.start()
    found = judged(reader, len(many))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, StoredBlob)
    assert peak < len(many) / 2
