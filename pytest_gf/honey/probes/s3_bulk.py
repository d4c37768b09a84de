"""S3 for an audit: listing and reading one bucket, object after object, for a tenth of the CPU that boto3 takes."""

from __future__ import annotations

import functools
import html
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import urlsplit

from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.formats.pieces import Pieces, Source
from pytest_gf.honey.probes.http_bulk import BUFFER, Address, Connection, Cut
from pytest_gf.honey.probes.s3 import REJECTED, Access
from pytest_gf.honey.probes.sigv4 import Signer, encoded

PAGE = 1_000
"""Keys of one answer."""
MOST_PAGE, MOST_REFUSAL = 4 * 1024 * 1024, 64 * 1024
"""Bytes of an answer that is no object."""
AHEAD = range(8, 17)
"""How many objects one reader asks for ahead, each on a connection of its own: few of a near server, many of a far one."""
LATENCY = 0.00075
"""Seconds of latency for each object that is asked for ahead: so a reader is given one in about this time."""
LOOK, LOOKS, SURE = 256, 8, 3
"""Every so many objects one is asked for alone, which measures the latency. The least of the last `LOOKS` counts; `SURE` make it certain."""
_OK, _PART = Answer(200), 206
_PORTS = {"http": 80, "https": 443}
_CONTENTS = re.compile(rb"<Contents>(.*?)</Contents>", re.DOTALL)
_KEY, _SIZE = re.compile(rb"<Key>([^<]*)</Key>"), re.compile(rb"<Size>(\d{1,18})</Size>")
_CODE, _MESSAGE = re.compile(rb"<Code>([^<]{1,100})</Code>"), re.compile(rb"<Message>([^<]{1,300})</Message>")
_TRUNCATED = re.compile(rb"<IsTruncated>\s*true\s*</IsTruncated>")
_KEY_COUNT = re.compile(rb"<KeyCount>(\d{1,9})</KeyCount>")
_PREFIXES = re.compile(rb"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>\s*</CommonPrefixes>")
_BEGINS = re.compile(rb"\s*(?:<\?xml[^>]*\?>\s*)?<ListBucketResult[\s>]")
_ENDS = b"</ListBucketResult>"


@dataclass(frozen=True)
class Page:
    """One page of a listing: keys in their order, with their sizes in bytes."""

    answer: Answer
    objects: tuple[tuple[str, int], ...] = ()
    truncated: bool = False
    folders: tuple[str, ...] = ()
    """Where the listing was by delimiter: the beginnings of all other keys, up to it."""


@dataclass(frozen=True)
class Place:
    """A bucket of a server, as one identity sees it; ``make`` gives clients of it. No proxy is asked."""

    access: Access
    bucket: str
    deadline: float

    @functools.cached_property
    def address(self) -> Address:
        """Return where connections go: the endpoint, or the port where a route to it listens."""
        parts, route = urlsplit(self.access.section.endpoint), self.access.route
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if route is not None:
            host, _, listening = route.address.rpartition(":")
            port = int(listening)
        address = Address(host, port, broken=lambda: route.broken if route is not None else "")
        if parts.scheme == "http":
            return address
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.access.section.ca_file)
        except OSError as wrong:
            step = "ca_file of [s3] names the certificate authority"
            raise Unanswered(f"reading {self.access.section.ca_file}", str(wrong), step) from None
        return replace(address, tls=context, name=parts.hostname or "")


class Reader:
    """Reads a bucket: over one connection, and objects `in_turn` over some. For one thread at a time; `close` it.

    Every call raises `Unanswered`, `DeadlineExceeded`, `NotUnderstood` or `IdentityRejected`; any other refusal is an
    `Answer`. Only what was never answered is asked again. Nothing is recorded: an audit makes millions of exchanges.
    """

    def __init__(self, place: Place, ahead: int | None = None) -> None:
        self._place, self._buffer, self.deadline = place, bytearray(BUFFER), place.deadline
        self._connection = self._own = self._connected()
        self.ahead, self._fixed = ahead or AHEAD[0], ahead is not None
        self._lanes: list[Connection] = []
        self._sent: dict[str, Connection] = {}
        self._latencies: deque[float] = deque(maxlen=LOOKS)
        self._beside: Reader | None = None
        self._signer = Signer(
            place.access.credentials, place.access.section.region, urlsplit(place.access.section.endpoint).netloc
        )

    def beside(self) -> Reader:
        """Return a reader with a connection of its own, for a body that is read while this one is asked; they close together."""
        if self._beside is None:
            self._beside = Reader(self._place)
        return self._beside

    def in_turn(self, objects: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
        """Yield objects to be read by `get`, each once those after it are asked for: as many as the latency wants."""
        waiting: deque[tuple[str, int]] = deque()
        for at, (key, size) in enumerate(objects):
            while len(waiting) >= self.ahead:
                yield waiting.popleft()
            if at % LOOK or self._fixed:
                lane = self._lanes.pop() if self._lanes else self._connected()
                lane.send(*self._request("GET", "GetObject", key))
                self._sent[key] = lane
            waiting.append((key, size))
        yield from waiting

    def measured(self, latency: float) -> None:
        """Take in the seconds of an exchange that waited for nothing else."""
        self._latencies.append(latency)
        if not self._fixed:
            self.ahead = max(AHEAD[0], min(AHEAD[-1], int(min(self._latencies) / LATENCY)))

    @property
    def far(self) -> bool:
        """Whether S3 is so far away that one reader alone would mostly wait."""
        return not self._fixed and self.ahead > AHEAD[0] and len(self._latencies) >= SURE

    def _connected(self) -> Connection:
        return Connection(self._place.address, self._place.deadline, self._buffer)

    def anew(self) -> None:
        """Make the next exchange on a fresh connection. What was asked for ahead on others stands."""
        self._own.close()
        if self._beside is not None:
            self._beside.close()

    def close(self) -> None:
        """End the connections. What was asked for ahead is asked again when its turn comes."""
        for connection in (self._own, *self._lanes, *self._sent.values()):
            connection.close()
        self._lanes += self._sent.values()
        self._sent.clear()
        if self._beside is not None:
            self._beside.close()

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the last answer asks to come again, None where it names none."""
        return self._connection.retry_after

    def list(self, prefix: str, *, after: str = "", most: int = PAGE, delimiter: str = "") -> Page:
        """Return the first keys below ``prefix`` that come after ``after``, in the server's own order."""
        query = f"delimiter={encoded(delimiter)}&" if delimiter else ""
        query += f"list-type=2&max-keys={most}&prefix={encoded(prefix)}"
        query += f"&start-after={encoded(after)}" if after else ""
        tried = f"S3 ListObjectsV2 {self._place.bucket} {prefix} at {self._place.access.section.endpoint}"
        self._connection = self._own
        self._connection.send(self._request("GET", "ListObjectsV2", "", query)[0], tried)
        answer = self._answer()
        if not answer.ok:
            return Page(answer)
        body = self._whole(MOST_PAGE)
        if not _BEGINS.match(body) or not body.rstrip().endswith(_ENDS):
            begins = redact(body[:60].decode(errors="replace"))
            raise self._own.strange(f"200 with no whole listing, beginning {begins!r}")
        entries = [
            (_KEY.search(entry[1]), _SIZE.search(entry[1])) for entry in islice(_CONTENTS.finditer(body), most + 1)
        ]
        objects = tuple((_text(key[1]), int(size[1])) for key, size in entries if key and size)
        folders = tuple(_text(folder[1]) for folder in islice(_PREFIXES.finditer(body), most + 1))
        if len(objects) < len(entries):
            raise self._own.strange("an entry without key or size")
        count, named = _KEY_COUNT.search(body), len(objects) + len(folders)
        if named > most or (count is not None and int(count[1]) != named):
            told = "no count of them" if count is None else f"a count of {count[1].decode()}"
            raise self._own.strange(f"{named} keys of {most} at most, and {told}")
        keys = [*(key for key, _ in objects), *folders]
        # Servers have orders of their own (SeaweedFS: x/1 before x-1), but none gives a key twice, or one that was had.
        if any(not key.startswith(prefix) for key in keys) or len({after, *keys}) <= named:
            raise self._own.strange("its keys repeat, or are not those asked for")
        truncated = _TRUNCATED.search(body) is not None
        if truncated and not keys:
            raise self._own.strange("an empty page, and more to come")
        return Page(answer, objects, truncated, folders)

    def get(self, key: str) -> tuple[Answer, Source]:
        """Return the answer, and the object's body. A cut body raises `Cut` where it is read."""
        lane = self._sent.pop(key, None)
        if lane is not None:
            self._connection = lane
            self._lanes.append(lane)
            answer = self._answer()
        else:
            begun = time.monotonic()
            answer = self._ask("GET", "GetObject", key)
            self.measured(time.monotonic() - begun)
        return answer, self._connection.body() if answer.ok else Pieces(())

    def at_once(self, key: str) -> memoryview | None:
        """Return the whole body of an object that was asked for ahead, where it came plainly; else None, and `get` tells.

        `get` gives the same bytes, unless they are `taken`.
        """
        try:
            return self._sent[key].at_once() if key in self._sent else None
        except (Unanswered, Cut):
            self._lanes.append(self._sent.pop(key))  # It is asked for again.
            return None

    def taken(self, key: str) -> None:
        """Be done with an object that came `at_once`."""
        lane = self._sent.pop(key)
        lane.taken()
        self._lanes.append(lane)

    def head(self, key: str) -> tuple[Answer, int | None]:
        """Return whether a key is there, and its length in bytes; without a code, so that a lost bucket looks like a lost key."""
        answer = self._ask("HEAD", "HeadObject", key)
        return answer, self._connection.length if answer.ok else None

    def first(self, key: str, count: int) -> tuple[Answer, bytes]:
        """Return the first bytes of an object, fewer where it is shorter. A cut answer raises `Unanswered`."""
        answer = self._ask("GET", "GetObject", key, headers=f"Range: bytes=0-{count - 1}\r\n")
        return answer, self._bytes(count) if answer.ok else b""

    def _ask(self, method: str, operation: str, key: str, headers: str = "") -> Answer:
        self._connection = self._own
        self._connection.send(*self._request(method, operation, key, headers=headers))
        return self._answer(part=bool(headers), bodiless=method == "HEAD")

    def _request(self, method: str, operation: str, key: str, query: str = "", headers: str = "") -> tuple[bytes, str]:
        path = f"/{self._place.bucket}/{encoded(key, safe='/')}" if key else f"/{self._place.bucket}"
        tried = f"S3 {operation} {self._place.bucket} {key} at {self._place.access.section.endpoint}"
        return self._signer.request(method, path, query, headers), tried

    def _answer(self, *, part: bool = False, bodiless: bool = False) -> Answer:
        status = self._connection.answer()
        if bodiless:
            self._connection.skip_body()
        if status == _OK.status:
            return _OK
        if status == _PART and part:
            return Answer(status)
        if 200 <= status < 400:  # noqa: PLR2004  # RFC 9110, 15.3 and 15.4: a part, another's version, a redirect.
            step = "does the endpoint name the S3 server itself?"
            raise NotUnderstood(self._connection.tried, f"{status}, neither what was asked for nor a refusal", step)
        return Answer(status) if bodiless else self._refusal(status)

    def _refusal(self, status: int) -> Answer:
        body = self._whole(MOST_REFUSAL)
        code, message = _CODE.search(body), _MESSAGE.search(body)
        answer = Answer(status, *(redact(said[1].decode(errors="replace")) if said else "" for said in (code, message)))
        if answer.code in REJECTED:
            step = "check the two variables that the target names for [s3]"
            raise IdentityRejected(self._connection.tried, f"{answer}: {answer.message}", step)
        return answer

    def _whole(self, most: int) -> bytes:
        """Return a body that is no object's. Raises NotUnderstood where it is too long, Unanswered where it is cut."""
        whole = self._bytes(most + 1)
        if len(whole) > most:
            raise self._connection.strange(f"more than {most} bytes came")
        return whole

    def _bytes(self, count: int) -> bytes:
        try:
            return bytes(self._connection.body().up_to(count))
        except Cut as cut:
            raise Unanswered(self._connection.tried, str(cut), "does a proxy between cut it?") from None


def _text(escaped: bytes) -> str:
    return html.unescape(escaped.decode("utf-8", "replace"))
