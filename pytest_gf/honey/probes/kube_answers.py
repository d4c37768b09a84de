"""Answers of an API server that hold no document: refusals, redirects, and requests to ask later."""

from __future__ import annotations

import contextlib
import http
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pytest_gf.engine.redaction import redact
from pytest_gf.engine.visible import visible
from pytest_gf.honey.probes.again import NotNow, retry_after

MOST_SAID = 2_000
"""Bytes of a refusal in plain text."""
MOST_STATUS = 64 * 1024
"""Bytes of a refusal that is decoded. A Status is far smaller; what is longer is shown as text."""
MOST_OF_AN_ID = 100
"""Characters; an audit id is a uuid."""


@dataclass(frozen=True)
class KubeAnswer:
    """One answer, undecoded."""

    status: int
    data: bytes
    headers: Mapping[str, str]

    @property
    def message(self) -> Mapping[str, str]:
        """What a refusal says, for the evidence."""
        return {} if self.status < http.HTTPStatus.BAD_REQUEST else {"message": message_of(self.data)}

    @property
    def audit_id(self) -> Mapping[str, str]:
        """The id by which the API server's audit log knows the request, for the evidence; {} where the answer names none."""
        named = visible(self.headers.get("Audit-Id", ""), MOST_OF_AN_ID)
        return {"audit_id": named} if named else {}

    @property
    def leads(self) -> str:
        """Where a redirect leads, in words."""
        return redirect_of(self.headers.get("Location", ""))

    def not_now(self) -> NotNow | None:
        """Tell whether it is a request to come again: 429, or a 503 of an API server that starts or is overloaded."""
        return not_now(self.status, self.data, self.headers.get("Retry-After"))


def message_of(data: bytes) -> str:
    """Return what a refusal says: the message of a Status, or the kubelet's and proxies' plain text."""
    document: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(data) if len(data) <= MOST_STATUS else None
    said = document.get("message") if isinstance(document, Mapping) else data[:MOST_SAID].decode(errors="replace")
    return redact(str(said or "").strip())[:300]


def redirect_of(location: str) -> str:
    """Return in words where a redirect leads, which is not followed: a credential is for one host."""
    try:
        host = urlsplit(location).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    return f"it redirects to {redact(host)[:100] or 'another place'}, which is not followed with a credential"


def not_now(status: int, data: bytes, retry: str | None) -> NotNow | None:
    """Tell whether an answer is a request to come again (Kubernetes API 1.36: TooManyRequests, ServiceUnavailable)."""
    if status not in {http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE}:
        return None
    return NotNow(f"{status} {message_of(data)}".rstrip(), retry_after(retry))
