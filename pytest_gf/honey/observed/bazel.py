"""The Bazel remote cache: what it can do, how it misses, whether a write reaches S3, what its pod keeps and what stands behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.observed.bucket import ABOUT_S3, WRITES_FAIL, losses

WITHOUT = "builds go on without it: take --remote_cache out of .bazelrc (or give --remote_cache=)"
EXECUTES = frozenset({"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"})
"""What an Execution service answers to an Execute with nothing in it. Whoever does not allow it, or fails, shows none."""
NO_DELETE = "keep the key: deleting one from bazel-cache is what emptied list-buckets on 2026-05-25"


@dataclass(frozen=True)
class CacheSurface(Observed):
    """GetCapabilities of the cache. ``health`` and ``status`` say nothing of its backend: they are shown, and prove nothing."""

    status: str
    """OK, or the gRPC status that came instead; ``executing`` is Execute's."""
    sha256: bool
    zstd: bool
    updates_actions: bool
    executes: bool
    executing: str
    health: str
    http: str

    promises = (
        "GetCapabilities OK: SHA256, ZSTD, updates of the action cache; no remote execution, Execute UNIMPLEMENTED"
    )

    @property
    def seen(self) -> str:
        flags = (("SHA256", self.sha256), ("ZSTD", self.zstd), ("updates of the action cache", self.updates_actions))
        offered = ", ".join(name for name, there in (*flags, ("remote execution", self.executes)) if there) or "nothing"
        return (
            f"GetCapabilities {self.status}: {offered}; Execute {self.executing} (evidence for S047, no proof); "
            f"health {self.health}, /status {self.http} (both stay well whatever S3 does)"
        )

    def trouble(self) -> Trouble | None:
        step = f"is it bazel-remote that answers there, with the options of its Deployment? {WITHOUT}"
        if self.status != "OK":
            says = f"the cache does not say what it can do: {self.status}"
            return Trouble(Cause("cache-fails", "bazel"), says, step)
        if not self._lacks:
            return None
        cause = Cause("cache-lacks", "bazel")
        if self._does_execute:
            cause = Cause("cache-executes", "bazel")
            step = (
                "no executor may take this cache for its CAS (S047): is another server behind the address of [bazel]?"
            )
        return Trouble(cause, "; ".join(self._lacks), step)

    @property
    def unclear(self) -> str:
        """Why Execute does not tell whether there is an Execution service, "" where it does."""
        if self.executing in {"UNIMPLEMENTED", *EXECUTES}:
            return ""
        return f"Execute answers {self.executing}, so whether an Execution service is there is not known"

    @property
    def _does_execute(self) -> bool:
        """Whether it says that it executes, or an Execution service answers."""
        return self.executes or self.executing in EXECUTES

    @property
    def _lacks(self) -> list[str]:
        checks = {
            "no SHA256: Bazel refuses the cache": not self.sha256,
            "no ZSTD: --remote_cache_compression fails": not self.zstd,
            "no updates of the action cache: nothing that is built will ever be found again": not self.updates_actions,
            f"the endpoint offers remote execution (Execute {self.executing})": self._does_execute,
        }
        return [says for says, is_so in checks.items() if is_so]


@dataclass(frozen=True)
class CacheMiss(Observed):
    """The answers to a digest that nobody ever wrote, as gRPC statuses. Statement S124."""

    digest: str
    find: str
    missing: bool
    read: str
    batch: str
    action: str
    bucket: str = ""
    """The bucket that the cache lies in."""

    promises = "FindMissingBlobs says missing; Read, BatchReadBlobs and GetActionResult NOT_FOUND"

    @property
    def seen(self) -> str:
        answer = f"{self.find}, {'missing' if self.missing else 'not missing'}"
        return f"{self.digest[:12]}…: FindMissingBlobs {answer}; Read {self.read}; BatchReadBlobs {self.batch}; GetActionResult {self.action}"

    def trouble(self) -> Trouble | None:
        failed = [status for status in (self.read, self.batch, self.action) if status.partition(":")[0] != "NOT_FOUND"]
        if self.find == "OK" and self.missing and not failed:
            return None
        step = f"see rustfs.list-buckets and bazel-remote's credential and log; {WITHOUT}"
        if self.find == "OK" and not self.missing:
            return Trouble(Cause("cache-invents", "bazel"), "the cache claims to have a blob that nobody wrote", step)
        said = failed[0] if failed else self.find
        says = f"A missing blob was answered with an error: {said}{s3_words(said)}"
        return Trouble(refused(said) or Cause("cache-fails", "bazel"), says, step, behind(said, self.bucket))


@dataclass(frozen=True)
class WrittenBlob(Observed):
    """A fresh blob written by gRPC, and what stood in the bucket ``within`` seconds of its acknowledgement. Statement S041.

    ``key`` is where it was found, "" where it was not; ``wrong`` says why what stands there is not the blob.
    """

    digest: str
    size: int
    bucket: str
    acknowledged: str
    within: float
    key: str = ""
    seconds: float = 0.0
    wrong: str = ""
    last: str = ""
    """What S3 answered the last time that it was asked."""
    miss: str = ""
    """What the cache said, after that, of a blob that nobody wrote: S3's refusal shows there."""

    promises = "a fresh blob is acknowledged, and its object stands in {self.bucket} within {self.within:g} s"

    @property
    def seen(self) -> str:
        if not self.key:
            return f"write of {self.digest}/{self.size}: {self.acknowledged}; S3: {self.last or 'not asked'}"
        return f"write of {self.digest}/{self.size}: {self.acknowledged}; {self.bucket}/{self.key} after {self.seconds:.1f} s, left there"

    def trouble(self) -> Trouble | None:
        log = f"see bazel-remote's log; {WITHOUT}"
        said = self.acknowledged
        if said != "OK":
            says = f"bazel-remote refuses the write: {said}"
            return Trouble(refused(said) or Cause("cache-fails", "bazel"), says, log, behind(said, self.bucket))
        if not self.key:
            says = f"acknowledged and lost: after {self.within:g} s the blob is not in {self.bucket}: {self._lost}"
            step = (
                f"see bazel-remote's log for its upload (credential, bucket, prefix of [bazel], full disk); {WITHOUT}"
            )
            why = behind(self.miss or self.last, self.bucket)
            return Trouble(refused(self.miss) or Cause("write-lost", self.bucket), says, step, (*why, WRITES_FAIL))
        if not self.wrong:
            return None
        return Trouble(Cause("object-altered", self.bucket), f"the object is not what was written: {self.wrong}", log)

    @property
    def _lost(self) -> str:
        if s3_words(self.miss):
            return f"S3 refused it in silence, as it refuses a read: {self.miss}{s3_words(self.miss)}"
        elsewhere = "bazel-remote writes to another bucket or prefix, or its uploads wait in its queue"
        return f"S3 refused it in silence (credential, full disk), {elsewhere}"


_REFUSED = (
    "SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied|Access Denied|request signature we calculated does not match"
    "|access key id you provided does not exist|security token included in the request is (?:invalid|expired)"
)
_GONE = "NoSuchBucket|specified bucket does not exist"
_WORDS = (
    (_GONE, "its bucket is gone from the API (see rustfs.list-buckets)"),
    (_REFUSED, "S3 does not accept bazel-remote's own credential"),
)
"""S3's words, as bazel-remote passes them on: the messages, by its client never the codes."""


def s3_words(status: str) -> str:
    """Return what S3's own words in a status of bazel-remote mean, "" where they are none."""
    return next((f": {means}" for words, means in _WORDS if re.search(words, status, re.IGNORECASE)), "")


def refused(status: str) -> Cause | None:
    """Return the cause where S3's own words in a status say that it does not take bazel-remote's credential."""
    return Cause("cache-credential", "bazel") if re.search(_REFUSED, status, re.IGNORECASE) else None


def check_allowed(*statuses: str) -> None:
    """Raise Unproven where a call was refused by right: bazel-remote knows none, so it is whatever stands before it."""
    denied = next((status for status in statuses if status.partition(":")[0] == "PERMISSION_DENIED"), "")
    if denied:
        raise Unproven(f"this identity may not ask the cache: {denied}", "let it pass the proxy before bazel-remote")


def behind(status: str, bucket: str) -> tuple[Cause, ...]:
    """Return what would explain a status: a lost bucket where S3's words say so, S3 itself where the cache failed."""
    if re.search(_GONE, status, re.IGNORECASE):
        return losses(bucket)
    return ABOUT_S3 if status.partition(":")[0] in {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "cut"} else ()


POD_LOCAL = {"": "the container's own layer", "emptyDir": "an emptyDir", "ephemeral": "an ephemeral volume"}
"""Kinds of volumes that go with their pod. An ephemeral volume's claim is the pod's own (Kubernetes, generic ephemeral volumes)."""
OUTLIVING = {"persistentVolumeClaim": "a PersistentVolumeClaim", "hostPath": "a folder of the node"}


@dataclass(frozen=True)
class CacheBackend:
    """Where bazel-remote keeps its objects: bucket, prefix without slashes at its ends, and the host of S3."""

    bucket: str
    prefix: str
    host: str

    def __str__(self) -> str:
        below = f" below {self.prefix}/" if self.prefix else ""
        return f"bucket {self.bucket or 'none'}{below} at {self.host or 'no S3'}"


@dataclass(frozen=True)
class HotCache(Observed):
    """The volume that the hot cache lies on, and the S3 behind it. Statements S014, S042.

    ``kind`` is the volume's ("" for none). ``hidden`` says why options could not be read: then the backend is not judged.
    """

    deployment: str
    path: str
    kind: str
    backend: CacheBackend
    contract: CacheBackend
    hidden: str = ""

    promises = "{self.path} goes with the pod; what lasts lies in {self.contract}"

    @property
    def seen(self) -> str:
        volume = POD_LOCAL.get(self.kind) or OUTLIVING.get(self.kind, f"a volume of kind {self.kind}")
        behind = f"S3 not read: {self.hidden}" if self.hidden else str(self.backend)
        return f"Deployment {self.deployment}: {self.path} is {volume}; {behind}"

    def trouble(self) -> Trouble | None:
        if not self._wrong:
            return None
        says = "; ".join(self._wrong)
        if self.kind not in POD_LOCAL:
            step = (
                "is it meant? then S042 of the page is stale; what outlives the pod hides for longer what S3 has lost"
            )
            return Trouble(Cause("hot-cache-outlives", "bazel"), says, step)
        step = "compare the Deployment with its stack: blobs are written elsewhere than the audit and the guard look"
        return Trouble(Cause("cache-stores-elsewhere", "bazel"), says, step)

    @property
    def _wrong(self) -> list[str]:
        wrong = []
        if self.kind not in POD_LOCAL:
            wrong.append(f"{self.path} outlives the pod: it is {OUTLIVING.get(self.kind, f'of kind {self.kind}')}")
        if self.hidden:
            return wrong
        if not self.backend.bucket:
            return [*wrong, f"no S3 stands behind it: {self.path} is all there is"]
        for name, word in (("bucket", "bucket"), ("prefix", "prefix"), ("host", "S3")):
            has, should = getattr(self.backend, name), getattr(self.contract, name)
            if has != should:
                wrong.append(f"its {word} is {has or 'none'}, not {should or 'none'}")
        return wrong
