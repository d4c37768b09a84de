"""Blobs of the Bazel cache as S3 holds them and as gRPC serves them: decoded, hashed, compared with their keys."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_gf.honey.formats import casblob, pieces
from pytest_gf.honey.formats.pieces import Source
from pytest_gf.honey.observed.bazel import NO_DELETE, WITHOUT, s3_words
from pytest_gf.honey.observed.bucket import PRESERVE
from pytest_gf.honey.observed.s3 import BucketListed

State = Literal["whole", "mismatch", "malformed", "unreadable", "gone", "large"]
BAD: tuple[State, ...] = ("mismatch", "malformed", "unreadable")
MOST_SHOWN = 3
CASBLOBS = "cas.v2"
"""Where blobs lie as casblobs (storage mode zstd); elsewhere they lie as they are. facts/bazel.md."""
CORRUPT = "it is corruption of a cache, no evidence about sources (S046)"


@dataclass(frozen=True)
class StoredBlob:
    """One object of the bucket. ``size`` is the payload's in bytes, None where it can't be told.

    ``state``: whole; mismatch (decodes, and hashes to something else: ``detail``); malformed (``detail`` begins with its ``kind``,
    ``chunk`` says where, if it is one); unreadable (S3's answer); gone (between listing and reading); large (longer than a canary reads).
    """

    key: str
    digest: str
    state: State
    size: int | None = None
    detail: str = ""
    kind: str = ""
    chunk: int | None = None

    @property
    def raw(self) -> bool:
        """Whether it stands in the storage mode uncompressed (``cas/``)."""
        return not _is_casblob(self.key)

    def __str__(self) -> str:
        return f"{self.key} {self.state}{f' ({self.detail})' if self.detail else ''}"


def _is_casblob(key: str) -> bool:
    """Tell by where it lies, ``[prefix]cas.v2/HH/DIGEST``: a prefix may be called anything."""
    return key.split("/")[-3:-2] == [CASBLOBS]


def decoded(key: str, body: Source) -> Iterator[bytes | memoryview]:
    """Return an object's payload in pieces: a casblob's is decoded. Raises `casblob.Malformed`."""
    return casblob.decode_stream(body) if _is_casblob(key) else pieces.each(body)


def judged(key: str, body: Source, *, most: int | None = None) -> StoredBlob:
    """Return what an object's body is: decoded and hashed, never its stored bytes (S045). ``most`` bounds the payload.

    Whatever getting the body raises comes through.
    """
    digest, sha256, size = key.rpartition("/")[2], hashlib.sha256(), 0
    try:
        for piece in decoded(key, body):
            sha256.update(piece)
            size += len(piece)
            if most is not None and size > most:
                return StoredBlob(key, digest, "large")
    except casblob.Malformed as wrong:
        return StoredBlob(key, digest, "malformed", wrong.size, str(wrong), kind=wrong.kind, chunk=wrong.chunk)
    if sha256.hexdigest() != digest:
        return StoredBlob(key, digest, "mismatch", size, f"its payload hashes to {sha256.hexdigest()}")
    return StoredBlob(key, digest, "whole", size)


@dataclass(frozen=True)
class StoredBlobs:
    """A sample of the bucket's blobs, chosen by ``seed``. Statements S043, S045.

    ``listing`` is S3's answer to the listing of them; ``listed`` how many its first pages hold, ``more`` whether there are more.
    """

    bucket: BucketListed
    listing: str
    seed: str
    blobs: tuple[StoredBlob, ...] = ()
    listed: int = 0
    more: bool = False

    @property
    def whole(self) -> bool:
        return self.listing == "200" and not self._bad

    @property
    def promised(self) -> str:
        return f"each sampled object of {self.bucket.name} decodes, and its payload hashes to its key"

    @property
    def seen(self) -> str:
        if self.listing != "200":
            return f"ListObjectsV2 of {self.bucket.name}: {self.listing}; {self.bucket}"
        states = Counter(each.state for each in self.blobs)
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        of = f"of {'more than ' if self.more else ''}{self.listed}"
        return f"{len(self.blobs)} objects {of} (--gf-seed={self.seed}): {told}{shown(self._bad)}"

    @property
    def diagnosis(self) -> str:
        if self.whole:
            return ""
        if self.listing != "200":
            return f"the blobs can't be listed: {self.listing}{self.bucket.scope}"
        kinds = Counter(each.state if each.state != "mismatch" else "digest mismatch" for each in self._bad)
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        return f"{told} of {len(self.blobs)}: {CORRUPT}; {self._bad[0]}"

    @property
    def next_step(self) -> str:
        if self.whole:
            return ""
        if self.listing != "200":
            return (
                f"{PRESERVE}; {WITHOUT}"
                if self.bucket.listed is False
                else f"see rustfs.get-agrees[{self.bucket.name}]; {WITHOUT}"
            )
        return f"{WITHOUT}, and keep this evidence; {NO_DELETE}"

    @property
    def _bad(self) -> list[StoredBlob]:
        return [each for each in self.blobs if each.state in BAD]


@dataclass(frozen=True)
class ServedBlob:
    """The same blob through gRPC: the status, the bytes that came, and how they ended too early."""

    stored: StoredBlob
    status: str
    size: int = 0
    sha256: str = ""
    cut: str = ""

    @property
    def right(self) -> bool:
        return self.status == "OK" and not self.cut and self.sha256 == self.stored.digest

    @property
    def trouble(self) -> str:
        """What is wrong with it, and which half it tells of; "" where it is right."""
        stored, whole = self.stored, self.stored.state == "whole"
        name = f"{stored.digest}/{stored.size}"
        if self.right:
            return ""
        if self.status == "OK" and self.cut:
            return f"cut: {name}: {self.cut}"
        if self.status == "OK":
            which = (
                "right in S3 and wrong through gRPC: the hot cache is wrong"
                if whole
                else "wrong in S3, and served as if right"
            )
            return f"{which}: Expected digest '{name}' does not match received digest '{self.sha256}/{self.size}'"
        which = "right in S3 and refused through gRPC" if whole else "wrong in S3, and refused"
        return f"{which}: {name}: {self.status}{s3_words(self.status)}"


@dataclass(frozen=True)
class ServedBlobs:
    """The sample of `StoredBlobs` through bazel-remote. What S3 lacks is not judged here. Statement S043."""

    bucket: BucketListed
    seed: str
    blobs: tuple[ServedBlob, ...]
    skipped: int = 0
    """Those that were not asked for: gone, too large, of unknown size."""

    @property
    def right(self) -> bool:
        return not self._bad

    @property
    def promised(self) -> str:
        return f"what {self.bucket.name} holds comes through gRPC whole, and hashes to its digest"

    @property
    def seen(self) -> str:
        hidden = sum(each.right and each.stored.state in BAD for each in self.blobs)
        told = f", {hidden} of them wrong in S3: the hot cache hides it" if hidden else ""
        good = sum(each.right for each in self.blobs)
        return (
            f"{len(self.blobs)} blobs through gRPC (--gf-seed={self.seed}, {self.skipped} not asked for): {good} right{told}"
            f"{shown(each.trouble for each in self._bad)}; {self.bucket}"
        )

    @property
    def diagnosis(self) -> str:
        if self.right:
            return ""
        return f"{len(self._bad)} of {len(self.blobs)} blobs: {self._bad[0].trouble}"

    @property
    def next_step(self) -> str:
        if self.right:
            return ""
        if any(each.stored.state == "whole" for each in self._bad):
            return f"compare with bazel.cas-digest; keep bazel-remote's log before a restart, which may empty its hot cache; {WITHOUT}"
        return f"see bazel.cas-digest; {WITHOUT}; {NO_DELETE}"

    @property
    def _bad(self) -> list[ServedBlob]:
        return [each for each in self.blobs if not each.right]


def shown(bad: Iterable[object], count: int | None = None) -> str:
    """Return the first of what is bad, and how many more there are; ``count`` where not all are at hand."""
    found = [str(each) for each in bad]
    left = (len(found) if count is None else count) - MOST_SHOWN
    return "".join(f"; {each}" for each in found[:MOST_SHOWN]) + (f"; and {left} more" if left > 0 else "")
