"""S3 for an audit: listing and reading one bucket, object after object, for a tenth of the CPU that boto3 takes."""

from __future__ import annotations

import functools
import html
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, repeat
from time import monotonic
from urllib.parse import urlsplit

from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.formats.pieces import Pieces, Source
from pytest_gf.honey.probes.http_bulk import BUFFER, Connection, Cut, Place
from pytest_gf.honey.probes.s3 import REJECTED
from pytest_gf.honey.probes.sigv4 import Signer, encoded

PAGE, MOST_PAGE, MOST_REFUSAL = 1_000, 4 * 1024 * 1024, 64 * 1024
"""Keys of one answer; bytes of it, and of a refusal."""
AHEAD, LATENCY = range(8, 17), 0.00075
"""How many objects one reader asks for ahead, each on a connection of its own: one for so many seconds of latency."""
LOOK, LOOKS, SURE = 256, 8, 3
"""Every so many objects one is asked for alone, which measures the latency. The least of the last `LOOKS` counts; `SURE` make it certain."""
_OK, _PART = Answer(200), Answer(206)
_KEY, _SIZE = re.compile("<Key>([^<]*)</Key>"), re.compile("<Size>([0-9]{1,18})</Size>")
_CODE, _MESSAGE = re.compile(rb"<Code>([^<]{1,100})</Code>"), re.compile(rb"<Message>([^<]{1,300})</Message>")
_KEY_COUNT = re.compile("<KeyCount>([0-9]{1,9})</KeyCount>")
_PREFIXES = re.compile(r"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>\s*</CommonPrefixes>")
_TRUNCATED = re.compile(r"<IsTruncated>\s*(true|false)\s*</IsTruncated>")
_LISTING = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?<ListBucketResult[\s>].*</ListBucketResult>\s*", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One page of a listing: keys in their order, with their sizes in bytes."""

    answer: Answer
    objects: tuple[tuple[str, int], ...] = ()
    truncated: bool = False
    folders: tuple[str, ...] = ()
    """Where the listing was by delimiter: the beginnings of all other keys, up to it."""


class Reader:
    """Reads a bucket: over one connection, and objects `in_turn` over some. For one thread at a time; `close` it.

    Every call raises `Unanswered`, `DeadlineExceeded`, `NotUnderstood` or `IdentityRejected`; any other refusal is an
    `Answer`. Only what was never answered is asked again. Nothing is recorded: an audit makes millions of exchanges.
    """

    def __init__(self, place: Place, ahead: int | None = None) -> None:
        self._place, self._buffer, self.deadline = place, bytearray(BUFFER), place.deadline
        self._connection = self._own = Connection(place, self._buffer)
        self.ahead, self._fixed = ahead or AHEAD[0], ahead is not None
        self._lanes: list[Connection] = []
        self._turn: tuple[str, Connection] | None = None
        """The object whose turn it is, and where it was asked for, until that is read."""
        self._latencies: deque[float] = deque(maxlen=LOOKS)
        section, self._path = place.access.section, f"/{place.bucket}"
        self._signer = Signer(place.access.credentials, section.region, urlsplit(section.endpoint).netloc)

    @functools.cached_property
    def beside(self) -> Reader:
        """A reader with a connection of its own, for a body that is read while this one is asked; they close together."""
        return Reader(self._place)

    def in_turn(self, objects: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
        """Yield objects to be read, each once those after it are asked for: as many as the latency wants.

        Half of them are asked for in a row and given in a row, so that one wait is for several answers.
        """
        free, waiting = [*self._lanes], deque[tuple[str, int, Connection, bool]]()
        for at, one in enumerate(chain(objects, (None,))):
            left = 0 if one is None else self.ahead // 2 if len(waiting) >= self.ahead else self.ahead
            while len(waiting) > left:
                key, size, lane, sent = waiting.popleft()
                if not sent:
                    begun = monotonic()
                    self._send(lane, ("GET", "GetObject", key))
                    lane.plain()
                    self.measured(monotonic() - begun)
                self._turn = key, lane
                yield key, size
                self._turn = None
                free.append(lane)
            if one is not None:
                if not free:
                    free.append(Connection(self._place, self._buffer))
                    self._lanes += free
                lane, sent = free.pop(), self._fixed or at % LOOK > 0
                if sent:
                    self._send(lane, ("GET", "GetObject", one[0]))
                waiting.append((*one, lane, sent))

    def whole(self, digest: str, unpack: Callable[[memoryview], bytes | memoryview | None]) -> int | None:
        """Return how long the payload is that ``unpack`` makes of the object in its turn, if that came plainly, and the digest is right.

        Else None: `get` gives what came.
        """
        if self._turn is None:
            return None
        lane = self._turn[1]
        body = lane.plain()
        payload = unpack(body) if body is not None else None
        if payload is None or sha256(payload).hexdigest() != digest:
            return None
        lane.free, self._turn = True, None
        return len(payload)

    def measured(self, latency: float) -> None:
        """Take in the seconds of an exchange that waited for nothing else."""
        self._latencies.append(latency)
        if not self._fixed:
            self.ahead = max(AHEAD[0], min(AHEAD[-1], int(min(self._latencies) / LATENCY)))

    @property
    def far(self) -> bool:
        """Whether S3 is so far away that one reader alone would mostly wait."""
        return not self._fixed and self.ahead > AHEAD[0] and len(self._latencies) >= SURE

    def anew(self) -> None:
        """Make the next exchange on a fresh connection. What was asked for ahead on others stands."""
        self._own.close()
        if "beside" in vars(self):
            self.beside.close()

    def close(self) -> None:
        """End the connections. What was asked for ahead is asked again when its turn comes."""
        self.anew()
        for lane in self._lanes:
            lane.close()

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the last answer asks to come again, None where it names none."""
        return self._connection.number("Retry-After", 5)

    def list(self, prefix: str, *, after: str = "", most: int = PAGE, delimiter: str = "") -> Page:
        """Return the first keys below ``prefix`` that come after ``after``, in the server's own order."""
        query = f"delimiter={encoded(delimiter)}&" if delimiter else ""
        query += f"list-type=2&max-keys={most}&prefix={encoded(prefix)}"
        query += f"&start-after={encoded(after)}" if after else ""
        answer, source = self._ask("GET", "ListObjectsV2", prefix, query=query)
        if not answer.ok:
            return Page(answer)
        text = self._bytes(source, MOST_PAGE).decode("utf-8", "replace")
        whole, more = _LISTING.fullmatch(text), _TRUNCATED.search(text)
        if whole is None or more is None:
            raise self._own.strange(f"200 with no whole listing, beginning {redact(text[:60])!r}")
        keys, sizes, folders = _names(_KEY, text), _SIZE.findall(text), _names(_PREFIXES, text)
        names, count, truncated = [*keys, *folders], _KEY_COUNT.search(text), more[1] == "true"
        if not len(keys) == len(sizes) == text.count("<Contents>"):
            wrong = "an entry without key or size"
        elif len(names) > most or (count is not None and int(count[1]) != len(names)):
            wrong = f"{len(names)} keys where {most} were asked for, and KeyCount {count[1] if count else 'absent'}"
        # Servers have orders of their own (SeaweedFS: x/1 before x-1), but none gives a key twice, or one that was had.
        elif len({after, *names}) <= len(names) or not all(map(str.startswith, names, repeat(prefix))):
            wrong = "its keys repeat, or are not those asked for"
        elif truncated and not names:
            wrong = "an empty page, and more to come"
        else:
            return Page(answer, tuple(zip(keys, map(int, sizes), strict=True)), truncated, tuple(folders))
        raise self._own.strange(wrong)

    def get(self, key: str) -> tuple[Answer, Source]:
        """Return the answer, and the object's body. A cut body raises `Cut` where it is read."""
        turn, self._turn = self._turn, None
        if turn is None or turn[0] != key:
            return self._ask("GET", "GetObject", key)
        self._connection = turn[1]
        return self._answer()

    def head(self, key: str) -> tuple[Answer, int | None]:
        """Return whether a key is there, and its length in bytes; without a code, so that a lost bucket looks like a lost key."""
        answer, _ = self._ask("HEAD", "HeadObject", key)
        return answer, self._connection.number("Content-Length", 18) if answer.ok else None

    def first(self, key: str, count: int) -> tuple[Answer, bytes]:
        """Return the first bytes of an object, fewer where it is shorter. A cut answer raises `Unanswered`."""
        answer, body = self._ask("GET", "GetObject", key, headers=f"Range: bytes=0-{count - 1}\r\n")
        return answer, self._bytes(body, count, whole=False) if answer.ok else b""

    def _ask(self, *asked: str, query: str = "", headers: str = "") -> tuple[Answer, Source]:
        self._connection = self._own
        self._send(self._own, asked, query, headers)
        return self._answer(part=bool(headers), bodiless=asked[0] == "HEAD")

    def _send(self, to: Connection, asked: tuple[str, ...], query: str = "", headers: str = "") -> None:
        method, operation, key = asked
        path = self._path if query else f"{self._path}/{encoded(key, safe='/')}"
        to.send(self._signer.request(method, path, query, headers), operation, self._place.bucket, key)

    def _answer(self, *, part: bool = False, bodiless: bool = False) -> tuple[Answer, Source]:
        """Return what the current connection is answered, and the body of what is no refusal."""
        connection, wanted = self._connection, _PART if part else _OK
        body = connection.plain(b"%d" % wanted.status) if not bodiless else None
        if body is not None:
            connection.free = True
            return wanted, Pieces((body,))
        status = connection.answer()
        if status in {_OK.status, wanted.status}:
            return Answer(status), connection
        if status < 400:  # noqa: PLR2004  # RFC 9110, 15.2 to 15.4: an interim answer, a part, another's version, a redirect.
            step = "does the endpoint name the S3 server itself?"
            raise NotUnderstood(connection.tried, f"{status}, neither what was asked for nor a refusal", step)
        return Answer(status) if bodiless else self._refusal(status), Pieces(())

    def _refusal(self, status: int) -> Answer:
        body = self._bytes(self._connection, MOST_REFUSAL)
        code, message = _CODE.search(body), _MESSAGE.search(body)
        answer = Answer(status, *(redact(said[1].decode(errors="replace")) if said else "" for said in (code, message)))
        if answer.code in REJECTED:
            step = "check the two variables that the target names for [s3]"
            raise IdentityRejected(self._connection.tried, f"{answer}: {answer.message}", step)
        return answer

    def _bytes(self, body: Source, most: int, *, whole: bool = True) -> bytes:
        """Return a body that is no object's, or its first bytes. Raises NotUnderstood if it is too long, Unanswered if it is cut."""
        try:
            came = bytes(body.up_to(most + whole))
        except Cut as cut:
            raise Unanswered(self._connection.tried, str(cut), "does a proxy between cut it?") from None
        if len(came) > most:
            raise self._connection.strange(f"more than {most} bytes came")
        return came


def _names(kind: re.Pattern[str], text: str) -> list[str]:
    return [html.unescape(name) if "&" in name else name for name in kind.findall(text)]
