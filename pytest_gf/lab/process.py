"""The handle of a lab: starts the process, checks that it is the right one, bends it, stops it."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pytest_gf.honey.contract import load
from pytest_gf.lab import seed
from pytest_gf.lab.faults import parse

PATIENCE = 60.0
"""Seconds for the lab to come up, and for it to answer a command."""
FAREWELL = 5.0
"""Seconds for it to end."""
LONGEST_LINE = 65_536
LOG = "lab.log"


class LabError(RuntimeError):
    """The lab did not come up, or did not do as it was told: one sentence."""


class Lab:
    """A running lab. ``addresses`` by service; ``environment``: the credentials by variable name, never shown."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], ready: Mapping[str, Any]) -> None:
        self.folder = folder
        self.addresses: Mapping[str, str] = ready["addresses"]
        self._bent: list[str] = []
        self.target_file = Path(ready["target"])
        self.pid = process.pid
        self._id: str = ready["id"]
        self._process = process
        self._control: int = ready["control"]
        self._token: str = ready["token"]

    @classmethod
    def start(cls, folder: Path, faults: Sequence[str] = (), *, contract: Path | None = None) -> Lab:
        """Start a lab on a folder, fresh or left by another, and bend it. Raises LabError, also for a wrong fault."""
        try:
            known = load(contract)
            wanted = [str(parse(fault, known)) for fault in faults]
            folder = folder.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        except (ValueError, OSError) as wrong:
            raise LabError(f"the lab can't be started: {wrong}") from None
        process = _spawn(folder, contract)
        try:
            lab = cls(folder, process, _ready(process, folder))
            lab.check_identity()
            for fault in wanted:
                lab.bend(fault)
            lab.reset()
        except BaseException:
            _end(process)
            raise
        return lab

    def check_identity(self) -> None:
        """Raise LabError where another than this lab answers at its address."""
        answer = _ask("GET", urlsplit(self.addresses["s3"]).port or 0, "/health", {}, b"")
        if json.loads(answer).get("lab") != self._id:
            raise LabError(f"another server than the lab answers at {self.addresses['s3']}; nothing was asked of it")

    @property
    def environment(self) -> Mapping[str, str]:
        """The credentials by variable name, as faults bend them."""
        return seed.credentials(self.folder, self._bent)

    def bend(self, fault: str) -> None:
        """Turn a fault on. Raises LabError for an unknown one, or where there is nothing to bend."""
        self._tell("bend", fault)
        self._bent.append(fault)

    def mend(self, fault: str | None = None) -> None:
        """Undo one fault (by name, or ``NAME:ARGUMENT``), or all of them. Raises LabError where it is not on."""
        self._tell("mend", fault or "")
        self._bent = [bend for bend in self._bent if fault and bend != fault]

    def exchanges(self) -> list[dict[str, object]]:
        """Return every request served since the start or the last `reset`: see `journal.Exchange`."""
        exchanges: list[dict[str, object]] = self._tell("exchanges")
        return exchanges

    def counts(self) -> dict[str, int]:
        """Return how often each operation was asked, as ``"s3 ListBuckets" -> n``."""
        counts: dict[str, int] = self._tell("counts")
        return counts

    def reset(self) -> None:
        """Forget the exchanges."""
        self._tell("reset")

    def stop(self) -> None:
        """End the process; its folder stays. Safe to call twice."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Lab({str(self.folder)!r}, {dict(self.addresses)!r})"

    def _tell(self, command: str, text: str = "") -> Any:
        return json.loads(_ask("POST", self._control, f"/{command}", {"X-Lab-Token": self._token}, text.encode()))


def _spawn(folder: Path, contract: Path | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest_gf.lab", "--child", f"--folder={folder}"]
    command += [f"--contract={contract}"] if contract else []
    # The child must import the same pytest_gf as this process, wherever that came from.
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    # aiohttp reads the machine's certificates when it is imported, a tenth of a second; the lab trusts none of them.
    environment = {**os.environ, "PYTHONPATH": path, "SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # This interpreter, with arguments of ours.
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
        )


def _ready(process: subprocess.Popen[bytes], folder: Path) -> Mapping[str, Any]:
    """Return what the child's one line says. Raises LabError."""
    line = b""
    until = time.monotonic() + PATIENCE
    if process.stdout is None:
        raise LabError("the lab has no standard output")
    with process.stdout as stdout, selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            if not selector.select(max(until - time.monotonic(), 0)):
                raise LabError(f"the lab was not up within {PATIENCE:g} seconds; see {folder / LOG}")
            chunk = os.read(stdout.fileno(), LONGEST_LINE)
            if not chunk:
                raise LabError(f"the lab ended before it was up: {_last_line(folder / LOG)} (see {folder / LOG})")
            line += chunk
    ready: Mapping[str, Any] = json.loads(line)
    return ready


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace")[-4096:].strip().splitlines()
    return lines[-1].removeprefix("lab: ") if lines else "it said nothing"


def _ask(method: str, port: int, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the body of an answer from loopback; http.client knows no proxies. Raises LabError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as wrong:
        raise LabError(f"the lab does not answer {method} {path} on port {port}: {wrong}; was it stopped?") from None
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise LabError(answer.decode(errors="replace"))
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(FAREWELL)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
