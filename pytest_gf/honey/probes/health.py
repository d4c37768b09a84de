"""RustFS's health over HTTP: the version by which it is known, and whether it says that it is ready."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import NotNow, retry_after, settled
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.s3_client import is_loopback

if TYPE_CHECKING:
    from pytest_gf.honey.probes.s3 import Route
    from pytest_gf.honey.target import S3Section

MOST_BODY = 64 * 1024
TOO_MANY, UNAVAILABLE = 429, 503
_THROTTLED = re.compile(rb"<Code>(SlowDown|ServiceUnavailable)</Code>")
"""S3's own words for a request that came too often. RustFS never says them of its health."""


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


def ask(section: S3Section, path: str, *, deadline: float, route: Route | None = None) -> Health:
    """GET a health path without a credential, no redirect followed. Raises Unanswered, DeadlineExceeded, Throttled.

    A 503 is an answer here, because RustFS speaks of itself. Only a 503 with S3's code for throttling is asked again.
    """
    tried = f"GET {path} at {section.endpoint}"

    def once(seconds: float) -> Health:
        started = time.monotonic()
        try:
            health = within(seconds, tried, lambda: _exchange(section, path, tried, seconds, route))
        except ProbeError as broken:
            evidence.record("HTTP", f"GET {path}", seconds=time.monotonic() - started, failed=broken.came_back)
            raise
        answer = {"status": health.status, "document": health.document} | ({"code": health.code} if health.code else {})
        evidence.record("HTTP", f"GET {path}", seconds=time.monotonic() - started, answer=answer)
        return health

    try:
        return settled(tried, once, seconds=deadline, not_now=_not_now)
    except ProbeError as broken:
        broken.where = "s3"
        raise


def _not_now(health: Health) -> NotNow | None:
    throttled = health.status == TOO_MANY or (health.status == UNAVAILABLE and health.code)
    return NotNow(f"{health.status} {health.code}".rstrip(), health.pause or None) if throttled else None


def _exchange(section: S3Section, path: str, tried: str, deadline: float, route: Route | None) -> Health:
    import httpx

    parts = urlsplit(section.endpoint)
    headers = {"Host": parts.netloc, "Accept-Encoding": "identity"}
    base = parts._replace(netloc=route.address).geturl() if route is not None else section.endpoint
    verify: Any = section.ca_file if section.ca_file is not None else True
    if isinstance(verify, str):
        import ssl

        verify = ssl.create_default_context(cafile=verify)
    proxied = route is None and not is_loopback(section.endpoint)
    try:
        with (
            httpx.Client(timeout=deadline, verify=verify, trust_env=proxied, follow_redirects=False) as client,
            client.stream("GET", f"{base.rstrip('/')}{path}", headers=headers) as response,
        ):
            body = b""
            for chunk in response.iter_raw():  # Undecoded: what was not asked for is no document.
                body += chunk
                if len(body) > MOST_BODY:
                    break
            pause = retry_after(response.headers.get("Retry-After"))
            code = _THROTTLED.search(body)
            server = response.headers.get("Server", "")
            return Health(response.status_code, _document(body), server, pause, code[1].decode() if code else "")
    except httpx.HTTPError as broken:
        said = redact(str(broken))[:300] or type(broken).__name__
        if route is not None and route.broken:
            said = f"the route broke: {route.broken}"
        raise Unanswered(
            tried, said, "is the pod up (rustfs.workload-ready)? is the address right, and reachable from here?"
        ) from None


def _document(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object that are one value each: health says nothing by deeper ones."""
    try:
        document = json.loads(body) if len(body) <= MOST_BODY else {}
    except (ValueError, RecursionError):
        return {}
    members = document.items() if isinstance(document, dict) else ()
    return {name: value for name, value in members if not isinstance(value, dict | list)}
