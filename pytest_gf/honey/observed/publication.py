"""What a publication did: what was pushed and where it lies, what can be read again, and what S3 lists after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer, Listing
from pytest_gf.honey.formats import push_log
from pytest_gf.honey.observed.archive import Archive
from pytest_gf.honey.observed.bucket import losses

STOP = "push nothing more; preserve logs, run RCA before any restart (pytest -m rca); re-create no bucket; see TIN-1012 and TIN-1046"


@dataclass(frozen=True)
class PathUpload:
    """One path's upload: how it was answered, and whether that was an acknowledgement."""

    store_path: str
    size: int
    answer: str
    ok: bool


@dataclass(frozen=True)
class Published(Observed):
    """A closure and what of it was pushed: ``there`` was in the cache, and could be read. Statements S032, S033, S034.

    ``lost`` are the protected buckets that ListBuckets did not show after a push which was not taken.
    """

    profile: str
    requested: tuple[str, ...]
    there: tuple[str, ...]
    pushes: tuple[PathUpload, ...]
    lost: tuple[str, ...] = ()
    client: tuple[str, str] | None = None
    """What Attic's own client wrote to stdout and to stderr, where it pushed."""

    promises = "Attic takes every path of {self.profile} that it lacks"

    @property
    def waivable(self) -> bool:
        """Whether it is the known loss that made a push fail."""
        return bool(self.lost) and not self.holds

    @property
    def seen(self) -> str:
        taken = sum(push.ok for push in self.pushes)
        how = " by Attic's own client" if self.client is not None else ""
        return (
            f"{self.profile}{how}: {len(self.requested)} paths requested, {len(self.there)} there,"
            f" a delta of {len(self.pushes)} pushed, {taken} of them acknowledged"
        )

    @property
    def stderr(self) -> str:
        """What the push said of its failures, a line each."""
        if self.client is not None:
            return self.client[1]
        return "".join(f"{push.store_path}: {push.answer}\n" for push in self.pushes if not push.ok)

    @property
    def stdout(self) -> str:
        """What the push said of each path, a line each; of Attic's own client its stdout."""
        if self.client is not None:
            return self.client[0]
        return "".join(f"{push.store_path} {push.size} bytes: {push.answer}\n" for push in self.pushes)

    def trouble(self) -> Trouble | None:
        wrong = [push for push in self.pushes if not push.ok]
        if not wrong:
            return None
        sign = push_log.gravest(self.stderr)
        kind = sign.kind if sign is not None else push_log.UNKNOWN
        step = sign.next_step if sign is not None else push_log.NEXT[kind]
        if self.lost:  # Attic says InternalServerError to everything; what S3 lists tells.
            kind = push_log.RECURRENCE
        says = f"{len(wrong)} of {len(self.pushes)} pushes were not taken ({kind}), the first {wrong[0].store_path}: {wrong[0].answer}"
        if self.lost:
            says = f"{says}; ListBuckets lost {', '.join(self.lost)}"
        because = tuple(cause for bucket in self.lost for cause in losses(bucket))
        return Trouble(Cause("push-refused", kind), says, STOP if self.lost else step, because)


@dataclass(frozen=True)
class ReadBack(Observed):
    """The pushed paths as they are read again: narinfo, signature, archive. ``unsigned`` lack a good signature. Statement S032.

    ``lost`` are the protected buckets that S3 listed no more when the paths were read.
    """

    archives: tuple[Archive, ...]
    unsigned: tuple[str, ...]
    lost: tuple[str, ...] = ()

    promises = "each pushed path has its narinfo, signed by the pinned key, and its archive streams whole"

    @property
    def waivable(self) -> bool:
        """Whether it is the known loss that keeps a path from being read."""
        return not self.holds and any(archive.bucket.listed is False for archive in self.archives)

    @property
    def seen(self) -> str:
        whole = sum(archive.holds for archive in self.archives)
        return f"{len(self.archives)} paths asked for, {whole} whole, {len(self.unsigned)} without a good signature"

    def trouble(self) -> Trouble | None:
        broken = [(archive, trouble) for archive in self.archives if (trouble := archive.trouble()) is not None]
        if broken:
            first, trouble = broken[0]
            says = f"{len(broken)} of {len(self.archives)} paths can't be read back, the first {first.store_hash}: {trouble.says}"
            # An archive whose own bucket is there broke by something else.
            behind = self.lost if first.bucket.listed is False else ()
            lost = tuple(Cause("bucket-index-loss", bucket) for bucket in behind)
            return replace(trouble, says=says, because=(*trouble.because, *lost))
        if self.unsigned:
            says = f"{len(self.unsigned)} narinfos lack a good signature of the pinned key, the first of {self.unsigned[0]}"
            return Trouble(Cause("not-signed", "attic"), says, "clients refuse them; see attic.key-pinned")
        return None


@dataclass(frozen=True)
class BucketsAfter(Observed):
    """What ListBuckets shows at once after a push, and after an idle gap. Statements S033, S034.

    ``delta`` is how many paths were pushed, ``gap`` the seconds of the pause.
    """

    profile: str
    delta: int
    protected: tuple[str, ...]
    at_once: Listing
    later: Listing
    gap: float

    promises = "ListBuckets shows every protected bucket after the push, also after an idle gap"
    sees = "{self.profile}, {self.delta} paths pushed; at once: {self.at_once}; after {self.gap:g} s: {self.later}"

    @property
    def waivable(self) -> bool:
        """Whether nothing but the known loss is wrong. A waiver of it must go where there is no loss."""
        trouble = self.trouble()
        return trouble is None or trouble.cause.kind == "bucket-index-loss"

    def trouble(self) -> Trouble | None:
        for when, listing in (("at once", self.at_once), (f"after {self.gap:g} s idle", self.later)):
            missing = listing.lacks(*self.protected)
            if missing:
                pushed = f"{self.profile} pushed {self.delta} paths"
                left = f"{when}: {', '.join(missing)} left the listing; {pushed}"
                says = f"bucket-index loss after a push (the class of 2026-05-08 and 05-13), {left}"
                return Trouble(Cause("bucket-index-loss", missing[0]), says, STOP)
            if not listing.answer.ok:
                return Trouble(Cause("s3-fails"), f"S3 can't list its buckets {when}: {listing.answer}", STOP)
        return None


@dataclass(frozen=True)
class PushedPath(Observed):
    """A small fresh path: how its upload was answered, where its only chunk lies, and whether S3 shows it there.

    ``bucket`` is the contract's, ``stored_in`` the one that Attic's redirect names, ``found`` S3's answer to HEAD of the
    chunk in the contract's bucket, None where it was not asked.
    """

    store_path: str
    acknowledged: str
    bucket: str
    stored_in: str
    found: Answer | None = None

    promises = "Attic stores what is pushed in bucket {self.bucket}"

    @property
    def seen(self) -> str:
        looked = f"; HEAD of it in {self.bucket}: {self.found}" if self.found is not None else ""
        return f"{self.store_path}: upload {self.acknowledged}; its chunk lies in bucket {self.stored_in or 'none'}{looked}"

    def trouble(self) -> Trouble | None:
        if self.stored_in != self.bucket:
            says = f"Attic writes to bucket {self.stored_in}: every read stays good, since chunks carry their bucket"
            step = f"set Attic's storage.bucket to {self.bucket}; what was pushed since lies in {self.stored_in}: keep that bucket"
            return Trouble(Cause("cache-stores-elsewhere", "attic"), says, step)
        if self.found is not None and self.found.ok:
            return None
        says = f"the upload was acknowledged, and its chunk is not in {self.bucket}: HEAD {self.found}"
        step = f"push nothing more; see rustfs.list-buckets[{self.bucket}], preserve logs, and run RCA before any restart (pytest -m rca)"
        return Trouble(Cause("write-lost", self.bucket), says, step, because=losses(self.bucket))
