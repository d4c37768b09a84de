"""A protected bucket as S3 and, where it could be seen, the disk show it; the diagnosis of a bucket-index loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pytest_gf.engine.errors import Unproven
from pytest_gf.honey.answers import Answer, Listing
from pytest_gf.honey.observed.disk import FOREIGN, NOT_TO_DO, Disk, Markers, markers_of
from pytest_gf.honey.observed.workload import Readiness

NOT_FOUND = 404
FAILS = 500
"""The status from which on S3 says that it failed itself (RFC 9110, 15.6)."""
LOOK = "look at RustFS's log, at the node's disk, and at the proxy before S3 where there is one"
TICKETS = "TIN-1012 and TIN-1046 stay open: a restart restores the API view and proves no repair"
PRESERVE = "preserve logs, run RCA before any restart (a restart destroys the evidence); start no protected tofu apply"


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
class BucketView:
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

    @property
    def markers(self) -> Markers | None:
        """The bucket's markers on disk, None where they can't be told."""
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
        known = self.around.readiness is not None or (
            self.markers is not None and self.markers.data in {"file", "other"}
        )
        return self.head_found and self.objects.forbidden and known

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
    def coherent(self) -> bool:
        return self.listed_by_s3 and self.head_found and self.get_agrees

    @property
    def agrees_with_disk(self) -> bool:
        """S3 lists and reads the bucket where its folder stands, and lists none where none stands (HEAD judges no loss). S077."""
        markers = self.markers
        stands = markers is not None and markers.data == "folder"
        return (self.listed_by_s3 and self.get_agrees) if stands else not self.listed_by_s3

    @property
    def promised(self) -> str:
        return f"ListBuckets shows {self.bucket}; HeadBucket 200; ListObjectsV2 200; GET of an absent key NoSuchKey"

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
        return self.around.disk.trouble if self.around.disk is not None else self.around.disk_unseen

    @property
    def _ready(self) -> str:
        return f"; /health/ready {self.around.readiness.status}" if self.around.readiness is not None else ""

    @property
    def diagnosis(self) -> str:  # noqa: PLR0911  # One line a cause.
        if self.coherent:
            return ""
        if self.failing:
            return self._fails()
        if not self.listing.ok:
            return f"S3 can't list its buckets: it answers {self.listing}: {self.listing.message}"
        if self.listed_by_s3:
            return self._listed_but_unusable()
        if self.hidden:
            return f"{self.bucket} is not listed, and everything asked of it is refused: this identity may lack the right to see it"
        if self.head_found and self.get_agrees:
            return f"{self.bucket} answers and is not listed: {self._instead('its folder may be a symlink, or the listing lost it alone')}"
        if self.head_found and self.objects.forbidden:
            instead = self._instead("a file may stand in its folder's place")
            return f"{self.bucket} is not listed, HeadBucket finds it and reads are refused: {instead}"
        if NOT_FOUND in {self.objects.status, self.get.status}:
            return f"{self._absent()}{self._scope()}"
        return f"{self.bucket} is not listed, and S3 answers {self.objects} to what asks for it"

    @property
    def next_step(self) -> str:
        if self.coherent:
            return ""
        if self.hidden:
            return f"grant this identity s3:ListAllMyBuckets, and s3:ListBucket and s3:GetObject on {self.bucket}"
        if (self.failing or not self.listing.ok) and not self.offline:
            return LOOK
        if self.objects.code == "NoSuchBucket" or not self.listed_by_s3:
            return f"{PRESERVE}; {NOT_TO_DO}; {TICKETS}"
        return "look at RustFS's log and disk before anything writes to it"

    def _fails(self) -> str:
        said = f"S3 answers {self.listing} to ListBuckets and {self.objects} to reads: {self.listing.message}"
        disk, ready = self.around.disk, self.around.readiness
        if disk is not None and disk.stalled:
            return f"stalled disk: exec on /data hangs; {said}"
        if self.offline and ready is not None:
            return f"disk offline inside RustFS (ready {ready.status}); {said}"
        if disk is not None and (disk.trouble or disk.foreign):
            return f"permissions or mount: {disk.trouble or FOREIGN}; {said}"
        return f"S3 fails: {said}"

    def _absent(self) -> str:  # noqa: PLR0911  # One line a cause.
        disk, ready, markers = self.around.disk, self.around.readiness, self.markers
        if disk is not None and disk.stalled:
            return "stalled disk: exec on /data hangs; RustFS takes it offline, and it may come back by itself"
        if self.offline and ready is not None:
            stand = ", and the markers stand on disk" if markers is not None and markers.stand else ""
            return f"bucket-index loss: disk offline inside RustFS (ready {ready.status}{stand}); after a stall it may come back by itself"
        if disk is not None and not disk.looked_at:
            return f"permissions or mount: {disk.trouble}"
        if markers is None:
            return f"bucket-index loss or bucket gone: markers not observed ({self._unseen})"
        if markers.foreign:
            return f"permissions or mount: {markers.diagnosis}"
        if markers.stand:
            return "bucket-index loss: S3 does not know the bucket, and both its markers stand on disk"
        if markers.data == "folder":
            return "bucket-index loss, and the bucket's metadata is gone from disk too"
        if markers.data == markers.metadata == "absent":
            return "bucket truly absent: neither marker stands on disk"
        return markers.diagnosis

    def _instead(self, guess: str) -> str:
        """Return what stands in the folder's place, the guess where nobody could look."""
        return self.markers.diagnosis or "its folder stands" if self.markers is not None else guess

    def _scope(self) -> str:
        lost = [name for name in self.protected if name not in self.listed]
        if not self.listed:
            return " (the whole listing is empty: with one disk all buckets go together, as when RustFS holds its disk for offline)"
        return f" (lost from the listing: {', '.join(lost)}; still listed: {', '.join(self.listed)})"

    def _listed_but_unusable(self) -> str:
        if self.objects.code == "NoSuchBucket" or self.get.code == "NoSuchBucket":
            return "the listing shows the bucket, and reads answer NoSuchBucket: the index is half lost"
        if not self.head_found and self.get_agrees:
            return f"HeadBucket answers {self.head} while the bucket is listed and read: a half-lost index"
        if self.barred:
            said = f"HeadBucket finds {self.bucket} and ListObjectsV2 answers {self.objects}: no right is lacking, the disk refuses"
            return f"{said} ({self._instead('is its folder readable for RustFS, and is it a folder?')})"
        return f"the bucket is listed, and S3 answers {self.objects} to ListObjectsV2 and {self.get} to GET"

    def __repr__(self) -> str:
        return f"{self.bucket}: {self.diagnosis or 'coherent'} ({self.seen})"


@dataclass(frozen=True)
class CoherentBuckets:
    """All protected buckets, each of which was seen to be coherent."""

    buckets: tuple[str, ...]

    def check_again(self, listing: Listing) -> None:
        """Raise Unproven where a listing of just now misses one: another change of this run came between."""
        missing = listing.lacks(*self.buckets)
        if missing or not listing.answer.ok:
            raise Unproven(
                f"ListBuckets {listing.answer} misses {', '.join(missing) or 'nothing'} by now: a change would bury evidence",
                "preserve logs, run RCA first",
            )


@dataclass(frozen=True)
class ListAfter:
    """What ListBuckets showed after a key was deleted: the loss of 2026-05-25 followed a delete. Statement S044.

    ``what`` is the key with its bucket; ``refused`` says why S3 did not delete it, "" where it did.
    """

    what: str
    answer: str
    missing: tuple[str, ...]
    refused: str = ""

    @classmethod
    def of(cls, what: str, deleted: Answer, listing: Listing, protected: tuple[str, ...]) -> Self:
        """Return what a delete and the ListBuckets after it were answered."""
        refused = "" if deleted.ok else f"{deleted}: {deleted.message}"
        return cls(what, str(listing.answer), listing.lacks(*protected), refused)

    @property
    def whole(self) -> bool:
        return self.answer == "200" and not self.missing and not self.refused

    @property
    def promised(self) -> str:
        return "ListBuckets shows every protected bucket after the delete"

    @property
    def seen(self) -> str:
        deleted = f"not deleted: {self.refused}" if self.refused else "deleted"
        return f"{self.what} {deleted}; ListBuckets {self.answer}; missing: {', '.join(self.missing) or 'none'}"

    @property
    def diagnosis(self) -> str:
        if self.whole:
            return ""
        if self.answer != "200":
            return f"S3 can't list its buckets after a delete: {self.answer}"
        if not self.missing:
            return f"S3 can't delete: {self.refused}"
        return f"bucket-index loss after a delete (the 2026-05-25 class): {', '.join(self.missing)} left the listing"

    @property
    def next_step(self) -> str:
        if self.whole:
            return ""
        return f"{PRESERVE}; {TICKETS}" if self.missing else "look at RustFS's disk and log"


@dataclass(frozen=True)
class BucketOnDisk:
    """A bucket whose two halves were both seen: what S3 says, and what stands on disk. Statement S077."""

    view: BucketView

    @property
    def agree(self) -> bool:
        return self.view.agrees_with_disk

    @property
    def promised(self) -> str:
        return f"S3 knows {self.view.bucket} if its folder stands on disk, and only then"

    @property
    def seen(self) -> str:
        return self.view.seen

    @property
    def diagnosis(self) -> str:
        if self.agree:
            return ""
        return self.view.diagnosis or "S3 lists a bucket whose folder does not stand on disk"

    @property
    def next_step(self) -> str:
        return "" if self.agree else self.view.next_step or f"{PRESERVE}; {TICKETS}"
