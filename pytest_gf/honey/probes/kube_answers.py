"""Answers of an API server that hold no document: refusals, redirects, and requests to ask later."""

from __future__ import annotations

import contextlib
import http
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pytest_gf.engine.errors import IdentityRejected, NotUnderstood
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.visible import visible
from pytest_gf.honey.probes.again import NotNow, later, retry_after

STRANGE = "is this the API server of the cluster, or a proxy before it?"
REACH = "is the address right, the VPN up, the CA the cluster's own?"
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

    def shown(self) -> Mapping[str, Any]:
        """Return what is kept of it: what a refusal says among it."""
        message = {} if self.status < http.HTTPStatus.BAD_REQUEST else {"message": message_of(self.data)}
        return {"answer": {"status": self.status, "bytes": len(self.data), **message, **self.audit_id}}

    @property
    def audit_id(self) -> Mapping[str, str]:
        """The id by which the API server's audit log knows the request, for the evidence; {} where the answer names none."""
        named = visible(self.headers.get("Audit-Id", ""), MOST_OF_AN_ID)
        return {"audit_id": named} if named else {}

    def check_accepted(self, tried: str) -> None:
        """Raise IdentityRejected for 401, and NotUnderstood for a redirect: a credential is for one host."""
        if self.status == http.HTTPStatus.UNAUTHORIZED:
            step = "is the kubeconfig's token expired, or of another cluster?"
            raise IdentityRejected(tried, "401 Unauthorized", step)
        if http.HTTPStatus.MULTIPLE_CHOICES <= self.status < http.HTTPStatus.BAD_REQUEST:
            try:
                host = urlsplit(self.headers.get("Location", "")).netloc.rpartition("@")[2]
            except ValueError:
                host = ""
            leads = f"it redirects to {redact(host)[:100] or 'another place'}, which is not followed with a credential"
            raise NotUnderstood(tried, f"{self.status}: {leads}", STRANGE)

    def not_now(self) -> NotNow | None:
        """Tell whether it is a request to come again: 429, or a 503 of an API server that starts or is overloaded.

        Kubernetes API 1.36: TooManyRequests, ServiceUnavailable.
        """
        said = f"{self.status} {message_of(self.data)}".rstrip()
        return later(self.status, said, retry_after(self.headers.get("Retry-After")), says_so=True)


def message_of(data: bytes) -> str:
    """Return what a refusal says: the message of a Status, or the kubelet's and proxies' plain text."""
    document: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(data) if len(data) <= MOST_STATUS else None
    said = document.get("message") if isinstance(document, Mapping) else data[:MOST_SAID].decode(errors="replace")
    return redact(str(said or "").strip())[:300]
