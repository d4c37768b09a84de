"""A protected bucket as S3 and, where it could be seen, the disk show it; the diagnosis of a bucket-index loss."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.answers import Answer

NOT_FOUND = 404
TICKETS = "TIN-1012 and TIN-1046 stay open: a restart restores the API view and proves no repair"
PRESERVE = "preserve logs, run RCA before any restart (a restart destroys the evidence); start no protected tofu apply"


@dataclass(frozen=True)
class Markers:
    """Whether ``/data/<bucket>`` and ``/data/.rustfs.sys/buckets/<bucket>`` stand on disk."""

    data: bool
    metadata: bool


@dataclass(frozen=True)
class BucketView:
    """What S3 says of one protected bucket, four ways, beside its markers on disk (None: not observed).

    ``get`` is the answer to the GET of a key that nobody writes: NoSuchKey where the bucket is there. facts/rustfs.md.
    """

    bucket: str
    listing: Answer
    listed: tuple[str, ...]
    protected: tuple[str, ...]
    head: Answer
    get: Answer
    objects: Answer
    markers: Markers | None = None

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
        asked = {"HeadBucket": self.head, "ListObjectsV2": self.objects, "GetObject": self.get}
        return tuple(operation for operation, answer in asked.items() if answer.forbidden)

    @property
    def coherent(self) -> bool:
        return self.listed_by_s3 and self.head_found and self.get_agrees

    @property
    def promised(self) -> str:
        return f"ListBuckets shows {self.bucket}; HeadBucket 200; ListObjectsV2 200; GET of an absent key NoSuchKey"

    @property
    def seen(self) -> str:
        listing = "shows it" if self.listed_by_s3 else f"shows {', '.join(self.listed) or 'no bucket at all'}"
        if not self.listing.ok:
            listing = str(self.listing)
        markers = "not observed" if self.markers is None else _markers(self.markers)
        return (
            f"ListBuckets {listing}; HeadBucket {self.head}; ListObjectsV2 {self.objects}; GET {self.get}; "
            f"markers on disk {markers}"
        )

    @property
    def diagnosis(self) -> str:  # noqa: PLR0911  # One line a cause.
        if self.coherent:
            return ""
        if not self.listing.ok:
            return f"S3 can't list its buckets: it answers {self.listing}: {self.listing.message}"
        if self.listed_by_s3:
            return self._listed_but_unusable()
        if self.head_found and self.get_agrees:
            return f"{self.bucket} answers and is not listed: its folder may be a symlink, or the listing lost it alone"
        if self.head_found and self.forbidden:
            return f"{self.bucket} is not listed, HeadBucket finds it and reads are refused: a file may stand in its folder's place"
        if NOT_FOUND in {self.objects.status, self.get.status}:
            return f"{self._absent()}{self._scope()}"
        return f"{self.bucket} is not listed, and S3 answers {self.objects} to what asks for it"

    @property
    def next_step(self) -> str:
        if self.coherent:
            return ""
        if self.objects.code == "NoSuchBucket" or not self.listed_by_s3:
            return f"{PRESERVE}; {TICKETS}"
        return "look at RustFS's log and disk before anything writes to it"

    def _absent(self) -> str:
        if self.markers is None:
            return "bucket-index loss or bucket gone: markers not observed"
        if self.markers.data and self.markers.metadata:
            return "bucket-index loss: S3 does not know the bucket, and both its markers stand on disk"
        if self.markers.metadata:
            return "folder gone: only the bucket's metadata stands on disk; a restart will not bring it back"
        if self.markers.data:
            return "bucket-index loss, and the bucket's metadata is gone from disk too"
        return "bucket truly absent: neither marker stands on disk"

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
        return f"the bucket is listed, and S3 answers {self.objects} to ListObjectsV2 and {self.get} to GET"

    def __repr__(self) -> str:
        return f"{self.bucket}: {self.diagnosis or 'coherent'} ({self.seen})"


@dataclass(frozen=True)
class CoherentBuckets:
    """All protected buckets, each of which was seen to be coherent."""

    buckets: tuple[str, ...]


def _markers(markers: Markers) -> str:
    return {
        (True, True): "both present",
        (True, False): "folder present, metadata absent",
        (False, True): "folder absent, metadata present",
        (False, False): "both absent",
    }[markers.data, markers.metadata]
