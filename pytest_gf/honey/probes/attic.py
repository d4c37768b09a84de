"""The wire of a Nix binary cache as Attic speaks it, by httpx: small answers whole, archives streamed, redirects by hand."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import DeadlineExceeded, ProbeError, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.deadline import for_body, within
from pytest_gf.honey.probes.s3_client import is_loopback

if TYPE_CHECKING:
    import httpx

    from pytest_gf.honey.probes.s3 import Route

MOST_BODY = 1024 * 1024
"""Bytes of a small answer; a longer one is cut here, and read by nobody."""
SLACK = 1024 * 1024
"""Bytes that a compressed archive may be longer than itself, besides a 64th."""

_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Reply:
    """A small answer. ``error`` is the name that Attic gives to a refusal (facts/attic.md), "" where there is none."""

    status: int
    body: bytes = field(default=b"", repr=False)
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the status is a 200."""
        return self.status == 200  # noqa: PLR2004  # RFC 9110, 15.3.1.

    def __str__(self) -> str:
        return f"{self.status} {self.error}".strip()


@dataclass(frozen=True)
class Transfer:
    """How the body of an archive came. ``code`` is Attic's or S3's error; ``cut`` says how the body ended too early.

    ``location`` is where a redirect points, a credential: it stands in no repr. ``refused`` says why nobody answered there.
    """

    status: int
    code: str = ""
    received: int = 0
    cut: str = ""
    refused: str = ""
    location: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The host and port that a redirect names, "" where there is none."""
        return (authority(self.location) or "nowhere") if self.location else ""


@dataclass(frozen=True)
class Way:
    """How to reach the S3 server that a redirect may name: its endpoint, and a route to it where there is one."""

    endpoint: str
    ca_file: str | None = None
    route: Route | None = None


class Attic:
    """One surface of an Attic, without a credential. Safe to share between threads.

    Every call makes one exchange and raises `Unanswered` or `DeadlineExceeded`; every answer is a value.
    """

    def __init__(self, base: str, cache: str, *, ca_file: str | None, deadline: float) -> None:
        self.base, self.cache = base.rstrip("/"), cache
        self._ca_file, self._deadline = ca_file, deadline

    def cache_info(self) -> Reply:
        """GET nix-cache-info."""
        return self._small("cache-info", "GET", f"/{self.cache}/nix-cache-info")

    def cache_config(self) -> Reply:
        """GET the cache's configuration: its public key among it."""
        return self._small("cache-config", "GET", f"/_api/v1/cache-config/{self.cache}")

    def narinfo(self, store_hash: str) -> Reply:
        """GET the narinfo of a store hash."""
        return self._small("narinfo", "GET", f"/{self.cache}/{store_hash}.narinfo")

    def missing_paths(self, store_hash: str) -> Reply:
        """Ask which of one store hash is missing: what needs the right to push, and changes nothing."""
        asked = json.dumps({"cache": self.cache, "store_path_hashes": [store_hash]}).encode()
        return self._small("get-missing-paths", "POST", "/_api/v1/get-missing-paths", asked)

    def elsewhere(self, url: str) -> str:
        """Return the host and port that a narinfo's URL leads away to, "" where it stays: no signature covers it."""
        host = authority(self._absolute(url))
        return "" if host == authority(self.base) else host or "nowhere"

    def nar(self, url: str, promised: int, feed: Callable[[bytes], None]) -> Transfer:
        """Stream the archive at a narinfo's URL (relative to the cache) into ``feed``; ``promised`` is its NarSize."""
        return self._stream(self._absolute(url), promised, feed, self._ca_file, None)

    def redirected(self, location: str, way: Way, promised: int, feed: Callable[[bytes], None]) -> Transfer:
        """Stream the archive from where a redirect points, without the token; nobody there is a value, since nix meets it."""
        return self._stream(location, promised, feed, way.ca_file, way)

    def _absolute(self, url: str) -> str:
        try:
            return urljoin(f"{self.base}/{self.cache}/", url)
        except ValueError:  # No URL, as "http://[".
            return ""

    def _small(self, operation: str, method: str, path: str, content: bytes = b"") -> Reply:
        tried = f"Attic {operation} at {self.base}"
        with _recorded(operation, self.base) as noted:
            reply = within(self._deadline, tried, lambda: self._ask(tried, method, path, content))
            noted["answer"] = {"status": reply.status, "error": reply.error, "bytes": len(reply.body)}
        return reply

    def _ask(self, tried: str, method: str, path: str, content: bytes) -> Reply:
        import httpx

        headers = {"Content-Type": "application/json"} if content else {}
        try:
            with (
                self._client(self.base, self._ca_file) as client,
                client.stream(method, f"{self.base}{path}", headers=headers, content=content or None) as response,
            ):
                body = _bounded(response)
        except httpx.HTTPError as broken:
            raise _unanswered(tried, broken) from None
        shown = {name: value for name, value in response.headers.items() if name == "x-attic-cache-visibility"}
        return Reply(response.status_code, body, _error(body) if response.status_code >= 300 else "", shown)  # noqa: PLR2004

    def _stream(
        self, url: str, promised: int, feed: Callable[[bytes], None], ca_file: str | None, way: Way | None
    ) -> Transfer:
        shown = url.partition("?")[0]
        tried = f"Attic nar at {shown}"
        seconds = for_body(self._deadline, promised)
        with _recorded("nar", shown) as noted:
            transfer = within(seconds, tried, lambda: self._transfer(tried, url, promised, feed, ca_file, way, seconds))
            noted["answer"] = {
                "status": transfer.status,
                "code": transfer.code,
                "bytes": transfer.received,
                "cut": transfer.cut,
                "refused": transfer.refused,
                "redirect": transfer.location.partition("?")[0],
            }
        return transfer

    def _transfer(  # noqa: PLR0917  # Called once, above.
        self,
        tried: str,
        url: str,
        promised: int,
        feed: Callable[[bytes], None],
        ca_file: str | None,
        way: Way | None,
        seconds: float,
    ) -> Transfer:
        import httpx

        route = way.route if way is not None else None
        parts = urlsplit(url)
        headers = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
        asked = parts._replace(netloc=route.address).geturl() if route is not None else url
        received, ends, head = 0, time.monotonic() + seconds, False
        try:
            with self._client(asked, ca_file) as client, client.stream("GET", asked, headers=headers) as response:
                head = True
                if response.status_code != 200:  # noqa: PLR2004  # RFC 9110, 15.3.1.
                    return _refusal(response, url)
                for piece in response.iter_raw():
                    received += len(piece)
                    feed(piece)
                    if received > promised + promised // 64 + SLACK:
                        return Transfer(200, received=received, cut="more bytes come than the archive has")
                    if time.monotonic() > ends:
                        raise DeadlineExceeded(tried, f"{received} bytes in {seconds:.3g} s", "see --gf-deadline")
        except httpx.InvalidURL as wrong:  # A narinfo's URL that nobody can ask for.
            return Transfer(0, refused=f"no URL: {wrong}")
        except httpx.HTTPError as broken:
            return _broken(tried, broken, way, received if head else None)
        return Transfer(200, received=received)

    def _client(self, url: str, ca_file: str | None) -> httpx.Client:
        import httpx

        verify: Any = ssl.create_default_context(cafile=ca_file) if ca_file is not None else True
        trust_env = not is_loopback(url)
        hooks = {"response": [_set_apart]}
        return httpx.Client(
            timeout=self._deadline, verify=verify, trust_env=trust_env, follow_redirects=False, event_hooks=hooks
        )


def authority(url: str) -> str:
    """Return ``host:port`` of a URL, the port as its scheme has it where none stands there; "" where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname and port else ""


@contextlib.contextmanager
def _recorded(operation: str, where: str) -> Iterator[dict[str, Any]]:
    started = time.monotonic()
    noted: dict[str, Any] = {"at": where}
    try:
        yield noted
    except ProbeError as broken:
        noted["failed"] = broken.came_back
        raise
    finally:
        evidence.record("Attic", operation, seconds=time.monotonic() - started, **noted)


def _broken(tried: str, broken: httpx.HTTPError, way: Way | None, received: int | None) -> Transfer:
    """Return what a transfer that broke shows of the cache; ``received`` is None where no answer had begun.

    Raises `DeadlineExceeded` for a stall, and `Unanswered` where it was our route, or Attic did not answer at all.
    """
    import httpx

    if way is not None and way.route is not None and way.route.broken:
        raise Unanswered(tried, f"the route broke: {way.route.broken}", "run again; see the pod") from None
    if isinstance(broken, httpx.TimeoutException) or (received is None and way is None):
        raise _unanswered(tried, broken) from None
    said = redact(str(broken))[:300] or type(broken).__name__
    return Transfer(0, refused=said) if received is None else Transfer(200, received=received, cut=said)


def _refusal(response: httpx.Response, url: str) -> Transfer:
    if response.is_redirect and "location" in response.extensions:  # 300 and 304 need not have one.
        return Transfer(response.status_code, location=_location(response, url))
    body = _bounded(response)
    found = _CODE.search(body)
    return Transfer(response.status_code, code=found[1].decode() if found else _error(body))


def _set_apart(response: httpx.Response) -> None:
    """Take the Location out of the headers: httpx parses it even where it follows none, and breaks on a malformed one."""
    if "Location" in response.headers:
        response.extensions["location"] = response.headers.pop("Location")


def _location(response: httpx.Response, url: str) -> str:
    try:
        return urljoin(url, str(response.extensions["location"]))
    except ValueError:  # No URL: it names no host, and is followed nowhere.
        return "nowhere:"


def _bounded(response: httpx.Response) -> bytes:
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MOST_BODY:
            return body[:MOST_BODY]
    return body


def _error(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("error", ""))[:64] if isinstance(found, dict) else ""


def _unanswered(tried: str, broken: httpx.HTTPError) -> ProbeError:
    import httpx

    said = redact(str(broken))[:300] or type(broken).__name__
    if isinstance(broken, httpx.TimeoutException):
        return DeadlineExceeded(tried, f"no answer: {said}", "is Attic overloaded? --gf-deadline sets the limit")
    return Unanswered(
        tried, said, "is Attic's pod up? is the address in [attic] right, its certificate trusted (ca_file)?"
    )
