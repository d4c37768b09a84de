"""The listing of buckets, as S3 gave it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause
from pytest_gf.honey.answers import Listing
from pytest_gf.honey.observed.bucket import ABOUT_S3, losses, refusals

__all__ = ["BucketListed", "Listing"]


@dataclass(frozen=True)
class BucketListed:
    """What ListBuckets says of the bucket that a cache lies in: ``listed`` is None where it could not be asked, ``unseen`` says why."""

    name: str
    listed: bool | None = None
    unseen: str = ""

    def __str__(self) -> str:
        if self.listed is None:
            return f"ListBuckets not observed: {self.unseen}"
        return f"ListBuckets {'shows' if self.listed else 'does not show'} {self.name}"

    @classmethod
    def of(cls, name: str, listing: Listing | None, why_not: str) -> BucketListed:
        """Return what a listing says, or that there is none, and why."""
        if listing is None or not listing.answer.ok:
            return cls(name, unseen=why_not or str(listing.answer if listing is not None else ""))
        return cls(name, listed=name in listing.buckets)

    @property
    def scope(self) -> str:
        """How far a failure of the cache reaches: the end of a diagnosis."""
        if self.listed is False:
            return f"; the cause: bucket-index loss or bucket gone, {self} (see rustfs.list-buckets[{self.name}])"
        if self.listed is None:
            return f"; {self}"
        return f"; {self}, so it is not the bucket as a whole"

    @property
    def because(self) -> tuple[Cause, ...]:
        """What may explain a failure of the cache, as far as the listing of buckets tells."""
        if self.listed is None:
            return ABOUT_S3
        return (*refusals(self.name), *ABOUT_S3) if self.listed else losses(self.name)
