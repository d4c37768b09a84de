"""What an audit of the Bazel cache's bucket found: by shard, and beside it what gRPC gives for the same digests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.observed.bazel import NO_DELETE, WITHOUT, behind
from pytest_gf.honey.observed.blobs import (
    CORRUPT,
    MOST_SHOWN,
    ONE_MODE,
    UNGIVEN,
    Modes,
    ServedBlob,
    State,
    StoredBlob,
    beside,
    rotten,
    shown,
)
from pytest_gf.honey.observed.bucket import PRESERVE
from pytest_gf.honey.observed.s3 import BucketListed

MISMATCH, UNREADABLE, DANGLING, GONE = "digest mismatch", "unreadable", "dangling reference", "gone while reading"
MALFORMED, MISPLACED, WRONG_SIZE = "malformed", "misplaced", "wrong size"
NO_RESULT = "empty result"
NO_DEFECTS = (GONE, NO_RESULT)
"""Kinds that are counted, and are no defects. bazel-remote and Bazel take a result of no bytes for a miss."""
ANSWERED = "200"


@dataclass(frozen=True)
class Finding:
    """One object that is not as its key says. Sizes in bytes: ``stored`` the object's, ``size`` its payload's as far as known.

    ``kind``: ``malformed:KIND``, `MISMATCH`, `UNREADABLE`, `DANGLING`, `WRONG_SIZE`, `MISPLACED`, or one of `NO_DEFECTS`.
    """

    key: str
    kind: str
    stored: int
    size: int | None = None
    chunk: int | None = None
    detail: str = ""

    @classmethod
    def of(cls, blob: StoredBlob, stored: int) -> Finding:
        """Return what is to be said of a blob that is not whole."""
        kinds = {"mismatch": MISMATCH, "malformed": f"{MALFORMED}:{blob.kind}", "gone": GONE}
        return cls(blob.key, kinds.get(blob.state, UNREADABLE), stored, blob.size, blob.chunk, blob.detail)

    @property
    def blob(self) -> StoredBlob:
        """The blob, to be asked for elsewhere."""
        state: State = "mismatch" if self.kind == MISMATCH else "malformed" if MALFORMED in self.kind else "unreadable"
        kind = self.kind.partition(":")[2]
        return StoredBlob(self.key, self.key.rpartition("/")[2], state, self.size, self.detail, kind=kind)

    @property
    def bad(self) -> bool:
        """Whether it is a defect."""
        return self.kind not in NO_DEFECTS

    def __str__(self) -> str:
        return f"{self.key} {self.kind}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True)
class Tally:
    """What was read of a shard: objects, those gone meanwhile, stored bytes, defects, results of no bytes."""

    objects: int = 0
    gone: int = 0
    bytes: int = 0
    bad: int = 0
    empty: int = 0


@dataclass(frozen=True)
class Judged:
    """When a shard was read, in Unix seconds, and by which run. ``earlier`` says that it was before this run.

    ``over`` says that the audit which read it was finished before this run began: it is no news of today.
    """

    begun: float = 0.0
    ended: float = 0.0
    run: str = ""
    earlier: bool = False
    over: bool = False

    def __str__(self) -> str:
        return f"judged {_utc(self.begun)} to {_utc(self.ended)} by run {self.run}" if self.earlier else ""


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@dataclass(frozen=True)
class ShardAudit(Observed):
    """One shard, read to its end. ``listing`` is S3's answer to a listing that failed, "200" where none did; ``findings`` the first of its defects.

    ``good`` are a few whole blobs, for a comparison through gRPC; ``unread`` the keys of objects that S3 did not give while
    it gave others.
    """

    shard: str
    bucket: BucketListed
    tally: Tally
    findings: tuple[Finding, ...] = ()
    good: tuple[StoredBlob, ...] = ()
    listing: str = "200"
    sample: str = ""
    when: Judged = Judged()
    unread: tuple[str, ...] = ()

    promises = "each object below {self.shard}/ of {self.bucket.name} decodes, hashes to its key (in its folder), and names only blobs that are there"

    @property
    def note(self) -> str:
        """What is to be read beside a row that holds."""
        empty = f"{self.tally.empty} results of no bytes (a miss to Bazel)" if self.tally.empty else ""
        return "; ".join(part for part in (str(self.when), empty) if part)

    @property
    def seen(self) -> str:
        tally = self.tally
        gone = f", {tally.gone} gone while reading" if tally.gone else ""
        sampled = f" ({self.sample})" if self.sample else ""
        gone += f", {tally.empty} results of no bytes (a miss to Bazel)" if tally.empty else ""
        gone += f", {len(self.unread)} not read ({self.unread[0]})" if self.unread else ""
        listing = "" if self.listing == ANSWERED else f"; then S3 answered {self.listing}; {self.bucket}"
        when = f"; {self.when}" if self.when.earlier else ""
        first = shown(self.findings, tally.bad)
        return f"{tally.objects} objects, {tally.bytes} bytes{sampled}{gone}: {tally.bad} defects{first}{listing}{when}"

    def trouble(self) -> Trouble | None:
        name = self.bucket.name
        if self.listing != ANSWERED:
            says = f"the bucket failed while it was read: {self.listing}{self.bucket.scope}"
            return Trouble(Cause("bucket-not-read", name), says, f"{PRESERVE}; {WITHOUT}", self.bucket.because)
        if not self.tally.bad:
            return None
        kinds = Counter(finding.kind for finding in self.findings)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        when = f"; {self.when}" if self.when.earlier else ""
        says = f"{counted} of {self.tally.objects}: {_meaning(kinds)}; {self.findings[0]}{when}"
        return Trouble(_cause(kinds, name), says, f"{WITHOUT}, and keep findings.jsonl; {NO_DELETE}")


_MEANINGS = {
    UNREADABLE: UNGIVEN,
    MISPLACED: "it lies where bazel-remote never looks, and is never served",
    DANGLING: "Bazel takes the result for a hit and fails on the blob, unless it builds again by itself",
    WRONG_SIZE: "bazel-remote gives the result, and not the blob: Bazel fails on it, unless it builds again by itself",
}


def _corrupt(kinds: Iterable[str]) -> bool:
    """Tell whether findings are corruption: only wrong digests and malformed objects are."""
    return any(kind == MISMATCH or kind.startswith(MALFORMED) for kind in kinds)


def _cause(kinds: Iterable[str], bucket: str) -> Cause:
    if _corrupt(kinds) or UNREADABLE in kinds:
        return rotten(bucket, corrupt=_corrupt(kinds))
    return Cause("blob-misplaced" if MISPLACED in kinds else "dangling-result", bucket)


def _meaning(kinds: Iterable[str]) -> str:
    """Return what the kinds of findings mean together."""
    corrupt = [CORRUPT] if _corrupt(kinds) else []
    return "; ".join([*corrupt, *(text for kind, text in _MEANINGS.items() if kind in kinds)])


@dataclass
class Outside(Observed):
    """What lies outside of the folders that bazel-remote reads, by name. Statement S041.

    Below ``cas.v2/``, ``cas/`` and ``ac/`` it is ``misplaced``, and never served. Elsewhere it is counted, and no defect.
    """

    bucket: BucketListed
    misplaced: int = 0
    keys: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    more: bool = False

    promises = (
        "each object of the cache in {self.bucket.name} lies below AREA/HH/, where HH are its digest's first two digits"
    )

    def stray(self, keys: list[str]) -> None:
        """Note keys that lie in no folder at all."""
        if keys:
            self.elsewhere[f"no folder, as {keys[0]}"] = str(len(keys))

    def foreign(self, folder: str, count: int, more: bool) -> None:  # As it was counted.
        """Note a folder that is none of an audit's, and how many objects lie there, or more."""
        self.elsewhere[folder] = f"{'more than ' if more else ''}{count}"

    def misplace(self, keys: list[str], count: int | None = None, more: bool = False) -> None:  # As above.
        """Note keys where bazel-remote never looks; ``count`` where only the first of them is at hand."""
        self.misplaced += len(keys) if count is None else count
        self.keys += keys[: MOST_SHOWN - len(self.keys)]
        self.more |= more

    @property
    def note(self) -> str:
        """What is to be read beside a row that holds."""
        return f"{self._elsewhere} elsewhere (no part of the cache, not judged)" if self.elsewhere else ""

    @property
    def seen(self) -> str:
        return f"{self._count} misplaced{shown(self.keys, self.misplaced)}; {self.note or 'nothing elsewhere'}"

    def trouble(self) -> Trouble | None:
        if not self.misplaced:
            return None
        says = f"{self._count} {MISPLACED}: {_MEANINGS[MISPLACED]}; {self.keys[0] if self.keys else ''}"
        step = f"who wrote them? a copy made by hand may have lost its folders; {NO_DELETE}"
        return Trouble(Cause("blob-misplaced", self.bucket.name), says, step)

    @property
    def _elsewhere(self) -> str:
        return ", ".join(f"{name}: {count}" for name, count in sorted(self.elsewhere.items()))

    @property
    def _count(self) -> str:
        return f"{'more than ' if self.more else ''}{self.misplaced}"


@dataclass(frozen=True)
class AuditedBucket(Observed):
    """Whether the bucket can be audited: ``listings`` are S3's answers by area, ``found`` the areas where something lies."""

    bucket: BucketListed
    listings: tuple[tuple[str, str], ...]
    found: tuple[str, ...]

    promises = "ListBuckets shows {self.bucket.name}, and ListObjectsV2 answers for each area of it"

    @property
    def areas(self) -> tuple[str, ...]:
        """Where something lies, or may lie: a listing that failed is no empty one."""
        return tuple(area for area, answer in self.listings if area in self.found or answer != ANSWERED)

    @property
    def seen(self) -> str:
        answers = [f"{area}/ {'has objects' if area in self.found else answer}" for area, answer in self.listings]
        return f"{self.bucket}; ListObjectsV2: {'; '.join(answers)}"

    def trouble(self) -> Trouble | None:
        bad, name = [answer for _, answer in self.listings if answer != ANSWERED], self.bucket.name
        if not bad and self.bucket.listed is not False:
            return None
        says = f"{name} answers and is not listed: the listing lost it (see rustfs.list-buckets[{name}])"
        if bad:
            says = f"the bucket can't be listed: {bad[0]}{self.bucket.scope}"
        return Trouble(Cause("bucket-not-read", name), says, f"{PRESERVE}; {WITHOUT}", self.bucket.because)


@dataclass(frozen=True)
class AskedBlob:
    """One audited blob through gRPC, in every way in which a client may ask for it: each way's name, and what came."""

    ways: tuple[tuple[str, ServedBlob], ...]

    @property
    def stored(self) -> StoredBlob:
        return self.ways[0][1].stored

    @property
    def right(self) -> bool:
        return all(served.right for _, served in self.ways)

    @property
    def found(self) -> bool:
        """Whether the cache knows it in any way."""
        return any(served.found for _, served in self.ways)

    @property
    def hidden(self) -> bool:
        """Whether it is wrong in S3, and comes right: the hot cache hides it."""
        return self.stored.state != "whole" and self.right

    @property
    def wrong(self) -> str:
        """What is wrong, and in which ways; "" where all that came is right."""
        ways_of: dict[str, list[str]] = {}
        for way, served in self.ways:
            if served.wrong:
                ways_of.setdefault(served.wrong, []).append(way)
        return "; ".join(f"{wrong} ({', '.join(ways)})" for wrong, ways in ways_of.items())


@dataclass(frozen=True)
class AuditServed(Observed):
    """Findings and a sample of what is whole, through bazel-remote: hot cache wrong, or hot cache hides. Statement S043."""

    bucket: str
    blobs: tuple[AskedBlob, ...]
    skipped: int
    """Findings that were not asked for: of unknown size, or past the bound."""
    modes: Modes = ONE_MODE
    deadly: tuple[StoredBlob, ...] = ()
    """Those that were not asked for, since a bazel-remote may die of them."""

    promises = "what the audit read comes through gRPC as it lies in S3: by ByteStream and Batch, as it is and as zstd"

    @property
    def note(self) -> str:
        """What is to be read beside a row that holds."""
        return beside(self.modes, self.deadly).removeprefix("; ")

    @property
    def seen(self) -> str:
        good = sum(blob.right and not blob.hidden for blob in self.blobs)
        skipped = f", {self.skipped} findings not asked for" if self.skipped else ""
        return (
            f"{len(self.blobs)} blobs{skipped}: {good} right in both, {len(self._hidden)} hidden, {len(self._bad)} wrong"
            f"{beside(self.modes, self.deadly)}{shown(self._wrongs())}"
        )

    def trouble(self) -> Trouble | None:
        if not self._bad and not self._hidden:
            return None
        step = f"see findings.jsonl; {WITHOUT}; {NO_DELETE}"
        worst = next((blob for blob in self._bad if blob.stored.state == "whole"), (self._bad or self._hidden)[0])
        if not self._bad:
            step = f"see findings.jsonl; a restart of bazel-remote empties its hot cache and brings the mismatch to light; {WITHOUT}"
        elif worst.stored.state == "whole":
            step = f"keep bazel-remote's log before a restart, which may empty its hot cache; {WITHOUT}"
        way = next((served for _, served in worst.ways if not served.right), worst.ways[0][1])
        says = "; ".join(self._wrongs()[:MOST_SHOWN])
        return Trouble(way.cause(self.bucket), says, step, behind(way.status, self.bucket))

    def _wrongs(self) -> list[str]:
        hides = "wrong in S3 and right through gRPC: the hot cache hides"
        hidden = (blob.stored for blob in self._hidden)
        return [*(blob.wrong for blob in self._bad), *(f"{hides} {stored.key} {stored.state}" for stored in hidden)]

    @property
    def _bad(self) -> list[AskedBlob]:
        return [blob for blob in self.blobs if not blob.right and self.modes.judges(blob.stored, found=blob.found)]

    @property
    def _hidden(self) -> list[AskedBlob]:
        return [blob for blob in self.blobs if blob.hidden]
