"""What a push to Attic says when it fails: the class of each line of its output, with the step that follows. Statement S036."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST_LINE = 2_000
"""Characters of a line that are looked at."""
UNKNOWN = "unknown"
RECURRENCE = "bucket-index recurrence"
NEXT: Mapping[str, str] = {
    RECURRENCE: (
        "push nothing more; `pytest -m canary` shows which buckets S3 lists; preserve logs, run RCA before any restart (TIN-1046)"
    ),
    "server full": "free or grow the disk behind S3, and push nothing until then; `pytest -m canary` shows what still answers",
    "credential/auth": "`pytest -m gate` tells a token that is expired, too narrow or of another cache from a gate that refuses everybody",
    "network": "nothing was answered, so nothing is known of the store: look at the way there (DNS, proxy, TLS, the pods), then push again",
    UNKNOWN: "what the client sees does not tell: `pytest -m canary` shows S3's view beside it; Attic's own log has the cause",
}
"""By class, the gravest first: what a person does next."""

_STATUS = r"(?:returned error|HTTP error|status code|status|HTTP/\d(?:\.\d)?):? "
"""What stands before the number of an answer."""
_SIGNS: Mapping[str, re.Pattern[str]] = {
    RECURRENCE: re.compile(
        r"NoSuchBucket|the specified bucket does ?n[o']t exist|bucket index (?:is )?(?:lost|missing)", re.IGNORECASE
    ),
    "server full": re.compile(
        r"no space left on device|\bos error 28\b|StorageFull|disk (?:quota exceeded|full)|insufficient[ _]?storage"
        r"|minimum free drive threshold|could not extend file|\bENOSPC\b"
        rf"|{_STATUS}507\b",
        re.IGNORECASE,
    ),
    "credential/auth": re.compile(
        r"AccessError|AccessDenied|\bUnauthorized\b|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken"
        r"|access key id you provided does not exist|request signature we calculated does not match|RequestTimeTooSkewed"
        r"|does not have permission|no discovery permission|no credentials in the property bag|could not load credentials"
        rf"|{_STATUS}40[13]\b|\b403 Forbidden\b",
        re.IGNORECASE,
    ),
    "network": re.compile(
        r"connection (?:refused|reset|closed|timed out|aborted)|could(?: not|n't) (?:resolve|connect)|failed to connect"
        r"|error trying to connect|dns error|failed to lookup address|name or service not known|no route to host"
        r"|network is unreachable|timed[ -]?out\b|\b(?:i/o|read|connect|connection|request|operation|gateway) timeout\b"
        r"|timeout (?:was reached|expired|exceeded)|TimeoutError|deadline (?:has elapsed|exceeded)|dispatch failure"
        r"|TLS handshake|certificate (?:problem|verify failed|has expired|signed by|is not|required)|invalid (?:peer )?certificate"
        r"|self[- ]signed certificate|SSL_ERROR|broken pipe"
        r"|error sending request|\b50[24] (?:bad gateway|gateway time-?out)",
        re.IGNORECASE,
    ),
    UNKNOWN: re.compile(r"❌|\berror\b|\bfailed\b|\bpanicked at\b|[a-z]Error\b", re.IGNORECASE),
}
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_DONE = re.compile(r"\s*(?:✅|⚙️|🗜|🤷)")
"""How the client begins a line that tells of no failure."""
_PATH = re.compile(r"(?:/nix/store/)?\b[0-9a-z]{32}-[0-9A-Za-z+._?=-]+")


@dataclass(frozen=True)
class Sign:
    """A line of a log that tells why a push failed: its number, its class, the line."""

    number: int
    kind: str
    line: str

    @property
    def next_step(self) -> str:
        """What a person does next."""
        return NEXT[self.kind]


def kind_of(line: str) -> str:
    """Return the class of a line, "" where it tells of no failure. Names of store paths are passed over: a package may have any name."""
    plain = _PATH.sub("PATH", _COLOUR.sub("", line[:LONGEST_LINE]))
    if _DONE.match(plain):
        return ""
    return next((kind for kind, sign in _SIGNS.items() if sign.search(plain)), "")


def signs(text: str) -> Iterator[Sign]:
    """Yield each line of a log that tells of a failure."""
    for number, line in enumerate(text.splitlines(), start=1):
        kind = kind_of(line)
        if kind:
            yield Sign(number, kind, _COLOUR.sub("", line[:LONGEST_LINE]).strip())


def gravest(text: str) -> Sign | None:
    """Return the first line of the gravest class in a log, None where no line tells of a failure."""
    order = list(NEXT)
    return min(signs(text), key=lambda sign: (order.index(sign.kind), sign.number), default=None)
