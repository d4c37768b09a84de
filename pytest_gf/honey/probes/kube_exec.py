"""Commands in a pod: arguments in, whole output out, its end proved by a mark of its own."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, Unanswered, Unproven
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import settled
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.exchange import recorded
from pytest_gf.honey.probes.kube import Kube
from pytest_gf.honey.probes.upgrade import NODE, POD_DOWN, Upgrade, upgrade

STDOUT, STDERR, STATUS = 1, 2, 3
MOST_OUTPUT = 16 * 1024 * 1024
"""Bytes of both streams together."""
_EXIT_CODE = re.compile(r"[0-9]{1,3}")
BEGIN, END = b"gf-begin\0", b"gf-end\0"
"""What a script of ours prints first and last: between them stands all that it had to say."""


@dataclass(frozen=True)
class Output:
    """What a command gave: both streams whole (``stdout`` without its marks), and its exit code.

    ``hung``: the script began, and did not end within the deadline; what it had said until then stands in ``stdout``.
    """

    stdout: bytes
    stderr: bytes = b""
    exit_code: int = 0
    hung: bool = False


class _Cause(msgspec.Struct):
    reason: str | None = None
    message: str | None = None


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class ExecStatus(msgspec.Struct):
    """What the kubelet says of a command's end, as far as it is read (metav1.Status, on channel 3)."""

    status: str | None = None
    reason: str | None = None
    message: str | None = None
    details: _Details | None = None


@dataclass
class _Streams:
    channels: dict[int, bytearray] = field(default_factory=lambda: {STDOUT: bytearray(), STDERR: bytearray()})
    status: ExecStatus | None = None
    connection: Upgrade | None = None
    given_up: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def connected(self, connection: Upgrade) -> None:
        """Note the connection; end it at once where its deadline is over."""
        with self.lock:
            self.connection = connection
            if self.given_up:
                connection.end()

    def end(self) -> None:
        with self.lock:
            self.given_up = True
            if self.connection is not None:
                self.connection.end()


def run(kube: Kube, namespace: str, pod: str, container: str, command: Sequence[str]) -> Output:
    """Run a command to its end within the client's deadline, an argument list and never a line for a shell.

    Raises `Unproven` (a right or the binary is missing), `DeadlineExceeded`, `Unanswered` where the connection was cut
    before the status came, `NotUnderstood`. What was cut is asked again for a moment: commands of ours only read.
    """
    tried = f"Kubernetes exec pod {pod} in {namespace} at {kube.address}"
    return settled(tried, lambda _: _once(kube, tried, namespace, pod, container, command), seconds=kube.deadline)


def _once(  # noqa: PLR0917  # One call site.
    kube: Kube, tried: str, namespace: str, pod: str, container: str, command: Sequence[str]
) -> Output:
    streams = _Streams()
    request = {"namespace": namespace, "name": pod, "container": container, "command": list(command)}
    with recorded("Kubernetes", "create pods/exec", request=request) as noted:
        try:
            within(kube.deadline, tried, lambda: _exchange(kube, namespace, pod, container, command, streams))
            return _output(tried, streams)
        except DeadlineExceeded as late:
            raise _Hung(late, bytes(streams.channels[STDOUT])) from None
        finally:
            streams.end()
            noted["answer"] = {
                "stdout_bytes": len(streams.channels[STDOUT]),
                "stderr": bytes(streams.channels[STDERR][:500]).decode(errors="replace"),
                "status": msgspec.to_builtins(streams.status),
            }


def run_marked(kube: Kube, namespace: str, pod: str, container: str, script: str, *arguments: str) -> Output:
    """Run a constant shell script that prints `BEGIN` first and `END` last; names are positional arguments only.

    Raises as `run` does, and Unanswered where a mark is missing: an output that ends early is no answer.
    """
    try:
        output = run(kube, namespace, pod, container, ["sh", "-c", script, "sh", *arguments])
    except _Hung as late:
        if late.said.startswith(BEGIN):
            return Output(late.said.removeprefix(BEGIN), hung=True)
        raise
    tried = f"Kubernetes exec pod {pod} in {namespace} at {kube.address}"
    if output.exit_code:
        said = redact(output.stderr[:300].decode(errors="replace")).strip()
        raise NotUnderstood(tried, f"exit code {output.exit_code}: {said}", "what shell does the container have?")
    if not (output.stdout.startswith(BEGIN) and output.stdout.endswith(END)):
        raise Unanswered(
            tried,
            f"{len(output.stdout)} bytes without their end mark: the node side died in the middle",
            NODE,
        )
    return Output(output.stdout[len(BEGIN) : -len(END)], output.stderr)


class _Hung(DeadlineExceeded):
    """A command that was still running at its deadline; ``said`` is its output until then."""

    def __init__(self, late: DeadlineExceeded, said: bytes) -> None:
        super().__init__(late.tried, late.came_back, late.next_step)
        self.said = said


def _exchange(  # noqa: PLR0917  # One call site.
    kube: Kube, namespace: str, pod: str, container: str, command: Sequence[str], streams: _Streams
) -> None:
    query = [("command", word) for word in command]
    query += [("container", container), ("stdin", "false"), ("stdout", "true"), ("stderr", "true"), ("tty", "false")]
    connection = upgrade(kube, namespace, pod, "exec", query)
    streams.connected(connection)
    try:
        _read(connection, streams)
    finally:
        connection.close()


def _read(connection: Upgrade, streams: _Streams) -> None:
    size = 0
    while (frame := connection.receive()) is not None:
        channel, data = frame[0], frame[1:]
        size += len(data)
        if size > MOST_OUTPUT:
            raise NotUnderstood(
                connection.tried, f"more than {MOST_OUTPUT} bytes of output", "what does the container run?"
            )
        if channel == STATUS:
            streams.status = _status(connection.tried, data)
            return
        if channel in streams.channels:
            streams.channels[channel] += data
    raise Unanswered(connection.tried, "closed before the command's status came", NODE)


def _status(tried: str, data: bytes) -> ExecStatus:
    try:
        return msgspec.json.decode(data, type=ExecStatus)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise NotUnderstood(
            tried, f"what is no status: {redact(repr(data[:60]))}", "which API server is this?"
        ) from None


def _output(tried: str, streams: _Streams) -> Output:
    out, err = bytes(streams.channels[STDOUT]), bytes(streams.channels[STDERR])
    status = streams.status or ExecStatus()
    if status.status == "Success":
        return Output(out, err)
    causes = (status.details or _Details()).causes or []
    codes = [cause.message or "" for cause in causes if cause.reason == "ExitCode"]
    if status.reason == "NonZeroExitCode" and codes and _EXIT_CODE.fullmatch(codes[0]):
        return Output(out, err, int(codes[0]))
    said = redact(str(status.message or status.reason or "a failure without a message"))[:300]
    if "executable file not found" in said or "no such file or directory" in said:
        raise Unproven(
            f"the container could not run the command: {said}", "does the image have a shell? kubectl describe pod"
        )
    if "container not found" in said:
        raise Unproven(f"its container does not run: {said}", POD_DOWN)
    raise Unanswered(tried, said, NODE)
