"""The lab process, ``python -m pytest_gf.lab``: alone it says how to use it, under `Lab` it talks by a pipe."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_gf.honey.contract import Contract, load
from pytest_gf.lab import faults, replay, seed
from pytest_gf.lab.attic import content
from pytest_gf.lab.attic.server import AtticServer
from pytest_gf.lab.bazel.blobs import Blobs
from pytest_gf.lab.bazel.server import BazelServer
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.control import Control, Server
from pytest_gf.lab.flakehub import FlakeHub
from pytest_gf.lab.journal import Journal
from pytest_gf.lab.kube import secret, tls
from pytest_gf.lab.kube.channels import Channels
from pytest_gf.lab.kube.container import Container
from pytest_gf.lab.kube.rights import PROBE_CLUSTER_ROLE, PROBE_ROLE, Identity
from pytest_gf.lab.kube.server import KubeServer
from pytest_gf.lab.rustfs.bucket_client import BucketClient
from pytest_gf.lab.rustfs.call import Refusal
from pytest_gf.lab.rustfs.server import S3Server
from pytest_gf.lab.rustfs.service import REGION, Service

LIFETIME = 3_600.0
LONGEST_LIFETIME = 86_400.0
"""Seconds."""
PATIENCE = 3.0
"""Seconds to wait for an earlier lab to leave the folder."""
FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lab till its end and return the exit code: 0, or 2 with one line on stderr where it can't start."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["replay"]:
        return replay.main(words[1:])
    options = _parser().parse_args(words)
    try:
        if not 0 < options.lifetime <= LONGEST_LIFETIME:
            raise ValueError(f"--lifetime: expected seconds above 0 and up to {LONGEST_LIFETIME:g}")  # noqa: TRY301  # One line for all.
        contract = load(options.contract)
        wanted = [str(faults.parse(fault, contract)) for fault in options.fault]
        folder: Path = (options.folder or Path(tempfile.mkdtemp(prefix="gf-lab-"))).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder)
        asyncio.run(_run(folder, contract, wanted, lifetime=options.lifetime, child=options.child))
    except (ValueError, OSError, Refusal) as wrong:
        sys.stderr.write(f"lab: {wrong}\n")
        return FAILED
    os.close(lock)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m pytest_gf.lab",
        description="An embedded, bendable honey on loopback. `replay DATE` runs a dated incident.",
    )
    parser.add_argument(
        "--folder", type=Path, help="where it keeps what it holds, also after its end (default: a new temporary folder)"
    )
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[:ARG]", help="bend it (repeatable)")
    parser.add_argument("--contract", type=Path, metavar="FILE", help="the contract whose buckets and stacks it holds")
    parser.add_argument(
        "--lifetime", type=float, default=LIFETIME, metavar="SECONDS", help="end after so long (default: %(default)s)"
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser


def _locked(folder: Path) -> int:
    """Hold the folder for this process alone. Raises OSError where another lab serves it."""
    lock = os.open(folder / "lab.lock", os.O_RDWR | os.O_CREAT, seed.PRIVATE)
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise OSError(f"{folder} is served by another lab: stop that one, or choose another folder") from None
            time.sleep(0.02)
        else:
            return lock


async def _run(folder: Path, contract: Contract, wanted: Sequence[str], *, lifetime: float, child: bool) -> None:
    bends, journal = Bends(), Journal()
    held = seed.credentials(folder)
    service = Service(folder / "data", {held[seed.ACCESS_KEY]: held[seed.SECRET_KEY]}, contract, bends)
    s3 = S3Server(service, journal)
    kubernetes = _kubernetes(folder, contract, service, s3, held, journal)
    attic = _attic(folder, contract, service, s3, held, journal)
    bazel = _bazel(folder, contract, service, s3, journal)
    flakehub = FlakeHub(bends, journal)
    _seed(folder, contract, s3, attic, bazel)
    servers: tuple[Server, ...] = tuple(filter(None, (s3, kubernetes, attic, bazel, flakehub)))
    control = Control(servers, bends, journal, contract)
    for server in servers:
        await server.start()
    await control.start()
    ended = _end_of(child=child)
    try:
        for bend in wanted:
            await control.bend(bend)
        seed.write_kubeconfigs(folder, kubernetes.address, folder / tls.CA)
        places = (_attic_section(attic), _bazel_section(bazel), flakehub.page)
        target = seed.write_targets(folder, s3.address, REGION, contract.rustfs, *places)
        addresses = {server.name: server.address for server in servers}
        ready = {
            "addresses": addresses,
            "id": service.id,
            "control": control.port,
            "token": control.token,
            "target": str(target),
        }
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n" if child else _banner(folder, addresses, wanted))
        sys.stdout.flush()
        async with asyncio.timeout(lifetime):
            await ended.wait()
    except TimeoutError:
        sys.stderr.write(f"lab: its lifetime of {lifetime:g} seconds is over\n")
    finally:
        await control.stop()
        for server in reversed(servers):
            await server.stop()


def _seed(folder: Path, contract: Contract, s3: S3Server, attic: AtticServer | None, bazel: BazelServer | None) -> None:
    if seed.is_seeded(folder):
        return
    stacks = enumerate(contract.stacks.items())
    s3.seed({(stack.bucket, stack.key): seed.state(name, 60 + at) for at, (name, stack) in stacks})
    if attic is not None:
        attic.seed()
    if bazel is not None:
        bazel.blobs.seed()
    seed.note_seeded(folder)


def _kubernetes(  # noqa: PLR0917  # Called once, above.
    folder: Path, contract: Contract, service: Service, s3: S3Server, held: Mapping[str, str], journal: Journal
) -> KubeServer:
    workload = contract.rustfs
    tokens = {
        held[seed.PROBE_TOKEN]: Identity(
            "system:serviceaccount:gf:probe", workload.namespace if workload else "", PROBE_ROLE, PROBE_CLUSTER_ROLE
        ),
        held[seed.ADMIN_TOKEN]: Identity("lab-admin", everything=True),
    }
    container = Container(folder, workload.data if workload else "/data", service.disk, service.bends)
    channels = Channels(container, service.bends, lambda: s3.port)
    values = secret.Values(
        held[seed.ATTIC_SECRET], held[seed.ACCESS_KEY], held[seed.SECRET_KEY], held.get(seed.ATTIC_TOKEN, "")
    )
    return KubeServer(folder, contract, tokens, service.bends, journal, channels, values)


def _attic(  # noqa: PLR0917  # Called once, above.
    folder: Path, contract: Contract, service: Service, s3: S3Server, held: Mapping[str, str], journal: Journal
) -> AtticServer | None:
    if contract.attic is None or contract.attic.bucket not in contract.buckets:
        return None
    chunks = BucketClient(service, "attic", contract.attic.bucket, contract.attic.node, lambda: s3.is_open)
    other = next((bucket for bucket in contract.buckets if bucket != contract.attic.bucket), contract.attic.bucket)
    workload = contract.rustfs
    inside = "" if workload is None else workload.address

    def base(surface: str) -> str:
        return inside if surface.startswith("inside") and inside else s3.address

    return AtticServer(folder, chunks, chunks.at(other), held[seed.ATTIC_SECRET], journal, tls.context(folder), base)


def _bazel(folder: Path, contract: Contract, service: Service, s3: S3Server, journal: Journal) -> BazelServer | None:
    if contract.bazel is None or contract.bazel.bucket not in contract.buckets:
        return None
    bucket = BucketClient(service, "bazel", contract.bazel.bucket, contract.bazel.node, lambda: s3.is_open)
    return BazelServer(Blobs(folder / "bazel-data", bucket, ""), journal)


def _bazel_section(bazel: BazelServer | None) -> seed.BazelPlace | None:
    return None if bazel is None else seed.BazelPlace(bazel.address, bazel.http)


def _attic_section(attic: AtticServer | None) -> seed.AtticPlace | None:
    if attic is None:
        return None
    hashes = {name: content.seeded(name)[0].removeprefix(f"{content.STORE}/")[:32] for name in content.SIZES}
    return seed.AtticPlace(attic.addresses, attic.key.public, hashes)


def _end_of(*, child: bool) -> asyncio.Event:
    """Return what SIGTERM, SIGINT and, in a child, the end of the parent (its pipe closes) will set."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if child:
        loop.add_reader(0, _ended_by_parent, ended)
    return ended


def _ended_by_parent(ended: asyncio.Event) -> None:
    if not os.read(0, 1024):
        ended.set()


def _banner(folder: Path, addresses: Mapping[str, str], wanted: Sequence[str]) -> str:
    lines = (
        "The lab is up; it is not honey.",
        *(f"  {name:<11} {address}" for name, address in addresses.items()),
        f"  folder      {folder} (stays when the lab ends; data/ is the emulated /data)",
        f"  target      {folder / 'target.toml'} ({seed.ROUTED}: the same through port-forwards)",
        f"  kubectl     --kubeconfig={folder / seed.ADMIN_KUBECONFIG}",
        *(f"  fault       {fault}" for fault in wanted),
        "In another shell:",
        f"  . {folder / 'env.sh'}",
        f"  pytest --gf -m canary --gf-target={folder / 'target.toml'}",
        "Ctrl-C ends it.",
    )
    return "\n".join((*lines, ""))


if __name__ == "__main__":
    sys.exit(main())
