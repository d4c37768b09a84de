"""The wire of a Nix binary cache as Attic speaks it, by httpx: small answers whole, archives streamed, redirects by hand."""

from __future__ import annotations

import errno
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from pytest_gf.engine.errors import DeadlineExceeded, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.formats import packed
from pytest_gf.honey.probes.again import settled
from pytest_gf.honey.probes.attic_answers import (
    AtticReply,
    S3Endpoint,
    Sink,
    Transfer,
    authority,
    error_of,
    not_now,
    refusal,
)
from pytest_gf.honey.probes.deadline import Pace, paced
from pytest_gf.honey.probes.exchange import Route, judged_answer, recorded, said
from pytest_gf.honey.probes.http_client import answer, bounded, failure

if TYPE_CHECKING:
    import httpx

MOST_BODY = 1024 * 1024
"""The most bytes of a small answer, packed or plain. The rest of a longer one is not read."""
SLACK = 1024 * 1024
"""By how many bytes, besides a 64th, a compressed archive may be longer than the plain one."""
LONGEST_HEADER = 4 * 1024
"""Characters of an upload's description that go in a header. A longer one goes before the archive, as Attic's client sends it."""
REDIRECTS = 10
"""As many as Nix follows."""
BEGINS_WITHIN = 60.0
"""Seconds until an archive's first byte: Attic is silent for 30 to 38 of them while S3 throttles it (docs/systems.md)."""

_KEPT = ("x-attic-cache-visibility",)
_SUCCESS, _REDIRECT, _FAILURE = 200, 300, 400  # RFC 9110, 15.
_SAME_METHOD = (307, 308)
_REACH = "is Attic's pod up? is the address in [attic] right, its certificate trusted (ca_file)?"


@dataclass(frozen=True)
class _Question:
    """A small question: ``content`` is what a POST says."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True)
class Upload:
    """A store path to push. Where ``nar_hash`` is "", the archive's own hash is sent.

    ``references`` are base names. They are sent sorted: Attic signs them as they come, and Nix refuses any other order.
    """

    store_path: str
    nar: bytes = field(repr=False)
    references: tuple[str, ...] = ()
    ca: str | None = None
    nar_hash: str = ""


class Attic:
    """One surface of an Attic. Safe to share between threads.

    Every call gives the first answer that may be judged (probes/again.py). It raises `Unanswered`, `Throttled` or `DeadlineExceeded`.
    """

    def __init__(self, base: str, cache: str, *, ca_file: str | None, deadline: float) -> None:
        self.base, self.cache = base.rstrip("/"), cache
        self._ca_file, self._deadline = ca_file, deadline

    def cache_info(self) -> AtticReply:
        """GET nix-cache-info."""
        return self._get("cache-info", f"/{self.cache}/nix-cache-info")

    def cache_config(self) -> AtticReply:
        """GET the cache's configuration: its public key among it."""
        return self._get("cache-config", f"/_api/v1/cache-config/{self.cache}")

    def narinfo(self, store_hash: str) -> AtticReply:
        """GET the narinfo of a store hash."""
        return self._get("narinfo", f"/{self.cache}/{store_hash}.narinfo")

    def missing_paths(self, *store_hashes: str, token: str = "") -> AtticReply:
        """Ask which of these store hashes are missing. That needs the right to push, and changes nothing."""
        content = json.dumps({"cache": self.cache, "store_path_hashes": store_hashes}).encode()
        url = f"{self.base}/_api/v1/get-missing-paths"
        headers = {"Content-Type": "application/json", **_bearer(token)}
        return self._small(_Question("get-missing-paths", "POST", url, headers, content))

    def upload(self, token: str, path: Upload) -> AtticReply:
        """PUT a path. It is sent once: a push without an answer may have been stored."""
        said: dict[str, object] = {
            "cache": self.cache,
            "store_path_hash": path.store_path.rpartition("/")[2][:32],
            "store_path": path.store_path,
            "references": sorted(path.references),
            "system": None,
            "deriver": None,
            "sigs": [],
            "ca": path.ca,
            "nar_hash": path.nar_hash or f"sha256:{hashlib.sha256(path.nar).hexdigest()}",
            "nar_size": len(path.nar),
        }
        info, headers, body = json.dumps(said), _bearer(token), path.nar
        if len(info) < LONGEST_HEADER:
            headers["X-Attic-Nar-Info"] = info
        else:
            headers["X-Attic-Nar-Info-Preamble-Size"] = str(len(info))
            body = info.encode() + body
        return self._small(_Question("upload-path", "PUT", f"{self.base}/_api/v1/upload-path", headers, body))

    def elsewhere(self, url: str) -> str:
        """Return the host and port that a narinfo's URL leads away to, "" where it stays. No signature covers the URL."""
        host = authority(self._absolute(url))
        return "" if host == authority(self.base) else host or "nowhere"

    def nar(self, url: str, promised: int, sink: Sink, s3: S3Endpoint | None = None) -> tuple[Transfer, ...]:
        """Stream the archive at a narinfo's URL into ``sink``, and return every hop; ``promised`` is its NarSize.

        A redirect is followed on the same server (also to its HTTPS), and to ``s3``, without a token. At any other redirect the hops end.
        """
        hops: list[Transfer] = []
        own = {authority(self.base), authority(f"https://{urlsplit(self.base).hostname}")}
        address, to_s3 = self._absolute(url), False
        while len(hops) <= REDIRECTS:
            hop = self._stream(_ArchiveRequest(address, promised, sink, s3 if to_s3 else None))
            hops.append(hop)
            if not hop.location or to_s3:
                break
            address, to_s3 = hop.location, s3 is not None and authority(s3.endpoint) == hop.host
            if not to_s3 and hop.host not in own:
                break
        return tuple(hops)

    def _absolute(self, url: str) -> str:
        """Return what Nix asks for: a URL with a scheme as it is, any other text appended to the cache's URL as text."""
        return url if url.startswith(("http://", "https://", "file://")) else f"{self.base}/{self.cache}/{url}"

    def _get(self, operation: str, path: str) -> AtticReply:
        return self._small(_Question(operation, "GET", f"{self.base}{path}", {}))

    def _small(self, question: _Question) -> AtticReply:
        tried = f"Attic {question.operation} at {self.base}"
        return judged_answer(
            "Attic",
            question.operation,
            tried,
            lambda _: self._followed(tried, question),
            seconds=self._deadline,
            shown=AtticReply.shown,
            not_now=lambda reply: reply.again,
            reads=question.method != "PUT",
            address=self.base,
        )

    def _followed(self, tried: str, question: _Question) -> AtticReply:
        """Ask, and follow redirects as Nix does. Another method than GET is followed only where the method stays the same."""
        url, moved = question.url, []
        while True:
            reply, location = self._ask(tried, question, url)
            if location:
                moved.append(authority(location) or "nowhere")
            known = not location or moved[-1] != "nowhere"
            stays = question.method == "GET" or (question.method == "POST" and reply.status in _SAME_METHOD)
            # What carries a token goes nowhere else.
            stays &= "Authorization" not in question.headers or authority(location) == authority(self.base)
            if not (location and known and stays and len(moved) <= REDIRECTS):
                return replace(reply, moved=tuple(moved))
            url = location

    def _ask(self, tried: str, question: _Question, url: str) -> tuple[AtticReply, str]:
        """Make one exchange, and return where a redirect points beside the answer."""
        import httpx

        try:
            with answer(
                url,
                self._deadline,
                method=question.method,
                ca_file=self._ca_file,
                headers=question.headers,
                content=question.content or None,
            ) as response:
                body = bounded(response, MOST_BODY)[:MOST_BODY]
        except httpx.InvalidURL as wrong:  # Where a redirect points.
            return AtticReply(0, trouble=f"no URL: {redact(str(wrong))[:100]}"), ""
        except httpx.HTTPError as broken:
            raise failure(tried, broken, self._deadline, _REACH) from None
        return _reply(response, body), _location(response, url)

    def _stream(self, request: _ArchiveRequest) -> Transfer:
        shown = request.url.partition("?")[0]
        tried = f"Attic nar at {shown}"

        def ask(_: float) -> Transfer:
            # S3 itself answers or does not; it is Attic that waits for it.
            pace = Pace(max(BEGINS_WITHIN, self._deadline) if request.s3 is None else self._deadline)
            with recorded("Attic", "nar", address=shown) as noted:
                transfer = paced(pace.allowed, tried, lambda: self._transfer(tried, request, pace))
                noted.update(transfer.shown())
            return transfer

        try:
            return settled(tried, ask, seconds=self._deadline, not_now=lambda transfer: transfer.again)
        except Unanswered as silent:
            if request.s3 is None or request.route_broke:
                raise
            return Transfer(0, refused=silent.came_back)  # Nobody where Attic redirects to: Nix meets it too.

    def _transfer(self, tried: str, request: _ArchiveRequest, pace: Pace) -> Transfer:
        import httpx

        began, head = time.monotonic(), False
        trusted = self._ca_file if request.s3 is None else request.s3.ca_file
        try:
            with answer(request.reached, pace.allowed(), ca_file=trusted, headers={"Host": request.host}) as came:
                head = True
                if came.status_code != _SUCCESS:
                    return _refused(came, request.url)
                request.sink.begin(came.headers.get("Content-Encoding", "").strip())
                for piece in came.iter_raw():
                    pace.received += len(piece)
                    request.sink.feed(piece)
                    if pace.received > request.most:
                        return Transfer(200, received=pace.received, cut="more bytes come than the archive has")
                    if time.monotonic() - began > pace.allowed():
                        slow = f"{pace.received} bytes in {pace.allowed():.3g} s"
                        raise DeadlineExceeded(tried, slow, "is the link slow, or the cache overloaded?")
        except httpx.InvalidURL as wrong:  # A narinfo's URL that nobody can ask for.
            return Transfer(0, refused=f"no URL: {wrong}")
        except httpx.HTTPError as broken:
            if not head or request.route_broke or isinstance(broken, httpx.TimeoutException):
                raise failure(tried, broken, pace.allowed(), _REACH, request.route) from None
            return Transfer(200, received=pace.received, cut=said(broken), reset=_is_reset(broken))
        return Transfer(200, received=pace.received)


@dataclass(frozen=True)
class _ArchiveRequest:
    """A request for an archive. ``s3`` is set where a redirect led to S3."""

    url: str
    promised: int
    sink: Sink
    s3: S3Endpoint | None

    @property
    def most(self) -> int:
        """The bytes that a compressed archive may have."""
        return self.promised + self.promised // 64 + SLACK

    @property
    def host(self) -> str:
        """What the header Host says: also beyond a route, where a presigned URL is signed with it."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def route(self) -> Route | None:
        """The route to that S3."""
        return self.s3.route if self.s3 is not None else None

    @property
    def route_broke(self) -> bool:
        """Whether it was our route that failed."""
        return self.route is not None and bool(self.route.broken)

    @property
    def reached(self) -> str:
        """The URL to connect to. Where there is a route, it is the route's."""
        return self.url if self.route is None else urlsplit(self.url)._replace(netloc=self.route.address).geturl()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _reply(response: httpx.Response, body: bytes) -> AtticReply:
    status, trouble = response.status_code, ""
    encoding = response.headers.get("Content-Encoding", "").strip()
    try:
        body = packed.decoded(body, encoding, MOST_BODY)
    except packed.Malformed as wrong:
        body, trouble = b"", str(wrong)
    shown = {name: value for name, value in response.headers.items() if name in _KEPT}
    error = error_of(body) if status >= _REDIRECT else ""
    return AtticReply(status, body, error, shown, trouble=trouble, again=not_now(status, body, response.headers))


def _is_reset(broken: BaseException | None) -> bool:
    """Tell whether the connection was reset. httpx and httpcore wrap the system's error."""
    while broken is not None:
        if isinstance(broken, OSError) and broken.errno == errno.ECONNRESET:
            return True
        broken = broken.__cause__ or broken.__context__
    return False


def _refused(response: httpx.Response, url: str) -> Transfer:
    location = _location(response, url)
    if location:
        return Transfer(response.status_code, location=location)
    body = bounded(response, MOST_BODY)[:MOST_BODY]
    by, code = refusal(body, response.headers.get("Server", ""))
    again = not_now(response.status_code, body, response.headers)
    return Transfer(response.status_code, code=code, by=by, again=again)


def _location(response: httpx.Response, url: str) -> str:
    """Return where a redirect points, "" where the answer is none."""
    # 304 need not have a Location.
    if not (_REDIRECT <= response.status_code < _FAILURE and "location" in response.extensions):
        return ""
    try:
        return urljoin(url, str(response.extensions["location"]))
    except ValueError:  # No URL: it names no host, and is followed nowhere.
        return "nowhere:"
