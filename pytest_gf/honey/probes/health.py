"""RustFS's health over HTTP: the version by which it is known, and whether it says that it is ready."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_gf.engine.errors import ProbeError
from pytest_gf.honey.probes.again import NotNow, later, retry_after
from pytest_gf.honey.probes.exchange import Route, judged_answer
from pytest_gf.honey.probes.http_client import answer, bounded, failure

if TYPE_CHECKING:
    from pytest_gf.honey.target import S3Section

MOST_BODY = 64 * 1024
_THROTTLED = re.compile(rb"<Code>(SlowDown|ServiceUnavailable)</Code>")
"""S3's own words for a request that came too often. RustFS never says them of its health."""
_REACH = "is the pod up (rustfs.workload-ready)? is the address right, and reachable from here?"


@dataclass(frozen=True)
class Health:
    """One answer: ``document`` is {} where the body is no JSON object; ``server`` is the Server header, ``pause`` Retry-After.

    ``code`` is S3's for a request that it throttled, "" for any other answer.
    """

    status: int
    document: dict[str, Any]
    server: str
    pause: float | None = None
    code: str = ""

    def shown(self) -> dict[str, Any]:
        """Return what is kept of it."""
        code = {"code": self.code} if self.code else {}
        return {"answer": {"status": self.status, "document": self.document} | code}

    def not_now(self) -> NotNow | None:
        """Tell whether it asks to come again. A 503 is an answer, because RustFS speaks of itself, unless S3's code says more."""
        return later(self.status, f"{self.status} {self.code}".rstrip(), self.pause or None, says_so=bool(self.code))


def ask(section: S3Section, path: str, *, deadline: float, route: Route | None = None) -> Health:
    """GET a health path without a credential, no redirect followed. Raises Unanswered, DeadlineExceeded, Throttled."""
    tried = f"GET {path} at {section.endpoint}"
    parts = urlsplit(section.endpoint)
    base = parts._replace(netloc=route.address).geturl() if route is not None else section.endpoint

    def once(seconds: float) -> Health:
        import httpx

        url, headers = f"{base.rstrip('/')}{path}", {"Host": parts.netloc}
        try:
            with answer(url, seconds, ca_file=section.ca_file, headers=headers) as response:
                body = bounded(response, MOST_BODY)
        except httpx.HTTPError as broken:
            raise failure(tried, broken, seconds, _REACH, route) from None
        code, pause = _THROTTLED.search(body), retry_after(response.headers.get("Retry-After"))
        server = response.headers.get("Server", "")
        return Health(response.status_code, _document(body), server, pause, code[1].decode() if code else "")

    try:
        return judged_answer(
            "HTTP", f"GET {path}", tried, once, seconds=deadline, shown=Health.shown, not_now=Health.not_now
        )
    except ProbeError as broken:
        broken.where = "s3"
        raise


def _document(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object that are one value each: health says nothing by deeper ones."""
    try:
        document = json.loads(body) if len(body) <= MOST_BODY else {}
    except (ValueError, RecursionError):
        return {}
    members = document.items() if isinstance(document, dict) else ()
    return {name: value for name, value in members if not isinstance(value, dict | list)}
