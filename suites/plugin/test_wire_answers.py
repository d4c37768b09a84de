"""Answers that are legal and unusual, or broken: what probes and facts make of them. The servers are scripted."""

from __future__ import annotations

import base64
import contextlib
import gc
import hashlib
import json
import os
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_gf import IfSeen, Unproven
from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unanswered
from pytest_gf.engine.facts import read_folder
from pytest_gf.honey import contract
from pytest_gf.honey.formats import checksums
from pytest_gf.honey.observed.authority import TableLock
from pytest_gf.honey.observed.workload import ClusterSeen
from pytest_gf.honey.probes.folder import SCRIPT
from pytest_gf.honey.probes.kube import Kube
from pytest_gf.honey.probes.s3 import S3
from pytest_gf.honey.target import KubernetesSection, S3Section

Given = tuple[int, dict[str, str], bytes]
Script = Callable[[str], Given]
HOME = Path(__file__).parents[2]
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
STACK = "attic"
KEY = "attic/terraform.tfstate"


@pytest.fixture
def s3(serve: Callable[..., str]) -> Callable[[Script], S3]:
    """What gives a client of the S3 that answers by a script."""

    def client(script: Script) -> S3:
        return S3(S3Section(endpoint=serve(lambda _, path: script(path))), ("any", "any"), deadline=60)

    return client


@pytest.fixture
def kube(serve: Callable[..., str], tmp_path: Path) -> Callable[[Script], Kube]:
    """What gives a client of the Kubernetes that answers by a script."""

    def client(script: Script) -> Kube:
        made = {
            "clusters": [{"name": "c", "cluster": {"server": serve(lambda _, path: script(path))}}],
            "users": [{"name": "u", "user": {"token": "a-token-of-a-test"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (tmp_path / "config").write_text(json.dumps(made))
        return Kube(KubernetesSection(kubeconfig=str(tmp_path / "config")), deadline=60)

    return client


def observe(name: str, **needs: Any) -> Any:
    return read_folder(HOME / "fixtures")[name].function(**needs)


def listing(entries: str, more: str = "") -> bytes:
    return f"<ListBucketResult {XMLNS}>{entries}{more}</ListBucketResult>".encode()


def entry(key: str, size: str = "3", date: str = "2026-01-01T00:00:00Z") -> str:
    return f"<Contents><Key>{key}</Key><LastModified>{date}</LastModified><Size>{size}</Size></Contents>"


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({}, listing(entry("k", size="x")), NotUnderstood),
        ({}, listing(entry("k", date="")), NotUnderstood),
        ({}, listing("<Contents><Key>k</Key></Contents>"), NotUnderstood),
        ({"Content-Length": "", "Transfer-Encoding": "chunked"}, b"20\r\n<ListBucket", Unanswered),
        ({"Content-Length": "9999"}, listing(entry("k")), Unanswered),
    ],
)
def test_a_listing_that_can_not_be_read_is_a_probe_error(
    headers: dict[str, str], body: bytes, kind: type[ProbeError], s3: Callable[[Script], S3]
) -> None:
    client = s3(lambda _: (200, headers, body))
    with pytest.raises(kind):
        client.list_objects("b")


@pytest.mark.parametrize("status", [201, 204, 206])
def test_a_success_without_a_listing_is_no_empty_listing(status: int, s3: Callable[[Script], S3]) -> None:
    client = s3(lambda _: (status, {}, b""))
    with pytest.raises(NotUnderstood):
        client.list_buckets()


@pytest.mark.parametrize("headers", [{"Last-Modified": "garbage"}, {"x-amz-mp-parts-count": "z"}])
def test_a_header_that_can_not_be_read_is_a_probe_error(headers: dict[str, str], s3: Callable[[Script], S3]) -> None:
    client = s3(lambda _: (200, headers, b"abc"))
    with pytest.raises(NotUnderstood):
        client.get_object("b", "k")
    gc.collect()  # Else that body warns in a later test, as it did on Python 3.13 and 3.14.


def test_a_refusal_that_is_cut_tells_nothing(s3: Callable[[Script], S3]) -> None:
    script: Script = lambda _: (404, {"Content-Length": "500"}, b"<Error><Code>NoSuch")  # noqa: E731  # One line.
    client = s3(script)
    with pytest.raises(Unanswered, match="cut: 19 of 500 bytes"):
        client.get_object("b", "k")


def test_a_key_behind_a_page_that_ended_early_is_found(s3: Callable[[Script], S3]) -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"

    def script(path: str) -> Given:
        return 200, {}, listing(entry(KEY)) if "continuation-token=t" in path else listing("", more)

    client = s3(script)
    observed = observe("state_listing", s3=client, contract=contract.load(), stack=STACK)
    assert observed.holds


def test_checksums_in_their_forms() -> None:
    data = b"bytes"
    right = base64.b64encode(hashlib.sha256(data).digest()).decode()
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    assert checksums.disagreeing({"SHA256": right, "CRC32": crc}, data) == ()
    assert checksums.disagreeing({"SHA256": f"{right}-3"}, data) == (), "of an object in parts"
    assert checksums.disagreeing({"SHA256": "abc", "CRC32": "AAAAAA=="}, data) == ("SHA256", "CRC32")


@pytest.mark.parametrize("listed", [True, False])
def test_a_lock_that_is_listed_and_not_found_is_not_free(listed: bool, s3: Callable[[Script], S3]) -> None:
    refused = b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>"
    entries = entry(KEY) + (entry(f"{KEY}.tflock") if listed else "")
    client = s3(lambda path: (200, {}, listing(entries)) if "list-type" in path else (404, {}, refused))
    needs = {"s3": client, "contract": contract.load(), "stack": STACK}
    below = IfSeen(observe("state_listing", **needs))
    with pytest.raises(Unproven, match="half-lost") if listed else contextlib.nullcontext():
        assert observe("lock_object", **needs, state_listing=below, table_lock=TableLock()).holds


def test_a_list_begins_anew_where_its_token_is_too_old(kube: Callable[[Script], Kube]) -> None:
    asked: list[str] = []

    def script(path: str) -> Given:
        asked.append(path)
        if "continue=" in path and len(asked) == 2:
            return 410, {}, b'{"kind": "Status", "code": 410, "reason": "Expired"}'
        metadata = {} if "continue=" in path else {"continue": "t"}
        item = {"metadata": {"name": "b" if "continue=" in path else "a"}}
        return 200, {}, json.dumps({"kind": "NodeList", "items": [item], "metadata": metadata}).encode()

    client = kube(script)
    assert [node["metadata"]["name"] for node in client.list("nodes")] == ["a", "b"]


@pytest.mark.parametrize("document", [{}, {"kind": "Status", "status": "Failure"}, {"kind": "NodeList"}])
def test_what_is_no_list_and_no_object_is_not_understood(
    document: dict[str, str], kube: Callable[[Script], Kube]
) -> None:
    client = kube(lambda _: (200, {}, json.dumps(document).encode()))
    with pytest.raises(NotUnderstood):
        client.list("nodes")
    with pytest.raises(NotUnderstood):
        client.get("nodes", "honey")


OF_SET = {"kind": "ReplicaSet", "name": "r", "uid": "r-uid", "controller": True}


def pod(name: str, phase: str, statuses: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": "r"}, "ownerReferences": [OF_SET]},
        "spec": {"nodeName": "bumble", "containers": [{"name": "rustfs", "image": "r@sha256:aa"}, {"name": "a"}]},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True" if phase == "Running" else "False"}],
            "containerStatuses": statuses,
        },
    }


def test_an_evicted_pod_is_no_second_replica_and_a_sidecar_no_image_of_rustfs() -> None:
    known = contract.load()
    statuses = [{"name": "a", "imageID": "a@sha256:bb"}, {"name": "rustfs", "imageID": "r@sha256:aa"}]
    deployment = {"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "r"}}}, "status": {"readyReplicas": 1}}
    owner = {
        "kind": "Deployment",
        "name": known.rustfs.deployment if known.rustfs else "",
        "uid": "",
        "controller": True,
    }
    seen = observe(
        "rustfs",
        cluster=ClusterSeen("honey", "its nodes", None),
        deployment=deployment,
        pod_list=(pod("r-1", "Failed", []), pod("r-2", "Running", statuses)),
        replica_sets=({"metadata": {"name": "r", "uid": "r-uid", "ownerReferences": [owner]}},),
        workload=known.rustfs,
        contract=known,
        target=type("Target", (), {"namespace": staticmethod(str)}),
        run=type("Run", (), {"mark": staticmethod(lambda *_: None)}),
    )
    assert seen.holds
    assert seen.digest == "sha256:aa"


@pytest.mark.parametrize(
    ("closed", "asked", "state"),
    [("sys", "sys/buckets", b"unreadable"), ("data", "data/sys/buckets", b"unreadable"), ("", "sys/other", b"absent")],
)
def test_a_folder_behind_one_that_may_not_be_entered_is_not_absent(closed: str, asked: str, state: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:  # Not below pytest's own folders, which only their owner may enter.
        root = Path(name)
        root.chmod(0o755)
        for path in ("sys/buckets", "data/sys/buckets"):
            (root / path).mkdir(parents=True)
        if closed:
            (root / closed).chmod(0o600)
        user: dict[str, Any] = {"user": 65534} if os.getuid() == 0 else {}
        said = subprocess.run(
            ["/bin/sh", "-c", SCRIPT, "sh", str(root / asked)], capture_output=True, check=True, **user
        )
        (root / (closed or "sys")).chmod(0o700)
    assert said.stdout.split(b"\0")[1] == state


def test_words_of_commands_are_not_kept() -> None:
    without = read_folder(HOME / "fixtures")["rca"].function.__globals__["_without_values"]
    kept = without(
        {"command": ["mc", "alias", "set", "x"], "args": ["--secret-key=hush", "hush"], "env": [{"name": "A"}]}
    )
    assert kept == {"command": ["…"] * 4, "args": ["--secret-key", "…"], "env": ["A"]}
