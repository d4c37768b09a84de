"""Root cause analysis of a bucket-index loss: which class it looks like and why, and what is to be preserved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pytest_gf.engine.errors import DeadlineExceeded, IdentityRejected, Unanswered, Unproven
from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.observed.bucket import LOOK, S3_FAILS, TICKETS, BucketView
from pytest_gf.honey.observed.disk import FOREIGN, MOUNT, NOT_TO_DO, OFFLINE, Disk
from pytest_gf.honey.observed.workload import Readiness, RustFS, StorageNode

NOTHING = "nothing found: S3 shows every bucket that was looked at"
FAILS = "S3 fails: it answers for no bucket, by its own word or a proxy's"
UNKNOWN = "not known: too little was seen"
PRESERVE = (
    "this folder, as an artifact: a restart destroys what it shows",
    "the logs of the failed workflow and of the apply, whole",
    "any errored.tfstate, where it lies",
    "the pod as it is: start nothing, restart nothing before the above is kept",
)


@dataclass(frozen=True)
class RcaBucket:
    """One bucket as S3 shows it: the whole view, or why there is none; and the answer to HeadObject, whose 500 shows an offline disk."""

    bucket: str
    view: BucketView | None
    head_object: Answer | None
    failure: BaseException | None = None

    @property
    def text(self) -> str:
        """What stands in the bucket's file."""
        seen = self.view.seen if self.view is not None else f"not seen: {self.failure}"
        diagnosis = self.view.diagnosis if self.view is not None else ""
        head = self.head_object if self.head_object is not None else "not asked"
        return f"bucket {self.bucket}\ndiagnosis: {diagnosis or 'none'}\n{seen}\nHeadObject {head}"


@dataclass(frozen=True)
class RcaScene:
    """What a cause is found by. Each part is None where it could not be seen."""

    buckets: tuple[RcaBucket, ...]
    rustfs: RustFS | None = None
    storage_node: StorageNode | None = None
    readiness: Readiness | None = None
    disk: Disk | None = None

    @property
    def lost(self) -> tuple[RcaBucket, ...]:
        """The buckets that were seen whole, and are not coherent: a read that a right is lacking for shows nothing of a loss."""
        views = ((bucket, bucket.view) for bucket in self.buckets)
        return tuple(bucket for bucket, view in views if view is not None and not view.forbidden and not view.holds)


@dataclass(frozen=True)
class Likeness:
    """The class that a scene looks like, each thing that speaks for it, and the cause; no cause where nothing was found.

    ``failure`` is what kept S3 from being seen, where that is the class: no verdict on any bucket.
    """

    name: str
    why: tuple[str, ...] = ()
    cause: Cause | None = None
    failure: BaseException | None = None


def likeness_of(scene: RcaScene) -> Likeness:
    """Return what the scene looks like: what explains the most comes first."""
    return next(_likenesses(scene))


def _likenesses(scene: RcaScene) -> Iterator[Likeness]:
    node, rustfs = scene.storage_node, scene.rustfs
    if node is not None and not node.ready:
        why = (node.diagnosis, *_silence(scene))
        yield Likeness("storage node down: no bucket-index loss", why, Cause("storage-node-down", node.name))
    if rustfs is not None and rustfs.found and not any(pod.serves for pod in rustfs.pods):
        why = (rustfs.diagnosis, *_silence(scene))
        yield Likeness("pod down: nobody serves S3", why, Cause("pod-down", rustfs.deployment))
    failures = [bucket.failure for bucket in scene.buckets if bucket.failure is not None]
    rejected = [failure for failure in failures if isinstance(failure, IdentityRejected)]
    if rejected:
        yield Likeness("credentials: S3 does not take them", (str(rejected[0]),), failure=rejected[0])
    unanswered = [failure for failure in failures if isinstance(failure, (Unanswered, DeadlineExceeded))]
    if unanswered:
        silent = "network: S3 does not answer, and its pod and node are not known to be down"
        yield Likeness(silent, (str(unanswered[0]),), failure=unanswered[0])
    if scene.lost:
        yield from _losses(scene)
    broken = [failure for failure in failures if not isinstance(failure, Unproven)]
    if broken and scene.readiness is not None and not scene.readiness.ready:
        said = f"/health/ready {scene.readiness.status} {scene.readiness.reason}".rstrip()
        starts = "not ready: S3 refuses for now, it starts or is overloaded"
        yield Likeness(starts, (said, str(broken[0])), failure=broken[0])
    for failure in (*broken, *failures):
        yield Likeness(UNKNOWN, tuple(dict.fromkeys(map(str, failures))), failure=failure)
    views = [bucket.view for bucket in scene.buckets if bucket.view is not None]
    barred = [view for view in views if view.forbidden]
    denied = [f"{view.bucket}: {'ListBuckets, ' if view.hidden else ''}{', '.join(view.forbidden)}" for view in barred]
    if denied:
        said = f"this identity may not ask: {'; '.join(denied)}"
        yield Likeness(UNKNOWN, (said,), failure=Unproven(said, "grant it"))
    yield Likeness(NOTHING)


def _losses(scene: RcaScene) -> Iterator[Likeness]:
    views = [bucket.view for bucket in scene.lost if bucket.view is not None]
    troubles = [(view.bucket, trouble) for view in views if (trouble := view.trouble()) is not None]
    why = tuple(f"{bucket}: {trouble.says}" for bucket, trouble in troubles)
    cause = troubles[0][1].cause
    disk, ready = scene.disk, scene.readiness
    asked = [bucket for bucket in scene.lost if bucket.head_object is not None]
    heads = [f"{bucket.bucket}: HeadObject {bucket.head_object}" for bucket in asked]
    if disk is not None and disk.stalled:
        stalls = "disk offline inside RustFS: it stalls, and may come back by itself"
        yield Likeness(stalls, (disk.unseen, *heads, *why), OFFLINE)
    if views[0].offline and ready is not None:
        listed = f"ListBuckets answers {views[0].listing}{' and is empty' if views[0].listing.ok else ''}"
        yield Likeness("disk offline inside RustFS", (listed, f"/health/ready {ready.status}", *heads, *why), OFFLINE)
    if disk is not None and (disk.unseen or disk.foreign):
        yield Likeness("permissions or mount", (disk.unseen or FOREIGN, *why), MOUNT)
    if all(view.failing or not view.listing.ok for view in views):
        yield Likeness(FAILS, why, S3_FAILS)
    barred = [view for view in views if view.barred]
    if barred and len(barred) == len(views) and all(view.listed_by_s3 for view in barred):
        yield Likeness("permissions or mount: the disk refuses reads that no right is lacking for", why, cause)
    if disk is None:
        yield Likeness("bucket-index loss or bucket gone: nobody could look at the disk", why, cause)
    markers = [view.markers for view in views if view.markers is not None]
    if markers and all(marker.holds for marker in markers):
        yield Likeness("bucket-index loss: S3 lost the bucket, and its markers stand on disk", why, cause)
    if markers and all(marker.absent for marker in markers):
        yield Likeness("truly deleted: neither marker stands on disk", why, cause)
    if any(marker.metadata == "folder" and marker.data != "folder" for marker in markers):
        yield Likeness("single folder gone, or something stands in its place", why, cause)
    yield Likeness("incoherent in a way of its own: see the buckets' files", why, cause)


def _silence(scene: RcaScene) -> tuple[str, ...]:
    failures = [str(bucket.failure) for bucket in scene.buckets if bucket.failure is not None]
    return (f"S3: {failures[0]}",) if failures else ()


@dataclass(frozen=True)
class Rca(Observed):
    """The evidence of one run. ``files`` maps each name to what it holds; ``missing`` to why it could not be collected."""

    likeness: Likeness
    build: str
    since: str
    files: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)

    promises = "S3 shows every protected bucket, and nothing speaks for a loss"

    @property
    def seen(self) -> str:
        return f"{'; '.join(self.likeness.why) or 'every bucket is coherent'}; {self.build}"

    def trouble(self) -> Trouble | None:
        name, cause = self.likeness.name, self.likeness.cause
        if cause is None:
            return None
        kept = "read rca/README.md in the run's folder and keep that folder"
        step = f"{LOOK}; {kept}" if name == FAILS else f"{kept}; then docs/bucket-index-gone.md; {NOT_TO_DO}"
        return Trouble(cause, f"it looks like: {name}", step)

    @property
    def page(self) -> str:
        """The first page: class, reasons, what to preserve, what a restart does, and the index of the files."""
        files = [f"| `{name}` | {holds} |" for name, holds in self.files.items()]
        lines = [f"# RCA: {self.likeness.name}", "", *(f"- {why}" for why in self.likeness.why)]
        lines += ["", f"Build: {self.build}.", "", "## Preserve", "", *(f"- {item}" for item in PRESERVE)]
        lines += ["", "## Then", "", *self._then(), "", f"## Files (logs and events of the last {self.since})", ""]
        lines += ["| file | holds |", "|---|---|", *files]
        if self.missing:
            lines += ["", "## Not collected", "", *(f"- {name}: {why}" for name, why in self.missing.items())]
        return "\n".join(lines) + "\n"

    def _then(self) -> tuple[str, ...]:
        if self.likeness.name == FAILS:
            return (f"{LOOK[0].upper()}{LOOK[1:]}.", "This suite never restarts anything.")
        return (
            "A restart of the Deployment may restore the API's view. It repairs nothing, and this suite never restarts anything.",
            f"{TICKETS}. In the meantime: {NOT_TO_DO}.",
        )


@dataclass(frozen=True)
class RcaEvidence(Observed):
    """For how many seconds the containers run that were looked into, by pod, and how far back RCA looks. Statement S091."""

    ages: Mapping[str, float]
    since: int

    @property
    def restarted(self) -> tuple[str, ...]:
        return tuple(f"{name} {age / 60:.0f} minutes ago" for name, age in self.ages.items() if age < self.since)

    @property
    def promised(self) -> str:
        return f"nothing was restarted in the last {self.since / 60:g} minutes"

    @property
    def seen(self) -> str:
        runs = (f"{name} runs for {age / 60:.0f} minutes" for name, age in self.ages.items())
        return "; ".join(runs) or "no container runs"

    def trouble(self) -> Trouble | None:
        if not self.restarted:
            return None
        says = f"it came too late: {'; '.join(self.restarted)} a container was started, and what it knew before is gone"
        keep = "keep the log of what ran before (rca/log-*-previous.txt) and who restarted it"
        return Trouble(Cause("evidence-lost"), says, f"{keep}; a restart proves no repair")
