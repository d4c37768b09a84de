"""The listing of buckets as S3 gave it; what S3 and a public page answer to somebody without a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer, Listing
from pytest_gf.honey.observed.bucket import ABOUT_S3, losses, refusals

__all__ = ["AnonymousView", "BucketListed", "Listing", "Page"]


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


_REFUSED = (401, 403)


@dataclass(frozen=True)
class AnonymousView(Observed):
    """The answers to anonymous reads, by operation and what it asked for."""

    answers: Mapping[str, Answer]

    promises = "every anonymous request is refused with 401 or 403"

    @property
    def answered(self) -> tuple[str, ...]:
        """What S3 gave, or looked for. Only a reader who may list gets NoSuchKey."""
        return tuple(asked for asked, answer in self.answers.items() if answer.ok or answer.code == "NoSuchKey")

    @property
    def unclear(self) -> str:
        """Answers that tell nothing about who may read: a failure, a redirect, a bucket that is gone; "" for none."""
        others = {asked: answer for asked, answer in self.answers.items() if answer.status not in _REFUSED}
        return "; ".join(f"{asked}: {answer}" for asked, answer in others.items() if asked not in self.answered)

    @property
    def seen(self) -> str:
        return "; ".join(f"{asked}: {answer}" for asked, answer in self.answers.items())

    def trouble(self) -> Trouble | None:
        if not self.answered and not self.unclear:
            return None
        step = "take the public policy away: state bodies hold secrets in clear, so rotate what they name"
        says = f"S3 answers the anonymous: {', '.join(self.answered)}"
        if not self.answered:
            says, step = f"S3 does not refuse the anonymous: {self.unclear}", "ask again when S3 is well"
        return Trouble(Cause("anonymous-allowed", "s3"), says, step)


@dataclass(frozen=True)
class Page(Observed):
    """The answer to GET of a page that the contract promises."""

    url: str
    answer: Answer

    promises = "GET {self.url} answers 200"
    sees = "GET {self.url}: {self.answer}"

    def trouble(self) -> Trouble | None:
        if self.answer.ok:
            return None
        says = f"the page does not answer as published: {self.answer}"
        step = "look at the release workflow's last run, and at FlakeHub's status"
        return Trouble(Cause("page-missing", self.url), says, step)
