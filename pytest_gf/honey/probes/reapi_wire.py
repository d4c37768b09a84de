"""What is gRPC's own of a Bazel cache's wire: channels, identities, statuses, and what a status without an answer means."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_gf.engine.errors import DeadlineExceeded, IdentityRejected, NotUnderstood, ProbeError, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.endpoint import is_loopback
from pytest_gf.honey.probes.again import FIRST_PAUSE, NotNow

if TYPE_CHECKING:
    import grpc

MOST_MESSAGE = 8 * 1024 * 1024
"""Bytes of one message that comes."""

CONNECTED_WITHIN = 3.0
"""Seconds that one connection may take to be made, TLS and HTTP/2's first frames too. gRPC names it a backoff."""

_LOST = re.compile(
    r"(?!failed to connect).*(Stream removed|Socket closed|Transport closed|reset by peer|Broken pipe|GOAWAY)",
    re.DOTALL,
)
"""What gRPC says of a call whose connection stood and broke."""

_NOBODY = re.compile(
    r"failed to connect|Stream removed|Socket closed|Transport closed|[Cc]onnection reset|reset by peer|Broken pipe|GOAWAY"
    r"|DNS resolution|handshake|Handshake|End of TCP stream|connection attempt|all backends",
)
"""What gRPC says of itself where nobody answered: UNAVAILABLE is a server's own answer else."""

_PROXY = "Received http2 header with status"
"""What gRPC says of an answer that has no gRPC status: a proxy's."""

_RESET = "Received RST_STREAM"
"""What gRPC says of a stream that somebody reset without a status, whatever code it makes of it."""

_OURS = re.compile(r"Exception deserializing response|Received message larger than max")
"""What gRPC says of an answer that it can't read, here: the code beside it is none that the server gave."""
_TOO_LONG = "Received message larger than max"
_BLOBS = {"Read", "BatchReadBlobs"}
"""Their requests say how long the answer is. A longer message is a wrong answer, and no unknown protocol."""

OK, NOT_FOUND, UNAVAILABLE = "OK", "NOT_FOUND", "UNAVAILABLE"


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
class Identity:
    """How a client of the cache shows who it is: user and password, a client's certificate and key (files), both, or none."""

    login: tuple[str, str] | None = field(default=None, repr=False)
    certificate: tuple[str, str] | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What each call carries."""
        if self.login is None:
            return ()
        return (("authorization", f"Basic {base64.b64encode(':'.join(self.login).encode()).decode()}"),)


ANONYMOUS = Identity()


def library() -> Any:
    """Return the library, imported so that its core writes nothing to stderr: what troubles it comes back as a status too.

    It reads the variable once, when it is imported first.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    return grpc


def channel(endpoint: str, ca_file: str | None, certificate: tuple[str, str] | None) -> grpc.Channel:
    """Return a channel to ``grpc://`` or ``grpcs://HOST:PORT``; no proxy is asked for an address of this machine."""
    grpc = library()
    parts = urlsplit(endpoint)
    proxied = 0 if is_loopback(endpoint) else 1
    options = (
        ("grpc.max_receive_message_length", MOST_MESSAGE),
        ("grpc.enable_http_proxy", proxied),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        # A connection that broke is made again as soon as it is asked for again, not after seconds of gRPC's own.
        ("grpc.initial_reconnect_backoff_ms", round(FIRST_PAUSE * 1000)),
        ("grpc.min_reconnect_backoff_ms", round(CONNECTED_WITHIN * 1000)),
        ("grpc.max_reconnect_backoff_ms", round(FIRST_PAUSE * 1000)),
    )
    if parts.scheme == "grpc":
        return grpc.insecure_channel(parts.netloc, options)
    trusted = None if ca_file is None else _read(ca_file, "ca_file of [bazel] names the certificate authority")
    chain = key = None
    if certificate is not None:
        chain, key = (_read(file, "client_cert and client_key of [bazel] name them") for file in certificate)
    return grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(trusted, key, chain), options)


def _read(file: str, step: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as gone:
        raise Unanswered(f"reading {file}", str(gone), step) from None


def not_now(status: Status) -> NotNow | None:
    """Tell whether a status asks to come again; what nobody answered was raised before."""
    return NotNow(str(status)) if status.code == UNAVAILABLE else None


def lost(status: Status) -> bool:
    """Tell whether the connection stood, and broke. Whether the head of the answer had come, grpcio does not tell."""
    return (status.code == UNAVAILABLE and _LOST.match(status.details) is not None) or _RESET in status.details


def error(name: str, tried: str, status: Status, seconds: float, step: str) -> ProbeError | None:
    """Return what a status means that says nothing about the cache: made here, by a proxy, or about who asks. Else None."""
    if status.code == "DEADLINE_EXCEEDED":
        slow = "is bazel-remote overloaded? --gf-deadline sets the limit"
        return DeadlineExceeded(tried, f"no whole answer within {seconds:.3g} s", slow)
    if status.code == "UNAUTHENTICATED":
        who = "bazel-remote asks who you are: check username_env and password_env of [bazel], or client_cert and client_key"
        return IdentityRejected(tried, str(status), who)
    if _OURS.search(status.details) and not (name in _BLOBS and _TOO_LONG in status.details):
        return NotUnderstood(tried, status.details, "is this a bazel-remote, and of a version that is known?")
    if _RESET in status.details or (status.code == UNAVAILABLE and _NOBODY.search(status.details)):
        return Unanswered(tried, status.details, step)
    if _PROXY in status.details and status.code != UNAVAILABLE:
        return NotUnderstood(tried, status.details, "is this a gRPC server? a proxy's page answers so")
    return None


def step(endpoint: str, identity: Identity, details: str) -> str:
    """Return what to look at where nobody answered."""
    pod = "is bazel-remote's pod up? is the address in [bazel] right, and reachable from here?"
    if endpoint.startswith("grpc://"):
        return pod
    if "CERTIFICATE_VERIFY_FAILED" in details or "andshake" in details:
        return "ca_file of [bazel] must name the certificate authority that signed bazel-remote's certificate"
    if identity.certificate is None:
        return f"{pod} If it asks for a client's certificate, client_cert and client_key of [bazel] name one."
    return f"{pod} Does it trust the certificate that client_cert of [bazel] names?"


def status_of_error(refused: Any) -> Status:
    """Return the status of a call that failed."""
    return Status(refused.code().name, redact(str(refused.details() or ""))[:300])


_CODES = {
    0: OK,
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    5: NOT_FOUND,
    8: "RESOURCE_EXHAUSTED",
    13: "INTERNAL",
    14: UNAVAILABLE,
}
"""google.rpc.Code; another is shown by its number."""


def status_of(said: Any) -> Status:
    """Return the status that a message holds."""
    return Status(_CODES.get(said.code, f"code {said.code}"), redact(said.message)[:300])
