"""What hostile servers cost: memory and time of each probe against each behaviour, in a process of its own.

Usage: python benchmarks/hostile.py [WORD…], with words that choose probes or behaviours by their names. Prints for each
pair how much the process grew, how long it took beyond the deadline, and what it made of the answer. Exit 1 where a bar is
missed: `MOST_GROWTH`, `MOST_OVERRUN`, or an exception that is neither a ProbeError nor Unproven.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MOST_GROWTH = 150.0
"""MiB."""
MOST_OVERRUN = 1.0
DEADLINE = 2.0
PATIENCE = 180.0
MIB = 1024 * 1024
LARGE = 15 * MIB
CREDENTIALS = ("an-access-key", "a-secret-key-of-the-benchmark")

Talk = Callable[[socket.socket], None]


def head(kind: str, length: int | None = None, *more: str) -> bytes:
    """Return the head of a 200."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", "Connection: close", *more]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, "", ""]).encode()


def dripping(first: bytes) -> Talk:
    """Send ``first``, then a byte every 50 ms."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return talk


def sending(first: bytes, chunk: bytes, times: int = 1_000_000) -> Talk:
    """Send ``first``, then a chunk again and again."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(times):
            connection.sendall(chunk)

    return talk


def large(kind: str, before: bytes, middle: bytes, after: bytes) -> Talk:
    """Send a document of `LARGE` bytes: less than an answer may have, and many times that when it is decoded."""
    times = (LARGE // len(middle) // 1000) + 1
    length = len(before) + 1000 * times * len(middle) + len(after)

    def talk(connection: socket.socket) -> None:
        sending(head(kind, length) + before, middle * 1000, times)(connection)
        connection.sendall(after)

    return talk


def silent(_: socket.socket) -> None:
    """Say nothing."""
    time.sleep(PATIENCE)


def bomb(connection: socket.socket) -> None:
    """Send a gibibyte of zeros in a mebibyte of gzip."""
    body = b"".join(gzip.compress(b"\0" * 64 * MIB, 9) for _ in range(16))
    connection.sendall(head("application/json", len(body), "Content-Encoding: gzip") + body)


XML = b'<?xml version="1.0"?><ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets>'
BEHAVIOURS: dict[str, Talk] = {
    "silent": silent,
    "drip-head": dripping(b"HTTP/1.1 200 OK\r\nX: "),
    "drip-body": dripping(head("application/json", LARGE)),
    "endless-head": sending(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 8_000 + b"\r\n"),
    "endless-body": sending(head("application/xml"), b"<a/>" * 16_384),
    "gzip-bomb": bomb,
    "large-xml": large(
        "application/xml", XML, b"<Bucket><Name>b</Name></Bucket>", b"</Buckets></ListAllMyBucketsResult>"
    ),
    "large-json": large("application/json", b'{"items": [', b"[],", b"[]]}"),
    "deep-xml": large("application/xml", XML, b"<a>", b""),
    "deep-json": sending(head("application/json", 900_000), b"[" * 900_000, 1),
    "no-http": sending(b"", b"\0" * 4096, 1000),
    "reset": lambda _: None,
}


def s3(address: str) -> Any:
    """Return a client of S3 there."""
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.target import S3Section

    return S3(S3Section(endpoint=address), CREDENTIALS, deadline=DEADLINE)


def states(address: str) -> object:
    """Read four states at once, as facts do."""
    from pytest_gf.honey.formats import tfstate

    client = s3(address)

    def read(number: int) -> object:
        body = client.get_object("tofu-state", f"{number}/terraform.tfstate", most=tfstate.LARGEST)
        with contextlib.suppress(tfstate.Malformed):
            return tfstate.read(body.data).size
        return "malformed"

    with ThreadPoolExecutor(4) as pool:
        return [outcome.result() for outcome in [pool.submit(read, number) for number in range(4)]]


def kube(address: str) -> object:
    """List the pods of a cluster there."""
    from pytest_gf.honey.probes.kube import Kube
    from pytest_gf.honey.target import KubernetesSection

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "clusters": [{"name": "c", "cluster": {"server": address}}],
                    "users": [{"name": "u", "user": {"token": "a-token-of-the-benchmark"}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                }
            )
        )
        return Kube(KubernetesSection(kubeconfig=str(path), context="c"), deadline=DEADLINE).list("pods", "x")


def health(address: str) -> object:
    """Ask RustFS's health there."""
    from pytest_gf.honey.probes.health import ask
    from pytest_gf.honey.target import S3Section

    return ask(S3Section(endpoint=address), "/health", deadline=DEADLINE)


def attic(address: str) -> object:
    """Ask a narinfo there."""
    from pytest_gf.honey.probes.attic import Attic

    return Attic(address, "main", ca_file=None, deadline=DEADLINE).narinfo("g7y840vqna9ji1azbsnfdz2ixnskc6zg")


def page(address: str) -> object:
    """Ask a public page there."""
    from pytest_gf.honey.probes.web import answers

    return answers(address, deadline=DEADLINE)


PROBES: dict[str, Callable[[str], object]] = {
    "s3-list": lambda address: s3(address).list_buckets(),
    "s3-objects": lambda address: s3(address).list_objects("tofu-state"),
    "s3-states": states,
    "health": health,
    "kube-list": kube,
    "attic-narinfo": attic,
    "page": page,
}
BODIES = {"s3-states": 64.0}
"""Seconds that a body of the largest size may take beyond the deadline: 16 MiB at 256 KiB/s."""


@contextlib.contextmanager
def served(talk: Talk) -> Iterator[str]:
    """Serve a behaviour on a port of its own, and yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65_536)
            talk(connection)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def alone(name: str, address: str) -> None:
    """Ask once, in this process, and print what it cost."""
    from pytest_gf.engine.errors import ProbeError, Unproven

    with served(lambda connection: connection.sendall(head("text/plain", 0))) as well, contextlib.suppress(Exception):
        PROBES[name](well)  # Libraries are imported, and their memory is not the answer's.
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        said, strange = str(PROBES[name](address)), False
    except Exception as raised:  # noqa: BLE001  # It is what is measured.
        said, strange = f"{type(raised).__name__}: {raised}", not isinstance(raised, ProbeError | Unproven)
    seconds = time.monotonic() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    sys.stdout.write(json.dumps([grown, seconds, strange, said[:300]]))
    sys.stdout.flush()


def measured(name: str, behaviour: str) -> tuple[float, float, bool, str]:
    """Measure one pair in a process of its own: growth in MiB, seconds, whether it broke, and what it said."""
    with served(BEHAVIOURS[behaviour]) as address:
        command = [sys.executable, __file__, "--alone", name, address]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            grown, seconds, strange, said = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return 0.0, PATIENCE, True, "it did not end"
        except ValueError:
            return 0.0, 0.0, True, f"it died with {done.returncode}: {done.stderr[-200:]}"
    return grown, seconds, strange, said


def main(words: list[str]) -> int:
    """Measure the chosen pairs, print the table, and return 1 where a bar is missed."""
    missed = 0
    print(f"{'probe':<14} {'behaviour':<13} {'MiB':>6} {'beyond':>7}   what it made of it (deadline {DEADLINE:g} s)")
    for name in PROBES:
        for behaviour in BEHAVIOURS:
            if words and not {name, behaviour} & set(words):
                continue
            grown, seconds, strange, said = measured(name, behaviour)
            beyond = max(0.0, seconds - DEADLINE - BODIES.get(name, 0.0))
            bad = grown > MOST_GROWTH or beyond > MOST_OVERRUN or strange
            missed += bad
            print(
                f"{name:<14} {behaviour:<13} {grown:6.0f} {beyond:7.2f} {'X' if bad else ' '} {said[:90]}", flush=True
            )
    print(
        f"{missed} pairs miss a bar (at most {MOST_GROWTH:g} MiB, {MOST_OVERRUN:g} s, and no exception but a probe's)"
    )
    return int(bool(missed))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        alone(*sys.argv[2:4])
    else:
        raise SystemExit(main(sys.argv[1:]))
