"""What comes back from an Attic and from what stands before and behind it, as values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import NotNow, later, retry_after
from pytest_gf.honey.probes.exchange import Route

INCOMPLETE = "IncompleteNar"
"""Attic's code for a chunk that its database lost. It comes with status 503, and is judged as an answer (docs/systems.md)."""

_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")
_ERROR = re.compile(r"[A-Za-z]{1,64}")
_THROTTLED = {"SlowDown", "ServiceUnavailable", "TooManyRequests", "ThrottlingException", "RequestLimitExceeded"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class AtticReply:
    """A small answer. ``error`` is the name that Attic gives to a refusal (docs/systems.md), "" where there is none.

    ``moved`` are the hosts that redirects led to, in order. Where the status is 3xx, the last one was not followed.
    ``trouble`` says why the body can't be read. The body is empty then.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    trouble: str = ""
    again: NotNow | None = None
    """Set if the answer says "ask later"."""

    @property
    def ok(self) -> bool:
        """Whether the status is a 200."""
        return self.status == 200  # noqa: PLR2004  # RFC 9110, 15.3.1.

    @property
    def members(self) -> Mapping[str, Any] | None:
        """The members of the body; None where it is no JSON object."""
        return _members(self.body)

    @property
    def missing(self) -> list[Any] | None:
        """What an answer to get-missing-paths lists; None where it is none."""
        listed = (self.members or {}).get("missing_paths")
        return listed if isinstance(listed, list) else None

    def shown(self) -> Mapping[str, Any]:
        """Return what is kept of it."""
        answer = {"status": self.status, "error": self.error, "bytes": len(self.body)}
        return {"answer": answer} | ({"redirects": list(self.moved)} if self.moved else {})

    def __str__(self) -> str:
        moved = f", redirects to {self.moved[-1]}" if self.moved and 300 <= self.status < 400 else ""  # noqa: PLR2004
        return f"{self.status} {self.error}".strip() + moved + (f", and {self.trouble}" if self.trouble else "")


@dataclass(frozen=True)
class Transfer:
    """How the body of an archive came. ``code`` is Attic's or S3's error; ``cut`` says how the body ended too early.

    ``location`` is where a redirect points. It is a credential, so no repr has it. ``refused`` says why nobody answered there,
    ``by`` which program a refusal came from. A transfer that ended by a ``reset`` may be asked for again.
    """

    status: int
    code: str = ""
    received: int = 0
    cut: str = ""
    refused: str = ""
    location: str = field(default="", repr=False)
    by: str = ""
    reset: bool = False
    again: NotNow | None = None

    @property
    def host(self) -> str:
        """The host and port that a redirect names, "" where there is none."""
        return (authority(self.location) or "nowhere") if self.location else ""

    def shown(self) -> Mapping[str, Any]:
        """Return what is kept of it."""
        answer = {"bytes": self.received, "redirect": self.location.partition("?")[0]}
        return {"answer": answer | {name: getattr(self, name) for name in ("status", "code", "cut", "refused")}}


@dataclass(frozen=True)
class S3Endpoint:
    """The S3 server that a redirect may name: its endpoint, and a route to it where there is one."""

    endpoint: str
    ca_file: str | None = None
    route: Route | None = None


class Sink(Protocol):
    """What takes the body of an archive."""

    def begin(self, encoding: str) -> None:
        """Take the Content-Encoding, "" where there is none, before the first byte."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""


def refusal(body: bytes, server: str) -> tuple[str, str]:
    """Return whose refusal a body is, by its form, and the name of its error; ``server`` is the header of that name."""
    match = _CODE.search(body)
    if match:
        return "S3", match[1].decode()
    error = error_of(body)
    if error:
        return "Attic", error
    named = f", which calls itself {redact(server)[:60]!r}" if server.isprintable() and server else ""
    return f"something between that is neither Attic nor S3{named}", ""


def error_of(body: bytes) -> str:
    """Return the name that Attic's JSON gives to an error, "" where the body is none of its."""
    error = (_members(body) or {}).get("error", "")
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else ""


def _members(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def not_now(status: int, body: bytes, headers: Mapping[str, str]) -> NotNow | None:
    """Return what a 429, or a 503 that says throttled or not ready, asks for; None for any other answer."""
    match = _CODE.search(body)
    code = match[1].decode() if match else error_of(body)
    pause = retry_after(headers.get("Retry-After"))
    says = code in _THROTTLED or pause is not None or b"not ready" in body.lower()
    return later(status, f"{status} {code}".strip(), pause, says_so=says and code != INCOMPLETE)


def authority(url: str) -> str:
    """Return ``host:port`` of a URL, with the scheme's own port where the URL has none; "" where it is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname and port else ""
