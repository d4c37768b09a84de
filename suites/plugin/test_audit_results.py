"""Results of actions, compared with what lies in a bucket: each way in which a tree may not be had is its own finding."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator, Mapping

import pytest

from pytest_gf.honey.audit.refusals import Unread
from pytest_gf.honey.audit.results import Results
from pytest_gf.honey.formats import casblob, pieces, reapi
from pytest_gf.honey.observed.audit import Finding
from pytest_gf.honey.observed.blobs import StoredBlob
from pytest_gf.honey.probes.http_bulk import Place
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.probes.s3_bulk import Reader
from pytest_gf.honey.target import S3Section

Objects = Mapping[str, tuple[int, int, bytes]]
"""By key: the status of HEAD, that of GET, and the body."""
Bucket = Callable[..., Reader]
RESULT, TREE, FILE = "ac/00/result", "b" * 64, "c" * 64


@pytest.fixture
def bucket(serve: Callable[..., str]) -> Iterator[Bucket]:
    """What serves objects as a bucket, and gives a reader of it."""
    made: list[Reader] = []

    def serving(objects: Objects, lengths: Mapping[str, int] = {}) -> Reader:  # It is not changed.
        def script(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
            name = path.removeprefix("/b/")
            head, get, body = objects.get(name, (404, 404, b""))
            status = get if method == "GET" else head
            lies = {"Content-Length": str(lengths[name])} if method == "HEAD" and name in lengths else {}
            return status, lies, body if status == 200 else b""

        section = S3Section(serve(script, kept=True))
        place = Place(Access(section, ("KEY", "SECRET-OF-A-TEST")), "b", 0.5)
        made.append(Reader(place))
        return made[-1]

    yield serving
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


def judged(reader: Reader, size: int, areas: tuple[str, ...] = ("cas",)) -> StoredBlob | Finding:
    """Judge a result with one output directory, whose tree is of so many bytes."""
    result = reapi.message("v2.ActionResult")()
    digest = result.output_directories.add().tree_digest
    digest.hash, digest.size_bytes = TREE, size
    return Results("", areas).judged(reader, RESULT, 0, pieces.Pieces([result.SerializeToString()]))


def key(digest: str) -> str:
    return f"cas/{digest[:2]}/{digest}"


@pytest.mark.parametrize(
    ("head", "get", "with_file", "kind", "detail"),
    [
        (200, 200, True, "", ""),
        (200, 200, False, "dangling reference", "1 of 2 blobs are absent: file 0 in the tree of output directory 0"),
        (404, 404, True, "dangling reference", "1 of 1 blobs are absent: tree of output directory 0"),
        (200, 503, True, "unread", "503"),
        (200, 404, True, "unread", "tree of output directory 0: it was found, and GET answers 404"),
        (503, 200, True, "unread", "503"),
    ],
)
def test_a_tree_that_is_not_given_leaves_no_result_whole(  # noqa: PLR0917  # pytest calls it by name.
    head: int, get: int, with_file: bool, kind: str, detail: str, bucket: Bucket
) -> None:
    objects = {key(TREE): (head, get, tree(1, 1)), RESULT: (200, 200, b"")}
    objects |= {key(FILE): (200, 200, b"x")} if with_file else {}
    if kind == "unread":
        with pytest.raises(Unread, match=detail):
            judged(bucket(objects), len(tree(1, 1)))
        return
    judgement = judged(bucket(objects), len(tree(1, 1)))
    if not kind:
        assert isinstance(judgement, StoredBlob)
        assert judgement.state == "whole"
        return
    assert isinstance(judgement, Finding)
    assert judgement.kind == kind
    assert detail in judgement.detail


def test_a_tree_is_read_no_further_than_its_digest_says(bucket: Bucket) -> None:
    objects = {key(TREE): (200, 200, b"\x0a\x00" * 1_000), key(FILE): (200, 200, b"x"), RESULT: (200, 200, b"")}
    judgement = judged(bucket(objects), 100)
    assert isinstance(judgement, Finding)
    assert (judgement.kind, judgement.detail) == (
        "wrong size",
        f"1 of 1 blobs have another size than the result says: tree of output directory 0, {TREE}/100: 2000 bytes",
    )
    judgement = judged(bucket(objects, {key(TREE): 100}), 100)
    assert isinstance(judgement, Finding)
    assert (judgement.kind, "longer than the 100 bytes" in judgement.detail) == ("malformed:action-result", True)


def result(**files: tuple[bytes, int]) -> bytes:
    """Return a result that names these payloads, each by a size."""
    made = reapi.message("v2.ActionResult")()
    for name, (payload, size) in files.items():
        file = made.output_files.add(path=name)
        file.digest.hash, file.digest.size_bytes = hashlib.sha256(payload).hexdigest(), size
    data: bytes = made.SerializeToString()
    return data


def lies(payload: bytes, body: bytes, area: str) -> dict[str, tuple[int, int, bytes]]:
    digest = hashlib.sha256(payload).hexdigest()
    return {f"{area}/{digest[:2]}/{digest}": (200, 200, body), RESULT: (200, 200, b"")}


@pytest.mark.parametrize("area", ["cas", "cas.v2"])
@pytest.mark.parametrize(("size", "kind"), [(3, ""), (4, "wrong size"), (0, "wrong size")])
def test_a_size_is_compared_with_what_lies_there(size: int, kind: str, area: str, bucket: Bucket) -> None:
    """A casblob's is in its header: the object's length says nothing of it."""
    body = b"abc" if area == "cas" else casblob.encode(b"abc")
    source = pieces.Pieces([result(a=(b"abc", size))])
    judgement = Results("", ["cas.v2", "cas"]).judged(bucket(lies(b"abc", body, area)), RESULT, 0, source)
    assert (judgement.kind if isinstance(judgement, Finding) else "") == kind


def test_one_of_two_storage_modes_is_enough(bucket: Bucket) -> None:
    digest = hashlib.sha256(b"abc").hexdigest()
    objects = lies(b"abc", casblob.encode(b"other"), "cas.v2") | lies(b"abc", b"abc", "cas")
    assert len(objects) == 3
    judgement = Results("", ["cas.v2", "cas"]).judged(
        bucket(objects), RESULT, 0, pieces.Pieces([result(a=(b"abc", 3))])
    )
    assert isinstance(judgement, StoredBlob), digest


@pytest.mark.parametrize("body", [b"", b"no casblob of any kind, and longer than a head"])
def test_a_blob_that_is_there_and_says_no_size_is_told_by_its_own_shard(body: bytes, bucket: Bucket) -> None:
    source = pieces.Pieces([result(a=(b"abc", 3))])
    judgement = Results("", ["cas.v2"]).judged(bucket(lies(b"abc", body, "cas.v2")), RESULT, 0, source)
    assert isinstance(judgement, StoredBlob)


def test_a_rotten_blob_is_there(bucket: Bucket) -> None:
    """Its HEAD answers. That nobody can read it is a finding of its own shard."""
    digest = hashlib.sha256(b"abc").hexdigest()
    objects = {f"cas.v2/{digest[:2]}/{digest}": (200, 500, b""), RESULT: (200, 200, b"")}
    judgement = Results("", ["cas.v2"]).judged(bucket(objects), RESULT, 0, pieces.Pieces([result(a=(b"abc", 3))]))
    assert isinstance(judgement, StoredBlob)


def test_a_result_of_no_bytes_is_a_miss_and_no_defect(bucket: Bucket) -> None:
    judgement = Results("", ["cas"]).judged(bucket({}), RESULT, 0, pieces.Pieces([]))
    assert isinstance(judgement, Finding)
    assert (judgement.kind, judgement.bad) == ("empty result", False)


def test_a_tree_of_many_files_costs_no_memory(bucket: Bucket) -> None:
    """Each file is looked for as it is read, by a second connection."""
    many = tree(100, 2_000)
    reader = bucket({key(TREE): (200, 200, many), key(FILE): (200, 200, b"x")})
    tracemalloc.start()
    judgement = judged(reader, len(many))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(judgement, StoredBlob)
    assert peak < len(many) / 2
