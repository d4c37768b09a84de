"""What an audit of the Bazel cache's bucket found: by shard, and beside it what gRPC gives for the same digests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_gf.honey.observed.bazel import NO_DELETE, WITHOUT
from pytest_gf.honey.observed.blobs import CORRUPT, MOST_SHOWN, ServedBlob, State, StoredBlob, shown
from pytest_gf.honey.observed.bucket import PRESERVE
from pytest_gf.honey.observed.s3 import BucketListed

MISMATCH, UNREADABLE, DANGLING, GONE = "digest mismatch", "unreadable", "dangling reference", "gone while reading"
MALFORMED = "malformed"


@dataclass(frozen=True)
class Finding:
    """One object that is not as its key says. Sizes in bytes: ``stored`` the object's, ``size`` its payload's as far as known.

    ``kind``: ``malformed:KIND``, `MISMATCH`, `UNREADABLE`, `DANGLING`, or `GONE`, which is counted and no defect.
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
        return StoredBlob(self.key, self.key.rpartition("/")[2], state, self.size, self.detail)

    @property
    def bad(self) -> bool:
        """Whether it is a defect."""
        return self.kind != GONE

    def __str__(self) -> str:
        return f"{self.key} {self.kind}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True)
class Tally:
    """What was read of a shard: objects, those gone meanwhile, stored bytes, defects."""

    objects: int = 0
    gone: int = 0
    bytes: int = 0
    bad: int = 0


@dataclass(frozen=True)
class ShardAudit:
    """One shard, read to its end. ``listing`` is S3's answer where it was none; ``findings`` the first of its defects.

    ``good`` are a few whole blobs, for a comparison through gRPC.
    """

    shard: str
    bucket: BucketListed
    tally: Tally
    findings: tuple[Finding, ...] = ()
    good: tuple[StoredBlob, ...] = ()
    listing: str = "200"
    sample: str = ""

    @property
    def sound(self) -> bool:
        return self.listing == "200" and not self.tally.bad

    @property
    def promised(self) -> str:
        return f"each object below {self.shard}/ of {self.bucket.name} decodes, hashes to its key, and names only blobs that are there"

    @property
    def seen(self) -> str:
        tally = self.tally
        gone = f", {tally.gone} gone while reading" if tally.gone else ""
        sampled = f" ({self.sample})" if self.sample else ""
        listing = "" if self.listing == "200" else f"; then the listing answered {self.listing}; {self.bucket}"
        told = shown(self.findings, tally.bad)
        return f"{tally.objects} objects, {tally.bytes} bytes{sampled}{gone}: {tally.bad} defects{told}{listing}"

    @property
    def diagnosis(self) -> str:
        if self.sound:
            return ""
        if self.listing != "200":
            return f"the bucket failed while it was read: {self.listing}{self.bucket.scope}"
        kinds = Counter(each.kind for each in self.findings)
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        return f"{told} of {self.tally.objects}: {_meaning(kinds)}; {self.findings[0]}"

    @property
    def next_step(self) -> str:
        if self.sound:
            return ""
        if self.listing != "200":
            return f"{PRESERVE}; {WITHOUT}"
        return f"{WITHOUT}, and keep findings.jsonl; {NO_DELETE}"


def _meaning(kinds: Iterable[str]) -> str:
    """Return what the kinds of findings mean together; a dangling reference is a lack, and no corruption."""
    if set(kinds) <= {DANGLING}:
        return "Bazel takes the result for a hit and fails on the blob, unless it builds again by itself"
    return CORRUPT


@dataclass(frozen=True)
class AuditedBucket:
    """Whether the bucket can be audited: ``listings`` are S3's answers by area, ``found`` the areas where something lies."""

    bucket: BucketListed
    listings: tuple[tuple[str, str], ...]
    found: tuple[str, ...]

    @property
    def listable(self) -> bool:
        return self.bucket.listed is not False and not self._bad

    @property
    def promised(self) -> str:
        return f"ListBuckets shows {self.bucket.name}, and ListObjectsV2 answers for each area of it"

    @property
    def seen(self) -> str:
        told = "; ".join(f"{area}/ {'has objects' if area in self.found else answer}" for area, answer in self.listings)
        return f"{self.bucket}; ListObjectsV2: {told}"

    @property
    def diagnosis(self) -> str:
        if self.listable:
            return ""
        if self._bad:
            return f"the bucket can't be listed: {self._bad[0]}{self.bucket.scope}"
        return f"{self.bucket.name} answers and is not listed: the listing lost it (see rustfs.list-buckets[{self.bucket.name}])"

    @property
    def next_step(self) -> str:
        return "" if self.listable else f"{PRESERVE}; {WITHOUT}"

    @property
    def _bad(self) -> list[str]:
        return [answer for _, answer in self.listings if answer != "200"]


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
    def hidden(self) -> bool:
        """Whether it is wrong in S3, and comes right: the hot cache hides it."""
        return self.stored.state != "whole" and self.right

    @property
    def trouble(self) -> str:
        """What is wrong, and in which ways; "" where all that came is right."""
        told: dict[str, list[str]] = {}
        for way, served in self.ways:
            if served.trouble:
                told.setdefault(served.trouble, []).append(way)
        return "; ".join(f"{trouble} ({', '.join(ways)})" for trouble, ways in told.items())


@dataclass(frozen=True)
class AuditServed:
    """Findings and a sample of what is whole, through bazel-remote: hot cache wrong, or hot cache hides. Statement S043."""

    blobs: tuple[AskedBlob, ...]
    skipped: int
    """Findings that were not asked for: of unknown size, or past the bound."""

    @property
    def right(self) -> bool:
        return not self._bad and not self._hidden

    @property
    def promised(self) -> str:
        return "what the audit read comes through gRPC as it lies in S3: by ByteStream and Batch, as it is and as zstd"

    @property
    def seen(self) -> str:
        good = sum(each.right and not each.hidden for each in self.blobs)
        skipped = f", {self.skipped} findings not asked for" if self.skipped else ""
        return f"{len(self.blobs)} blobs{skipped}: {good} right in both, {len(self._hidden)} hidden, {len(self._bad)} wrong{shown(self._told())}"

    @property
    def diagnosis(self) -> str:
        return "" if self.right else "; ".join(self._told()[:MOST_SHOWN])

    @property
    def next_step(self) -> str:
        if self.right:
            return ""
        if self._hidden and not self._bad:
            return f"see findings.jsonl; a restart of bazel-remote empties its hot cache and brings the mismatch to light; {WITHOUT}"
        if any(each.stored.state == "whole" for each in self._bad):
            return f"keep bazel-remote's log before a restart, which may empty its hot cache; {WITHOUT}"
        return f"see findings.jsonl; {WITHOUT}; {NO_DELETE}"

    def _told(self) -> list[str]:
        hides = [
            f"wrong in S3 and right through gRPC: the hot cache hides {each.stored.key} {each.stored.state}"
            for each in self._hidden
        ]
        return [*(each.trouble for each in self._bad), *hides]

    @property
    def _bad(self) -> list[AskedBlob]:
        return [each for each in self.blobs if not each.right]

    @property
    def _hidden(self) -> list[AskedBlob]:
        return [each for each in self.blobs if each.hidden]
