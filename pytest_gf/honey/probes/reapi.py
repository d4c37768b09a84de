"""The wire of a Bazel remote cache, the Remote Execution API v2 over gRPC, by grpcio: one call each, every status a value."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_gf.engine.errors import Unanswered
from pytest_gf.honey.formats import reapi, zstd
from pytest_gf.honey.probes.again import NotNow, settled
from pytest_gf.honey.probes.deadline import for_body
from pytest_gf.honey.probes.exchange import recorded
from pytest_gf.honey.probes.reapi_wire import (
    ANONYMOUS,
    OK,
    Identity,
    Status,
    channel,
    error,
    library,
    lost,
    not_now,
    status_of,
    status_of_error,
    step,
)

if TYPE_CHECKING:
    import grpc

Answered = TypeVar("Answered", bound=Sequence[Any])
"""A status, and what came with it."""
PIECE = 1024 * 1024
"""Bytes of one message that goes."""
READ_ATTEMPTS = 2
"""How often a read is made whose connection breaks before anything came."""


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
    broke: bool = False
    """Whether the connection cut it. That may not be the cache's doing, so the blob is asked for again before it is judged."""


class Cache:
    """One cache, as ``identity`` sees it. Safe to share between threads; `close` it.

    Every call raises `Unanswered`, `DeadlineExceeded`, `NotUnderstood`, `IdentityRejected` or `Throttled`; every other
    status that the server gave is a value. A call that nobody answered is made again for a moment, and one that was
    answered with UNAVAILABLE within the deadline: a blob may be written twice.
    ``endpoint`` is ``grpc://HOST:PORT`` (plain) or ``grpcs://HOST:PORT`` (TLS, trusted by ``ca_file`` or the system).
    """

    def __init__(self, endpoint: str, *, ca_file: str | None, deadline: float, identity: Identity = ANONYMOUS) -> None:
        self.endpoint = endpoint
        self._ca_file, self._deadline, self._identity = ca_file, deadline, identity
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
        status, answer = self._ask("GetCapabilities", _request("GetCapabilities"))
        if answer is None:
            return Capabilities(status)
        cache = answer.cache_capabilities
        return Capabilities(
            status,
            tuple(cache.digest_functions),
            tuple(cache.supported_compressors),
            cache.action_cache_update_capabilities.update_enabled,
            answer.execution_capabilities.exec_enabled,
        )

    def health(self) -> str:
        """Return what the health service says of the whole server: SERVING, its number, or the status that came instead."""
        status, answer = self._ask("Check", _request("Check"))
        if answer is None:
            return str(status)
        return "SERVING" if answer.status == reapi.SERVING else f"serving status {answer.status}"

    def execute(self) -> Status:
        """Call Execute with nothing in it: UNIMPLEMENTED where there is no Execution service. A cut stream is no answer."""
        request, answers = _request("Execute"), "it answers"

        def once(left: float) -> tuple[Status, str]:
            status, _, cut = self._made("Execute", request, left, {}, lambda _: answers)
            if cut and cut != answers:
                raise Unanswered(f"REAPI Execute at {self.endpoint}", cut, "ask again")
            return status, cut

        return self._settled("Execute", once)[0]

    def missing(self, digest: str, size: int) -> tuple[Status, bool]:
        """Ask FindMissingBlobs for one blob; True where it is said to be missing."""
        request = _request("FindMissingBlobs")
        request.blob_digests.add(hash=digest, size_bytes=size)
        status, answer = self._ask("FindMissingBlobs", request, digest=digest)
        return status, answer is not None and any(blob.hash == digest for blob in answer.missing_blob_digests)

    def read(self, digest: str, size: int, *, compressor: int = reapi.IDENTITY) -> Download:
        """Stream a blob by ByteStream, and hash it; ``size`` is the digest's.

        A connection that breaks before the first message may have been stale, so it is asked once more; then it is a cut.
        """
        request = _request("Read", resource_name=reapi.resource(digest, size, compressor=compressor))
        seconds = for_body(self._deadline, size)

        def once(_: float) -> tuple[Status, str, _Sink]:
            sink = _Sink(size, compressor)
            status, _, cut = self._made("Read", request, seconds, {"digest": digest}, sink.take)
            return status, cut, sink

        for _ in range(READ_ATTEMPTS):
            status, cut, sink = self._settled("Read", once)
            if not cut or sink.fed:
                break
        broke = bool(cut) and not sink.wrong
        cut = cut or (sink.finish() if status.ok else "")
        return Download(status, sink.size, sink.sha256, cut, broke)

    def batch_read(self, digest: str, size: int, *, compressor: int = reapi.IDENTITY) -> Download:
        """Read a blob by BatchReadBlobs, which holds 4 MiB at most; ``compressor`` is what we take beside IDENTITY."""
        request = _request("BatchReadBlobs")
        request.acceptable_compressors.append(compressor)
        request.digests.add(hash=digest, size_bytes=size)
        status, batch = self._ask("BatchReadBlobs", request, digest=digest, inside=partial(_of_blob, digest))
        if batch is None:
            return Download(status)
        answer = _answer_for(digest, batch)
        if answer is None:
            return Download(status, cut="the batch does not hold the blob")
        said = status_of(answer.status)
        sink = _Sink(size, answer.compressor)
        cut = (sink.feed(answer.data) or sink.finish()) if said.ok else ""
        return Download(said, sink.size, sink.sha256, cut)

    def batch_write(self, payload: bytes) -> Status:
        """Write a blob by BatchUpdateBlobs, which holds 4 MiB at most."""
        digest = hashlib.sha256(payload).hexdigest()
        request = _request("BatchUpdateBlobs")
        request.requests.add(data=payload).digest.MergeFrom(_digest(payload))
        status, batch = self._ask("BatchUpdateBlobs", request, digest=digest, inside=partial(_of_blob, digest))
        if batch is None:
            return status
        return _of_blob(digest, batch) or Status("UNKNOWN", "the batch does not answer for the blob")

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

        status, answer = self._ask("Write", requests, digest=digest)
        return status, answer.committed_size if answer is not None else 0

    def action_result(self, digest: str, size: int) -> Status:
        """Ask for the result of an action: NOT_FOUND is a miss. ``size`` is the action's, and never 0."""
        request = _request("GetActionResult")
        request.action_digest.hash, request.action_digest.size_bytes = digest, size
        return self._ask("GetActionResult", request, digest=digest)[0]

    def _ask(
        self, name: str, request: Any, *, inside: Callable[[Any], Status | None] = lambda _: None, **shown: Any
    ) -> tuple[Status, Any]:
        """Make one call whose answer is one message; None where the status is not OK. ``request`` may be what makes it.

        ``inside`` returns the status that the message itself holds: it may ask to come again as the call's own may.
        """

        def once(left: float) -> tuple[Status, Any]:
            status, answer, _ = self._made(name, request() if callable(request) else request, left, shown)
            return status, answer

        def refused(got: tuple[Status, Any]) -> NotNow | None:
            status, answer = got
            return not_now(status if answer is None else inside(answer) or status)

        return self._settled(name, once, refused)

    def _settled(
        self,
        name: str,
        once: Callable[[float], Answered],
        refused: Callable[[Answered], NotNow | None] = lambda got: not_now(got[0]),
    ) -> Answered:
        return settled(f"REAPI {name} at {self.endpoint}", once, seconds=self._deadline, not_now=refused)

    def _made(
        self,
        name: str,
        request: Any,
        seconds: float,
        shown: Mapping[str, Any],
        feed: Callable[[Any], str] | None = None,
    ) -> tuple[Status, Any, str]:
        """Make one call; return its status, its one message (None where the status is not OK), and how its stream was cut.

        ``feed`` takes each message of a stream, and may return why no more is wanted. Raises a ProbeError where the status
        says nothing about the cache: made here, or by a proxy.
        """
        grpc, tried = library(), f"REAPI {name} at {self.endpoint}"
        method = self._method(name)
        status, answer, cut = Status(OK), None, ""
        with recorded("REAPI", name, address=self.endpoint, request=dict(shown)) as noted:
            try:
                answer = method(request, timeout=seconds, metadata=self._identity.metadata)
                cut = _fed(answer, feed) if feed is not None else ""
            except grpc.RpcError as refused:
                status = status_of_error(refused)
            if feed is not None and lost(status):
                cut, status = f"the stream ends early: {status.details}", Status(OK)
            noted["answer"] = {"status": str(status), "cut": cut}
            broken = error(name, tried, status, seconds, step(self.endpoint, self._identity, status.details))
            if broken is not None:
                raise broken
        return status, answer, cut

    def _method(self, name: str) -> Any:
        method = reapi.METHODS[name]
        made = self._connected()
        kinds = {
            (False, False): made.unary_unary,
            (False, True): made.unary_stream,
            (True, False): made.stream_unary,
        }
        return kinds[method.client_streams, method.server_streams](
            method.path, reapi.message(method.request).SerializeToString, reapi.message(method.response).FromString
        )

    def _connected(self) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                self._channel = channel(self.endpoint, self._ca_file, self._identity.certificate)
            return self._channel


class _Sink:
    """What comes of a blob: counted, hashed, decoded where it is compressed, and no longer than its digest says."""

    def __init__(self, size: int, compressor: int) -> None:
        self.size, self.fed = 0, False
        self.wrong = ""
        """Why no more was wanted."""
        self._promised, self._hash = size, hashlib.sha256()
        self._decoder = zstd.Decoder(most=size, skips=True) if compressor == reapi.ZSTD else None

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def take(self, message: Any) -> str:
        """Take a message of ByteStream; return why no more is wanted."""
        self.wrong = self.feed(message.data)
        return self.wrong

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


def _fed(messages: Any, feed: Callable[[Any], str]) -> str:
    for message in messages:
        enough = feed(message)
        if enough:
            messages.cancel()
            return enough
    return ""


def _request(name: str, **fields: Any) -> Any:
    return reapi.message(reapi.METHODS[name].request)(**fields)


def _answer_for(digest: str, batch: Any) -> Any:
    """Return what a batch answers for a blob, None where it does not."""
    return next((response for response in batch.responses if response.digest.hash == digest), None)


def _of_blob(digest: str, batch: Any) -> Status | None:
    answer = _answer_for(digest, batch)
    return status_of(answer.status) if answer is not None else None


def _digest(payload: bytes) -> Any:
    return reapi.message("v2.Digest")(hash=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload))


def _compressed(payload: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(payload)
