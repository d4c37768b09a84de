"""A protected bucket as S3 and, where it could be seen, the disk show it; the diagnosis of a bucket-index loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.trouble import Cause, Observed, Trouble, failing
from pytest_gf.honey.answers import Answer, Listing
from pytest_gf.honey.observed.disk import FOREIGN, MOUNT, NOT_TO_DO, OFFLINE, Disk, Markers, markers_of
from pytest_gf.honey.observed.workload import Readiness

if TYPE_CHECKING:
    from pytest_gf.engine.run import Run

Value = TypeVar("Value", bound=Observed)
NOT_FOUND = 404
FAILS = 500
"""The status from which on S3 says that it failed itself (RFC 9110, 15.6)."""
LOOK = "look at RustFS's log, at the node's disk, and at the proxy before S3 where there is one"
LOOK_FIRST = "look at RustFS's log and disk before anything writes to it"
TICKETS = "TIN-1012 and TIN-1046 stay open: a restart restores the API view and proves no repair"
PRESERVE = "preserve logs, run RCA before any restart (pytest -m rca; a restart destroys the evidence); start no protected tofu apply"
LOSS = f"{PRESERVE}; {NOT_TO_DO}; {TICKETS}"
S3_FAILS = Cause("s3-fails")
WRITES_FAIL = Cause("s3-writes-fail")
ABOUT_S3 = (S3_FAILS, Cause("s3-not-ready"), OFFLINE, MOUNT, *failing("s3"))
"""Causes that show in whatever lies in S3."""


def index_loss(bucket: str, missing: tuple[str, ...], protected: tuple[str, ...]) -> Cause:
    """Return the cause of a lost bucket. Where all left the listing it names no bucket, since that is one loss."""
    together = len(missing) > 1 and set(missing) == set(protected)
    return Cause("bucket-index-loss", "" if together else bucket)


def losses(bucket: str) -> tuple[Cause, ...]:
    """Return what may stand behind a NoSuchBucket. That answer alone does not tell which. The cause that was seen explains it."""
    lost = Cause("bucket-index-loss", bucket), Cause("bucket-index-loss")
    return (*lost, Cause("bucket-gone", bucket), Cause("bucket-folder-replaced", bucket), OFFLINE, MOUNT)


def refusals(bucket: str) -> tuple[Cause, ...]:
    """Return what may stand behind a 403 to an identity that lacks no right."""
    return Cause("permissions-or-mount", bucket), Cause("bucket-folder-replaced", bucket)


@dataclass(frozen=True)
class Surroundings:
    """What else could be seen of RustFS: its disk, what it says of itself, which build runs; None or "" where it could not.

    ``disk_unseen`` says why the disk could not be looked at.
    """

    disk: Disk | None = None
    disk_unseen: str = "nobody looked"
    readiness: Readiness | None = None
    digest: str = ""

    @property
    def build(self) -> str:
        known = self.readiness is not None and self.readiness.version
        version = f"RustFS {known}" if known else "RustFS of unknown version"
        return f"{version}, image {self.digest[:19]}" if self.digest else version


@dataclass(frozen=True)
class BucketView(Observed):
    """What S3 says of one protected bucket, four ways, and what stands around it.

    ``get`` is the answer to the GET of a key that nobody writes: NoSuchKey where the bucket is there. docs/systems.md.
    """

    bucket: str
    listing: Answer
    listed: tuple[str, ...]
    protected: tuple[str, ...]
    head: Answer
    get: Answer
    objects: Answer
    around: Surroundings = Surroundings()

    promises = "ListBuckets shows {self.bucket}; HeadBucket 200; ListObjectsV2 200; GET of an absent key NoSuchKey"

    @property
    def markers(self) -> Markers | None:
        """The bucket's markers on disk, None where they are not known."""
        disk = self.around.disk
        return markers_of(self.bucket, disk) if disk is not None and disk.looked_at else None

    @property
    def listed_by_s3(self) -> bool:
        return self.bucket in self.listed

    @property
    def head_found(self) -> bool:
        return self.head.ok

    @property
    def get_agrees(self) -> bool:
        """ListObjectsV2 answers, and GET knows the bucket: it misses only the key."""
        return self.objects.ok and (self.get.ok or self.get.code == "NoSuchKey")

    @property
    def forbidden(self) -> tuple[str, ...]:
        """The operations that this identity may not do; what they would show was not observed."""
        if self.barred:
            return ()
        asked = {"HeadBucket": self.head, "ListObjectsV2": self.objects, "GetObject": self.get}
        return tuple(operation for operation, answer in asked.items() if answer.forbidden)

    @property
    def barred(self) -> bool:
        """Whether it is the disk that refuses reads: RustFS's HeadBucket needs the right to ListObjectsV2, and was answered."""
        is_no_folder = self.markers is not None and self.markers.data in {"file", "other"}
        return self.head_found and self.objects.forbidden and (is_no_folder or self.around.readiness is not None)

    @property
    def hidden(self) -> bool:
        """Whether the listing may leave the bucket out for want of rights: RustFS shows only what the identity may see."""
        return self.listing.ok and not self.listed_by_s3 and self.head.forbidden and self.objects.forbidden

    @property
    def failing(self) -> bool:
        """Whether S3 failed by its own word, wherever it was asked for the bucket: that shows no loss."""
        return self.listing.status >= FAILS and self.objects.status >= FAILS and self.get.status >= FAILS

    @property
    def offline(self) -> bool:
        """Whether RustFS holds its disk for offline: it is not ready, and lists nothing (beta.7) or fails everywhere (newer)."""
        ready = self.around.readiness
        unready = ready is not None and not ready.ready
        return unready and (self.failing or (self.listing.ok and not self.listed))

    @property
    def agrees_with_disk(self) -> bool:
        """S3 lists and reads the bucket where its folder stands, and lists none where none stands (HEAD judges no loss). S077."""
        markers = self.markers
        stands = markers is not None and markers.data == "folder"
        return (self.listed_by_s3 and self.get_agrees) if stands else not self.listed_by_s3

    @property
    def seen(self) -> str:
        listing = "shows it" if self.listed_by_s3 else f"shows {', '.join(self.listed) or 'no bucket at all'}"
        if not self.listing.ok:
            listing = str(self.listing)
        markers = self.markers.seen if self.markers is not None else f"markers not observed: {self._unseen}"
        return (
            f"ListBuckets {listing}; HeadBucket {self.head}; ListObjectsV2 {self.objects}; GET {self.get}; "
            f"{markers}{self._ready}; {self.around.build}"
        )

    @property
    def _unseen(self) -> str:
        return self.around.disk.unseen if self.around.disk is not None else self.around.disk_unseen

    @property
    def _ready(self) -> str:
        return f"; /health/ready {self.around.readiness.status}" if self.around.readiness is not None else ""

    def trouble(self) -> Trouble | None:
        """Return why S3 and the disk, or S3's own answers, do not agree on the bucket."""
        if self.listed_by_s3 and self.head_found and self.get_agrees:
            return None
        if self.failing:
            return self._fails()
        if not self.listing.ok:
            says = f"S3 can't list its buckets: it answers {self.listing}: {self.listing.message}"
            return Trouble(S3_FAILS, says, LOOK)
        return self._listed_but_unusable() if self.listed_by_s3 else self._not_listed()

    def _not_listed(self) -> Trouble:
        bucket = self.bucket
        if self.hidden:
            says = f"{bucket} is not listed, and everything asked of it is refused: this identity may lack the right to see it"
            grant = f"grant this identity s3:ListAllMyBuckets, and s3:ListBucket and s3:GetObject on {bucket}"
            return Trouble(Cause("right-missing", bucket), says, grant)
        if self.head_found and self.get_agrees:
            instead = self._instead("its folder may be a symlink, or the listing lost it alone")
            return Trouble(self._in_its_place, f"{bucket} answers and is not listed: {instead}", LOSS)
        if self.head_found and self.objects.forbidden:
            instead = self._instead("a file may stand in its folder's place")
            says = f"{bucket} is not listed, HeadBucket finds it and reads are refused: {instead}"
            return Trouble(self._in_its_place, says, LOSS)
        if NOT_FOUND in {self.objects.status, self.get.status}:
            cause, says = self._absent()
            return Trouble(cause, f"{says}{self._scope()}", LOSS)
        return Trouble(S3_FAILS, f"{bucket} is not listed, and S3 answers {self.objects} to what asks for it", LOSS)

    def _fails(self) -> Trouble:
        said = f"S3 answers {self.listing} to ListBuckets and {self.objects} to reads: {self.listing.message}"
        disk, ready = self.around.disk, self.around.readiness
        step = LOSS if self.offline else LOOK
        if disk is not None and disk.stalled:
            return Trouble(OFFLINE, f"stalled disk: exec on /data hangs; {said}", step)
        if self.offline and ready is not None:
            return Trouble(OFFLINE, f"disk offline inside RustFS (ready {ready.status}); {said}", step)
        if disk is not None and (disk.unseen or disk.foreign):
            return Trouble(MOUNT, f"permissions or mount: {disk.unseen or FOREIGN}; {said}", step)
        return Trouble(S3_FAILS, f"S3 fails: {said}", step)

    def _absent(self) -> tuple[Cause, str]:  # noqa: PLR0911  # One line a cause.
        disk, ready, markers = self.around.disk, self.around.readiness, self.markers
        loss = index_loss(self.bucket, self._lost, self.protected)
        if disk is not None and disk.stalled:
            return OFFLINE, "stalled disk: exec on /data hangs; RustFS takes it offline, and it may come back by itself"
        if self.offline and ready is not None:
            stand = ", and the markers stand on disk" if markers is not None and markers.holds else ""
            says = f"bucket-index loss: disk offline inside RustFS (ready {ready.status}{stand}); after a stall it may come back by itself"
            return OFFLINE, says
        if disk is not None and not disk.looked_at:
            return MOUNT, f"permissions or mount: {disk.unseen}"
        if markers is None:
            return loss, f"bucket-index loss or bucket gone: markers not observed ({self._unseen})"
        if markers.foreign:
            return MOUNT, f"permissions or mount: {FOREIGN}"
        on_disk = markers.trouble()
        if on_disk is None:
            return loss, "bucket-index loss: S3 does not know the bucket, and both its markers stand on disk"
        if markers.data == "folder":
            return loss, "bucket-index loss, and the bucket's metadata is gone from disk too"
        if markers.absent:
            return on_disk.cause, "bucket truly absent: neither marker stands on disk"
        return on_disk.cause, on_disk.says

    @property
    def _in_its_place(self) -> Cause:
        """The cause where S3 finds a bucket that it does not list: another thing than a folder, unless the disk shows the folder."""
        if self.markers is None or self.markers.replaced:
            return Cause("bucket-folder-replaced", self.bucket)
        return Cause("bucket-index-loss", self.bucket)

    def _instead(self, guess: str) -> str:
        """Return what stands in the folder's place, the guess where nobody could look."""
        return self.markers.diagnosis or "its folder stands" if self.markers is not None else guess

    @property
    def _lost(self) -> tuple[str, ...]:
        return tuple(name for name in self.protected if name not in self.listed)

    def _scope(self) -> str:
        if not self.listed:
            return " (the whole listing is empty: with one disk all buckets go together, as when RustFS holds its disk for offline)"
        return f" (lost from the listing: {', '.join(self._lost)}; still listed: {', '.join(self.listed)})"

    def _listed_but_unusable(self) -> Trouble:
        half, step = Cause("bucket-index-loss", self.bucket), LOOK_FIRST
        if self.objects.code == "NoSuchBucket" or self.get.code == "NoSuchBucket":
            says = "the listing shows the bucket, and reads answer NoSuchBucket: the index is half lost"
            return Trouble(half, says, LOSS)
        if not self.head_found and self.get_agrees:
            says = f"HeadBucket answers {self.head} while the bucket is listed and read: a half-lost index"
            return Trouble(half, says, step)
        if self.barred:
            said = f"HeadBucket finds {self.bucket} and ListObjectsV2 answers {self.objects}: no right is lacking, the disk refuses"
            says = f"{said} ({self._instead('is its folder readable for RustFS, and is it a folder?')})"
            return Trouble(Cause("permissions-or-mount", self.bucket), says, step)
        says = f"the bucket is listed, and S3 answers {self.objects} to ListObjectsV2 and {self.get} to GET"
        return Trouble(S3_FAILS, says, step)

    def __repr__(self) -> str:
        return f"{self.bucket}: {self.diagnosis or 'coherent'} ({self.seen})"


def disagreement(views: Sequence[BucketView]) -> str:
    """Return in a phrase what is wrong with buckets that are not coherent. An S3 that fails does not contradict the disk."""
    names = " and ".join(view.bucket for view in views)
    answered = all(view.listing.ok and view.objects.status < FAILS for view in views)
    if answered and all(view.markers is not None and not view.agrees_with_disk for view in views):
        return f"S3 and the disk disagree about {names}"
    return f"S3 does not list, find and read {names} as promised"


@dataclass(frozen=True)
class CoherentBuckets:
    """All protected buckets, each of which was seen to be coherent."""

    buckets: tuple[str, ...]

    def check_again(self, listing: Listing) -> None:
        """Raise Unproven where a listing of just now misses one: another change of this run came between."""
        missing = listing.lacks(*self.buckets)
        if missing or not listing.answer.ok:
            lacks = f"ListBuckets {listing.answer} misses {', '.join(missing) or 'nothing'} by now"
            why = f"{lacks}. Nothing more is changed, so that evidence is kept."
            raise Unproven(why, "preserve logs, run RCA first (pytest -m rca)")


@dataclass(frozen=True)
class ListAfter(Observed):
    """What ListBuckets showed after a key was deleted: the loss of 2026-05-25 followed a delete. Statement S044.

    ``what`` is the key with its bucket; ``refused`` says why S3 did not delete it, "" where it did.
    """

    what: str
    answer: str
    missing: tuple[str, ...]
    refused: str = ""
    protected: tuple[str, ...] = ()

    promises = "ListBuckets shows every protected bucket after the delete"

    @classmethod
    def of(cls, what: str, deleted: Answer, listing: Listing, protected: tuple[str, ...]) -> Self:
        """Return what a delete and the ListBuckets after it were answered."""
        refused = "" if deleted.ok else f"{deleted}: {deleted.message}"
        return cls(what, str(listing.answer), listing.lacks(*protected), refused, protected)

    @property
    def seen(self) -> str:
        deleted = f"not deleted: {self.refused}" if self.refused else "deleted"
        return f"{self.what} {deleted}; ListBuckets {self.answer}; missing: {', '.join(self.missing) or 'none'}"

    def trouble(self) -> Trouble | None:
        look = "look at RustFS's disk and log"
        if self.answer != "200":
            return Trouble(S3_FAILS, f"S3 can't list its buckets after a delete: {self.answer}", look)
        if self.missing:
            return lost_after_a_delete(self.missing, self.protected)
        return Trouble(WRITES_FAIL, f"S3 can't delete: {self.refused}", look) if self.refused else None


def lost_after_a_delete(missing: tuple[str, ...], protected: tuple[str, ...]) -> Trouble:
    """Return the trouble of buckets that left the listing as something was deleted."""
    says = f"bucket-index loss after a delete (the 2026-05-25 class): {', '.join(missing)} left the listing"
    return Trouble(index_loss(missing[0], missing, protected), says, f"{PRESERVE}; {TICKETS}")


def heeded(value: Value, run: Run) -> Value:
    """Return what was seen after a change. Where it shows that S3 lost a bucket, this run changes nothing more."""
    trouble = value.trouble()
    if trouble is not None and trouble.cause.kind == "bucket-index-loss":
        run.stop_changing(trouble)
    return value


@dataclass(frozen=True)
class BucketAnswer(Observed):
    """One answer of a bucket's view, and whether it is as promised. Where it is not, the whole view says why."""

    view: BucketView
    well: bool

    promises = "{self.view.promised}"
    sees = "{self.view.seen}"

    def trouble(self) -> Trouble | None:
        return None if self.well else self.view.trouble()


@dataclass(frozen=True)
class BucketOnDisk(Observed):
    """A bucket whose two halves were both seen: what S3 says, and what stands on disk. Statement S077."""

    view: BucketView

    promises = "S3 knows {self.view.bucket} if its folder stands on disk, and only then"
    sees = "{self.view.seen}"

    def trouble(self) -> Trouble | None:
        if self.view.agrees_with_disk:
            return None
        ghost = "S3 lists a bucket whose folder does not stand on disk"
        gone = Trouble(Cause("bucket-gone", self.view.bucket), ghost, f"{PRESERVE}; {TICKETS}")
        return self.view.trouble() or gone
