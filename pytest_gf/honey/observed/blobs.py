"""Blobs of the Bazel cache as S3 holds them and as gRPC serves them: decoded, hashed, compared with their keys."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.formats import casblob, pieces
from pytest_gf.honey.formats.pieces import Source
from pytest_gf.honey.observed.bazel import NO_DELETE, WITHOUT, behind, check_allowed, refused, s3_words
from pytest_gf.honey.observed.bucket import PRESERVE
from pytest_gf.honey.observed.s3 import BucketListed

State = Literal["whole", "mismatch", "malformed", "unreadable", "gone", "large"]
BAD: tuple[State, ...] = ("mismatch", "malformed", "unreadable")
MOST_SHOWN = 3
CASBLOBS = "cas.v2"
"""Where blobs lie as casblobs (storage mode zstd); elsewhere they lie as they are. docs/systems.md."""
UNGIVEN = (
    "S3 does not give what it lists, and nobody can tell what it is: the disk under S3 may be rotten (see its log)"
)
CORRUPT = "it is corruption of a cache, no evidence about sources (S046)"


@dataclass(frozen=True)
class StoredBlob:
    """One object of the bucket. ``size`` is the payload's in bytes, None where it is not known.

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

    @property
    def mode(self) -> str:
        """The folder of its storage mode: ``cas.v2``, or ``cas``."""
        return _mode(self.key)

    @property
    def deadly(self) -> bool:
        """Whether a bazel-remote may die of it, so that it is never asked for."""
        return self.kind in casblob.DEADLY

    def __str__(self) -> str:
        return f"{self.key} {self.state}{f' ({self.detail})' if self.detail else ''}"


def _mode(key: str) -> str:
    """Tell by where it lies, ``[prefix]MODE/HH/DIGEST``: a prefix may be called anything."""
    return "".join(key.split("/")[-3:-2])


def _is_casblob(key: str) -> bool:
    return _mode(key) == CASBLOBS


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
class StoredBlobs(Observed):
    """A sample of the bucket's blobs, chosen by ``seed``. Statements S043, S045.

    ``listing`` is S3's answer to the listing of them; ``listed`` how many its first pages hold, ``more`` whether there are more.
    """

    bucket: BucketListed
    listing: str
    seed: str
    blobs: tuple[StoredBlob, ...] = ()
    listed: int = 0
    more: bool = False

    promises = "each sampled object of {self.bucket.name} decodes, and its payload hashes to its key"

    @property
    def seen(self) -> str:
        if self.listing != "200":
            return f"ListObjectsV2 of {self.bucket.name}: {self.listing}; {self.bucket}"
        states = Counter(blob.state for blob in self.blobs)
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        of = f"of {'more than ' if self.more else ''}{self.listed}"
        return f"{len(self.blobs)} objects {of} (--gf-seed={self.seed}): {counted}{shown(self._bad)}"

    def trouble(self) -> Trouble | None:
        name = self.bucket.name
        if self.listing != "200":
            see = PRESERVE if self.bucket.listed is False else f"see rustfs.get-agrees[{name}]"
            says = f"the blobs can't be listed: {self.listing}{self.bucket.scope}"
            return Trouble(Cause("bucket-not-read", name), says, f"{see}; {WITHOUT}", self.bucket.because)
        if not self._bad:
            return None
        kinds = Counter(blob.state if blob.state != "mismatch" else "digest mismatch" for blob in self._bad)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        corrupt = any(blob.state != "unreadable" for blob in self._bad)
        says = f"{counted} of {len(self.blobs)}: {CORRUPT if corrupt else UNGIVEN}; {self._bad[0]}"
        return Trouble(rotten(name, corrupt=corrupt), says, f"{WITHOUT}, and keep this evidence; {NO_DELETE}")

    @property
    def _bad(self) -> list[StoredBlob]:
        return [blob for blob in self.blobs if blob.state in BAD]


@dataclass(frozen=True)
class ServedBlob:
    """The same blob through gRPC: the status, the bytes that came, and how they ended too early."""

    stored: StoredBlob
    status: str
    size: int = 0
    sha256: str = ""
    cut: str = ""
    broke: bool = False
    """Whether the connection cut it."""

    @property
    def unsettled(self) -> bool:
        """Whether it is asked for again before it is judged: the connection broke, or the cache failed on what is whole in S3."""
        failed = self.status.partition(":")[0] in {"INTERNAL", "UNKNOWN"} and self.stored.state == "whole"
        return self.broke or (failed and not s3_words(self.status))

    @property
    def found(self) -> bool:
        """Whether the cache knows it at all."""
        return not self.status.startswith("NOT_FOUND")

    @property
    def right(self) -> bool:
        return self.status == "OK" and not self.cut and self.sha256 == self.stored.digest

    @property
    def wrong(self) -> str:
        """What is wrong with it, and which half it tells of; "" where it is right."""
        stored, whole = self.stored, self.stored.state == "whole"
        name = f"{stored.digest}/{stored.size}"
        if self.right:
            return ""
        if self.status == "OK" and self.cut:
            return f"cut: {name}: {self.cut}"
        if self.status == "OK":
            hot = "right in S3 and wrong through gRPC: the hot cache is wrong"
            which = hot if whole else "wrong in S3, and served as if right"
            return f"{which}: Expected digest '{name}' does not match received digest '{self.sha256}/{self.size}'"
        which = "right in S3 and refused through gRPC" if whole else "wrong in S3, and refused"
        return f"{which}: {name}: {self.status}{s3_words(self.status)}"

    def cause(self, bucket: str) -> Cause:
        """Return what makes it wrong: the object in S3, where that is; else bazel-remote, or its credential."""
        if self.stored.state != "whole":
            return rotten(bucket, corrupt=self.stored.state != "unreadable")
        return refused(self.status) or Cause("hot-cache-wrong" if self.status == "OK" else "cache-fails", "bazel")


@dataclass(frozen=True)
class Modes:
    """The storage modes of what lies in the bucket, as gRPC finds it: a server reads one, and what lies in the other is old.

    ``old`` is the one that it no longer reads ("" for none); ``unclear`` says why that is not known.
    """

    old: str = ""
    unclear: str = ""

    @classmethod
    def of(cls, blobs: Iterable[tuple[StoredBlob, bool]]) -> Modes:
        """Return what is seen of blobs of the bucket, and whether gRPC finds each. Those that are wrong in S3 may be refused."""
        modes: dict[str, list[tuple[bool, bool]]] = {}
        for blob, there in blobs:
            modes.setdefault(blob.mode, []).append((blob.state == "whole", there))
        none = [mode for mode, pairs in modes.items() if not any(there for _, there in pairs)]
        lacking = [mode for mode, pairs in modes.items() if not all(there for whole, there in pairs if whole)]
        served = [mode for mode in modes if mode not in {*none, *lacking}]
        if len(served) == len(none) == 1:
            return cls(old=none[0])
        if not lacking or (len(modes) == 1 and not none):
            return cls()
        if len(modes) == 1:
            return cls(unclear=f"gRPC finds none of the blobs below {none[0]}/: {_SWITCHED}")
        both = " and ".join(sorted(f"{mode}/" for mode in modes))
        return cls(unclear=f"blobs lie below {both}, and gRPC finds some of them: {_SWITCHED}")

    def judges(self, blob: StoredBlob, *, found: bool) -> bool:
        """Tell whether the cache is to have a blob: not one that it does not find, of a mode that it may have left."""
        return found or (not self.unclear and blob.mode != self.old)


ONE_MODE = Modes()
_SWITCHED = "its storage mode may have been switched, or another bucket or prefix stands behind it"


@dataclass(frozen=True)
class ServedBlobs(Observed):
    """The sample of `StoredBlobs` through bazel-remote. What S3 lacks is not judged here. Statement S043."""

    bucket: BucketListed
    seed: str
    blobs: tuple[ServedBlob, ...]
    skipped: int = 0
    """Those that were not asked for: gone, too large, of unknown size."""
    modes: Modes = ONE_MODE
    deadly: tuple[StoredBlob, ...] = ()
    """Those that were not asked for, since a bazel-remote may die of them."""

    promises = "what {self.bucket.name} holds comes through gRPC whole, and hashes to its digest"

    @property
    def note(self) -> str:
        """What is to be read beside a row that holds."""
        return beside(self.modes, self.deadly).removeprefix("; ")

    @property
    def seen(self) -> str:
        hidden = sum(blob.right and blob.stored.state in BAD for blob in self.blobs)
        masked = f", {hidden} of them wrong in S3: the hot cache hides it" if hidden else ""
        good = sum(blob.right for blob in self.blobs)
        return (
            f"{len(self.blobs)} blobs through gRPC (--gf-seed={self.seed}, {self.skipped} not asked for): {good} right{masked}"
            f"{beside(self.modes, self.deadly)}{shown(blob.wrong for blob in self._bad)}; {self.bucket}"
        )

    def trouble(self) -> Trouble | None:
        if not self._bad:
            return None
        says = f"{len(self._bad)} of {len(self.blobs)} blobs: {self._bad[0].wrong}"
        worst = next((blob for blob in self._bad if blob.stored.state == "whole"), self._bad[0])
        step = f"see bazel.cas-digest; {WITHOUT}; {NO_DELETE}"
        if worst.stored.state == "whole":
            step = f"compare with bazel.cas-digest; keep bazel-remote's log before a restart, which may empty its hot cache; {WITHOUT}"
        return Trouble(worst.cause(self.bucket.name), says, step, behind(worst.status, self.bucket.name))

    @property
    def _bad(self) -> list[ServedBlob]:
        return [blob for blob in self.blobs if not blob.right and self.modes.judges(blob.stored, found=blob.found)]


def check_came(served: Iterable[ServedBlob]) -> None:
    """Raise where what came says nothing about the cache: it was forbidden, nothing came whole, or S3 refused to answer now."""
    got = list(served)
    check_allowed(*(blob.status for blob in got))
    broke = next((blob for blob in got if blob.broke), None)
    if broke is not None and not any(blob.status == "OK" and not blob.broke for blob in got):
        why = "REAPI Read"
        raise Unanswered(why, f"{broke.cut}, for each of {len(got)} blobs", "is the way to bazel-remote sound?")
    slow = next((blob for blob in got if _SLOW.search(blob.status)), None)
    if slow is not None:
        raise ProbeError("REAPI Read", slow.status, "S3 is overloaded: run again when it is quiet")


_SLOW = re.compile("SlowDown|reduce your request rate", re.IGNORECASE)


def rotten(bucket: str, *, corrupt: bool) -> Cause:
    """Return the cause that is a wrong object: corrupt, or one that S3 does not give."""
    return Cause("digest-mismatch" if corrupt else "object-unreadable", bucket)


def beside(modes: Modes, deadly: Iterable[StoredBlob]) -> str:
    """Return what is to be said of blobs in a storage mode of before, and of those that were not asked for, since a bazel-remote may die of them."""
    old = f"; what lies below {modes.old}/ is of the storage mode before, and not served" if modes.old else ""
    keys = [f"{blob.key} ({blob.detail})" for blob in deadly]
    return old + (f"; not asked for, since a bazel-remote may die of it{shown(keys)}" if keys else "")


def shown(bad: Iterable[object], count: int | None = None) -> str:
    """Return the first of what is bad, and how many more there are; ``count`` where not all are at hand."""
    texts = [str(item) for item in bad]
    left = (len(texts) if count is None else count) - MOST_SHOWN
    return "".join(f"; {text}" for text in texts[:MOST_SHOWN]) + (f"; and {left} more" if left > 0 else "")
