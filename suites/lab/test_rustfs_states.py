"""The states of docs/systems.md, from real folders or the tracker, and every fault of S3: it bends, and it mends."""

from __future__ import annotations

import hashlib
import http.client
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pytest_gf.honey.contract import load
from pytest_gf.lab import Lab, LabError, fault_table
from pytest_gf.lab.faults import FAULTS, parse

BUCKETS = ["attic", "bazel-cache", "tofu-state"]
STATE = "/tofu-state/attic/terraform.tfstate"
MOST = 4 * 1024 * 1024


@dataclass(frozen=True)
class Seen:
    """One answer; an exchange that broke has status 0."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The error's code, or ""."""
        match = re.search(rb"<Error><Code>(\w+)</Code>", self.body)
        return match[1].decode() if match else ""

    @property
    def names(self) -> list[str]:
        """The names that a listing shows."""
        return re.findall(r"<Name>([^<]*)</Name>", self.body.decode("utf-8", "replace"))

    @property
    def verdict(self) -> str:
        """Status and code."""
        return f"{self.status} {self.code}".strip()

    @property
    def described(self) -> str:
        """Status, ETag, Content-Length and the body's digest."""
        said = [self.headers.get(name, "") for name in ("etag", "content-length")]
        return f"{self.status} {said} {hashlib.sha256(self.body).hexdigest()}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(autouse=True)
def mended(lab: Lab) -> Iterator[None]:
    yield
    lab.mend()


SILENT = {"half-open", "slow-headers"}
"""Faults that leave a client waiting."""


def ask(
    lab: Lab, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, sign: bool = True
) -> Seen:
    """Ask the lab's S3, signed by botocore; wait a minute for each byte, or a moment where none comes; take no endless body."""
    patience = 0.5 if SILENT & {*lab._bent} else 60.0
    request = AWSRequest(method, lab.addresses["s3"] + path, data=body, headers=dict(headers or {}))
    if sign:
        access, secret = (lab.environment[f"GF_LAB_S3_{name}_KEY"] for name in ("ACCESS", "SECRET"))
        S3SigV4Auth(Credentials(access, secret), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(lab.addresses["s3"]).port or 0, timeout=patience)
    try:
        connection.request(method, path, body, dict(request.headers.items()))
        answer = connection.getresponse()
        taken = answer.read(MOST)
        if len(taken) == MOST:
            return Seen(0)
        if not answer.isclosed() and answer.length:
            return Seen(0)
        return Seen(answer.status, taken, {name.lower(): value for name, value in answer.getheaders()})
    except (OSError, http.client.HTTPException):
        return Seen(0)
    finally:
        connection.close()


def markers(lab: Lab, bucket: str) -> tuple[bool, bool]:
    """What ``test -d`` by exec would say."""
    data = lab.folder / "data"
    return (data / bucket).is_dir(), (data / ".rustfs.sys/buckets" / bucket).is_dir()


@dataclass(frozen=True)
class DiskState:
    """What S3 and exec show of the bucket attic under a fault. "=": as of a sound bucket; no ``create``: not asked."""

    fault: str
    listed: list[str]
    head_bucket: str
    head_object: str
    get: str
    objects: str
    put: str
    ready: int
    markers: tuple[bool, bool]
    conditional_put: str = "="
    create: str = "200"


LOST = "404 NoSuchBucket"
WITHOUT = ["bazel-cache", "tofu-state"]
DENIED = "403 AccessDenied"
DISK_STATES = [
    DiskState("disk-offline", [], "404", "500", LOST, LOST, LOST, 503, (True, True), LOST, "500 InternalError"),
    DiskState("disk-stalled", [], "404", "500", LOST, LOST, LOST, 503, (True, True), LOST, "500 InternalError"),
    DiskState("data-unreadable", [], "404", "403", LOST, LOST, LOST, 200, (True, True), LOST),
    DiskState("bucket-index-lost:attic", WITHOUT, "404", "404", LOST, LOST, LOST, 200, (True, True), LOST),
    DiskState("bucket-moved:attic", WITHOUT, "404", "404", LOST, LOST, LOST, 200, (False, True), LOST, ""),
    DiskState("bucket-symlink:attic", WITHOUT, "200", "=", "=", "200", "200", 200, (True, True)),
    DiskState(
        "bucket-file:attic",
        WITHOUT,
        "200",
        "403",
        DENIED,
        DENIED,
        DENIED,
        200,
        (False, True),
        DENIED,
        "409 BucketAlreadyOwnedByYou",
    ),
    DiskState("objects-removed:attic", BUCKETS, "200", "404", "404 NoSuchKey", "200", "200", 200, (True, True)),
    DiskState("metadata-removed:attic", BUCKETS, "200", "=", "=", "200", "200", 200, (True, False)),
    DiskState(
        "system-unreadable",
        BUCKETS,
        "200",
        "=",
        "=",
        "200",
        "500 InternalError",
        200,
        (True, True),
        "500 InternalError",
    ),
    DiskState("bucket-deleted:attic", WITHOUT, "404", "404", LOST, LOST, LOST, 200, (False, False), LOST, ""),
    DiskState("bucket-unreadable:attic", BUCKETS, "200", "403", DENIED, DENIED, DENIED, 200, (True, True), DENIED),
    DiskState("bucket-ghost:attic", BUCKETS, "200", "=", "=", "200", "200", 200, (False, True), create=""),
    DiskState(
        "disk-full", BUCKETS, "200", "=", "=", "200", "500 InternalError", 200, (True, True), "500 InternalError"
    ),
]


@pytest.mark.parametrize("state", DISK_STATES, ids=lambda state: state.fault)
def test_a_state_of_the_disk_answers_as_the_facts_say(lab: Lab, state: DiskState) -> None:
    assert ask(lab, "PUT", "/attic/kept", b"kept").status == 200
    lab.bend(state.fault)
    listed = ask(lab, "GET", "/")
    assert (listed.status, listed.names) == (200, state.listed)
    assert ask(lab, "HEAD", "/attic").verdict == state.head_bucket
    assert ask(lab, "HEAD", "/attic/kept").verdict == state.head_object.replace("=", "200")
    assert ask(lab, "GET", "/attic/kept").verdict == state.get.replace("=", "200")
    assert ask(lab, "GET", "/attic?list-type=2").verdict == state.objects
    fresh = f"/attic/{uuid.uuid4()}"
    assert ask(lab, "PUT", fresh, b"x", {"If-None-Match": "*"}).verdict == state.conditional_put.replace("=", "200")
    assert ask(lab, "DELETE", fresh).status in {204, 403, 404, 500}
    assert ask(lab, "PUT", "/attic/kept", b"kept").verdict == state.put
    assert ask(lab, "GET", "/health/ready", sign=False).status == state.ready
    assert ask(lab, "GET", "/health", sign=False).status == 200
    assert markers(lab, "attic") == state.markers
    assert not state.create or ask(lab, "PUT", "/attic").verdict == state.create


def test_a_folder_made_by_hand_is_a_bucket_of_1970(lab: Lab) -> None:
    (lab.folder / "data/by-hand").mkdir()
    listed = ask(lab, "GET", "/")
    assert listed.names == sorted([*BUCKETS, "by-hand"])
    assert b"<Name>by-hand</Name><CreationDate>1970-01-01T00:00:00.000Z</CreationDate>" in listed.body
    assert ask(lab, "PUT", "/by-hand/key", b"works").status == 200
    assert ask(lab, "GET", "/by-hand/key").body == b"works"
    assert markers(lab, "by-hand") == (True, False)
    assert ask(lab, "DELETE", "/by-hand/key").status == 204
    assert ask(lab, "DELETE", "/by-hand").status == 204


def test_garbled_metadata_changes_nothing_but_the_date(lab: Lab) -> None:
    path = lab.folder / "data/.rustfs.sys/buckets/attic/.metadata.bin/xl.meta"
    kept = path.read_bytes()
    path.write_bytes(b"\x00garbled")
    assert ask(lab, "GET", "/").names == BUCKETS
    assert ask(lab, "GET", "/attic?list-type=2").status == 200
    path.write_bytes(kept)


def test_a_stalled_disk_comes_back_by_itself(lab: Lab) -> None:
    lab.bend("disk-stalled:0")
    assert any(ask(lab, "GET", "/").names == BUCKETS for _ in range(1_000))


def test_both_markers_come_and_go_with_the_bucket(lab: Lab) -> None:
    assert ask(lab, "PUT", "/gf-rca-1").status == 200
    assert markers(lab, "gf-rca-1") == (True, True)
    assert ask(lab, "DELETE", "/gf-rca-1").status == 204
    assert markers(lab, "gf-rca-1") == (False, False)


def observe(lab: Lab) -> Iterator[str]:
    """What a client sees of the lab, a line a step, the same each time unless bent; ends where nothing answers."""
    scratch = f"gf-rca-{uuid.uuid4().hex[:12]}"

    def said(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Seen:
        return ask(lab, method, path, body, headers)

    def names(seen: Seen) -> str:
        known = [name for name in seen.names if name in {*BUCKETS, scratch, "foreign"}]
        return f"{seen.verdict} {known} {b'>1970-' in seen.body} {seen.body[-3:]!r}".replace(scratch, "SCRATCH")

    steps: list[Callable[[], str]] = [
        lambda: names(said("GET", "/")),
        lambda: ask(lab, "GET", "/attic?list-type=2", sign=False).verdict,
        lambda: ask(lab, "GET", "/", sign=False).verdict,
        lambda: ask(lab, "GET", "/health/ready", sign=False).verdict,
        lambda: str(re.findall(rb'"version":"[^"]*"', ask(lab, "GET", "/health", sign=False).body)),
        lambda: said("HEAD", "/attic").verdict,
        lambda: str(re.findall(rb"<Size>\d+|<ETag>[^<]*", said("GET", "/tofu-state?list-type=2&prefix=attic").body)),
        lambda: said("HEAD", STATE).described,
        lambda: said("GET", STATE).described,
        lambda: said("GET", "/attic/probe").verdict,
        lambda: said("PUT", "/missing-bucket/key", b"x").verdict,
        lambda: said("DELETE", "/missing-bucket/key").verdict,
        lambda: said("PUT", f"/{scratch}").verdict,
        lambda: names(said("GET", "/")),
        lambda: said("PUT", f"/{scratch}/key", b"first").verdict,
        lambda: said("PUT", f"/{scratch}/key", b"other", {"If-None-Match": "*"}).verdict,
        lambda: repr(said("GET", f"/{scratch}/key").body),
        lambda: said("DELETE", f"/{scratch}/key").verdict,
        lambda: said("DELETE", f"/{scratch}").verdict,
        lambda: names(said("GET", "/")),
    ]
    for step in steps:
        line = step()
        yield line
        if line.startswith("0"):
            return


ARGUMENTS = {
    "bucket": "attic",
    "stack": "attic",
    "action": "all",
    "milliseconds": "60000",
    "text": "a reason",
    "url": "http://127.0.0.1:9/elsewhere?token=canary",
    "folder": "foreign",
    "node": "bumble",
    "candidate": "dedicated",
    "component": "attic-api",
    "action-defect": "garbage",
    "ending": "gone",
    "way": "ingress",
    "shape": "claim",
    "right": "create pods/exec",
    "beside": "job",
    "trouble": "evicted",
    "stray": "short",
    "data-volume": "claim",
    "volume-shape": "both",
    "cut": "rst",
    "number": "3",
    "defect": "other",
    "version": "newer",
    "sharing": "token",
}
NOT_ON_S3 = {
    fault.name
    for fault in (
        *(*fault_table._ATTIC, *fault_table._BAZEL, *fault_table._CLUSTER, *fault_table._KUBELET, *fault_table._MODEL),
        *fault_table._FLAKEHUB,
    )
} | {
    "bucket-ghost",
    "scratch-folder-missing",
    "scratch-markers-linger",
    "state-written-meanwhile",
    "errored-left",
    "lock-unreadable",
}
"""What shows elsewhere: test_kubernetes.py, test_attic.py, test_bazel.py, test_guard.py, faults.toml, repository_faults.toml."""


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"latency"} - NOT_ON_S3))
def test_every_fault_shows_and_mends(lab: Lab, name: str) -> None:
    argument = FAULTS[name].argument
    fault = f"{name}:{ARGUMENTS[argument]}" if argument else name
    ask(lab, "PUT", "/attic/probe", b"probe")
    sound = list(observe(lab))
    assert sound == list(observe(lab))
    lab.bend(fault)
    assert list(observe(lab)) != sound
    lab.mend(fault)
    if name == "put-creates-bucket":
        ask(lab, "DELETE", "/missing-bucket")
    assert list(observe(lab)) == sound


def test_latency_is_added(lab: Lab) -> None:
    lab.bend("latency:50")
    lab.reset()
    ask(lab, "GET", "/")
    (exchange,) = lab.exchanges()
    assert float(str(exchange["seconds"])) >= 0.05


def test_a_bucket_index_loss_takes_only_its_bucket(lab: Lab) -> None:
    lab.bend("bucket-index-lost:tofu-state")
    names = ask(lab, "GET", "/").names
    assert "tofu-state" not in names
    assert {"attic", "bazel-cache"} <= set(names)
    assert ask(lab, "GET", STATE).verdict == LOST
    assert ask(lab, "GET", "/attic?list-type=2").status == 200
    assert markers(lab, "tofu-state") == (True, True)


def test_a_restart_restores_an_index_loss_but_no_moved_folder(tmp_path: Path) -> None:
    with Lab.start(tmp_path, ["bucket-index-lost:attic", "bucket-moved:bazel-cache"]) as first:
        assert ask(first, "GET", "/").names == ["tofu-state"]
    with Lab.start(tmp_path) as second:
        assert ask(second, "GET", "/").names == ["attic", "tofu-state"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bucket-index-lst:attic", "did you mean bucket-index-lost"),
        ("qqqqqqqq", "--gf-faults lists"),
        ("bucket-index-lost:atic", "unknown bucket 'atic'; known: tofu-state, attic, bazel-cache"),
        ("bucket-index-lost", "needs an argument: bucket-index-lost:BUCKET"),
        ("bucket-index-lost:", "needs an argument"),
        ("state-cut:nothing", "unknown stack 'nothing'; known: attic, arc-runners"),
        ("disk-offline:attic", "takes no argument"),
        ("forbidden:Everything", "unknown action 'Everything'; known: ListBuckets"),
        ("latency:fast", "expected whole milliseconds"),
        ("latency:99999999999", "expected whole milliseconds"),
        ("redirect:file:///etc/passwd", "expected an http or https URL"),
        ("foreign-folder:../up", "expected a valid bucket name"),
        ("foreign-folder:attic", "is a bucket of the contract"),
        ("server-error:two\nlines", "printable"),
    ],
)
def test_a_wrong_fault_is_one_clear_line(lab: Lab, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)) as raised:
        parse(text, load())
    assert "\n" not in str(raised.value)
    with pytest.raises(LabError, match=re.escape(expected)):
        lab.bend(text)


def test_a_parsed_fault_reads_back() -> None:
    texts = [f"{name}:{ARGUMENTS[kind]}" if (kind := fault.argument) else name for name, fault in FAULTS.items()]
    assert [str(parse(text, load())) for text in texts] == texts
    assert str(parse("forbidden", load())) == "forbidden:all"


def test_what_is_not_bent_can_not_be_mended(lab: Lab) -> None:
    with pytest.raises(LabError, match="is not on"):
        lab.mend("disk-offline")


def test_what_is_gone_can_not_be_bent(lab: Lab) -> None:
    lab.bend("bucket-moved:attic")
    with pytest.raises(LabError, match="nothing to bend"):
        lab.bend("objects-removed:attic")
