"""The audit on a real S3 server: it finds the planted defects and nothing else, in one piece, in parts, and killed in between.

`GF_AUDIT_BUCKET=20000+200` makes the bucket of the issue; a smaller one stands for it otherwise.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from pytest_gf.honey.audit.options import MOST_READERS
from pytest_gf.honey.audit.state import Mark
from pytest_gf.lab.bazel import bulk
from pytest_gf.lab.mischief import Mischief, Rates

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SMALL, LARGE = map(int, os.environ.get("GF_AUDIT_BUCKET", "1000+10").split("+"))
PARTS = 8
CHOSEN = ("-m", "audit", "-k", "audit-bucket or audit-shard")
"""There is no bazel-remote before this bucket."""
REQUEST = re.compile(rb"GET /bazel-cache/(\S+) HTTP/1\.1\r\n(?!(?:[^\r]+\r\n)*Range:)")
"""Of a whole object: the beginning of a blob is read for each result that names it."""


@dataclass(frozen=True)
class Bucket:
    """The planted bucket: what is wrong in it by key, and how many objects lie there."""

    server: Any
    wrong: Mapping[str, str]
    size: int

    def target(self, folder: Path, endpoint: str | None = None) -> Path:
        path: Path = self.server.target(folder)
        text = path.read_text().replace(self.server.endpoint, endpoint or self.server.endpoint)
        path.write_text(f'{text}[bazel]\ngrpc = "grpc://127.0.0.1:9"\n')
        return path


@pytest.fixture(scope="module")
def bucket(seaweedfs: Any) -> Iterator[Bucket]:
    client = seaweedfs.client()
    client.create_bucket(Bucket="bazel-cache")
    planted = bulk.planted()
    made = [*bulk.sound(), *planted.values()]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = [
            pool.submit(client.put_object, Bucket="bazel-cache", Key=key, Body=body)
            for key, body in (*made, *bulk.objects(SMALL, LARGE))
        ]
        assert all(upload.result() for upload in done)
    yield Bucket(seaweedfs, {key: name for name, (key, _) in planted.items()}, SMALL + LARGE + len(made))
    _empty(client)


def _empty(client: Any) -> None:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="bazel-cache"):
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
        client.delete_objects(Bucket="bazel-cache", Delete={"Objects": keys})
    client.delete_bucket(Bucket="bazel-cache")


def findings(folder: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()]
    by_key = {finding["key"]: finding for finding in lines}
    assert len(by_key) == len(lines), "a finding stands twice"
    return by_key


def shards_of(wrong: Mapping[str, str]) -> set[str]:
    return {f"bazel.audit-shard[{key.rpartition('/')[0]}]" for key in wrong}


def check(bucket: Bucket, outcome: Any, rotten: str = "") -> None:
    """Exactly what was planted was found; ``rotten`` is the defect whose object is not given."""
    assert outcome.exit == 1, outcome.text
    assert outcome.rows("violated") == shards_of(bucket.wrong)
    assert outcome.rows("holds") == set(outcome.verdicts()) - shards_of(bucket.wrong)
    by_key = findings(outcome.folder)
    assert set(by_key) == set(bucket.wrong)
    kinds = {bucket.wrong[key]: finding["kind"] for key, finding in by_key.items()}
    assert kinds == {
        "other": "digest mismatch",
        "truncated": "malformed:cut",
        "bad-magic": "malformed:magic",
        "offsets": "malformed:offsets",
        "trailing": "malformed:trailing",
        "flipped": "malformed:frame",
        "bomb": "malformed:bomb",
        "short-chunk": "malformed:short-chunk",
        "large-extra-frame": "malformed:extra-frame",
        "raw-other": "digest mismatch",
        "action-dangling": "dangling reference",
        "action-garbage": "malformed:action-result",
    } | ({rotten: "unreadable"} if rotten else {})
    assert f"768 of 768 shards, {bucket.size} objects" in outcome.text


def test_exactly_the_planted_defects_are_found_twice(bucket: Bucket, run_pytest: Any, tmp_path: Path) -> None:
    for _ in range(2):
        target = f"--gf-target={bucket.target(tmp_path)}"
        check(bucket, run_pytest(*CHOSEN, target, lean=True, environment=bucket.server.environment))


def start(bucket: Bucket, target: Path, reports: Path, *arguments: str, index: int | None = None) -> Any:
    """Start an audit in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"]
    command += ["-p", "no:allure_pytest", *CHOSEN, f"--gf-target={target}", f"--gf-reports={reports}", *arguments]
    environment = {**os.environ, **bucket.server.environment, "PYTHONPATH": str(ROOT / "suites" / "without")}
    environment |= {"JOB_COMPLETION_INDEX": str(index)} if index is not None else {}
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=silent, stderr=silent, start_new_session=True)


class Counting:
    """A port before the server that counts which objects are asked for, and passes everything on as it is."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.rpartition("/")[2].partition(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            upstream = socket.create_connection(self._upstream)
            for one, other, counted in ((client, upstream, True), (upstream, client, False)):
                threading.Thread(target=self._pass_on, args=(one, other, counted), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        held = b""
        try:
            while data := one.recv(262_144):
                if counted:
                    held += data
                    for request in REQUEST.finditer(held):
                        with self._lock:
                            self.asked[unquote(request[1].decode())] += 1
                    held = b"" if held.endswith(b"\r\n\r\n") else held
                other.sendall(data)
        except OSError:
            pass
        finally:
            one.close()
            other.close()


def judged(state: Path) -> dict[str, str]:
    """Return the last key that was judged, by shard, as the marks say."""
    paths = [path for path in state.iterdir() if path.suffix not in {".json", ".jsonl"}]
    marks = {path.name.replace("-", "/"): Mark(path) for path in paths}
    for mark in marks.values():
        mark.close()
    return {shard: mark.after for shard, mark in marks.items() if mark.after}


def test_a_killed_audit_goes_on_and_reads_nothing_twice(bucket: Bucket, run_pytest: Any, tmp_path: Path) -> None:
    proxy = Counting(bucket.server.endpoint)
    target, state = bucket.target(tmp_path, proxy.endpoint), tmp_path / "state"
    run = start(bucket, target, tmp_path / "killed", f"--gf-audit-state={state}", f"--gf-rate={bucket.size // 4}/s")
    ends = time.monotonic() + 100
    while sum(proxy.asked.values()) < bucket.size // 2 and time.monotonic() < ends and run.poll() is None:
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(60)
    before, done = Counter(proxy.asked), judged(state)
    assert bucket.size // 2 <= sum(before.values()) < bucket.size
    environment = bucket.server.environment
    check(
        bucket,
        run_pytest(*CHOSEN, f"--gf-target={target}", f"--gf-audit-state={state}", lean=True, environment=environment),
    )
    again = proxy.asked - before
    of_audit = {key for key in proxy.asked if key.count("/") == 2}
    assert len(of_audit) >= bucket.size
    assert not [key for key in again if key <= done.get(key.rpartition("/")[0], "")], "read twice, and it was judged"
    twice = {key for key in again if before[key]}
    assert len(twice) <= MOST_READERS, "only what was in flight is read again"


NOISE = Rates(slow=0.015, reset=0.015, close=0.01, cut=0.01)
"""5 % of all exchanges."""
ROTTEN = "raw-other"


@pytest.fixture
def noisy(bucket: Bucket, mischief: Callable[..., Mischief], tmp_path: Path) -> tuple[Mischief, Path]:
    """A proxy before the server that spoils exchanges and never gives one of the planted objects, and a target of it."""
    proxy = mischief(bucket.server.endpoint, NOISE, seed=18)
    proxy.rotten.update(key for key, name in bucket.wrong.items() if name == ROTTEN)
    return proxy, bucket.target(tmp_path, proxy.url)


def test_noise_makes_no_defect_and_rot_is_found(bucket: Bucket, noisy: tuple[Mischief, Path], run_pytest: Any) -> None:
    proxy, target = noisy
    outcome = run_pytest(*CHOSEN, f"--gf-target={target}", lean=True, environment=bucket.server.environment)
    check(bucket, outcome, ROTTEN)
    spoilt = sum(proxy.done[name] for name in ("slow", "reset", "close", "cut"))
    assert spoilt > 0.03 * sum(proxy.done.values()), proxy.done
    (key,) = proxy.rotten
    row = outcome.verdicts()[f"bazel.audit-shard[{key.rpartition('/')[0]}]"]
    assert "S3 does not give what it lists, and nobody can tell what it is" in row["reason"]
    assert "corruption of a cache" not in row["reason"], "nobody read it"


def test_a_killed_audit_goes_on_through_noise_and_judges_nothing_twice(
    bucket: Bucket, noisy: tuple[Mischief, Path], run_pytest: Any, tmp_path: Path
) -> None:
    _, target = noisy
    state = tmp_path / "state"
    run = start(bucket, target, tmp_path / "killed", f"--gf-audit-state={state}", f"--gf-rate={bucket.size // 6}/s")
    ends = time.monotonic() + 100
    while _objects(state) < bucket.size // 2 and time.monotonic() < ends and run.poll() is None:
        time.sleep(0.2)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(60)
    assert bucket.size // 4 <= _objects(state) < bucket.size
    arguments = (f"--gf-target={target}", f"--gf-audit-state={state}")
    check(bucket, run_pytest(*CHOSEN, *arguments, lean=True, environment=bucket.server.environment), ROTTEN)
    assert _objects(state) == bucket.size, "each object was judged once"


def _objects(state: Path) -> int:
    """Return how many objects were judged, as the marks say; a mark that is moved just now is left out."""
    count = 0
    for path in state.glob("*"):
        held = path.read_bytes() if path.suffix not in {".json", ".jsonl", ".tmp"} else b""
        if held[:1] in {b"\1", b"\2"}:
            line = held[1 + (held[0] - 1) * 8_192 :].partition(b"\n")[0]
            with contextlib.suppress(ValueError):
                count += json.loads(line)[1]
    return count


def test_parts_are_merged_and_a_missing_one_is_named(bucket: Bucket, tmp_path: Path) -> None:
    target = bucket.target(tmp_path)
    part = f"--gf-shard=JOB_COMPLETION_INDEX/{PARTS}"

    def folder(index: int) -> Path:
        return tmp_path / f"pod-{index}"

    def begin(index: int, *more: str) -> Any:
        state = f"--gf-audit-state={tmp_path / 'state'}"
        return start(bucket, target, folder(index), part, state, *more, index=index)

    slow = begin(3, "--gf-rate=5/s")
    ends = time.monotonic() + 100
    while not list(folder(3).glob("2*/record.jsonl")) and time.monotonic() < ends:
        time.sleep(0.02)
    time.sleep(0.5)
    os.killpg(slow.pid, signal.SIGKILL)
    slow.wait(60)
    (killed,) = folder(3).glob("2*")
    for indices in (range(4), range(4, PARTS)):
        for run in [begin(index) for index in indices]:
            assert run.wait(120) in {0, 1}
    last = [(folder(index) / "latest").resolve() for index in range(PARTS)]

    def merged(*runs: Path) -> tuple[int, str, Path]:
        command = [sys.executable, "-m", "pytest_gf.reports", "merge", f"--out={tmp_path / 'merged'}", *map(str, runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return done.returncode, done.stdout + done.stderr, tmp_path / "merged"

    code, said, out = merged(*last, killed)
    assert (code, "missing" in said) == (1, False), said
    assert set(findings(out)) == set(bucket.wrong)
    record = json.loads((out / "record.json").read_text())
    assert len(record["verdicts"]) == 769
    assert {
        f"bazel.audit-shard[{row['params']['shard']}]" for row in record["verdicts"] if row["verdict"] == "violated"
    } == (shards_of(bucket.wrong))
    code, said, _ = merged(*last[:5], *last[6:])
    assert "missing: 5/8" in said
    code, said, out = merged(killed)
    assert (code, "; missing: 0/8" in said or "; missing: 3/8" in said, "unfinished: " in said) == (10, True, True), (
        said
    )
    code, said, _ = merged(tmp_path)
    assert (code, said.count("\n")) == (4, 1)
