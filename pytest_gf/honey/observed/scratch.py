"""What the scratch probe saw of its own bucket: that it appeared, could be read, and went alone."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer, Listing
from pytest_gf.honey.observed.bucket import FAILS, LOOK, PRESERVE, S3_FAILS, TICKETS, WRITES_FAIL, lost_after_a_delete
from pytest_gf.honey.observed.disk import MOUNT, OFFLINE, OUT_OF_STEP

LEFT = "pytest --gf-clean deletes what was left, by the ledger"


@dataclass(frozen=True)
class ScratchBucket(Observed):
    """The answers to CreateBucket and to what looked for the bucket right after it."""

    bucket: str
    created: Answer
    listing: Listing
    head: Answer

    promises = "CreateBucket {self.bucket} 200; ListBuckets shows it; HeadBucket 200"

    @property
    def listed(self) -> bool:
        return self.listing.shows(self.bucket)

    @property
    def seen(self) -> str:
        listing = (
            self.listing.answer if not self.listing.answer.ok else "shows it" if self.listed else "does not show it"
        )
        return f"CreateBucket {self.created}; ListBuckets {listing}; HeadBucket {self.head}"

    def check_made(self) -> None:
        """Raise Unproven where there is no bucket to look at."""
        if not self.created.ok:
            why = f"there is no scratch bucket: CreateBucket answered {self.created}"
            raise Unproven(why, "see rustfs.scratch-appears", self.causes)

    def trouble(self) -> Trouble | None:
        if not self.created.ok:
            says = f"S3 can't create a bucket: {self.created}: {self.created.message}"
            look = "look at RustFS's disk (full, read-only, offline?) and its log"
            return Trouble(WRITES_FAIL, says, look, because=(OFFLINE, MOUNT))
        if not self.listing.answer.ok:
            says = f"S3 can't list its buckets after it created one: {self.listing.answer}"
            return Trouble(S3_FAILS, says, LOOK)
        if self.listed and self.head.ok:
            return None
        if self.head.status >= FAILS:
            return Trouble(S3_FAILS, f"S3 fails for the bucket that it created: HeadBucket {self.head}", LOOK)
        says = "a bucket that S3 says it created does not appear: the bucket index does not follow the API"
        return Trouble(OUT_OF_STEP, says, f"{PRESERVE}; {TICKETS}")


@dataclass(frozen=True)
class ScratchObject(Observed):
    """An object as it was written and as it was read back; sizes in bytes."""

    bucket: str
    key: str
    put: Answer
    get: Answer
    written_sha256: str
    read_sha256: str
    written_size: int
    read_size: int
    unreadable: str = ""
    """What its reads came to, where six of them failed while S3 answered other ones."""

    promises = "PutObject 200; GetObject 200 with the same {self.written_size} bytes"

    @property
    def seen(self) -> str:
        return (
            f"PutObject {self.put}; GetObject {self.unreadable or self.get}; wrote {self.written_size} bytes, sha256 {self.written_sha256[:12]}…, "
            f"read {self.read_size} bytes, sha256 {self.read_sha256[:12]}…"
        )

    def trouble(self) -> Trouble | None:
        step = "start no tofu apply: its state could not be persisted; look at RustFS's disk and log"
        if not self.put.ok:
            says = f"S3 can't write: {self.put}: {self.put.message} (a full disk answers so while every read is well)"
            return Trouble(WRITES_FAIL, says, step)
        if not self.get.ok:
            says = f"what S3 says it wrote can't be read: {self.unreadable or self.get}"
            return Trouble(Cause("object-unreadable", "scratch"), says, step)
        if self.written_sha256 != self.read_sha256:
            return Trouble(Cause("object-altered", "scratch"), "S3 gave other bytes than were written", step)
        return None


@dataclass(frozen=True)
class ScratchGone(Observed):
    """The answer to DeleteBucket, and what ListBuckets showed after it."""

    bucket: str
    bucket_deleted: Answer
    listing: Listing
    protected: tuple[str, ...]

    promises = "{self.bucket} deleted and no longer listed; every protected bucket still listed"

    @property
    def still_listed(self) -> bool:
        return self.listing.shows(self.bucket)

    @property
    def protected_missing(self) -> tuple[str, ...]:
        return self.listing.lacks(*self.protected)

    @property
    def seen(self) -> str:
        if not self.listing.answer.ok:
            return f"DeleteBucket {self.bucket_deleted}; ListBuckets {self.listing.answer}"
        missing = ", ".join(self.protected_missing) or "none"
        return (
            f"DeleteBucket {self.bucket_deleted}; "
            f"ListBuckets {'still shows it' if self.still_listed else 'no longer shows it'}; protected buckets missing: {missing}"
        )

    def trouble(self) -> Trouble | None:
        look = f"{LEFT}; look at RustFS's log"
        if self.protected_missing:
            return lost_after_a_delete(self.protected_missing, self.protected)
        if not self.bucket_deleted.ok:
            return Trouble(WRITES_FAIL, f"S3 can't delete the scratch bucket: {self.bucket_deleted}", look)
        if not self.listing.answer.ok:
            return Trouble(S3_FAILS, f"S3 can't list its buckets after a delete: {self.listing.answer}", look)
        if self.still_listed:
            says = "a bucket that S3 says it deleted is still listed: the bucket index does not follow the API"
            return Trouble(OUT_OF_STEP, says, look)
        return None
