"""What auditing a bucket costs: ours beside other ways to read, decode and hash every object, on one SeaweedFS in one run.

Usage: python benchmarks/audit.py [--scale SHARE]. The bucket has 20,000 small and 200 large blobs (772 MB stored), or those of
SHARE of its 256 folders, so that what a folder costs weighs the same.
Each contender is a process of its own: CPU-seconds are the client's, user and system, and beside them the server's. Ways
that are slow by nature read a part of the bucket, in the same mix. `pip install obstore` for the bars; s5cmd, zstd and rclone
are used where they are installed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import importlib
import importlib.util
import json
import os
import queue
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pytest_gf.honey.audit.options import SHARDS, AuditOptions
from pytest_gf.honey.audit.progress import Progress
from pytest_gf.honey.audit.state import State
from pytest_gf.honey.audit.sweep import READERS, Audit, Scope
from pytest_gf.honey.formats import casblob
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes.http_bulk import Place
from pytest_gf.honey.probes.s3 import Access
from pytest_gf.honey.target import S3Section
from pytest_gf.lab.bazel import bulk
from pytest_gf.lab.seaweedfs import Server, client_of, seaweedfs

ROOT = Path(__file__).parents[1]
BUCKET = "bazel-cache"
SMALL, LARGE, FOLDERS = 20_000, 200, 256
REPEATS = 3
"""How often those are measured that the bars compare, one after another; the least counts: what a busy machine adds is not ours."""
BAR_OBSTORE, BAR_BOTO3 = 1.15, 5.0
OURS, FETCHING, MEMORY, BOTO3 = "ours", "obstore alone", "decode + hash from memory", "boto3, 32 threads"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Where:
    """The server as a contender's process is told of it, and which share of the bucket a slow one reads."""

    endpoint: str
    access_key: str
    secret_key: str
    folders: int = FOLDERS
    """How many folders hold something."""

    def client(self) -> Any:
        """Return a boto3 client."""
        return client_of(self.endpoint, self.access_key, self.secret_key)

    def environment(self) -> dict[str, str]:
        """Return the variables that other tools read."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
        }

    def keys(self) -> list[tuple[str, int]]:
        """Return all keys with their sizes."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [(entry["Key"], entry["Size"]) for page in pages for entry in page.get("Contents", ())]


class Measured:
    """The CPU, the time and the objects of what runs inside of it."""

    def __init__(self) -> None:
        self.objects = self.bytes = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._cpu, self._begun = _cpu(), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.seconds = _cpu() - self._cpu, time.monotonic() - self._begun

    def add(self, size: int) -> None:
        """Count an object."""
        with self._lock:
            self.objects += 1
            self.bytes += size


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _peak() -> float:
    """Return the most MiB that this process, or one that it started, ever held; before its exec it was its parent."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own = int(status["VmHWM"].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _verify(key: str, body: bytes) -> None:
    digest = hashlib.sha256()
    for piece in casblob.decode(body):
        digest.update(piece)
    if digest.hexdigest() != key.rpartition("/")[2]:
        raise SystemExit(f"{key} is not what its key says")


def _spread(keys: Iterable[tuple[str, int]], threads: int, read: Callable[[str, int], None]) -> None:
    """Do something with each key in so many threads."""
    left: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    for item in keys:
        left.put(item)

    def work() -> None:
        while True:
            try:
                item = left.get_nowait()
            except queue.Empty:
                return
            read(*item)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()


def ours(where: Where, readers: int | None = None) -> Measured:
    """Audit the bucket, its listing and its state with it."""
    section = S3Section(where.endpoint)
    place = Place(Access(section, (where.access_key, where.secret_key)), BUCKET, 30.0)
    scope = Scope(place, BucketListed(BUCKET, listed=True), "", ("cas.v2",), "benchmark")
    with tempfile.TemporaryDirectory() as folder, Measured() as measured:
        audit = Audit(scope, AuditOptions(readers=readers), State(Path(folder), {}), Progress(SHARDS, print))
        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            for seen in pool.map(audit.shard, SHARDS[: where.folders]):
                if not seen.holds:
                    raise SystemExit(seen.diagnosis)
                measured.objects += seen.tally.objects
                measured.bytes += seen.tally.bytes
        audit.close()
    return measured


def suite(where: Where) -> Measured:
    """Run `pytest -m audit` with its 768 rows and its reports."""
    with tempfile.TemporaryDirectory() as folder, Measured() as measured:
        target = Path(folder) / "target.toml"
        target.write_text(
            f'name = "seaweedfs"\nvantage = "operator"\n[s3]\nendpoint = "{where.endpoint}"\n'
            '[bazel]\ngrpc = "grpc://127.0.0.1:9"\n'
        )
        command = [sys.executable, "-m", "pytest", "--gf", "-q", "-m", "audit", "-k", "audit-bucket or audit-shard"]
        command += [f"--gf-target={target}", f"--gf-reports={folder}", "-p", "no:cacheprovider"]
        subprocess.run(command, env=where.environment(), check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        said = (Path(folder) / "latest" / "shown" / "audit.txt").read_text()
        line = re.search(r"(\d+) objects, (\d+) MB", said)
        measured.objects, megabytes = map(int, line.groups() if line else (0, 0))
        measured.bytes = megabytes * 1_000_000
    return measured


def boto3(where: Where, threads: int, share: float = 1.0) -> Measured:
    """Read by boto3, verify in the thread that read."""
    keys, client = _part(where.keys(), share), where.client()
    with Measured() as measured:

        def read(key: str, size: int) -> None:
            _verify(key, client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
            measured.add(size)

        _spread(keys, threads, read)
    return measured


def obstore(where: Where, *, verify: bool) -> Measured:
    """Read by obstore's sync calls."""
    library = importlib.import_module("obstore")
    options = {"access_key_id": where.access_key, "secret_access_key": where.secret_key, "region": "us-east-1"}
    allow = {"allow_http": True}
    store = importlib.import_module("obstore.store").S3Store(
        BUCKET, endpoint=where.endpoint, client_options=allow, **options
    )
    with Measured() as measured:
        keys = [(str(entry["path"]), int(entry["size"])) for page in library.list(store) for entry in page]

        def read(key: str, size: int) -> None:
            body = library.get(store, key).bytes()
            if verify:
                _verify(key, bytes(body))
            measured.add(size)

        _spread(keys, READERS, read)
    return measured


def memory(where: Where) -> Measured:
    """Decode and hash bodies that are in memory already."""
    client, total = where.client(), Measured()
    total.cpu = total.seconds = 0.0
    keys = where.keys()
    for at in range(0, len(keys), 500):
        bodies = [(key, client.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key, _ in keys[at : at + 500]]
        with Measured() as measured:
            for key, body in bodies:
                _verify(key, body)
        total.cpu, total.seconds = total.cpu + measured.cpu, total.seconds + measured.seconds
        total.objects += len(bodies)
        total.bytes += sum(len(body) for _, body in bodies)
    return total


def s5cmd(where: Where, share: float) -> Measured:
    """Copy by s5cmd, then zstd and sha256sum for each file."""
    keys = _part(where.keys(), share)
    with tempfile.TemporaryDirectory() as folder, Measured() as measured:
        lines = "".join(f"cp s3://{BUCKET}/{key} {folder}/{key.rpartition('/')[2]}\n" for key, _ in keys)
        command = [_tool("s5cmd"), "--endpoint-url", where.endpoint, "--log", "error", "run"]
        subprocess.run(command, input=lines.encode(), env=where.environment(), check=True)
        for key, size in keys:
            path = Path(folder) / key.rpartition("/")[2]
            head = path.read_bytes()[: casblob.HEAD]
            decoder = "cat" if head[16] == casblob.IDENTITY else "zstd -dcq"
            start = casblob.HEAD + 8 * int.from_bytes(head[21:29], "little") + 1
            script = f"tail -c +{start} {path} | {decoder} | sha256sum"
            said = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True).stdout
            if said.split()[0] != path.name:
                raise SystemExit(f"{key} is not what its key says")
            measured.add(size)
    return measured


def rclone(where: Where) -> Measured:
    """Copy by rclone, then verify the files."""
    remote = f":s3,provider=Other,env_auth=true,endpoint='{where.endpoint}':{BUCKET}"
    with tempfile.TemporaryDirectory() as folder, Measured() as measured:
        subprocess.run([_tool("rclone"), "copy", "-q", remote, folder], env=where.environment(), check=True)
        for path in Path(folder).rglob("*"):
            if path.is_file():
                _verify(path.name, path.read_bytes())
                measured.add(path.stat().st_size)
    return measured


def _part(keys: list[tuple[str, int]], share: float) -> list[tuple[str, int]]:
    """Return a share of the keys in the mix of all."""
    ordered = sorted(keys, key=lambda entry: entry[1])
    return ordered[:: round(1 / share)]


def _tool(name: str) -> str:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which(name, path=beside) or ""


CONTENDERS: dict[str, tuple[Callable[[Where], Measured], Callable[[], bool]]] = {
    OURS: (ours, lambda: True),
    "ours, one connection": (lambda where: ours(where, 1), lambda: True),
    "ours, as pytest -m audit": (suite, lambda: True),
    FETCHING: (lambda where: obstore(where, verify=False), lambda: bool(importlib.util.find_spec("obstore"))),
    "obstore + verify": (lambda where: obstore(where, verify=True), lambda: bool(importlib.util.find_spec("obstore"))),
    MEMORY: (memory, lambda: True),
    BOTO3: (lambda where: boto3(where, 32), lambda: True),
    "boto3, one by one": (lambda where: boto3(where, 1, 0.2), lambda: True),
    "s5cmd + zstd + sha256sum": (lambda where: s5cmd(where, 0.05), lambda: bool(_tool("s5cmd") and _tool("zstd"))),
    "rclone + verify": (rclone, lambda: bool(_tool("rclone"))),
}


def main() -> int:
    """Print the table and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--contender", choices=CONTENDERS)
    options = parser.parse_args()
    if options.contender:
        measured = CONTENDERS[options.contender][0](Where(*json.loads(sys.stdin.read())))
        print(json.dumps([measured.objects, measured.bytes, measured.cpu, measured.seconds, _peak()]))
        return 0
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder)) as server:
        fill(server, options.scale)
        return table(server, _folders(options.scale))


def fill(server: Server, scale: float) -> None:
    """Make the bucket: of the same objects each time, those of the first folders."""
    filled = {shard.rpartition("/")[2] for shard in SHARDS[: _folders(scale)]}
    kept = (blob for blob in bulk.objects(SMALL, LARGE) if blob[0].split("/")[-2] in filled)
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for made in _in_batches(kept, 64):
            list(pool.map(lambda blob: client.put_object(Bucket=BUCKET, Key=blob[0], Body=blob[1]), made))


def _folders(scale: float) -> int:
    return max(1, round(FOLDERS * scale))


def _in_batches(objects: Iterator[tuple[str, bytes]], size: int) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    for blob in objects:
        batch.append(blob)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def table(server: Server, folders: int) -> int:
    """Run each contender, print its line, and return 1 where a bar is missed."""
    head = ("objects", "objects/s", "MB/s", "client", "server", "peak MiB")
    print(f"{'':26}" + "".join(f"{word:>11}" for word in head) + "   (client, server: CPU-s per 1,000 objects)")
    measured: dict[str, list[tuple[float, ...]]] = {}
    compared = [name for name in (OURS, FETCHING, MEMORY) if CONTENDERS[name][1]()]
    for name in compared * (REPEATS - 1) + [name for name, (_, installed) in CONTENDERS.items() if installed()]:
        measured.setdefault(name, []).append(run(server, name, folders))
    cost: dict[str, float] = {}
    for name in CONTENDERS:
        if name not in measured:
            print(f"{name:26} not installed")
            continue
        objects, size, cpu, seconds, peak, served = min(measured[name], key=lambda run: run[2])
        cost[name] = cpu / objects * 1_000
        numbers = (objects / seconds, size / 1e6 / seconds)
        costs = (cost[name], served / objects * 1_000)
        print(
            f"{name:26}{objects:>11.0f}" + "".join(f"{number:>11.0f}" for number in numbers)
            + "".join(f"{number:>11.3f}" for number in costs) + f"{peak:>11.0f}"
        )  # fmt: skip
    return bars(cost)


def run(server: Server, name: str, folders: int) -> tuple[float, ...]:
    """Run a contender once; return objects, bytes, CPU-s, seconds, peak MiB, and the server's CPU-s."""
    before = _server_cpu(server.pid)
    said = subprocess.run(
        [sys.executable, __file__, "--contender", name],
        input=json.dumps([server.endpoint, server.access_key, server.secret_key, folders]),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return (*json.loads(said.splitlines()[-1]), _server_cpu(server.pid) - before)


def bars(cost: dict[str, float]) -> int:
    """Print how ours stands to the bars; 1 where it is above one."""
    fewer = cost[BOTO3] / cost[OURS]
    print(f"{fewer:.1f} x less client CPU than {BOTO3} (at least {BAR_BOTO3:g})")
    print(f"{cost[OURS] / cost[MEMORY]:.2f} x the floor, {MEMORY}")
    missed = fewer < BAR_BOTO3
    if FETCHING in cost:
        times = cost[OURS] / (cost[FETCHING] + cost[MEMORY])
        print(f"{times:.2f} x ({FETCHING} + {MEMORY}) (at most {BAR_OBSTORE})")
        missed = missed or times > BAR_OBSTORE
    return int(missed)


def _server_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    raise SystemExit(main())
