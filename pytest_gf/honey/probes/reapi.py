"""The wire of a Bazel remote cache, the Remote Execution API v2 over gRPC, by grpcio: one call each, every status a value."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, ProbeError, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.formats import reapi, zstd
from pytest_gf.honey.probes.deadline import for_body
from pytest_gf.honey.probes.s3_client import is_loopback

if TYPE_CHECKING:
    import grpc

MOST_MESSAGE = 8 * 1024 * 1024
"""Bytes of one message that comes."""
PIECE = 1024 * 1024
"""Bytes of one message that goes."""
READ_ATTEMPTS = 2
"""How often a read is made whose connection breaks before anything came."""

_LOST = re.compile(
    r"(?!failed to connect).*(Stream removed|Socket closed|Transport closed|reset by peer|Broken pipe|GOAWAY)",
    re.DOTALL,
)
"""What gRPC says of a call whose connection stood and broke."""

_RESET = "Received RST_STREAM"
"""What gRPC says of a stream that somebody reset without a status, whatever code it makes of it."""

OK, NOT_FOUND = "OK", "NOT_FOUND"


@dataclass(frozen=True)
class Status:
    """A gRPC status: the name of its code, and what the server says beside it, redacted."""

    code: str
    details: str = ""

    @property
    def ok(self) -> bool:
        """Whether the code is OK."""
        return self.code == OK

    def __str__(self) -> str:
        return f"{self.code}: {self.details}" if self.details else self.code


@dataclass(frozen=True)
class Capabilities:
    """GetCapabilities: digest functions and compressors by their numbers (remote-apis), and what else is offered."""

    status: Status
    digest_functions: tuple[int, ...] = ()
    compressors: tuple[int, ...] = ()
    updates_actions: bool = False
    executes: bool = False


@dataclass(frozen=True)
class Download:
    """A blob as ByteStream gave it: bytes that came, their hash (hex), and why they end too early or late, "" where they don't."""

    status: Status
    size: int = 0
    sha256: str = ""
    cut: str = ""


class Cache:
    """One cache, without a credential. Safe to share between threads; `close` it.

    Every call raises `Unanswered`, `DeadlineExceeded` or `NotUnderstood`; every status that the server gave is a value.
    ``endpoint`` is ``grpc://HOST:PORT`` (plain) or ``grpcs://HOST:PORT`` (TLS, trusted by ``ca_file`` or the system).
    """

    def __init__(self, endpoint: str, *, ca_file: str | None, deadline: float) -> None:
        self.endpoint = endpoint
        self._ca_file, self._deadline = ca_file, deadline
        self._channel: grpc.Channel | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
                self._channel = None

    def capabilities(self) -> Capabilities:
        """Ask what the cache can do."""
        status, found = self._ask("GetCapabilities", _request("GetCapabilities"))
        if found is None:
            return Capabilities(status)
        cache = found.cache_capabilities
        return Capabilities(
            status,
            tuple(cache.digest_functions),
            tuple(cache.supported_compressors),
            cache.action_cache_update_capabilities.update_enabled,
            found.execution_capabilities.exec_enabled,
        )

    def health(self) -> str:
        """Return what the health service says of the whole server: SERVING, its number, or the status that came instead."""
        status, found = self._ask("Check", _request("Check"))
        if found is None:
            return str(status)
        return "SERVING" if found.status == reapi.SERVING else f"serving status {found.status}"

    def execute(self) -> Status:
        """Call Execute with nothing in it: UNIMPLEMENTED where there is no Execution service."""
        return self._stream("Execute", _request("Execute"), self._deadline, lambda _: "it answers")[0]

    def missing(self, digest: str, size: int) -> tuple[Status, bool]:
        """Ask FindMissingBlobs for one blob; True where it is said to be missing."""
        request = _request("FindMissingBlobs")
        request.blob_digests.add(hash=digest, size_bytes=size)
        status, found = self._ask("FindMissingBlobs", request, digest=digest)
        return status, found is not None and any(each.hash == digest for each in found.missing_blob_digests)

    def read(self, digest: str, size: int, *, compressor: int = reapi.IDENTITY) -> Download:
        """Stream a blob by ByteStream, and hash it; ``size`` is the digest's.

        A connection that breaks before the first message may have been stale, so it is asked once more; then it is a cut.
        """
        request = _request("Read", resource_name=reapi.resource(digest, size, compressor=compressor))
        seconds = for_body(self._deadline, size)
        for _ in range(READ_ATTEMPTS):
            sink = _Sink(size, compressor)
            status, cut = self._stream("Read", request, seconds, sink.take, digest=digest)
            if not cut or sink.fed:
                break
        cut = cut or (sink.finish() if status.ok else "")
        return Download(status, sink.size, sink.sha256, cut)

    def batch_read(self, digest: str, size: int, *, compressor: int = reapi.IDENTITY) -> Download:
        """Read a blob by BatchReadBlobs, which holds 4 MiB at most; ``compressor`` is what we take beside IDENTITY."""
        request = _request("BatchReadBlobs")
        request.acceptable_compressors.append(compressor)
        request.digests.add(hash=digest, size_bytes=size)
        status, found = self._ask("BatchReadBlobs", request, digest=digest)
        if found is None:
            return Download(status)
        answer = next((each for each in found.responses if each.digest.hash == digest), None)
        if answer is None:
            return Download(status, cut="the batch does not hold the blob")
        said = _status(answer.status)
        sink = _Sink(size, answer.compressor)
        cut = (sink.feed(answer.data) or sink.finish()) if said.ok else ""
        return Download(said, sink.size, sink.sha256, cut)

    def batch_write(self, payload: bytes) -> Status:
        """Write a blob by BatchUpdateBlobs, which holds 4 MiB at most."""
        digest = hashlib.sha256(payload).hexdigest()
        request = _request("BatchUpdateBlobs")
        request.requests.add(data=payload).digest.MergeFrom(_digest(payload))
        status, found = self._ask("BatchUpdateBlobs", request, digest=digest)
        if found is None:
            return status
        answer = next((each for each in found.responses if each.digest.hash == digest), None)
        return Status("UNKNOWN", "the batch does not answer for the blob") if answer is None else _status(answer.status)

    def write(self, payload: bytes, *, compressor: int = reapi.IDENTITY) -> tuple[Status, int]:
        """Write a blob by ByteStream; return the status and how many bytes the server says that it committed."""
        digest = hashlib.sha256(payload).hexdigest()
        name = reapi.resource(digest, len(payload), compressor=compressor, upload=str(uuid.uuid4()))
        data = _compressed(payload) if compressor == reapi.ZSTD else payload

        def requests() -> Iterator[Any]:
            for at in range(0, max(len(data), 1), PIECE):
                piece = data[at : at + PIECE]
                end = at + PIECE >= len(data)
                yield _request("Write", resource_name=name, write_offset=at, data=piece, finish_write=end)

        status, found = self._ask("Write", requests(), digest=digest)
        return status, found.committed_size if found is not None else 0

    def action_result(self, digest: str, size: int) -> Status:
        """Ask for the result of an action: NOT_FOUND is a miss. ``size`` is the action's, and never 0."""
        request = _request("GetActionResult")
        request.action_digest.hash, request.action_digest.size_bytes = digest, size
        return self._ask("GetActionResult", request, digest=digest)[0]

    def _ask(self, name: str, request: Any, **shown: Any) -> tuple[Status, Any]:
        """Make one call whose answer is one message; None where the status is not OK."""
        grpc = _grpc()
        method = self._method(name)
        started, status, found = time.monotonic(), Status(OK), None
        try:
            found = method(request, timeout=self._deadline)
        except grpc.RpcError as refused:
            status = _told(refused)
        self._keep(name, time.monotonic() - started, self._deadline, status, shown)
        return status, found

    def _stream(
        self, name: str, request: Any, seconds: float, feed: Callable[[Any], str], **shown: Any
    ) -> tuple[Status, str]:
        """Make one call that is answered by a stream; return its status, and how it was cut.

        ``feed`` takes each message and may return why no more is wanted.
        """
        grpc = _grpc()
        method = self._method(name)
        started, status, cut = time.monotonic(), Status(OK), ""
        call = method(request, timeout=seconds)
        try:
            for message in call:
                cut = feed(message)
                if cut:
                    call.cancel()
                    break
        except grpc.RpcError as refused:
            status = _told(refused)
        # Whether the head of the answer had come can't be told from grpcio; whether a connection stood, can.
        if (status.code == "UNAVAILABLE" and _LOST.match(status.details)) or _RESET in status.details:
            cut, status = f"the stream ends early: {status.details}", Status(OK)
        self._keep(name, time.monotonic() - started, seconds, status, shown, cut)
        return status, cut

    def _keep(  # noqa: PLR0917  # Called twice, above.
        self, name: str, took: float, seconds: float, status: Status, shown: Mapping[str, Any], cut: str = ""
    ) -> None:
        """Record the call. Raises a ProbeError where its status says nothing about the cache: made here, or by a proxy."""
        broke = status.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"} or any(
            each in status.details for each in (_RESET, "Received http2 header with status")
        )
        said = {"failed": str(status)} if broke else {"answer": {"status": str(status), "cut": cut}}
        evidence.record("REAPI", name, seconds=took, at=self.endpoint, request=dict(shown), **said)
        if broke:
            raise self._error(name, status, seconds)

    def _error(self, name: str, status: Status, seconds: float) -> ProbeError:
        tried = f"REAPI {name} at {self.endpoint}"
        if status.code == "DEADLINE_EXCEEDED":
            return DeadlineExceeded(
                tried,
                f"no whole answer within {seconds:.3g} s",
                "is bazel-remote overloaded? --gf-deadline sets the limit",
            )
        if status.code == "UNAVAILABLE" or _RESET in status.details:
            return Unanswered(
                tried,
                status.details,
                "is bazel-remote's pod up? is the address in [bazel] right, and reachable from here?",
            )
        return NotUnderstood(tried, status.details, "is this a gRPC server? a proxy's page answers so")

    def _method(self, name: str) -> Any:
        method = reapi.METHODS[name]
        channel = self._connected()
        kinds = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
        }
        return kinds[method.client_streams, method.server_streams](
            method.path, reapi.message(method.request).SerializeToString, reapi.message(method.response).FromString
        )

    def _connected(self) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                self._channel = _channel(self.endpoint, self._ca_file)
            return self._channel


class _Sink:
    """What comes of a blob: counted, hashed, decoded where it is compressed, and no longer than its digest says."""

    def __init__(self, size: int, compressor: int) -> None:
        self.size, self.fed = 0, False
        self._promised, self._hash = size, hashlib.sha256()
        self._decoder = zstd.Decoder(single=False, most=size) if compressor == reapi.ZSTD else None

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def take(self, message: Any) -> str:
        """Take a message of ByteStream; return why no more is wanted."""
        return self.feed(message.data)

    def feed(self, data: bytes) -> str:
        """Take a piece; return why no more is wanted."""
        self.fed = True
        try:
            for piece in (data,) if self._decoder is None else self._decoder.feed(data):
                self.size += len(piece)
                self._hash.update(piece)
        except zstd.Malformed as wrong:
            return f"no zstd: {wrong}"
        return f"more than {self._promised} bytes come" if self.size > self._promised else ""

    def finish(self) -> str:
        """Return why what came is not all."""
        try:
            if self._decoder is not None and (self.size or self._promised):
                self._decoder.finish()
        except zstd.Malformed as wrong:
            return f"the stream ends early: {wrong}"
        return "" if self.size == self._promised else f"the stream ends after {self.size} bytes of {self._promised}"


def _grpc() -> Any:
    """Return the library, imported so that its core writes nothing to stderr: what troubles it comes back as a status too.

    It reads the variable once, when it is imported first.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    return grpc


def _channel(endpoint: str, ca_file: str | None) -> grpc.Channel:
    grpc = _grpc()
    parts = urlsplit(endpoint)
    proxied = 0 if is_loopback(endpoint) else 1
    options = (
        ("grpc.max_receive_message_length", MOST_MESSAGE),
        ("grpc.enable_http_proxy", proxied),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
    )
    if parts.scheme == "grpc":
        return grpc.insecure_channel(parts.netloc, options)
    try:
        trusted = Path(ca_file).read_bytes() if ca_file is not None else None
    except OSError as gone:
        raise Unanswered(
            f"reading {ca_file}", str(gone), "ca_file of [bazel] names the certificate authority"
        ) from None
    return grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(trusted), options)


def _request(name: str, **fields: Any) -> Any:
    return reapi.message(reapi.METHODS[name].request)(**fields)


def _digest(payload: bytes) -> Any:
    return reapi.message("v2.Digest")(hash=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload))


def _compressed(payload: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(payload)


def _told(refused: Any) -> Status:
    return Status(refused.code().name, redact(str(refused.details() or ""))[:300])


_CODES = {0: OK, 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 5: NOT_FOUND, 8: "RESOURCE_EXHAUSTED", 13: "INTERNAL"}
"""google.rpc.Code; another is shown by its number."""


def _status(said: Any) -> Status:
    return Status(_CODES.get(said.code, f"code {said.code}"), redact(said.message)[:300])
