"""The audit itself: each shard listed, each object of it read, decoded and hashed in the thread that fetched it."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.audit import patience, sampling
from pytest_gf.honey.audit.options import SHARDS, AuditOptions
from pytest_gf.honey.audit.places import in_place, listed
from pytest_gf.honey.audit.progress import Progress
from pytest_gf.honey.audit.refusals import Refused, Unread
from pytest_gf.honey.audit.results import Results
from pytest_gf.honey.audit.state import MOST_UNREAD, Mark, State
from pytest_gf.honey.formats import casblob
from pytest_gf.honey.observed.audit import GONE, MISPLACED, Finding, Judged, ShardAudit
from pytest_gf.honey.observed.blobs import CASBLOBS, StoredBlob, judged
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes.http_bulk import Cut, Place
from pytest_gf.honey.probes.s3_bulk import Page, Reader
from pytest_gf.honey.probes.unreadable import NotRead, Unreadable

READERS = 4
"""Readers, each with several connections and used by one thread at a time. One alone costs least, since no thread waits for another's
turn at the interpreter: more are made where S3 is far away, or slow to give an object."""
SLOW = 1.0
"""Seconds. While an object takes longer, other shards are read."""
MOST_PAYLOAD = 16 * 1024**3
"""Decoded bytes of one object: what claims more is not decoded to its end."""
MOST_SHOWN = 100
"""Findings of a shard that are held in memory; findings.jsonl has all."""
FAILURES = 3
"""Shards that fail one after another before the rest is not tried: the system is gone, not one object."""


@dataclass(frozen=True)
class Scope:
    """What is audited: a bucket, the prefix before its keys, the areas where something lies, the seed of samples, the run.

    ``relisted`` asks S3 anew for the list of its buckets, where the bucket fails in the middle.
    """

    place: Place
    bucket: BucketListed
    prefix: str
    areas: tuple[str, ...]
    seed: str
    run: str = ""
    relisted: Callable[[], BucketListed] | None = None


class Audit:
    """One audit of one bucket by one process. `shard` may be called from any number of threads; `close` it."""

    def __init__(self, scope: Scope, options: AuditOptions, state: State, progress: Progress) -> None:
        self._scope, self._options, self._state = scope, options, state
        self.progress = progress
        self.sample = options.sample_of(scope.seed)
        self._finished = state.finished()
        self._told_of: set[str] = set()
        self._results = Results(scope.prefix, scope.areas)
        self._others = patience.Others()
        self._readers: queue.LifoQueue[Reader] = queue.LifoQueue()
        self._made = min(READERS, options.readers or 1)
        for number in range(self._made):
            ahead = -(-(options.readers - number) // READERS) if options.readers is not None else None
            self._readers.put(Reader(scope.place, ahead))
        self._lock, self._listing, self._losing = threading.Lock(), threading.Lock(), threading.Lock()
        self._pages: list[Page] | None = None
        self._failures: list[ProbeError] = []
        self._lost = ""
        self._due = time.monotonic()

    def shard(self, name: str) -> ShardAudit:
        """Read one shard to its end, from where an earlier process left it. Raises Unproven, and what a probe raises."""
        with contextlib.closing(self._state.open(name)) as mark:
            before = mark.done
            self.progress.begin(name, mark)
            try:
                answer, bucket = (Answer(200), self._scope.bucket) if before else self._read(name, mark)
            finally:
                self.progress.end(name)
            seen = self._told(name, mark, answer, bucket, before=before)
        with self._lock:
            self._told_of.add(name)
        return seen

    def publish(self, name: str, file: Path) -> None:
        """Append what was found of a shard to a file, a line of JSON each."""
        with contextlib.closing(self._state.open(name)) as mark, self._lock, file.open("ab") as findings:
            findings.writelines(msgspec.json.encode(dataclasses.asdict(finding)) + b"\n" for finding in mark.findings())

    def close(self) -> None:
        """End the connections, and note which shards this run told of."""
        for name in self._told_of:
            with contextlib.suppress(ProbeError), contextlib.closing(self._state.open(name)) as mark:
                mark.told = mark.done
                mark.keep()
        self.progress.close()
        with contextlib.suppress(queue.Empty):
            while True:
                self._readers.get_nowait().close()

    def _read(self, name: str, mark: Mark) -> tuple[Answer, BucketListed]:
        mark.begun = mark.begun or time.time()
        with self._reader() as reader:
            try:
                left = self._again(reader, name, mark)
                blobs, limited = not name.startswith("ac/"), self._options.objects or self._options.bytes
                below = f"{self._scope.prefix}{name}/"
                begins, digest = f"{below}{name[-2:]}", slice(len(below), None)
                unpack = casblob.plain if name.startswith(CASBLOBS) else memoryview
                begun = time.monotonic()
                for key, size in reader.in_turn(self._objects(reader, name, mark)):
                    # Nearly all objects are whole, and come at once; of any other `_one` tells what it is.
                    whole = reader.whole(key[digest], unpack) if blobs and key.startswith(begins) else None
                    if whole is None:
                        self._one(reader, name, mark, key, size, left)
                    else:
                        mark.passed(key, size, whole)
                        self._others.saw(key, size)
                    if time.monotonic() - begun > SLOW:
                        self._more()
                    if limited:
                        self._wait(size)
                    begun = time.monotonic()
                if reader.far:
                    self._more()
            except Refused as refused:
                return refused.answer, self._relisted(reader, name)
        if not left:
            mark.done, mark.ended, mark.run = True, time.time(), self._scope.run
            mark.keep()
        return Answer(200), self._scope.bucket

    def _one(  # noqa: PLR0917  # Called in one place.
        self, reader: Reader, name: str, mark: Mark, key: str, size: int, left: list[tuple[str, int]]
    ) -> None:
        """Judge one object; one that S3 does not give while it gives others is left, and the mark moves past it."""
        try:
            blob = self._judge(reader, name, key, size)
        except NotRead:
            if len(left) >= MOST_UNREAD or self._others.asked(reader, key, self._scope.prefix):
                raise
            left.append((key, size))
            mark.leave(left)
        else:
            self._note(mark, blob, key, size)
        mark.after = key
        mark.keep()

    def _more(self) -> None:
        """Let shards be read side by side, unless the number of connections is given."""
        if self._options.readers is not None:
            return
        with self._lock:
            missing, self._made = READERS - self._made, READERS
        for _ in range(missing):
            self._readers.put(Reader(self._scope.place))

    def _again(self, reader: Reader, name: str, mark: Mark) -> list[tuple[str, int]]:
        """Judge what an earlier process left unread; return what is left still."""
        left = mark.unread()
        known = {finding.key for finding in mark.findings()} if left else set()
        for key, size in tuple(left):
            if key not in known:
                try:
                    blob = self._judge(reader, name, key, size)
                except NotRead:
                    continue
                self._note(mark, blob, key, size)
                mark.keep()
            left.remove((key, size))
            mark.leave(left)
        return left

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Reader]:
        """Lend a reader. Raises the last failure where shard after shard failed."""
        reader = self._readers.get()
        try:
            self._check_failures()
            yield reader
            self._failures.clear()
        except ProbeError as failure:
            self._failures.append(failure)
            raise
        finally:
            self._readers.put(reader)

    def _check_failures(self) -> None:
        if self._lost:
            raise Unproven(
                self._lost, "see rustfs.list-buckets; run the audit again with its state once the bucket is back"
            )
        failures = tuple(self._failures)
        if len(failures) >= FAILURES:
            last = failures[FAILURES - 1]
            raise ProbeError(last.tried, f"{last.came_back} (the audit stopped there)", last.next_step)

    def _relisted(self, reader: Reader, name: str) -> BucketListed:
        """Return what ListBuckets says now; where the bucket still fails, no other shard is begun.

        One loss is one row: the first shard that met it.
        """
        with self._losing:
            self._check_failures()
            bucket = self._scope.relisted() if self._scope.relisted is not None else self._scope.bucket
            try:
                listed(reader, self._scope.prefix, most=1)
            except (Refused, ProbeError) as failed:
                self._lost = f"the bucket failed while it was read ({failed}), as bazel.audit-shard[{name}] tells"
            return bucket

    def _note(self, mark: Mark, blob: StoredBlob | Finding, key: str, size: int) -> None:
        """Take in what an object is. The caller moves the mark past it."""
        mark.objects += 1
        if isinstance(blob, StoredBlob) and blob.state == "whole":
            mark.bytes += size
            mark.good = mark.good or (key, blob.size or 0)
            self._others.saw(key, size)
        else:
            finding = Finding.of(blob, size) if isinstance(blob, StoredBlob) else blob
            mark.gone += finding.kind == GONE
            mark.empty += not finding.bad and finding.kind != GONE
            mark.bad += finding.bad
            mark.bytes += size if finding.bad else 0
            mark.add(finding)

    def _judge(self, reader: Reader, name: str, key: str, size: int) -> StoredBlob | Finding:
        """Return what an object is, asked for again where it is not given. Raises NotRead, and what a probe raises."""
        if not in_place(key, f"{self._scope.prefix}{name.partition('/')[0]}"):
            return Finding(key, MISPLACED, size, detail="bazel-remote never looks there")
        blob = patience.read(
            key, self._scope.prefix, reader, self._others, lambda: self._judged(reader, name, key, size)
        )
        if isinstance(blob, Unreadable):
            return StoredBlob(key, key.rpartition("/")[2], "unreadable", detail=str(blob).partition(": ")[2])
        return blob

    def _judged(self, reader: Reader, name: str, key: str, size: int) -> StoredBlob | Finding:
        """Read an object once. Raises Unread where it is not given."""
        answer, body = patience.given(key, reader, lambda: reader.get(key))
        if answer.code == "NoSuchKey":
            return Finding(key, GONE, size)
        if not answer.ok:
            raise Unread(key, str(answer))
        try:
            if name.startswith("ac/"):
                return self._results.judged(reader, key, size, body)
            return judged(key, body, most=MOST_PAYLOAD)
        except Cut as cut:
            raise Unread(key, str(cut)) from None

    def _objects(self, reader: Reader, name: str, mark: Mark) -> Iterator[tuple[str, int]]:
        """Yield the keys and sizes that are to be read, in their order, from the mark on."""
        below, sample = f"{self._scope.prefix}{name}/", self._options.sample
        if sample is not None and sample.count is not None:
            yield from self._picked(reader, name, below, mark)
            return
        after, more = mark.after, True
        while more:
            page = listed(reader, below, after)
            blobs, seed = _blobs(page), self._scope.seed
            yield from (
                blobs if sample is None else (blob for blob in blobs if sampling.chosen(blob[0], sample.fraction, seed))
            )
            more = page.truncated
            after = page.objects[-1][0] if page.objects else after

    def _picked(self, reader: Reader, name: str, below: str, mark: Mark) -> Iterator[tuple[str, int]]:
        """Yield so many objects of a shard as its share of the sample is: of a few keys in all, those that were drawn."""
        if self._options.sample is None or name.partition("/")[0] not in self._scope.areas:
            return
        seed, few = self._scope.seed, self._few(reader)
        if few is not None:
            keys = sampling.picked(sorted(few), self._options.sample.count or 0, "", seed)
            yield from ((key, few[key]) for key in sorted(keys) if key.startswith(below) and key > mark.after)
            return
        shards = [shard for shard in SHARDS if shard.partition("/")[0] in self._scope.areas]
        count = sampling.quotas(self._options.sample, shards, seed)[name]
        page = listed(reader, below) if count else Page(Answer(200))
        sizes = dict(_blobs(page))
        if page.truncated:
            sizes = {}
            for place in sampling.places(below, name, count, seed):
                sizes.update(_blobs(listed(reader, below, place, most=1)))
        keys = sampling.picked(sorted(sizes), count, name, seed)
        yield from ((key, sizes[key]) for key in sorted(keys) if key > mark.after)

    def _few(self, reader: Reader) -> dict[str, int] | None:
        """Return every key with its size where each area is one page: shares of shards would mostly be of nothing there."""
        with self._listing:
            if self._pages is None:
                self._pages = [listed(reader, f"{self._scope.prefix}{area}/") for area in self._scope.areas]
            if any(page.truncated for page in self._pages):
                return None
            return {key: size for page in self._pages for key, size in _blobs(page)}

    def _wait(self, size: int) -> None:
        """Keep to the rate that was asked for."""
        cost = (
            1 / self._options.objects
            if self._options.objects
            else size / self._options.bytes
            if self._options.bytes
            else 0.0
        )
        if cost:
            with self._lock:
                self._due = max(self._due, time.monotonic()) + cost
                until = self._due
            time.sleep(max(0.0, until - time.monotonic()))

    def _told(self, name: str, mark: Mark, answer: Answer, bucket: BucketListed, *, before: bool) -> ShardAudit:
        findings = tuple(islice((finding for finding in mark.findings() if finding.bad), MOST_SHOWN))
        good: tuple[StoredBlob, ...] = ()
        if mark.good is not None and not name.startswith("ac/"):
            key, size = mark.good
            good = (StoredBlob(key, key.rpartition("/")[2], "whole", size),)
        when = Judged(mark.begun, mark.ended, mark.run, earlier=before, over=before and self._stale(mark))
        unread = tuple(key for key, _ in mark.unread())
        return ShardAudit(name, bucket, mark.tally, findings, good, str(answer), self.sample, when, unread)

    def _stale(self, mark: Mark) -> bool:
        """Tell whether what the state says of a shard is of an audit that was over, and older than is allowed."""
        allowed = self._options.state_age
        return self._finished and (allowed is None or time.time() - mark.ended > allowed)


def _blobs(page: Page) -> list[tuple[str, int]]:
    """Return what is no folder marker: browsers of buckets make those, and bazel-remote ignores them."""
    return [blob for blob in page.objects if not blob[0].endswith("/")]
