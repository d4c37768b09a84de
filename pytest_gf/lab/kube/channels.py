"""Exec and port-forward over WebSocket, with the kubelet's frames (v4 and v5.channel.k8s.io)."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from pytest_gf.lab import wire
from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube.container import Container, MissingBinary, end

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
CHUNK = 32 * 1024
SUCCESS: dict[str, object] = {"metadata": {}, "status": "Success"}


class Channels:
    """What the kubelet's side of the two upgrades does."""

    def __init__(self, container: Container, bends: Bends, s3_port: Callable[[], int]) -> None:
        self._container = container
        self._bends = bends
        self._s3_port = s3_port
        self._forwarded = 0

    def refusal(self, request: web.Request) -> str:
        """Return why the kubelet can't be asked at all ("" where it can): a 500 for v4, and no 101."""
        dying = self._bends.argument("port-forward-dies")
        dead = dying is not None and request.path.endswith("/portforward") and self._forwarded > int(dying)
        if self._bends.on("kubelet-refuses") or dead:
            return "error dialing backend: dial tcp 10.42.0.11:10250: connect: connection refused"
        return ""

    async def exec(self, request: web.Request) -> web.StreamResponse:
        """Run a command in the container, its streams as channels, its status on channel 3."""
        upgraded = web.WebSocketResponse(protocols=(V5, V4), max_msg_size=0)
        await upgraded.prepare(request)
        if self._bends.on("exec-stalls"):
            await _half_a_frame(request)
        if self._bends.on("exec-endless"):
            await _endless(upgraded)
        try:
            command = request.query.getall("command")
            process = await self._container.start(command, stdin=request.query.get("stdin") == "true")
        except MissingBinary as missing:
            await self._finish(upgraded, _missing(str(missing), details=upgraded.ws_protocol == V5))
            return upgraded
        try:
            status = await self._stream(request, upgraded, process)
        finally:
            await end(process)
        if status is not None:
            await self._finish(upgraded, status)
        return upgraded

    async def _stream(
        self, request: web.Request, upgraded: web.WebSocketResponse, process: asyncio.subprocess.Process
    ) -> dict[str, object] | None:
        """Carry the streams; return the status for channel 3, None where the connection was cut."""
        cut = self._bends.argument("exec-cut")
        incoming: asyncio.Future[None] = asyncio.ensure_future(_stdin(upgraded, process))
        pumps = [_pump(upgraded, STDOUT, process.stdout, half=cut is not None), _pump(upgraded, STDERR, process.stderr)]
        work: asyncio.Future[list[None]] = asyncio.gather(*pumps)
        try:
            both: set[asyncio.Future[Any]] = {incoming, work}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return None  # The client has gone.
            await work
            code = await process.wait()
        finally:
            incoming.cancel()
            work.cancel()
        if cut == "success" or (cut == "node" and upgraded.ws_protocol == V5):
            return SUCCESS
        if cut is not None:
            _cut(request, reset=cut == "rst")
            return None
        forced = self._bends.argument("exec-exit")
        return _exit_status(int(forced) if forced is not None else code, v5=upgraded.ws_protocol == V5)

    async def _finish(self, upgraded: web.WebSocketResponse, status: dict[str, object]) -> None:
        with contextlib.suppress(ConnectionError):
            await upgraded.send_bytes(bytes([STATUS]) + msgspec.json.encode(status))
            await upgraded.close(code=1000)

    async def forward(self, request: web.Request, known: int) -> web.StreamResponse:
        """Carry one connection to each port asked for (only the first is served): channels 2i data, 2i+1 error."""
        ports = [int(port) for value in request.query.getall("ports", []) for port in value.split(",")]
        upgraded = web.WebSocketResponse(protocols=(V5, V4), max_msg_size=0)
        await upgraded.prepare(request)
        for at, port in enumerate(ports):
            for channel in (2 * at, 2 * at + 1):
                await upgraded.send_bytes(bytes([channel]) + struct.pack("<H", port))
        try:
            if ports[0] != known:
                raise ConnectionRefusedError  # As nobody listening there would.
            reader, writer = await asyncio.open_connection("127.0.0.1", self._s3_port())
        except ConnectionError:
            text = f"failed to connect to localhost:{ports[0]} inside namespace: connection refused"
            await upgraded.send_bytes(bytes([1]) + text.encode())
            await upgraded.close(code=1000)
            return upgraded
        incoming = asyncio.ensure_future(_to_socket(upgraded, writer))
        outgoing = asyncio.ensure_future(self._from_socket(request, upgraded, reader))
        try:
            await asyncio.wait({incoming, outgoing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (incoming, outgoing):
                task.cancel()
            writer.close()
        with contextlib.suppress(ConnectionError):
            await upgraded.close(code=1000)
        return upgraded

    async def _from_socket(
        self, request: web.Request, upgraded: web.WebSocketResponse, reader: asyncio.StreamReader
    ) -> None:
        dying = self._bends.argument("port-forward-dies")
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                self._forwarded += len(chunk) if dying is not None else 0
                if dying is not None and self._forwarded > int(dying):
                    _cut(request, reset=True)
                    return
                await upgraded.send_bytes(b"\x00" + chunk)


async def _pump(
    upgraded: web.WebSocketResponse, channel: int, stream: asyncio.StreamReader | None, *, half: bool = False
) -> None:
    """Carry a stream; ``half``: only the first half of what the first read gave, as where the node dies."""
    with contextlib.suppress(ConnectionError):
        while stream is not None and (chunk := await stream.read(CHUNK)):
            await upgraded.send_bytes(bytes([channel]) + (chunk[: len(chunk) // 2] if half else chunk))
            if half:
                return


async def _stdin(upgraded: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
    """Carry channel 0 into the command, until the client has gone."""
    async for message in upgraded:
        if message.type is not WSMsgType.BINARY or process.stdin is None or not message.data:
            continue
        if message.data[0] == STDIN:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(message.data[1:])
                await process.stdin.drain()
        elif message.data[0] == CLOSE:
            process.stdin.close()


async def _to_socket(upgraded: web.WebSocketResponse, writer: asyncio.StreamWriter) -> None:
    async for message in upgraded:
        if message.type is WSMsgType.BINARY and message.data[:1] == b"\x00":
            writer.write(message.data[1:])
            with contextlib.suppress(ConnectionError):
                await writer.drain()


async def _half_a_frame(request: web.Request) -> None:
    """Send a frame's head and some of its bytes, and never the rest."""
    if request.transport is not None:
        request.transport.write(b"\x82\x7e\x04\x00" + bytes([STDOUT]) + b"gf-be")
    await asyncio.sleep(wire.LONGEST_WAIT)


async def _endless(upgraded: web.WebSocketResponse) -> None:
    for _ in range(wire.LONGEST_WAIT * 100):
        await upgraded.send_bytes(bytes([STDOUT]) + b"y\n" * (CHUNK // 2))
        await asyncio.sleep(0.01)  # So that it does not eat the machine.


def _exit_status(code: int, *, v5: bool) -> dict[str, object]:
    if code == 0:
        return SUCCESS
    said = (
        f"command terminated with exit code {code}"
        if v5
        else f"command terminated with non-zero exit code: exit status {code}"
    )
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {
        "metadata": {},
        "status": "Failure",
        "message": said,
        "reason": "NonZeroExitCode",
        "details": {"causes": causes},
    }


def _missing(binary: str, *, details: bool) -> dict[str, object]:
    said = (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f'exec: "{binary}": executable file not found in $PATH: unknown'
    )
    status: dict[str, Any] = {"metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500}
    status["message"] = f"Internal error occurred: error executing command in container: {said}"
    return status | ({"details": {"causes": [{"message": said}]}} if details else {})


def _cut(request: web.Request, *, reset: bool) -> None:
    """End the connection without a close frame; by a reset, if so asked."""
    if reset:
        wire.reset(request)
    elif request.transport is not None:
        request.transport.close()
